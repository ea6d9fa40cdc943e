"""Input files: apart from the outputs, unchanged while they are read, and plain.

Standard input, pipes and devices are read once, to a temporary file; gzip, Zstandard, bzip2 and xz are unpacked
to one, up to a limit.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import sys
import weakref
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.checkpoint import file_digest
from calcigram.formats.files import (
    IMAGE_MAGICS,
    STANDARD_STREAM,
    PathLike,
    first_bytes,
    looks_like_dicom,
)
from calcigram.formats.temporary import NO_SPACE, is_same, temporary_files, temporary_folder
from calcigram.limits import unpacked_limit

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
    name = "standard input" if str(path) == STANDARD_STREAM else _name_of(path)
    try:
        is_plain = str(path) != STANDARD_STREAM and (
            stat.S_ISREG(mode := os.stat(path).st_mode) or stat.S_ISDIR(mode)
        )
    except (OSError, ValueError):  # refused when it is opened
        is_plain = True
    if not is_plain or (name != str(path) and str(path) != STANDARD_STREAM):
        copy = SpooledPath(name, path if is_plain else None)
        try:
            with ExitStack() as stack:
                given = (
                    sys.stdin.buffer
                    if str(path) == STANDARD_STREAM
                    else stack.enter_context(open(path, "rb"))
                )
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


def _name_of(path: PathLike) -> str:
    """Return a path as text that every file can hold; names in Latin-1 are none on UTF-8 systems."""
    return os.fsencode(path).decode(errors="backslashreplace")


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


_HEAD_BYTES = 132

_Stamp = tuple[int, ...]


def check_apart(
    written: Iterable[PathLike], read: Iterable[PathLike], images: Iterable[PathLike] = ()
) -> None:
    """Refuse outputs that are an input, hold one, lie in one, or are one another.

    Links are followed, and files are compared by device and inode, so another name or a hard
    link of an input is found as well.

    Parameters
    ----------
    written : iterable of path-like
        Files and folders to write; they need not exist.
    read : iterable of path-like
        Files and folders to read.
    images : iterable of path-like
        Images to read, or folders of them. Results may be written into such a folder, but not over
        an image in it.

    Raises
    ------
    BadInputError
        Two of them overlap; both are named.

    Examples
    --------
    >>> check_apart(["b.csv"], ["a.csv"])
    >>> check_apart(["a.csv"], ["./a.csv"])
    Traceback (most recent call last):
    calcigram.errors.BadInputError: a.csv: expected an output that does not overlap './a.csv', ...
    """
    outputs = [os.fspath(path) for path in written if str(path) != STANDARD_STREAM]
    others = [os.fspath(path) for path in read]
    for image in (os.fspath(path) for path in images):
        over_one = any(is_image_file(Path(output)) for output in outputs)
        others += [image] if over_one or not os.path.isdir(image) else []
    for output in outputs:
        for other in others:
            if _holds(other, output) or _holds(output, other):
                raise BadInputError(
                    f"an output that does not overlap {other!r}, which is read or written too: "
                    "name another output",
                    source=output,
                )
        others.append(output)


def _holds(folder: str, path: str) -> bool:
    """Tell whether `path` is `folder` or lies in it."""
    whole, inner = os.path.realpath(folder), Path(os.path.realpath(path))
    try:
        there = os.stat(whole)
    except OSError:  # not there yet
        return whole in (str(inner), *map(str, inner.parents))
    if not (stat.S_ISREG(there.st_mode) or stat.S_ISDIR(there.st_mode)):
        return False  # a terminal or a pipe
    return any(is_same(place, there) for place in (inner, *inner.parents))


class Inputs:
    """What input files hold at this moment.

    Parameters
    ----------
    paths : iterable of path-like
        Files that will be read, told by the digest of their content. What is no regular file,
        such as a pipe, has none.
    images : sequence of path-like
        Images, or folders of them, that may be read as well. Files in folders, and DICOM files
        beside those of `paths`, are told by size and time of change: many are never opened.

    Raises
    ------
    BadInputError
        A file cannot be read, or is empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_text("abc")
    ...     inputs = Inputs([path])
    ...     inputs.check_unchanged()
    ...     inputs.described[0]["sha256"][:8]
    'ba7816bf'
    """

    def __init__(self, paths: Iterable[PathLike], images: Sequence[PathLike] = ()) -> None:
        named = {Path(path): str(path) for path in (*paths, *images)}
        self._stamps: dict[Path, _Stamp] = {}
        self._digests: dict[Path, str] = {}
        self.described: list[dict[str, Any]] = []
        for path, name in named.items():
            if path.is_dir():
                self._add_images(sorted(file for file in path.rglob("*") if is_image_file(file)))
            elif path.is_file() or not path.exists():  # a pipe or a device has no digest
                stamp = stamp_of(path) if path.exists() else ()
                digest = file_digest(path)
                self._stamps[path], self._digests[path] = stamp, digest
                self.described.append({"name": name, "sha256": digest})
        for folder in sorted({path.parent for path in self._digests if _is_dicom(path)}):
            self._add_images(sorted(file for file in folder.iterdir() if is_image_file(file)))

    def _add_images(self, files: Iterable[Path]) -> None:
        for path in files:
            if path not in self._stamps:
                self._stamps[path] = stamp_of(path)
                self.described.append({"name": str(path), "stamp": list(self._stamps[path])})

    def check_unchanged(self) -> None:
        """Refuse input that is not what it was.

        Raises
        ------
        BadInputError
            A file was changed, replaced or removed meanwhile.
        """
        for path, stamp in self._stamps.items():
            if stamp_of(path) != stamp and (
                path not in self._digests or file_digest(path) != self._digests[path]
            ):
                expected = "a file that does not change while it is read"
                raise BadInputError(expected, source=str(path))


def stamp_of(path: Path) -> _Stamp:
    """Return what changes where a file is changed or replaced; nothing of one that is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_dicom(path: Path) -> bool:
    return looks_like_dicom(_head(path))


def is_image_file(path: Path) -> bool:
    """Tell whether a file begins as DICOM, PNG, TIFF or NumPy files do."""
    head = _head(path)
    return looks_like_dicom(head) or head.startswith(IMAGE_MAGICS)


def _head(path: Path) -> bytes:
    try:
        return first_bytes(path, _HEAD_BYTES) if path.is_file() else b""
    except BadInputError:
        return b""
