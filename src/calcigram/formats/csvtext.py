"""Clusters from CSV text: one row per calcification, comma, semicolon, tab or bar between.

The values are checked by `longtable`; here the text becomes columns, and row numbers are
the line numbers an editor shows, the heading being line 1.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import shutil
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from calcigram.clusters import META_COLUMNS, clusters_from_frame
from calcigram.errors import BadInputError, TemporaryFilesError, naming
from calcigram.formats.files import PathLike, first_bytes
from calcigram.formats.temporary import SpooledPath, temporary_files
from calcigram.longtable import Intake, Notice
from calcigram.longtable.columns import (
    MISSING_WORDS,
    NUMERIC_COLUMNS,
    Rows,
    factors,
    resolve_columns,
)
from calcigram.options import ReadOptions
from calcigram.wording import counted

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ",;\t|"


def read_csv_clusters(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read the clusters of a CSV file.

    Parameters
    ----------
    path : path-like
        UTF-8 or UTF-16. The headings come first, but for comments (``#``) and a line ``sep=;``.
    options : ReadOptions, optional

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        The file is empty, not text, neither UTF-8 nor UTF-16, has lines of unequal length, or
        `clusters_from_frame` refuses what it holds.

    Notes
    -----
    A column that is neither a mark nor a reserved name is read as numbers where every value
    is written as this package writes numbers, else as text; an empty field is missing. What was
    guessed (decimal commas) or ignored (comments, rows of nothing) stands in `Intake.notes`.
    """
    source, path = str(path), _as_text(path)
    options = options or ReadOptions()
    layout = _find_layout(path, options)
    notes = layout.notes(layout.n_comments)
    try:
        intake = clusters_from_frame(_read(layout), replace(options, skip_bad=False), source=source)
    except ValueError:  # something is odd or bad: once more, row by row, all as text, to quote it
        tidy, frame = _tidied_frame(layout)
        intake = clusters_from_frame(
            frame, options, source=source, row_number=tidy.lines.__getitem__
        )
        notes = tidy.notes
    meta = intake.clusters.meta
    for name in meta.columns:
        if name not in META_COLUMNS:
            meta[name] = _typed(meta[name])
    return replace(intake, notes=(*map(Notice, notes), *intake.notes))


def read_texts(
    path: PathLike, options: ReadOptions
) -> tuple[pd.DataFrame, dict[str, str], Rows, list[str]]:
    """Read a CSV file of points with all of its columns, as text; ids of clusters are not needed.

    Parameters
    ----------
    path : path-like
    options : ReadOptions
        Only what says how columns are named.

    Returns
    -------
    frame : pandas.DataFrame
    names : dict of str to str
        Our names of columns to the table's.
    lines : ndarray of int64
        Line of each row in the file.
    notes : list of str

    Raises
    ------
    BadInputError
        As `read_csv_clusters`.
    """
    options = replace(options, pixel_spacing=1.0 if options.units == "px" else None)
    with naming(path):
        text = _as_text(path)
        try:
            layout = _find_layout(text, options)
        except BadInputError as error:
            if error.column != "cluster_id" or options.single_cluster is not None:
                raise
            options = replace(options, single_cluster=str(path))
            layout = _find_layout(text, options)
        tidy, frame = _tidied_frame(layout)
        names = resolve_columns(list(frame.columns), options)
    return frame, names, tidy.lines, tidy.notes


@dataclass(frozen=True)
class _Layout:
    """How a CSV file is laid out, as far as its headings tell."""

    path: PathLike
    delimiter: str
    headings: list[str]
    line: int  # of the heading
    n_comments: int  # above the heading
    numeric: frozenset[str] = frozenset()  # headings of columns of numbers
    is_commented: bool = False

    def notes(self, n_comments: int) -> list[str]:
        """Return what is to be said of the headings and of so many comments in the file."""
        notes = (
            [f"headings taken from the comment on line {self.line}"] if self.is_commented else []
        )
        if n_comments:
            notes.append(f"{counted(n_comments, 'comment line')} (#) ignored")
        return notes


def _as_text(path: PathLike) -> PathLike:
    """Return the path of a text; that of a copy in UTF-8 where it is UTF-16, as spreadsheets write it."""
    readable = _as_utf8(path)
    if b"\0" in first_bytes(readable):
        raise BadInputError("a text file (CSV) or a Parquet file, not binary data")
    return readable


def _as_utf8(path: PathLike) -> PathLike:
    head = first_bytes(path, 4096)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif len(head) > 1 and head[0] and not any(head[1:64:2]):
        encoding = "utf-16-le"
    elif len(head) > 1 and head[1] and not any(head[:64:2]):
        encoding = "utf-16-be"
    else:
        return path
    copy = SpooledPath(str(path))
    try:
        with (
            temporary_files(),
            open(path, encoding=encoding, newline="") as text,
            open(copy, "w", encoding="utf-8", newline="") as file,
        ):
            shutil.copyfileobj(text, file)
    except UnicodeError as error:
        raise BadInputError("text in UTF-16", value=str(error)) from None
    return copy


def _find_layout(path: PathLike, options: ReadOptions) -> _Layout:
    """Choose the delimiter under which the needed columns are found, else the most frequent."""
    factors(options)  # refuses what does not go together
    candidates = [
        candidate for delimiter in DELIMITERS for candidate in _candidates(path, delimiter)
    ] or [_Layout(path, DELIMITERS[0], [], 0, 0)]
    candidates.sort(key=lambda candidate: -len(candidate.headings))
    refusal = None
    for candidate in candidates:
        try:
            headings = [name for name in candidate.headings if name]
            names = resolve_columns(headings, options)
        except BadInputError as error:
            refusal = refusal or error
            continue
        numeric = frozenset(names[name] for name in NUMERIC_COLUMNS if name in names)
        return replace(candidate, numeric=numeric)
    assert refusal is not None
    raise refusal


def _candidates(path: PathLike, delimiter: str) -> Iterator[_Layout]:
    """Yield what may be the headings: the first line that is no comment, or the comment above it.

    A line ``sep=;``, as Excel takes it, names the delimiter.
    """
    n_comments, commented = 0, None
    for line, fields in _records(path, delimiter):
        first = fields[0].strip()
        if line == 1 and (told := _SEPARATOR.fullmatch(delimiter.join(fields).strip(" "))):
            if told[1] != delimiter:
                return
            continue
        headings = [name.strip() for name in fields]
        if not first.startswith("#"):
            yield _Layout(path, delimiter, headings, line, n_comments)
            if commented is not None:
                yield commented
            return
        headings[0] = first.lstrip("# ")
        commented = _Layout(path, delimiter, headings, line, n_comments, is_commented=True)
        n_comments += 1
    if commented is not None:
        yield commented


_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


def _read(layout: _Layout) -> pd.DataFrame:
    """Read a file without oddities, numbers as numbers; else raise a `ValueError`."""
    if not all(layout.headings):
        raise BadInputError("a name above each column")
    headings, delimiter = layout.headings, layout.delimiter
    return _frame_of(layout.path, layout, headings, "float32", delimiter, skip_rows=layout.line)


def _frame_of(
    file: PathLike | BinaryIO,
    layout: _Layout,
    names: list[str],
    of_numbers: str,
    delimiter: str = ",",
    **how: Any,
) -> pd.DataFrame:
    """Read rows; columns of numbers get the type `of_numbers`, others are words, empty ones missing."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    number, word = pa.type_for_alias(of_numbers), pa.dictionary(pa.int32(), pa.string())
    types = {name: number if name in layout.numeric else word for name in names}
    frame: pd.DataFrame = arrow_csv.read_csv(
        file,
        arrow_csv.ReadOptions(column_names=names, **how),
        arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        arrow_csv.ConvertOptions(column_types=types, null_values=list(MISSING_WORDS)),
    ).to_pandas()
    for name in frame:
        if name not in layout.numeric and "" in frame[name].cat.categories:
            frame[name] = frame[name].cat.remove_categories([""])
    return frame


@dataclass
class _Tidy:
    """The rows of a file without its oddities: comments, rows and columns of nothing."""

    file: BinaryIO
    names: list[str]
    nothing: list[str]  # names of columns without heading and values
    lines: Rows  # of each row
    notes: list[str]

    def frame(self, layout: _Layout) -> pd.DataFrame:
        """Return all as text, but for decimal commas, which become points."""
        if not len(self.lines):
            import pandas as pd

            return pd.DataFrame(columns=[n for n in self.names if n not in self.nothing], dtype=str)
        self.file.seek(0)
        how: dict[str, Any] = {"use_threads": False, "block_size": 1 << 22}
        frame = _frame_of(self.file, layout, self.names, "string", **how)
        frame = frame.drop(columns=self.nothing)
        numbers = [name for name in self.names if name in layout.numeric]
        if layout.delimiter != "," and _has_decimal_commas(frame[numbers]):
            for name in numbers:
                frame[name] = frame[name].str.replace(_ONE_COMMA, r"\1.\2", regex=True)
            self.notes.append("decimal commas read as points")
        return frame


_ONE_COMMA = r"^([^,]*),([^,]*)$"


def _has_decimal_commas(numbers: pd.DataFrame) -> bool:
    """Tell whether numbers have a comma where others have the point, and no number has both."""
    commas = [numbers[name].str.contains(",", regex=False).any() for name in numbers]
    points = [numbers[name].str.contains(".", regex=False).any() for name in numbers]
    return any(commas) and not any(points)


def _tidied_frame(layout: _Layout) -> tuple[_Tidy, pd.DataFrame]:
    """Return a file without what holds nothing, and its rows, all as text."""
    with temporary_files(), ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile())
        except OSError as error:
            raise TemporaryFilesError(error) from None
        tidy = _tidied(layout, file)
        return tidy, tidy.frame(layout)


def _tidied(layout: _Layout, file: BinaryIO) -> _Tidy:
    """Write the rows of a file to another, line by line, without what holds nothing."""
    n_fields = len(layout.headings)
    numeric = [k for k, name in enumerate(layout.headings) if name in layout.numeric]
    lines = array("q")
    n_comments, n_blank = layout.n_comments, 0
    filled: set[int] = set()
    unnamed = [k for k, name in enumerate(layout.headings) if not name]
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    for line, fields in _records(layout.path, layout.delimiter):
        if line <= layout.line:
            continue
        if fields[0].lstrip().startswith("#") and not _is_row(fields, n_fields, numeric):
            n_comments += 1
            continue
        if not any(map(str.strip, fields)):
            n_blank += 1
            continue
        while len(fields) > n_fields and not fields[-1].strip():
            del fields[-1]
        if len(fields) != n_fields:
            expected = f"{n_fields} fields as in the heading"
            raise BadInputError(expected, row=line, value=f"{len(fields)} fields")
        filled.update(k for k in unnamed if fields[k].strip())
        writer.writerow(fields)
        lines.append(line)
    text.detach()
    names = [name or f"column {k}" for k, name in enumerate(layout.headings, start=1)]
    notes = layout.notes(n_comments)
    if n_blank:
        notes.append(f"{counted(n_blank, 'row')} without any value ignored")
    nothing = [names[k] for k in unnamed if k not in filled]
    return _Tidy(file, names, nothing, np.frombuffer(lines, np.int64), notes)


_NUMBER = re.compile(r"\s*[-+]?(\d[\d.,]*|[.,]\d+)(e[-+]?\d+)?\s*", re.IGNORECASE)


def _is_row(fields: list[str], n_fields: int, numeric: list[int]) -> bool:
    """Tell whether what begins with # is a row all the same: its id may."""
    return len(fields) == n_fields and any(_NUMBER.fullmatch(fields[k]) for k in numeric)


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
        expected, line = "text in UTF-8 (or UTF-16); save it as CSV UTF-8", _line_of_bad_byte(path)
        raise BadInputError(expected, row=line, value=value) from None
    except csv.Error as error:
        raise BadInputError("a table in CSV", row=line, value=str(error)) from None


def _line_of_bad_byte(path: PathLike) -> int:
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _typed(texts: pd.Series) -> pd.Series:
    """Return a column of texts as numbers or truth values where written just as we write them.

    So ``7`` becomes a number and ``007`` stays a text.
    """
    import pyarrow as pa

    column = pa.array(texts.astype(object), pa.string(), from_pandas=True)
    result: pd.Series
    if column.null_count < len(column):
        for kind in (pa.int64(), pa.float64(), pa.bool_()):
            try:
                typed = column.cast(kind)
            except pa.ArrowInvalid:
                continue
            if typed.cast(pa.string()).equals(column):
                result = typed.to_pandas()
                return result
    result = column.to_pandas()
    return result
