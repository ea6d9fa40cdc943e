"""Manifests: a few lines of JSON that say from what, and how, a piece of work was made.

Work that was broken off is taken up again only where its manifest says the same as that of the
new request; else a result would be mixed from two. What the pieces are is others' business:
`keep` and `batch`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from calcigram.errors import BadInputError
from calcigram.formats.files import PathLike, first_bytes

PACKAGE = Path(__file__).parents[1]

RESUME_HINT = "; without --resume all is done anew"


def file_digest(path: PathLike) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal.

    Raises
    ------
    BadInputError
        It does not exist, cannot be read, or is empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a").write_text("abc")
    ...     file_digest(Path(folder, "a"))[:8]
    'ba7816bf'
    """
    first_bytes(path, 1)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_digest() -> str:
    """Return the SHA-256 of this package's modules and rules: other code, other results.

    Examples
    --------
    >>> len(code_digest())
    64
    """
    digest = hashlib.sha256()
    paths = (path for kind in ("*.py", "*.toml") for path in PACKAGE.rglob(kind))
    for path in sorted(paths):
        digest.update(f"\n{path.relative_to(PACKAGE).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def to_text(manifest: Mapping[str, Any]) -> str:
    """Return a manifest as JSON text."""
    return json.dumps(manifest, indent=1, sort_keys=True) + "\n"


def check_same(kept: str | bytes, wanted: Mapping[str, Any], source: str) -> None:
    """Refuse to go on with work that was begun from something else.

    Parameters
    ----------
    kept : str or bytes
        Text of the manifest that was found.
    wanted : mapping
        The manifest of the request.
    source : str
        What to name in the message.

    Raises
    ------
    BadInputError
        The two differ, or the text is no manifest; what differs is named.

    Examples
    --------
    >>> check_same('{"model": "a", "files": 1}', {"model": "b", "files": 1}, "v.csv")
    Traceback (most recent call last):
    calcigram.errors.BadInputError: v.csv, column 'model': got 'a', expected 'b', ... done anew
    """
    try:
        found = json.loads(kept)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInputError(f"a manifest in JSON{RESUME_HINT}", source=source)
    for key in sorted({*found, *wanted}):
        if found.get(key) != wanted.get(key):
            raise BadInputError(
                f"{_short(wanted.get(key))}, as the work that was broken off had the former"
                + RESUME_HINT,
                source=source,
                column=key,
                value=found.get(key),
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."
