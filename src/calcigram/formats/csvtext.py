"""Clusters from CSV text: one row a calcification, comma, semicolon, tab or bar between.

The values are checked by `longtable`; here the text becomes columns, and row numbers are
the line numbers an editor shows, the heading being line 1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.clusters import META_COLUMNS
from calcigram.errors import BadInputError
from calcigram.formats.files import PathLike, first_bytes
from calcigram.longtable import Intake, clusters_from_frame
from calcigram.longtable.columns import MISSING_WORDS
from calcigram.longtable.headings import NUMERIC_COLUMNS, Scale, resolve_columns
from calcigram.longtable.rejects import Rows

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ",;\t|"


def read_csv_clusters(path: PathLike, **options: Any) -> Intake:
    """Read the clusters of a CSV file.

    Parameters
    ----------
    path : path-like
        UTF-8, with or without byte order mark; the first line is the heading.
    **options
        As `longtable.clusters_from_frame` takes them: `columns`, `units`, `pixel_spacing`,
        `skip_bad`, `single_cluster`.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        The file is empty, not text, not UTF-8, has lines of unequal length, or
        `clusters_from_frame` refuses what it holds.

    Notes
    -----
    A column that is neither a mark nor a reserved name is read as numbers where every value
    is written as this package writes numbers, else as text; an empty field is missing.
    """
    source = str(path)
    if b"\0" in first_bytes(path):
        raise BadInputError("a text file (CSV) or a Parquet file, not binary data", source=source)
    layout = _find_layout(path, options)
    try:
        intake = clusters_from_frame(
            _read(layout, as_text=False), source=source, **(options | {"skip_bad": False})
        )
    except ValueError:  # something is bad: read once more, all as text, to quote what stands there
        frame = _read(layout, as_text=True)
        intake = clusters_from_frame(
            frame, source=source, row_number=_LineNumbers(layout), **options
        )
    meta = intake.clusters.meta
    for name in meta.columns:
        if name not in META_COLUMNS:
            meta[name] = _typed(meta[name])
    return intake


@dataclass(frozen=True)
class _Layout:
    """How a CSV file is laid out, as far as its headings tell."""

    path: PathLike
    delimiter: str
    headings: list[str]
    n_heading_lines: int
    numeric: frozenset[str]  # headings of columns of numbers


def _find_layout(path: PathLike, options: Mapping[str, Any]) -> _Layout:
    """Choose the delimiter under which the needed columns are found, else the most frequent."""
    scale = Scale(options.get("units", "mm"), options.get("pixel_spacing"))
    candidates = []
    for delimiter in DELIMITERS:
        n_lines, headings = next(_records(path, delimiter), (0, []))
        candidates.append((delimiter, n_lines, [heading.strip() for heading in headings]))
    candidates.sort(key=lambda candidate: -len(candidate[2]))
    refusal = None
    for delimiter, n_lines, headings in candidates:
        try:
            names = resolve_columns(
                headings,
                options.get("columns"),
                scale,
                source=str(path),
                single_cluster=options.get("single_cluster"),
            )
        except BadInputError as error:
            refusal = refusal or error
            continue
        numeric = frozenset(names[name] for name in NUMERIC_COLUMNS if name in names)
        return _Layout(path, delimiter, headings, n_lines, numeric)
    assert refusal is not None
    raise refusal


def _read(layout: _Layout, *, as_text: bool) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    number = pa.string() if as_text else pa.float32()
    word = pa.dictionary(pa.int32(), pa.string())
    types = {name: number if name in layout.numeric else word for name in layout.headings}
    try:
        table = arrow_csv.read_csv(
            layout.path,
            arrow_csv.ReadOptions(
                column_names=layout.headings,
                skip_rows=layout.n_heading_lines,
                use_threads=not as_text,
            ),
            arrow_csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(column_types=types, null_values=list(MISSING_WORDS)),
        )
    except pa.ArrowInvalid as error:
        if as_text:
            raise _malformed(layout, error) from None
        raise
    frame = table.to_pandas()
    for name in layout.headings:
        if name not in layout.numeric and "" in frame[name].cat.categories:
            frame[name] = frame[name].cat.remove_categories([""])
    return frame


def _malformed(layout: _Layout, error: Exception) -> BadInputError:
    """Say which line broke the reader."""
    n_fields, source = len(layout.headings), str(layout.path)
    line = 0
    for line, fields in _records(layout.path, layout.delimiter):
        if len(fields) != n_fields:
            return BadInputError(
                f"{n_fields} fields as in the heading",
                source=source,
                row=line,
                value=f"{len(fields)} fields",
            )
    if line <= layout.n_heading_lines:
        return BadInputError("at least one row below the headings", source=source)
    return BadInputError("a table in CSV", source=source, value=str(error))


def _records(path: PathLike, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record begins, from 1, and its fields; blank lines have none."""
    line = 1
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter)
            for fields in reader:
                if fields:
                    yield line, fields
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        value = bytes(error.object[error.start : error.start + 1])
        raise BadInputError(
            "text in UTF-8", source=str(path), row=_line_of_bad_byte(path), value=value
        ) from None
    except csv.Error as error:
        raise BadInputError(
            "a table in CSV", source=str(path), row=line, value=str(error)
        ) from None


def _line_of_bad_byte(path: PathLike) -> int:
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


class _LineNumbers:
    """Turn positions of rows below the headings into line numbers; scans the file when asked."""

    def __init__(self, layout: _Layout) -> None:
        self._layout = layout
        self._lines: Rows | None = None

    def __call__(self, rows: Rows) -> Rows:
        if self._lines is None:
            records = _records(self._layout.path, self._layout.delimiter)
            next(records)
            self._lines = np.fromiter((line for line, _ in records), np.int64)
        return self._lines[rows]


def _typed(texts: pd.Series) -> pd.Series:
    """Return a column of texts as numbers or truth values where written just as we write them.

    So ``7`` becomes a number and ``007`` stays a text.
    """
    import pyarrow as pa

    column = pa.array(texts.astype(object), pa.string(), from_pandas=True)
    if column.null_count < len(column):
        for kind in (pa.int64(), pa.float64(), pa.bool_()):
            try:
                typed = column.cast(kind)
            except pa.ArrowInvalid:
                continue
            if typed.cast(pa.string()).equals(column):
                return typed.to_pandas()
    return column.to_pandas()
