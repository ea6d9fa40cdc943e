"""The columns of a long table: which heading is which column of ours, its values in our units, and what is bad.

Bad values are noted with their place: one error for the first, or a table of them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from reprlib import Repr
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.limits import (
    CLUSTER_COLUMNS,
    MARKS,
    MAX_COLUMNS,
    META_COLUMNS,
    POINT_COLUMNS,
    UNPACKED_FLOOR_BYTES,
    Column,
)
from calcigram.options import MM_PER_UNIT, ReadOptions

if TYPE_CHECKING:
    import pandas as pd

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

REJECT_COLUMNS = ("source", "row", "cluster_id", "column", "value", "expected")


@dataclass
class Faults:
    """Bad values as they are found, column by column."""

    source: str | None
    found: list[tuple[Rows, str, list[Any], str]] = field(default_factory=list)

    def add(self, bad: Mask, column: str, values: pd.Series, expected: str) -> None:
        """Note the rows where `bad` holds; `values` is the column as it stands in the table."""
        self.add_at(np.flatnonzero(bad), column, values[bad], expected)

    def add_at(self, rows: Rows, column: str, values: Iterable[Any], expected: str) -> None:
        """Note bad `values` and the rows they stand in, in rising order."""
        if len(rows):
            self.found.append((rows, column, [plain(value) for value in values], expected))

    def rows(self) -> Rows:
        """Return the bad rows, each once."""
        if not self.found:
            return np.zeros(0, np.int64)
        return np.unique(np.concatenate([rows for rows, *_ in self.found]))

    def first(
        self, ids: Callable[[int], str | None], row_number: Callable[[Rows], Rows]
    ) -> BadInputError:
        """Return the error for the topmost bad row; of several there, the one noted first."""
        rows, column, values, expected = min(self.found, key=lambda fault: fault[0][0])
        value = values[0]
        if isinstance(value, str) and _is_decimal_comma(value):
            expected += " (with a decimal point, not a comma)"
        return BadInputError(
            expected,
            source=self.source,
            row=int(row_number(rows[:1])[0]),
            column=column,
            value=value,
            cluster_id=ids(int(rows[0])),
        )

    def table(
        self, ids: Callable[[int], str | None], row_number: Callable[[Rows], Rows]
    ) -> pd.DataFrame:
        """Return one row a bad value, in the order of the rows: `REJECT_COLUMNS`."""
        import pandas as pd

        parts = [
            pd.DataFrame(
                {
                    "source": self.source,
                    "row": row_number(rows),
                    "cluster_id": [ids(int(row)) for row in rows],
                    "column": column,
                    "value": [repr(value) for value in values],
                    "expected": expected,
                },
                columns=list(REJECT_COLUMNS),
            )
            for rows, column, values, expected in self.found
        ]
        if not parts:
            return empty_rejects()
        return pd.concat(parts, ignore_index=True).sort_values(
            "row", kind="stable", ignore_index=True
        )


def empty_rejects() -> pd.DataFrame:
    """Return a table of rejects without rows.

    Examples
    --------
    >>> empty_rejects().shape
    (0, 6)
    """
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=object) for name in REJECT_COLUMNS})


def plain(value: Any) -> Any:
    """Return a NumPy scalar as the Python value that prints as people write it."""
    return value.item() if isinstance(value, np.generic) else value


def _is_decimal_comma(text: str) -> bool:
    whole, comma, part = text.strip().lstrip("+-").partition(",")
    return bool(comma) and whole.isdigit() and part.isdigit()


SHORT_NAMES = {
    "id": "cluster_id",
    "cluster": "cluster_id",
    "x": "x_mm",
    "y": "y_mm",
    "diameter": "diameter_mm",
    "aspect": "aspect_ratio",
    "orientation": "orientation_deg",
    "nipple_x": "nipple_x_mm",
    "nipple_y": "nipple_y_mm",
    "breast_area": "breast_area_mm2",
}
"""What the keys of `columns` may be shortened to."""

NUMERIC_COLUMNS = {column.name: column for column in (*POINT_COLUMNS, *CLUSTER_COLUMNS)}
"""The columns of numbers by name: marks, then per-cluster columns."""

_short = Repr()
_short.maxstring = 48  # a file that is no table may have a heading of any length

_KNOWN = ("cluster_id", *NUMERIC_COLUMNS, *META_COLUMNS)


def factors(options: ReadOptions) -> dict[str, float]:
    """Return what the numbers of each column are multiplied by to be in our units.

    Raises
    ------
    BadInputError
        Units ``px`` come without a pixel spacing, or other units with one.

    Examples
    --------
    >>> factors(ReadOptions(units="cm"))["breast_area_mm2"]
    100.0
    """
    units, spacing = options.units, options.pixel_spacing
    if units == "px" and spacing is None:
        expected = "the pixel spacing in mm beside units 'px' (pixel_spacing)"
        raise BadInputError(expected, column="pixel_spacing", value=None)
    if isinstance(spacing, tuple):
        expected = (
            "one number: diameters and directions in px have no meaning where pixels are not square; "
            "convert the table to mm"
        )
        raise BadInputError(expected, column="pixel_spacing", value=spacing)
    if units != "px" and spacing is not None:
        expected = "units 'px' where a pixel spacing is given"
        raise BadInputError(expected, column="units", value=units)
    length = MM_PER_UNIT[units] if spacing is None else spacing
    of_unit = {"mm": length, "mm2": length**2}
    return {name: of_unit.get(column.unit, 1.0) for name, column in NUMERIC_COLUMNS.items()}


def _headings_of(name: str, units: str) -> tuple[str, ...]:
    """Return the headings under which a column is looked for where it is not mapped."""
    stem = name.removesuffix("_mm2").removesuffix("_mm")
    if units == "mm" or stem == name or name not in NUMERIC_COLUMNS:
        return (name,)
    return (name.replace("_mm", f"_{units}"), stem, name)


def resolve_columns(
    present: list[str], options: ReadOptions, *, source: str | None = None
) -> dict[str, str]:
    """Find which heading of a table holds which of our columns.

    Parameters
    ----------
    present : list of str
        The headings.
    options : ReadOptions
        Its `columns` map ours (or `SHORT_NAMES`) to theirs.
    source : str, optional
        Name of the file, for messages.

    Returns
    -------
    dict
        Ours to theirs; optional columns the table lacks are left out.

    Raises
    ------
    BadInputError
        A required or mapped column is not there, or one heading is mapped twice.

    Examples
    --------
    >>> options = ReadOptions(columns={"id": "lesion"}, units="px", pixel_spacing=0.1)
    >>> resolve_columns(["lesion", "x_px", "y_px"], options)
    {'cluster_id': 'lesion', 'x_mm': 'x_px', 'y_mm': 'y_px'}
    """
    if len(present) > MAX_COLUMNS:
        expected = f"at most {MAX_COLUMNS} columns, one row per calcification below them"
        raise BadInputError(expected, source=source, value=f"{len(present)} columns")
    repeated = sorted(name for name, n in Counter(present).items() if n > 1)
    if repeated:
        raise BadInputError("each heading once", source=source, column=repeated[0])
    listed = ", ".join(_short.repr(name) for name in present[:30])
    mapped = _mapped_columns(present, options.columns or {}, listed, source)
    single_cluster = options.single_cluster
    found: dict[str, str] = {}
    for ours in _KNOWN:
        candidates = (mapped[ours],) if ours in mapped else _headings_of(ours, options.units)
        free = [name for name in candidates if name in present and name not in found.values()]
        taken = [name for name in free if name == mapped.get(ours) or name not in mapped.values()]
        if taken:
            found[ours] = taken[0]
    if single_cluster is not None and "cluster_id" in found:
        expected = "no column of cluster ids where the table is said to be one cluster"
        raise BadInputError(expected, source=source, column=found["cluster_id"])
    for ours in ("cluster_id", *(column.name for column in MARKS if column.required)):
        if ours in found or (ours == "cluster_id" and single_cluster is not None):
            continue
        hint = f"a column of this name, or a mapping such as {ours}=NAME, among {listed}"
        if ours == "cluster_id":
            hint += "; or say that the table is one cluster (single_cluster)"
        raise BadInputError(hint, source=source, column=ours)
    return found


def _mapped_columns(
    present: list[str], columns: Mapping[str, str], listed: str, source: str | None
) -> dict[str, str]:
    mapped: dict[str, str] = {}
    for key, theirs in columns.items():
        ours = SHORT_NAMES.get(key, key)
        if ours not in _KNOWN:
            raise BadInputError(f"one of {', '.join(_KNOWN)}", source=source, column=key)
        if theirs not in present:
            raise BadInputError(f"one of {listed}", source=source, column=theirs)
        if ours in mapped or theirs in mapped.values():
            raise BadInputError("each column mapped once", source=source, column=theirs)
        mapped[ours] = theirs
    return mapped


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
        result: pd.Series = pa.array(column, pa.string()).to_pandas()
        return result
    return series.reset_index(drop=True)


def typed(texts: pd.Series) -> pd.Series:
    """Return a column of texts as numbers or truth values where written just as we write them.

    So ``7`` becomes a number and ``007`` stays a text.
    """
    import pyarrow as pa

    column = pa.array(texts.astype(object), pa.string(), from_pandas=True)
    result: pd.Series = column.to_pandas()
    if column.null_count < len(column):
        for kind in (pa.int64(), pa.float64(), pa.bool_()):
            with suppress(pa.ArrowInvalid):
                if (typed := column.cast(kind)).cast(pa.string()).equals(column):
                    result = typed.to_pandas()
                    break
    return result
