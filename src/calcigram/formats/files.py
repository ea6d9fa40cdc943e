"""Files as such: written whole or not at all, and errors that say what is wrong with a path.

What stands in a file is the business of the other modules of this package.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from calcigram.errors import BadInputError
from calcigram.formats.places import PathLike, unfinished

PARQUET_MAGIC = b"PAR1"

DICOM_PREAMBLE, DICOM_MAGIC = 128, b"DICM"

FIRST_GROUPS = (b"\x08\x00", b"\x02\x00", b"\x00\x08")
"""Groups of the first tag of DICOM files that lack the preamble; the last one is big endian."""

IMAGE_MAGICS = (b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x93NUMPY", b"PK\x03\x04")  # fmt: skip
"""Beginnings of PNG, TIFF (also BigTIFF) and NumPy's ``.npy`` and ``.npz``."""

STANDARD_STREAM = "-"
"""As a path to read, standard input; as a path to write, standard output."""


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
        with tempfile.TemporaryDirectory(prefix="calcigram-") as folder:
            yield (temporary := Path(folder) / "output.csv")
            with temporary.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
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
            raise BadInputError(
                f"permission to write there ({error.strerror})", source=str(path)
            ) from None
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, target)
    with suppress(OSError):  # some file systems cannot do this to folders
        _to_disk(target.parent)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def first_bytes(path: PathLike, size: int = 1 << 16) -> bytes:
    """Return the beginning of a file.

    Raises
    ------
    BadInputError
        It does not exist, is a folder, cannot be read, or is empty.
    """
    if Path(path).is_dir():
        raise BadInputError("a file, not a folder", source=str(path))
    try:
        with open(path, "rb") as file:
            head = file.read(size)
    except OSError as error:
        raise BadInputError(
            f"a file that can be read ({error.strerror})", source=str(path)
        ) from None
    if not head:
        raise BadInputError("a file that is not empty", source=str(path))
    return head


def kind_of(path: PathLike) -> str:
    """Say what a file is, by its content and not by its name.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    {"parquet", "dicom", "plist", "mask", "csv"}
        ``plist`` is a property list in XML, as INbreast has its annotations; ``mask`` an image
        (PNG, TIFF) or a NumPy array; ``csv`` whatever else, text or not.

    Raises
    ------
    BadInputError
        It does not exist, is a folder, cannot be read, is empty, or is of a kind known not to be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".csv") as file:
    ...     _, _ = file.write(b"<?xml version='1.0'?><plist/>"), file.flush()
    ...     kind_of(file.name)
    'plist'
    """
    from calcigram.formats.foreign import refuse_address, refuse_foreign

    refuse_address(path)
    head = first_bytes(path, 4096)
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    refuse_foreign(path, head)
    if head.startswith(IMAGE_MAGICS):
        return "mask"
    if looks_like_dicom(head):
        return "dicom"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"<?xml", b"<!DOCTYPE", b"<plist", b"<!--", b"bplist")) or head.startswith(
        (b"\xff\xfe<\0", b"\xfe\xff\0<")
    ):
        return "plist"
    return "csv"


def looks_like_dicom(head: bytes) -> bool:
    """Tell whether a file's beginning is DICOM's: with the preamble, or bare.

    Examples
    --------
    >>> looks_like_dicom(bytes(128) + b"DICM"), looks_like_dicom(b"cluster_id,x_mm,y_mm")
    (True, False)
    >>> looks_like_dicom(b"\\x08\\x00\\x05\\x00CS\\x0a\\x00ISO_IR 100")
    True
    """
    if head[DICOM_PREAMBLE:].startswith(DICOM_MAGIC):
        return True
    if not head.startswith(FIRST_GROUPS) or len(head) < 16:
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return explicit or (head[0] != 0 and int.from_bytes(head[4:8], "little") < 1 << 16)


def suffix_of(path: PathLike, known: tuple[str, ...]) -> str:
    """Return the suffix of a file to write, in lower case; what goes to standard output is CSV.

    Raises
    ------
    BadInputError
        It is none of `known`.

    Examples
    --------
    >>> suffix_of("verdicts.CSV", (".csv", ".parquet"))
    '.csv'
    """
    if str(path) == STANDARD_STREAM and ".csv" in known:
        return ".csv"
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise BadInputError(
            f"a name that ends in {', '.join(known[:-1])} or {known[-1]}",
            source=str(path),
            value=Path(path).suffix,
        )
    return suffix
