"""The exceptions: one class per failure; each builds its own message.

All derive from `CalcigramError`, which is a `ValueError`; the command line turns any
of them into a message on standard error and exit code 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

MAX_SHOWN = 300
"""Signs of a value in a message."""


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """Return a hint at words much like one that is not known; empty for none.

    Examples
    --------
    >>> did_you_mean("clasify", ["classify", "explain"])
    " (did you mean 'classify'?)"
    """
    from difflib import get_close_matches

    among = islice(map(str, known), 10_000)  # each comparison takes some microseconds
    alike = get_close_matches(str(word), among, n=3)
    return f" (did you mean {' or '.join(map(repr, alike))}?)" if alike else ""


class CalcigramError(ValueError):
    """Base of everything calcigram refuses on purpose."""


class BadInputError(CalcigramError):
    """A value in the input is not what was expected.

    Parameters
    ----------
    expected : str
        What would have been right.
    source : str, optional
        File or object that holds the value.
    row : int, optional
        Row as a reader of the file counts: for CSV the line number, the header being 1.
    column : str, optional
        Column name as it stands in the input.
    value : object, optional
        What was got; shown as ``repr``.
    cluster_id : str, optional
        Cluster that holds the value.

    Examples
    --------
    >>> print(BadInputError("a number in mm", source="a.csv", row=3, column="x_mm", value="?"))
    a.csv, row 3, column 'x_mm': got '?', expected a number in mm
    """

    _NOTHING = object()

    def __init__(
        self,
        expected: str,
        *,
        source: str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: Any = _NOTHING,
        cluster_id: str | None = None,
    ) -> None:
        self.expected = expected
        self.source = source
        self.row = row
        self.column = column
        self.value = None if value is self._NOTHING else value
        self.cluster_id = cluster_id
        got = "" if value is self._NOTHING else f"got {_shown(value)}, "
        if isinstance(value, str) and expected.startswith("one of "):
            expected += did_you_mean(value, re.split(r", (?:or )?", expected[7:]))
        self._said = f"{got}expected {expected}"
        super().__init__(self._message())

    def _message(self) -> str:
        where = [] if self.source is None else [str(self.source)]
        if self.row is not None:
            where.append(f"row {self.row}")
        if self.cluster_id is not None:
            where.append(f"cluster {self.cluster_id!r}")
        if self.column is not None:
            where.append(f"column {self.column!r}")
        return ": ".join([*filter(None, [", ".join(where)]), self._said])

    def name_source(self, source: object) -> None:
        """State the file or object that holds the value, where none is stated yet."""
        if self.source is None:
            self.source = str(source)
            self.args = (self._message(),)


def _shown(value: Any) -> str:
    """Return a value as a message shows it: long ones, as of a damaged file, cut."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Name a file in errors that do not name one; so what reads a part of it need not know its name.

    Examples
    --------
    >>> with naming("a.csv"):
    ...     raise BadInputError("a number", row=3)
    Traceback (most recent call last):
    calcigram.errors.BadInputError: a.csv, row 3: expected a number
    """
    try:
        yield
    except BadInputError as error:
        error.name_source(source)
        raise


class UnknownClusterError(BadInputError, KeyError):
    """No cluster of a set has this id; ids that are much like it are named."""

    __str__ = Exception.__str__  # that of KeyError would show the message as a repr

    def __init__(self, name: str, known: Iterable[str], source: str | None = None) -> None:
        hint = did_you_mean(name, known)
        super().__init__(
            f"the id of a cluster{hint}", source=source, column="cluster_id", value=name
        )


class PixelSizeError(BadInputError):
    """The size of a pixel is not stated, or cannot be that of a mammogram."""


class TemporaryFilesError(CalcigramError):
    """The folder for temporary files cannot be written to; no path is named."""

    def __init__(self, error: OSError) -> None:
        self.errno = error.errno
        super().__init__(
            f"the folder for temporary files cannot be written to ({error.strerror}): free some "
            "space, or let TMPDIR name another folder"
        )


class ModelFileError(CalcigramError):
    """A model folder is damaged, foreign, too large or of a newer format."""

    def __init__(self, path: object, problem: str) -> None:
        self.path = str(path)
        self.problem = problem
        super().__init__(f"model {self.path}: {problem}")
