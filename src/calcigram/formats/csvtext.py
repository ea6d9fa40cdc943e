"""Clusters from CSV text, and from a sheet of an Excel workbook as the table that it would be in CSV.

One row per calcification; comma, semicolon, tab or bar between. The values are checked by `longtable`; here the text
becomes columns, and row numbers are the line numbers an editor shows, the heading being line 1.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import shutil
import tempfile
import zipfile
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from calcigram.clusters import META_COLUMNS, clusters_from_frame
from calcigram.errors import BadInputError, TemporaryFilesError, naming
from calcigram.formats.extras import load_extra, refusing_damaged
from calcigram.formats.files import PathLike, first_bytes
from calcigram.formats.temporary import SpooledPath, temporary_files
from calcigram.limits import MAX_COLUMNS, unpacked_limit
from calcigram.longtable import Intake, Notice
from calcigram.longtable.columns import (
    MISSING_WORDS,
    NUMERIC_COLUMNS,
    Rows,
    factors,
    resolve_columns,
    typed,
)
from calcigram.options import ReadOptions
from calcigram.wording import counted

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = ",;\t|"


def read_csv_clusters(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of a CSV file.

    Parameters
    ----------
    path : path-like
        UTF-8 or UTF-16. The headings come first, but for comments (``#``) and a line ``sep=;``.
    options : ReadOptions

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
    layout = _find_layout(path, options)
    notes = layout.notes(layout.n_comments)
    try:
        intake = clusters_from_frame(_read(layout), replace(options, skip_bad=False), source=source)
    except ValueError:  # something is odd or bad: once more, row by row, all as text, to quote it
        frame, lines, notes = _tidied(layout)
        intake = clusters_from_frame(frame, options, source=source, row_number=lines.__getitem__)
    meta = intake.clusters.meta
    for name in meta.columns:
        if name not in META_COLUMNS:
            meta[name] = typed(meta[name])
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
        frame, lines, notes = _tidied(layout)
        names = resolve_columns(list(frame.columns), options)
    return frame, names, lines, notes


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
        notes = [f"headings taken from the comment on line {self.line}"] * self.is_commented
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
    of = (layout.path, layout, layout.headings, "float32", layout.delimiter)
    return _frame_of(*of, skip_rows=layout.line)


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


def _tidied(layout: _Layout) -> tuple[pd.DataFrame, Rows, list[str]]:
    """Return the rows of a file without what holds nothing, all as text, the line of each, and notes."""
    with temporary_files(), ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile())
        except OSError as error:
            raise TemporaryFilesError(error) from None
        lines, filled, notes = _copy_rows(layout, file)
        headings = enumerate(layout.headings, start=1)
        names = [name or f"column {k}" for k, name in headings]
        nothing = [
            names[k] for k, name in enumerate(layout.headings) if not name and k not in filled
        ]
        if not len(lines):
            import pandas as pd

            named = [name for name in names if name not in nothing]
            return pd.DataFrame(columns=named, dtype=str), lines, notes
        file.seek(0)
        how: dict[str, Any] = {"use_threads": False, "block_size": 1 << 22}
        frame = _frame_of(file, layout, names, "string", **how).drop(columns=nothing)
    numbers = [name for name in names if name in layout.numeric]
    if layout.delimiter != "," and _has_decimal_commas(frame[numbers]):
        for name in numbers:
            frame[name] = frame[name].str.replace(r"^([^,]*),([^,]*)$", r"\1.\2", regex=True)
        notes.append("decimal commas read as points")
    return frame, lines, notes


def _has_decimal_commas(numbers: pd.DataFrame) -> bool:
    """Tell whether numbers have a comma where others have the point, and no number has both."""
    commas = [numbers[name].str.contains(",", regex=False).any() for name in numbers]
    points = [numbers[name].str.contains(".", regex=False).any() for name in numbers]
    return any(commas) and not any(points)


def _copy_rows(layout: _Layout, file: BinaryIO) -> tuple[Rows, set[int], list[str]]:
    """Write the rows of a file to another, line by line, without what holds nothing.

    Returns
    -------
    lines : ndarray of int64
        Of each row.
    filled : set of int
        Columns without heading that hold something.
    notes : list of str
    """
    n_fields = len(layout.headings)
    numeric = [k for k, name in enumerate(layout.headings) if name in layout.numeric]
    unnamed = [k for k, name in enumerate(layout.headings) if not name]
    lines, filled = array("q"), set[int]()
    n_comments, n_blank = layout.n_comments, 0
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
    notes = layout.notes(n_comments)
    if n_blank:
        notes.append(f"{counted(n_blank, 'row')} without any value ignored")
    return np.frombuffer(lines, np.int64), filled, notes


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
    n_good = 0
    with suppress(UnicodeDecodeError), open(path, "rb") as file:
        for line in file:
            line.decode()
            n_good += 1
    return n_good + 1


MAX_ROWS = 1_048_576
"""Of a sheet."""

MAX_CELLS = 20_000_000

MAX_TEXT = 32_767
"""Characters of a cell, as of Excel. A text that many cells share stands in the file but once."""

MAX_MEMBERS = 10_000
"""Files in the archive that a workbook is."""


def read_workbook(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of a sheet of a workbook.

    Parameters
    ----------
    path : path-like
    options : ReadOptions
        Its `sheet` is read, by default the first. All rules of CSV apply, and rows are numbered as in the sheet.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged, unpacks to too much, has no such sheet, or `read_csv_clusters` refuses what the sheet holds.

    Notes
    -----
    Of a formula its stored result is read. Entities in the XML inside are refused, and nothing is fetched.
    """
    openpyxl = load_extra("openpyxl", "A workbook (.xlsx)", "formats")
    copy = SpooledPath(str(path))
    refusing = refusing_damaged("an undamaged workbook (.xlsx)", smaller="a smaller workbook")
    with refusing, open(path, "rb") as file:
        _check_workbook(path)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        names = list(book.sheetnames)
        if not names or (options.sheet is not None and options.sheet not in names):
            expected = f"a sheet: {', '.join(map(repr, names[:20])) or 'it has none'}"
            raise BadInputError(expected, column="--sheet", value=options.sheet)
        name = names[0] if options.sheet is None else options.sheet
        sheet = book[name]
        if not hasattr(sheet, "iter_rows"):
            raise BadInputError("a sheet of cells, not a chart", value=name)
        sheet.reset_dimensions()  # what it states of its size may be wrong
        with temporary_files(), open(copy, "w", encoding="utf-8", newline="") as text:
            _write_sheet(sheet, text)
    if not Path(copy).stat().st_size:
        raise BadInputError("at least one row below the headings")
    intake = read_csv_clusters(copy, replace(options, sheet=None))
    if len(names) == 1:
        return intake
    others = ", ".join(repr(other) for other in names if other != name)
    note = Notice(f"sheet {name!r} read, and not {others}: choose with --sheet")
    return replace(intake, notes=(*([] if options.sheet else [note]), *intake.notes))


def _check_workbook(path: PathLike) -> None:
    """Refuse what unpacks to too much, and XML with a document type: no workbook has one, and entities need it.

    `zipfile` unpacks no more of a member than its header says.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        most = unpacked_limit(0)
        if len(members) > MAX_MEMBERS or sum(one.file_size for one in members) > most:
            raise BadInputError(f"a workbook that unpacks to at most {most} bytes")
        for one in members:
            # Without zeros UTF-16 and UTF-32 look like ASCII; expat takes no encoding that is not alike.
            if b"<!DOCTYPE" in archive.read(one).replace(b"\0", b""):
                expected = "XML without a document type (<!DOCTYPE ...>)"
                raise BadInputError(expected, column=one.filename)


def _write_sheet(sheet: Any, text: Any) -> None:
    """Write a sheet as CSV, each row on the line of its number."""
    writer = csv.writer(text, lineterminator="\n")
    n_cells = n_blank = width = n_characters = 0
    rows = sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True)
    for number, row in enumerate(rows, start=1):
        n_cells += len(row)
        if number > MAX_ROWS or n_cells > MAX_CELLS:
            raise BadInputError(f"at most {MAX_ROWS:,} rows and {MAX_CELLS:,} cells", row=number)
        if any(isinstance(value, str) and len(value) > MAX_TEXT for value in row):
            raise BadInputError(f"cells of at most {MAX_TEXT:,} characters", row=number)
        cells = [_cell_text(value) for value in row]
        n_characters += sum(map(len, cells))
        if n_characters > unpacked_limit(0):
            raise BadInputError(f"a sheet of at most {unpacked_limit(0)} characters", row=number)
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            n_blank += 1
            continue
        if len(cells) > MAX_COLUMNS:
            raise BadInputError(f"at most {MAX_COLUMNS} columns", row=number)
        text.write("\n" * n_blank)  # lines that only keep the numbers
        n_blank, width = 0, width or len(cells)
        writer.writerow(cells + [""] * (width - len(cells)))


def _cell_text(value: Any) -> str:
    """Return a value as text, on one line.

    Examples
    --------
    >>> [_cell_text(value) for value in (None, 7.0, 0.25, True, "a\\nb")]
    ['', '7', '0.25', 'true', 'a b']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return " ".join(str(value).split())
