"""Single columns of a long table: numbers as float32 in our units, ids and reserved words as text.

Which column is which is `headings`' business, what belongs together `intake`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.clusters import Column
from calcigram.errors import BadInputError
from calcigram.limits import UNPACKED_FLOOR_BYTES
from calcigram.longtable.rejects import Faults, Mask, plain

if TYPE_CHECKING:
    import pandas as pd

MISSING_WORDS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None")
"""Texts that stand for a missing value in a column of numbers."""

MISSING_IDS = frozenset({*MISSING_WORDS, "<NA>", "NaT"})
"""Texts that stand for a missing id."""

ID_EXPECTED = "an identifier of the cluster, not empty"


def checked_numbers(
    series: pd.Series, column: Column, factor: float, theirs: str, faults: Faults
) -> npt.NDArray[np.float32]:
    """Return a column as float32 in our unit, NaN where missing, noting every bad value."""
    numbers, not_a_number = _as_float(series)
    values = in_our_unit(numbers, column, factor)
    faults.add(not_a_number | column.bad(values), theirs, series, column.expected)
    return values


def in_our_unit(
    numbers: npt.NDArray[Any], column: Column, factor: float
) -> npt.NDArray[np.float32]:
    """Return numbers times `factor` as float32, the precision at which they are checked.

    Examples
    --------
    >>> from calcigram.clusters import MARKS
    >>> in_our_unit(np.array([100.0]), MARKS[0], 0.07)
    array([7.], dtype=float32)
    """
    if factor != 1.0:
        numbers = numbers * np.float64(factor)
    with np.errstate(over="ignore"):
        values = numbers.astype(np.float32, copy=False)
    if column.high_open:  # what float32 rounds up to the open end, 180 degrees, is the same axis
        rounded_up = (values == column.high) & (numbers < column.high)
        if rounded_up.any():
            values = np.where(rounded_up, np.float32(column.low), values)
    return values


def _as_float(series: pd.Series) -> tuple[npt.NDArray[Any], Mask]:
    import pandas as pd
    from pandas.api import types

    kind = series.dtype
    if types.is_float_dtype(kind) or types.is_integer_dtype(kind):
        wanted = np.float32 if kind == np.float32 else np.float64
        return series.to_numpy(dtype=wanted, na_value=np.nan), np.zeros(len(series), bool)
    present = series.notna().to_numpy()
    if isinstance(kind, pd.CategoricalDtype) or types.is_object_dtype(kind):
        series = series.astype(object)
    elif not types.is_string_dtype(kind):
        return np.full(len(series), np.nan), present
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    suspects = np.flatnonzero(np.isnan(numbers) & present)
    not_a_number = np.zeros(len(series), bool)
    texts = series.iloc[suspects].astype(str).str.strip()
    not_a_number[suspects] = ~texts.isin(MISSING_WORDS).to_numpy()
    return numbers, not_a_number


def id_text(value: Any) -> str:
    """Return an id as text, a whole number without ``.0``; empty where there is nothing in it.

    Examples
    --------
    >>> id_text(7.0), id_text(" 007 "), id_text(b"A"), id_text("nan")
    ('7', '007', 'A', '')
    """
    value = plain(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    text = text.strip()
    return "" if text in MISSING_IDS else text


def meta_column(series: pd.Series, *, as_text: bool) -> pd.Series:
    """Return a column of meta; the reserved ones are text, a number as its shortest text."""
    import pandas as pd
    import pyarrow as pa
    from pandas.api import types

    if isinstance(series.dtype, pd.CategoricalDtype):
        words = series.cat.categories
        if not types.is_numeric_dtype(words.dtype):
            lengths = np.array([len(str(word)) for word in words] + [0], dtype=np.int64)
            if int(lengths[series.cat.codes].sum()) > UNPACKED_FLOOR_BYTES:
                raise BadInputError("shorter texts", column=str(series.name))
        series = series.astype(words.dtype)
    if as_text and (types.is_object_dtype(series.dtype) or not types.is_string_dtype(series.dtype)):
        # By Arrow, so that a column without a single value is of text all the same
        texts = [v if isinstance(v, str) else id_text(v) for v in series.dropna()]
        known = series.notna().to_numpy()
        column = np.full(len(series), None, dtype=object)
        column[known] = texts
        return pa.array(column, pa.string()).to_pandas()
    return series.reset_index(drop=True)
