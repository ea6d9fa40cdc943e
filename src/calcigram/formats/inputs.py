"""Files that are read: apart from what is written, and the same from the first byte to the last."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from calcigram.errors import BadInputError
from calcigram.formats.files import (
    IMAGE_MAGICS,
    STANDARD_STREAM,
    PathLike,
    first_bytes,
    looks_like_dicom,
)
from calcigram.formats.manifest import file_digest
from calcigram.formats.places import is_same

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
        over_one = any(_is_image(Path(output)) for output in outputs)
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
    ...     inputs.described[0]["sha256"][:8], inputs.can_be_read_again
    ('ba7816bf', True)
    """

    def __init__(self, paths: Iterable[PathLike], images: Sequence[PathLike] = ()) -> None:
        named = {Path(path): str(path) for path in (*paths, *images)}
        self._stamps: dict[Path, _Stamp] = {}
        self._digests: dict[Path, str] = {}
        self.can_be_read_again = True
        self.described: list[dict[str, Any]] = []
        for path, name in named.items():
            if path.is_dir():
                self._add_images(sorted(file for file in path.rglob("*") if _is_image(file)))
            elif path.exists() and not path.is_file():
                self.can_be_read_again = False
            else:
                stamp = _stamp(path) if path.exists() else ()
                digest = file_digest(path)
                self._stamps[path], self._digests[path] = stamp, digest
                self.described.append({"name": name, "sha256": digest})
        for folder in sorted({path.parent for path in self._digests if _is_dicom(path)}):
            self._add_images(sorted(file for file in folder.iterdir() if _is_image(file)))

    def _add_images(self, files: Iterable[Path]) -> None:
        for path in files:
            if path not in self._stamps:
                self._stamps[path] = _stamp(path)
                self.described.append({"name": str(path), "stamp": list(self._stamps[path])})

    def check_unchanged(self) -> None:
        """Refuse input that is not what it was.

        Raises
        ------
        BadInputError
            A file was changed, replaced or removed meanwhile.
        """
        for path, stamp in self._stamps.items():
            if _stamp(path) != stamp and (
                path not in self._digests or file_digest(path) != self._digests[path]
            ):
                raise BadInputError(
                    "a file that does not change while it is read", source=str(path)
                )


def _stamp(path: Path) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_dicom(path: Path) -> bool:
    return looks_like_dicom(_head(path))


def _is_image(path: Path) -> bool:
    head = _head(path)
    return looks_like_dicom(head) or head.startswith(IMAGE_MAGICS)


def _head(path: Path) -> bytes:
    try:
        return first_bytes(path, _HEAD_BYTES) if path.is_file() else b""
    except BadInputError:
        return b""
