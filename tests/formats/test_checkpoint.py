"""What is read stands apart from what is written, and does not change meanwhile."""

import os

import pytest

from calcigram.errors import BadInputError
from calcigram.formats.checkpoint import Inputs, check_apart

DICOM = bytes(128) + b"DICM" + bytes(200)


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A file, other names of it, a folder with a file, and where nothing is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("a")
    (tmp_path / "link.csv").symlink_to("a.csv")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "a.csv")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.csv").write_text("b")
    (tmp_path / "into").symlink_to("in")
    (tmp_path / "c.csv").write_text("c")
    (tmp_path / "dangling.csv").symlink_to("new.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a.csv", "a.csv"),
        ("./in/../a.csv", "a.csv"),
        ("link.csv", "a.csv"),
        ("a.csv", "link.csv"),
        ("hard.csv", "a.csv"),
        ("in/new.csv", "in"),
        ("into/new.csv", "in"),
        ("in", "in/b.csv"),
        (".", "in/b.csv"),
        ("into", "in"),
    ],
)
def test_an_overlap_under_any_name_is_refused(places, written, read):
    with pytest.raises(BadInputError, match="does not overlap"):
        check_apart([written], ["c.csv", read])


@pytest.mark.parametrize(
    ("written", "read"),
    [("c.csv", "a.csv"), ("new.csv", "none.csv"), ("in2", "in"), ("new/x.csv", "in"), (os.devnull, os.devnull)],
)  # fmt: skip
def test_what_is_apart_is_let_be(places, written, read):
    check_apart([written], [read])


def test_two_outputs_of_one_name_are_refused(places):
    with pytest.raises(BadInputError, match=r"new\.csv"):
        check_apart(["new.csv", "dangling.csv"], ["a.csv"])


def test_results_may_stand_beside_images_but_not_over_one(places):
    (places / "in" / "i.dcm").write_bytes(DICOM)
    check_apart(["in/v.csv"], ["a.csv"], ["in"])
    check_apart(["in/b.csv"], ["a.csv"], ["in"])
    for output in ("in/i.dcm", "into/i.dcm"):
        with pytest.raises(BadInputError, match="'in'"):
            check_apart([output], ["a.csv"], ["in"])


@pytest.mark.parametrize("change", ["write", "replace", "remove"])
@pytest.mark.parametrize("name", ["a.csv", "in/i.dcm", "in/b.csv"])
def test_a_change_is_told(places, change, name):
    (places / "in" / "i.dcm").write_bytes(DICOM)
    inputs = Inputs(["a.csv", "in/b.csv"], ["in"])
    inputs.check_unchanged()
    path = places / name
    content = path.read_bytes()
    if change == "write":
        with path.open("r+b") as file:
            file.write(b"Z")
    else:
        path.unlink()
        if change == "replace":
            path.write_bytes(content[:-1] + b"Z")
    with pytest.raises(BadInputError, match=name.rpartition("/")[2]):
        inputs.check_unchanged()


def test_a_file_touched_or_copied_over_itself_is_the_same(places):
    inputs = Inputs(["a.csv"])
    (places / "a.csv").unlink()
    (places / "a.csv").write_text("a")
    os.utime(places / "a.csv", (1, 1))
    inputs.check_unchanged()


def test_images_beside_a_report_count_and_results_do_not(places):
    (places / "in" / "i.dcm").write_bytes(DICOM)
    before = Inputs(["in/i.dcm"]).described
    (places / "in" / "v.csv").write_text("result")
    assert Inputs(["in/i.dcm"]).described == before
    (places / "in" / "j.dcm").write_bytes(DICOM)
    assert Inputs(["in/i.dcm"]).described != before


def test_a_pipe_has_no_digest(places):
    os.mkfifo(places / "pipe")
    assert Inputs(["pipe"]).described == []
