"""What killed processes leave is removed, what others are writing is not."""

import errno
import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from calcigram.errors import BadInputError
from calcigram.formats import read_clusters
from calcigram.formats.files import suffix_of
from calcigram.formats.temporary import (
    atomic_path,
    replace_folder,
    take_lock,
    unfinished,
)


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


KILLED = """
import os, signal, sys
from calcigram.formats.temporary import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_run_removes_what_a_killed_one_left(tmp_path):
    target = tmp_path / "v.csv"
    subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    (left,) = tmp_path.iterdir()
    assert left.read_text() == "half"
    (tmp_path / ".other.csv.01234567.part").write_text("another output's")
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".other.csv.01234567.part",
        "v.csv",
    ]


def test_what_another_writes_is_left_alone(tmp_path):
    target = tmp_path / "v.csv"
    with atomic_path(target) as first:
        first.write_text("first")
        with atomic_path(target) as second:
            second.write_text("second")
        assert target.read_text() == "second"
    assert target.read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["v.csv"]


def test_folders_are_removed_as_files_are(tmp_path):
    left = tmp_path / ".model.89abcdef.part"
    left.mkdir()
    (left / "model.json").write_text("half")
    with unfinished(tmp_path / "model", is_folder=True) as fresh:
        assert [path.name for path in tmp_path.iterdir()] == [fresh.name]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EIO, errno.EACCES])
def test_a_folder_that_cannot_be_synced_is_passed_over(tmp_path, monkeypatch, code):
    sync = os.fsync

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    with atomic_path(tmp_path / "v.csv") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "v.csv").read_text() == "whole"


def test_a_full_disk_is_not_passed_over(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"), atomic_path(tmp_path / "v.csv"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_held_by_one_process(tmp_path):
    lock = take_lock(tmp_path / "work", "out")
    with pytest.raises(BadInputError, match=r"out: .* no other process is writing"):
        take_lock(tmp_path / "work", "out")
    os.close(lock)
    os.close(take_lock(tmp_path / "work", "out"))


def test_a_folder_that_cannot_take_the_name_leaves_the_old_one(tmp_path):
    old = tmp_path / "model"
    old.mkdir()
    (old / "a").write_text("old")
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "missing", old)
    assert (old / "a").read_text() == "old"
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    replace_folder(fresh, old)
    assert list(Path(old).iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def zipped(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "nothing")
    return out.getvalue()


FOREIGN = [
    (zipped("mimetype", "content.xml"), "a spreadsheet of OpenDocument (.ods)", "save it as CSV"),
    (zipped("a.csv"), "a ZIP archive", "unpack it"),
    (b"PK\x03\x04nothing", "a damaged ZIP archive", "fetch or write it again"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "an Excel workbook (.xls)", "save it as CSV"),
    (b"ARROW1\0\0", "an Arrow (Feather) file", "save it as Parquet"),
    (b"\x80\x04\x95\0", "a Python pickle", "never read"),
    (b'{"a.png123": {"regions": [{"shape_attributes": {}}]}}', "VGG Image Annotator", "one row"),
    (b'[{"type": "Feature", "geometry": {}}]', "GeoJSON, as QuPath writes it", "one row"),
    (b'[{"cluster_id": "a", "x_mm": 1}]', "JSON of clusters", "one row"),
    (b"[]", "JSON", "one row"),
    (b"<!DOCTYPE html>\n<html>", "a web page (HTML)", "download the table itself"),
    (b"<annotation>\n <object/></annotation>", "XML that is no property list", "one row"),
    (b"<?xml version='1.0'?>\n<ASAP><A/></ASAP>", "XML that is no property list", "one row"),
    (b"\xff\xd8\xff\xe0\0", "a JPEG image", "take the original image"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "name", "instead"), FOREIGN, ids=[name for _, name, _ in FOREIGN]
)
def test_what_is_not_read_is_named_and_what_would_do(tmp_path, content, name, instead):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        read_clusters(path)
    assert str(caught.value).startswith(f"{path}: got '{name}")
    assert instead in caught.value.expected


@pytest.mark.parametrize(
    "address", ["https://example.org/a.csv", "s3://bucket/a.parquet", "http:/example.org/a.csv"]
)
def test_an_address_is_not_fetched(address):
    with pytest.raises(BadInputError, match=r"://.*nothing is fetched, so download it first"):
        read_clusters(address)


@pytest.mark.parametrize(
    "heading", ["[x_mm],y_mm", "<x_mm>,<y_mm>", "{id},x_mm", "BMI,x_mm", "P4,x_mm"]
)
def test_a_table_may_begin_like_one(tmp_path, heading):
    (tmp_path / "a.csv").write_text(f"{heading},cluster_id\n1,2,a\n")
    with pytest.raises(BadInputError, match="expected a column of this name"):
        read_clusters(tmp_path / "a.csv")
