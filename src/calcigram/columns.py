"""A table as columns of arrays, and the DataFrame that it makes.

What pandas takes to make and to slice a table of one row is more than all of a reading; who asks
for a few verdicts a thousand times a second is answered from the arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Words:
    """A column of words that occur again and again, each written once.

    Attributes
    ----------
    codes : ndarray of int, shape (C,)
        Places in `words`; -1 where missing.
    words : tuple of str
        Each once.
    is_ordered : bool
        Whether the words have an order, lowest first.

    Examples
    --------
    >>> Words.of(np.array([1, -1, 1]), ["benign", "suspicious"]).tolist()
    ['suspicious', None, 'suspicious']
    """

    codes: npt.NDArray[Any]
    words: tuple[str, ...]
    is_ordered: bool = False

    @classmethod
    def of(cls, codes: npt.ArrayLike, words: Iterable[str], *, is_ordered: bool = False) -> Words:
        """Make a column of codes and of words, which may be members of an enumeration."""
        return cls(np.asarray(codes), tuple(map(str, words)), is_ordered)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: slice) -> Words:
        """Return a part of the column."""
        return Words(self.codes[rows], self.words, self.is_ordered)

    def tolist(self) -> list[str | None]:
        """Return the words, None where missing."""
        words = (*self.words, None)  # which is where -1 points
        return [words[code] for code in self.codes.tolist()]

    def categorical(self) -> pd.Categorical[Any]:
        """Return the column as pandas has it."""
        import pandas as pd

        return pd.Categorical.from_codes(self.codes, dtype=_categories(self.words, self.is_ordered))


@lru_cache(maxsize=256)
def _categories(words: tuple[str, ...], is_ordered: bool) -> pd.CategoricalDtype:
    """Return the type of a column, made once: pandas looks whether each word stands there once."""
    import pandas as pd

    return pd.CategoricalDtype(pd.Index(list(words)), ordered=is_ordered)


Column = Words | npt.NDArray[Any]
Columns = Mapping[str, Column]


def frame_of(columns: Columns) -> pd.DataFrame:
    """Return columns as a DataFrame.

    Parameters
    ----------
    columns : mapping of str to Words or ndarray
        All of one length.

    Returns
    -------
    pandas.DataFrame
        Words as categories.

    Examples
    --------
    >>> frame_of({"p": np.array([0.5]), "word": Words.of([-1], ["linear"])})["word"].isna().tolist()
    [True]
    """
    import pandas as pd

    return pd.DataFrame(
        {
            name: column.categorical() if isinstance(column, Words) else column
            for name, column in columns.items()
        }
    )


def rows_between(columns: Columns, start: int, stop: int) -> dict[str, Column]:
    """Return some consecutive rows."""
    return {name: column[start:stop] for name, column in columns.items()}


def as_array(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return values of a column as an array; lists of different lengths, which make none, are refused."""
    try:
        return np.asarray(values)
    except ValueError:
        raise BadInputError("one dimension", column=name, value=values) from None
