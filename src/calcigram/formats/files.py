"""Files as such: written whole or not at all, and errors that say what is wrong with a path.

What stands in a file is the business of the other modules of this package.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calcigram.errors import BadInputError

PathLike = str | os.PathLike[str]

PARQUET_MAGIC = b"PAR1"


@contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the name `path` when all went well.

    Parameters
    ----------
    path : path-like
        Where the file shall be. Its folder must exist.

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
    target = Path(path).resolve()
    if target.is_dir():
        raise BadInputError("the name of a file, not of a folder", source=str(path))
    if not target.parent.is_dir():
        raise BadInputError(f"a folder {str(Path(path).parent)!r} that exists", source=str(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise BadInputError(
            f"permission to write there ({error.strerror})", source=str(path)
        ) from None
    try:
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _to_disk(target.parent)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
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


def is_parquet(path: PathLike) -> bool:
    """Tell whether a file is Parquet, by its content and not by its name."""
    return first_bytes(path, 4) == PARQUET_MAGIC


def suffix_of(path: PathLike, known: tuple[str, ...]) -> str:
    """Return the suffix of a file to write, in lower case.

    Raises
    ------
    BadInputError
        It is none of `known`.

    Examples
    --------
    >>> suffix_of("verdicts.CSV", (".csv", ".parquet"))
    '.csv'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise BadInputError(
            f"a name that ends in {', '.join(known[:-1])} or {known[-1]}",
            source=str(path),
            value=Path(path).suffix,
        )
    return suffix
