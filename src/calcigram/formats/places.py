"""Places that are written: held by one process, and replaced whole.

What is written there `files` and the formats say.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from calcigram.errors import BadInputError

PathLike = str | os.PathLike[str]

LOCK_FILE = "lock"


def is_same(path: Path, there: os.stat_result) -> bool:
    """Tell whether a path leads to a file or folder that was looked at."""
    try:
        return os.path.samestat(path.stat(), there)
    except OSError:
        return False


def take_lock(folder: Path, output: PathLike) -> int:
    """Hold a folder, made if need be, until the returned descriptor is closed.

    The system lets go of it when the process ends, however it ends.

    Parameters
    ----------
    folder : Path
    output : path-like
        What the message names.

    Raises
    ------
    BadInputError
        Another process holds it.
    """
    path = folder / LOCK_FILE
    while True:
        folder.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # another process has just removed the folder
            lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise BadInputError(
                    "an output that no other process is writing", source=str(output)
                ) from None
            except OSError:  # a file system without locks
                pass
            if is_same(path, os.fstat(lock)):
                return lock
            os.close(lock)


@contextmanager
def unfinished(target: Path, *, is_folder: bool = False, tidy: bool = True) -> Iterator[Path]:
    """Give a new hidden file or folder beside `target`, removed at the end if it is still there.

    It is held with a lock, by which others tell it from what killed processes left; with `tidy`
    those of the same target are removed first.
    """
    if tidy:
        _remove_abandoned(target)
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        if is_folder:
            path.mkdir()
        else:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        lock = os.open(path, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        if is_same(path, os.fstat(lock)):
            break
        os.close(lock)  # removed by another process before it was held
    try:
        yield path
    finally:
        os.close(lock)
        _remove(path)


def _remove_abandoned(target: Path) -> None:
    name = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.part")
    with suppress(OSError):
        for path in [
            Path(entry) for entry in os.scandir(target.parent) if name.fullmatch(entry.name)
        ]:
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
            except BlockingIOError:
                continue
            finally:
                os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def replace_folder(fresh: Path, target: Path) -> None:
    """Give a folder the name `target`; a folder of this name is removed after that.

    A full folder cannot be renamed over, so the old one is called ``.<name>.old`` for a moment.
    """
    old = target.with_name(f".{target.name}.old")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)  # left by a process killed at the end of this
        target.rename(old)
    try:
        fresh.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
