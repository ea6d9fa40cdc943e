"""Temporary files and folders: held by locks, removed with their process or by the next, given their final name at once."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from calcigram.errors import BadInputError, TemporaryFilesError

PathLike = str | os.PathLike[str]

LOCK_FILE = ".lock"
"""Hidden: what reads folders of tables passes over it, should a killed process leave it."""

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a full disk says, or the limit of a user or a process."""


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
                expected = "an output that no other process is writing"
                raise BadInputError(expected, source=str(output)) from None
            except OSError:  # a file system without locks
                pass
            if is_same(path, os.fstat(lock)):
                return lock
            os.close(lock)


@contextmanager
def temporary_files() -> Iterator[None]:
    """Tell a disk without space for temporary files from what is wrong with inputs.

    Raises
    ------
    TemporaryFilesError
        Within the context, something could not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise TemporaryFilesError(error) from None
        raise


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a new folder for temporary files, for this user alone, removed at the end.

    The first of a process removes those of processes that were killed.

    Raises
    ------
    TemporaryFilesError
        It cannot be made, or what is written in the context has no space.
    """
    with ExitStack() as stack:
        try:
            target = tidied_up()
            folder = unfinished(target, is_folder=True, mode=0o700, tidy=False)
            path = stack.enter_context(folder)
        except OSError as error:
            raise TemporaryFilesError(error) from None
        stack.enter_context(temporary_files())
        yield path


def tidied_up() -> Path:
    """Remove temporary folders of killed processes, once per process; return what they are named after."""
    target = Path(tempfile.gettempdir(), "calcigram")
    if target not in _tidied:
        _remove_abandoned(target)
        _tidied.add(target)
    return target


_tidied: set[Path] = set()


@contextmanager
def unfinished(
    target: Path, *, is_folder: bool = False, mode: int = 0o777, tidy: bool = True
) -> Iterator[Path]:
    """Give a new hidden file or folder beside `target`, removed at the end if it is still there.

    It is held with a lock, by which others tell it from what killed processes left; with `tidy`
    those of the same target are removed first.
    """
    if tidy:
        _remove_abandoned(target)
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        if is_folder:
            path.mkdir(mode)
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
        found = [Path(entry) for entry in os.scandir(target.parent) if name.fullmatch(entry.name)]
        for path in found:
            with suppress(OSError):  # held by its process, or another user's
                lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.fstat(lock).st_uid == os.geteuid():
                        _remove(path)
                finally:
                    os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def replace_folder(fresh: Path, target: Path) -> None:
    """Give a folder the name `target`; a folder of this name is removed after that.

    A full folder cannot be renamed over: the two exchange their names at once. Where the system
    cannot do that, the old one is called ``.<name>.old`` for a moment.
    """
    for file in fresh.iterdir():
        to_disk(file)
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)  # left by a process killed at the end of this
    if target.exists() and _exchange(fresh, target):
        shutil.rmtree(fresh, ignore_errors=True)
        return
    if target.exists():
        target.rename(old)
    try:
        fresh.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def fill_folder(fresh: Path, target: Path, *, last: str) -> None:
    """Give the files of a folder to another, at once where that is not there or empty.

    Else the file `last` is there only while all of one run are: it is removed first, and moved last.
    """
    if not target.exists() or not any(target.iterdir()):
        replace_folder(fresh, target)
        return
    (target / last).unlink(missing_ok=True)
    for file in sorted(fresh.iterdir(), key=lambda file: (file.name == last, file.name)):
        file.replace(target / file.name)


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths exchange their names; tell whether the system could."""
    at_here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    names = os.fsencode(one.absolute()), os.fsencode(other.absolute())
    return rename is not None and not rename(at_here, names[0], at_here, names[1], exchange)


def to_disk(path: Path) -> None:
    """Let the disk hold a file or folder before anything goes on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
