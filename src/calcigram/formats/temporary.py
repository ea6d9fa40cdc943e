"""Files on their way: outputs that are there whole or not at all, temporary copies of inputs that are no plain files.

Temporary files and folders are held by locks, and removed with their process or by the next. Standard input, pipes and devices
are read once, to a temporary file; gzip, Zstandard, bzip2 and xz are unpacked to one, up to a limit.
"""

from __future__ import annotations

import bz2
import ctypes
import errno
import fcntl
import gzip
import lzma
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from calcigram.errors import BadInputError, CalcigramError, TemporaryFilesError
from calcigram.formats.files import STANDARD_STREAM, PathLike, first_bytes
from calcigram.limits import unpacked_limit

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


@contextmanager
def atomic_path(path: PathLike, *, tidy: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the name `path` when all went well.

    Parameters
    ----------
    path : path-like
        Where the file shall be. Its folder must exist. ``-`` is standard output, which gets the
        whole at the end.
    tidy : bool
        Remove what killed processes left beside it; needless where the folder is new.

    Yields
    ------
    pathlib.Path
        A new empty file in the same folder.

    Raises
    ------
    BadInputError
        The folder does not exist, `path` is a folder, or writing is not permitted. After any
        exception nothing new is left behind and an older file stands as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     [path.name for path in Path(folder).iterdir()]
    ['a.txt']
    """
    if str(path) == STANDARD_STREAM:
        with temporary_folder() as folder:
            yield (temporary := folder / "output.csv")
            _to_standard_output(temporary)
        return
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise BadInputError("the name of a file, not of a folder", source=str(path))
    if not target.parent.is_dir():
        raise BadInputError(f"a folder {str(Path(path).parent)!r} that exists", source=str(path))
    with ExitStack() as stack:
        try:
            temporary = stack.enter_context(unfinished(target, tidy=tidy))
        except OSError as error:
            expected = f"permission to write there ({error.strerror})"
            raise BadInputError(expected, source=str(path)) from None
        try:
            yield temporary
            to_disk(temporary)
        except OSError as error:
            if error.errno in NO_SPACE and error.filename is None:
                error.filename, error.strerror = str(path), os.strerror(error.errno)
            raise
        os.replace(temporary, target)
    with suppress(OSError):  # some file systems cannot do this to folders
        to_disk(target.parent)


def _to_standard_output(path: Path) -> None:
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        expected = f"standard output that takes all of it ({error.strerror})"
        raise BadInputError(expected, source=str(path.name)) from None


_CHUNK = 1 << 20


class SpooledPath(os.PathLike[str]):
    """The path of a temporary copy; as text, the name of what it is a copy of.

    The copy is empty at first, and removed with the object.
    """

    def __init__(self, name: str, origin: PathLike | None = None) -> None:
        self._name = name
        self.origin = origin  # a plain file of the same content, where there is one
        folder = ExitStack()
        self._path = str(folder.enter_context(temporary_folder()) / "copy")
        weakref.finalize(self, folder.close)
        Path(self._path).touch()

    def __fspath__(self) -> str:
        return self._path

    def __str__(self) -> str:
        return self._name


def plain_file(path: PathLike) -> PathLike:
    """Return a path that can be opened any number of times, and holds what `path` does.

    Parameters
    ----------
    path : path-like
        ``-`` is standard input. A plain file that is not compressed is returned as it is.

    Returns
    -------
    path-like
        As text (``str``) it is called as `path` is. A file whose name is no text is copied, too:
        Arrow does not open it.

    Raises
    ------
    BadInputError
        It cannot be read, is damaged, or unpacks to more than `limits.unpacked_limit`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.csv.gz"
    ...     _ = path.write_bytes(gzip.compress(b"cluster_id,x_mm,y_mm"))
    ...     plain = plain_file(path)
    ...     str(plain) == str(path), Path(plain).read_text()
    (True, 'cluster_id,x_mm,y_mm')
    """
    if isinstance(path, SpooledPath):
        return path
    is_stream = str(path) == STANDARD_STREAM
    # as text that every file can hold: names in Latin-1 are none on UTF-8 systems
    as_text = os.fsencode(path).decode(errors="backslashreplace")
    name = "standard input" if is_stream else as_text
    try:
        mode = 0 if is_stream else os.stat(path).st_mode
        is_plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    except (OSError, ValueError):  # refused when it is opened
        is_plain = True
    if not is_plain or as_text != str(path):
        copy = SpooledPath(name, path if is_plain else None)
        try:
            with ExitStack() as stack:
                given = sys.stdin.buffer if is_stream else stack.enter_context(open(path, "rb"))
                stack.enter_context(temporary_files())
                shutil.copyfileobj(given, stack.enter_context(open(copy, "wb")), _CHUNK)
        except OSError as error:
            expected = f"a file that can be read ({error.strerror})"
            raise BadInputError(expected, source=name) from None
        path = copy
    if os.path.isdir(path) or not os.path.exists(path):
        return path
    head = first_bytes(path, 8)
    for magic, opened in _UNPACKERS.items():
        if head.startswith(magic):
            return _unpacked(path, name, opened)
    return path


def _unpacked(path: PathLike, name: str, opened: Callable[[BinaryIO], Any]) -> SpooledPath:
    copy = SpooledPath(name)
    most = left = unpacked_limit(Path(path).stat().st_size)
    with temporary_files(), open(path, "rb") as packed, open(copy, "wb") as unpacked:
        try:
            source = opened(packed)
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    expected = f"a file that unpacks to at most {most} bytes; unpack it yourself"
                    raise BadInputError(expected, source=name)
                unpacked.write(chunk)
        except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
            if isinstance(error, CalcigramError) or getattr(error, "errno", None) in NO_SPACE:
                raise
            expected = "an undamaged compressed file"
            raise BadInputError(expected, source=name, value=str(error)) from None
    return copy


def _zstd(file: BinaryIO) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(file, "zstd")


_UNPACKERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"\x28\xb5\x2f\xfd": _zstd,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
