"""Reads a sheet of an Excel workbook (``.xlsx``) as the table that it would be in CSV."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from calcigram.errors import BadInputError
from calcigram.formats.csvtext import read_csv_clusters
from calcigram.formats.extras import load_extra, refusing_damaged
from calcigram.formats.files import PathLike
from calcigram.formats.temporary import SpooledPath, temporary_files
from calcigram.limits import MAX_COLUMNS, unpacked_limit
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions

MAX_ROWS = 1_048_576
"""Of a sheet."""

MAX_CELLS = 20_000_000

MAX_TEXT = 32_767
"""Characters of a cell, as of Excel. A text that many cells share stands in the file but once."""

MAX_MEMBERS = 10_000
"""Files in the archive that a workbook is."""


def read_workbook(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read the clusters of a sheet of a workbook.

    Parameters
    ----------
    path : path-like
    options : ReadOptions, optional
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
    options = options or ReadOptions()
    openpyxl = load_extra("openpyxl", "A workbook (.xlsx)", "formats")
    copy = SpooledPath(str(path))
    refusing = refusing_damaged("an undamaged workbook (.xlsx)", smaller="a smaller workbook")
    with refusing, open(path, "rb") as file:
        _check(path)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        names = list(book.sheetnames)
        name = _chosen(names, options.sheet)
        sheet = book[name]
        if not hasattr(sheet, "iter_rows"):
            raise BadInputError("a sheet of cells, not a chart", value=name)
        sheet.reset_dimensions()  # what it states of its size may be wrong
        with temporary_files(), open(copy, "w", encoding="utf-8", newline="") as text:
            _write(sheet, text)
    if not Path(copy).stat().st_size:
        raise BadInputError("at least one row below the headings")
    intake = read_csv_clusters(copy, replace(options, sheet=None))
    if len(names) == 1:
        return intake
    others = ", ".join(repr(other) for other in names if other != name)
    note = Notice(f"sheet {name!r} read, and not {others}: choose with --sheet")
    return replace(intake, notes=(*([] if options.sheet else [note]), *intake.notes))


def _check(path: PathLike) -> None:
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


def _chosen(names: list[str], wanted: str | None) -> str:
    if not names or (wanted is not None and wanted not in names):
        expected = f"a sheet: {', '.join(map(repr, names[:20])) or 'it has none'}"
        raise BadInputError(expected, column="--sheet", value=wanted)
    return names[0] if wanted is None else wanted


def _write(sheet: Any, text: Any) -> None:
    """Write a sheet as CSV, each row on the line of its number."""
    writer = csv.writer(text, lineterminator="\n")
    n_cells = n_blank = width = n_characters = 0
    for number, row in enumerate(_rows(sheet), start=1):
        n_cells += len(row)
        if number > MAX_ROWS or n_cells > MAX_CELLS:
            raise BadInputError(f"at most {MAX_ROWS:,} rows and {MAX_CELLS:,} cells", row=number)
        if any(isinstance(value, str) and len(value) > MAX_TEXT for value in row):
            raise BadInputError(f"cells of at most {MAX_TEXT:,} characters", row=number)
        cells = [_text(value) for value in row]
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


def _rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    result: Iterator[tuple[Any, ...]] = sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True)
    return result


def _text(value: Any) -> str:
    """Return a value as text, on one line.

    Examples
    --------
    >>> _text(None), _text(7.0), _text(0.25), _text(True), _text("a\\nb")
    ('', '7', '0.25', 'true', 'a b')
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
