"""What killed processes leave is removed, what others are writing is not."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from calcigram.errors import BadInputError
from calcigram.formats.files import atomic_path, replace_folder, take_lock, unfinished

KILLED = """
import os, signal, sys
from calcigram.formats.files import atomic_path
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
