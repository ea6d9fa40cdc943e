import os
import stat

import pytest

from calcigram.errors import BadInputError
from calcigram.formats import atomic_path, read_clusters
from calcigram.formats.files import suffix_of


def test_an_exception_leaves_the_older_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")

    def write_half():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert target.read_text() == "old"


def test_the_file_appears_at_the_end_with_ordinary_rights(tmp_path):
    target = tmp_path / "a.csv"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path
        assert not target.exists()
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask
    assert target.read_text() == "new"


def test_a_link_keeps_pointing(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    with atomic_path(tmp_path / "link.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


def test_a_missing_folder_and_a_folder_are_refused(tmp_path):
    with pytest.raises(BadInputError, match=r"expected a folder .*nowhere' that exists"):
        atomic_path(tmp_path / "nowhere" / "a.csv").__enter__()
    with pytest.raises(BadInputError, match="expected the name of a file, not of a folder"):
        atomic_path(tmp_path).__enter__()


def test_a_folder_that_may_not_be_written_to(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(BadInputError, match=r"permission to write there .Permission denied."):
        atomic_path(tmp_path / "a.csv").__enter__()


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(BadInputError, match=r"a file that can be read .No such file"):
        read_clusters(tmp_path / "none.csv")
    with pytest.raises(BadInputError, match="expected a file, not a folder"):
        read_clusters(tmp_path)


def test_suffixes_are_matched_in_any_case(tmp_path):
    assert suffix_of("A.CSV", (".csv", ".parquet")) == ".csv"
    with pytest.raises(BadInputError, match=r"got '.xls', expected a name that ends in"):
        suffix_of("a.xls", (".csv", ".parquet"))
