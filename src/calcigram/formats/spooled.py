"""Input that cannot be opened twice, or is compressed, as a plain file that can.

Standard input, a pipe and a device are read once, to a temporary file; gzip, Zstandard, bzip2 and
xz are unpacked to one, up to a limit.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import sys
import tempfile
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from calcigram.errors import BadInputError
from calcigram.formats.files import STANDARD_STREAM, PathLike, first_bytes
from calcigram.limits import unpacked_limit

_CHUNK = 1 << 20


class SpooledPath(os.PathLike[str]):
    """The path of a temporary copy; as text, the name of what it is a copy of.

    The copy is empty at first, and removed with the object.
    """

    def __init__(self, name: str, origin: PathLike | None = None) -> None:
        self._name = name
        self.origin = origin  # a plain file of the same content, where there is one
        descriptor, self._path = tempfile.mkstemp(prefix="calcigram-")
        os.close(descriptor)
        weakref.finalize(self, os.unlink, self._path)

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
    except (OSError, ValueError):  # said by whoever opens it
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
                shutil.copyfileobj(given, stack.enter_context(open(copy, "wb")), _CHUNK)
        except OSError as error:
            raise BadInputError(
                f"a file that can be read ({error.strerror})", source=name
            ) from None
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
    with open(path, "rb") as packed, open(copy, "wb") as unpacked:
        try:
            source = opened(packed)
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise BadInputError(
                        f"a file that unpacks to at most {most} bytes; unpack it yourself",
                        source=name,
                    )
                unpacked.write(chunk)
        except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
            if isinstance(error, BadInputError):
                raise
            raise BadInputError("a sound compressed file", source=name, value=str(error)) from None
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
