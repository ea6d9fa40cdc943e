"""Temporary files of killed processes go, a full disk is told as what it is, folders get their name at once."""

import errno
import gzip
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from calcigram.errors import BadInputError
from calcigram.formats import read_clusters, read_intake, temporary
from calcigram.formats.temporary import (
    atomic_path,
    fill_folder,
    plain_file,
    replace_folder,
    temporary_folder,
    unfinished,
)
from calcigram.options import ReadOptions

CSV = "cluster_id,x_mm,y_mm\na,1,2\na,2,3\n"


def test_temporary_folders_are_private_and_those_of_killed_processes_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "_tidied", set())
    left, other = tmp_path / ".calcigram.89abcdef.part", tmp_path / "calcigram-of-somebody"
    for folder in (left, other):
        folder.mkdir()
    with temporary_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert sorted(tmp_path.iterdir()) == sorted([folder, other])
        (folder / "a").write_text("a")
    assert list(tmp_path.iterdir()) == [other]


SPOOLED = """
import os, signal, sys
from calcigram.formats.temporary import plain_file
copy = plain_file(sys.argv[1])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_of_an_input_that_was_unpacked(tmp_path):
    packed, place = tmp_path / "a.csv.gz", tmp_path / "tmp"
    packed.write_bytes(gzip.compress(b"cluster_id,x_mm,y_mm\na,1,2\n"))
    place.mkdir()
    environment = os.environ | {"TMPDIR": str(place)}
    for _ in range(2):  # the second removes what the first has left, and leaves its own
        subprocess.run([sys.executable, "-c", SPOOLED, packed], check=False, env=environment)
        assert len(list(place.iterdir())) == 1
    whole = SPOOLED.partition("os.kill")[0]
    subprocess.run([sys.executable, "-c", whole, packed], check=True, env=environment)
    assert list(place.iterdir()) == []


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("kind", ["gz", "utf-16", "odd", "xlsx", "pipe"])
def test_no_space_for_temporary_files_is_not_blamed_on_the_input(tmp_path, kind):
    """The limit of the process's files stands for a full disk."""
    text = "cluster_id,x_mm,y_mm,note\n" + "".join(f"a,{i},{i % 7},{'n' * 99}\n" for i in range(99))
    path = tmp_path / "a.csv"
    path.write_text(text)
    if kind == "gz":
        path = tmp_path / "a.csv.gz"
        path.write_bytes(gzip.compress(text.encode()))
    elif kind == "utf-16":
        path.write_text(text, encoding="utf-16")
    elif kind == "odd":  # read once more, row by row
        path.write_text(text + "\n,,,\nb,1,?,\n")
    elif kind == "xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for line in text.splitlines():
            book.active.append([float(c) if c.isdigit() else c for c in line.split(",")])
        path = tmp_path / "a.xlsx"
        book.save(path)
    given = "-" if kind == "pipe" else path
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
    code = f"{limit}import sys; from calcigram.cli import main; sys.exit(main(sys.argv[1:]))"
    with open(path, "rb") as stdin:
        done = subprocess.run(
            [sys.executable, "-c", code, "inspect", given],
            stdin=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "the folder for temporary files cannot be written to (File too large)" in done.stderr
    assert "TMPDIR" in done.stderr


def test_an_output_without_space_is_named(tmp_path):
    with pytest.raises(OSError, match="No space left") as told, atomic_path(tmp_path / "v.csv"):
        full()
    assert told.value.filename == str(tmp_path / "v.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_at_once(tmp_path, monkeypatch):
    """At no moment is there neither the old nor the new one."""
    old, fresh = tmp_path / "model", tmp_path / "fresh"
    for folder, text in ((old, "old"), (fresh, "new")):
        folder.mkdir()
        (folder / "a").write_text(text)

    def never(self, target):
        raise AssertionError(f"{self} is renamed")

    monkeypatch.setattr(Path, "rename", never)
    replace_folder(fresh, old)
    assert (old / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_system_that_cannot_exchange_names_replaces_folders_too(tmp_path, monkeypatch):
    monkeypatch.setattr(temporary, "_exchange", lambda one, other: False)
    old, fresh = tmp_path / "model", tmp_path / "fresh"
    for folder in (old, fresh):
        folder.mkdir()
    (fresh / "a").write_text("new")
    replace_folder(fresh, old)
    assert (old / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_the_last_file_of_a_folder_is_there_only_with_all_others(tmp_path, monkeypatch):
    target = tmp_path / "pictures"

    def fill(text):
        with unfinished(target, is_folder=True) as fresh:
            for name in ("a.png", "z.png", "truth.csv"):
                (fresh / name).write_text(text)
            fill_folder(fresh, target, last="truth.csv")

    fill("old")
    replace = Path.replace

    def stop(self, other):
        if self.name == "z.png":
            raise KeyboardInterrupt
        return replace(self, other)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            fill("new")
    assert sorted(path.name for path in target.iterdir()) == ["a.png", "z.png"]
    fill("new")
    assert {path.read_text() for path in target.iterdir()} == {"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_a_plain_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    assert plain_file(path) is path


def test_a_pipe_is_opened_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(CSV,))
    writer.start()
    clusters = read_clusters(tmp_path / "pipe")
    writer.join(timeout=10)
    assert clusters.x_mm.tolist() == [1, 2]


def test_messages_name_what_was_given_and_the_copy_goes(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(CSV.replace("3", "up"),))
    writer.start()
    copy = plain_file(tmp_path / "pipe")
    writer.join(timeout=10)
    with pytest.raises(BadInputError, match="pipe, row 3, cluster 'a', column 'y_mm': got 'up'"):
        read_clusters(copy)
    where = Path(copy)
    assert where.exists()
    del copy
    assert not where.exists()


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_a_name_that_is_no_text_is_read_and_can_be_written_of(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller.csv"))
    path.write_text(CSV.replace("3", "up"))
    with pytest.raises(BadInputError, match=r"M\\xfcller.csv, row 3") as caught:
        read_clusters(path)
    str(caught.value).encode()
    rejects = read_intake(path, ReadOptions(skip_bad=True)).rejects
    rejects["source"][0].encode()


def test_reports_do_not_come_through_pipes(tmp_path):
    report = Path(__file__).parents[1] / "data" / "tid1500.dcm"
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(report.read_bytes(),))
    writer.start()
    with pytest.raises(BadInputError, match="expected a plain file where it is a DICOM file"):
        read_clusters(tmp_path / "pipe")
    writer.join(timeout=10)
