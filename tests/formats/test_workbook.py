"""Tables in Excel workbooks: the rules of CSV, rows numbered as in the sheet; hostile archives."""

import contextlib
import io
import zipfile

import numpy as np
import openpyxl
import pytest

from calcigram import read_clusters, write_clusters
from calcigram.cli import main
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats import kind_of, read_intake
from calcigram.longtable import NoticeWarning
from calcigram.options import ReadOptions

HEADING = ["cluster_id", "x_mm", "y_mm", "diameter_mm", "view"]
ROWS = [["007", 1, 2.5, 0.25, "CC"], ["007", 2, 3, None, "CC"], [8, 4.125, 1e-3, 0.5, "MLO"]]


def workbook(path, rows, *, title="marks", heading=HEADING, more=()):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in [heading, *rows]:
        book.active.append(row)
    for name in more:
        book.create_sheet(name).append(["nothing"])
    book.save(path)
    return path


def test_it_is_read_as_csv_is(tmp_path):
    path = workbook(tmp_path / "t.xlsx", ROWS)
    assert kind_of(path) == "xlsx"
    lines = [",".join("" if v is None else str(v) for v in row) for row in [HEADING, *ROWS]]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert read_clusters(path) == read_clusters(tmp_path / "t.csv")
    assert read_clusters(path).cluster_id.tolist() == ["007", "8"]


def test_clusters_go_through_a_workbook(tmp_path, rich):
    write_clusters(rich, tmp_path / "c.csv")
    import csv

    with open(tmp_path / "c.csv", newline="") as file:
        rows = list(csv.reader(file))
    path = workbook(tmp_path / "c.xlsx", rows[1:], heading=rows[0])
    found = read_clusters(path)
    np.testing.assert_array_equal(found.x_mm, rich.x_mm)
    np.testing.assert_array_equal(found.confidence, rich.confidence)


def test_bad_values_are_named_by_their_row_in_the_sheet(tmp_path):
    rows = [[None], *ROWS[:2], [], [8, "left", 1, 1, "MLO"]]
    path = workbook(tmp_path / "t.xlsx", rows)
    with pytest.raises(BadInputError, match=r"t\.xlsx, row 6, .*column 'x_mm': got 'left'"):
        read_clusters(path)


def test_sheets_are_chosen(tmp_path, capsys):
    path = workbook(tmp_path / "t.xlsx", ROWS, more=["other", "third"])
    with pytest.warns(NoticeWarning, match="sheet 'marks' read, and not 'other', 'third'"):
        read_clusters(path)
    assert len(read_clusters(path, sheet="marks")) == 2
    with pytest.raises(BadInputError, match=r"column of this name|--columns|cluster_id"):
        read_clusters(path, sheet="other")
    assert main(["inspect", str(path), "--sheet", "no"]) == 2
    assert "got 'no', expected a sheet: 'marks', 'other', 'third'" in capsys.readouterr().err


def test_options_of_tables_apply(tmp_path):
    path = workbook(
        tmp_path / "t.xlsx", [["a", 10, 20], ["a", 12, 20]], heading=["id", "col", "row"]
    )
    clusters = read_clusters(
        path, columns="cluster_id=id,x=col,y=row", units="px", pixel_spacing=0.1
    )
    np.testing.assert_allclose(clusters.x_mm, [1, 1.2], rtol=1e-6)
    with pytest.raises(BadInputError, match="how a workbook is read"):
        read_clusters(path, labels=[1])


def test_it_is_read_from_a_pipe_and_classified(tmp_path, monkeypatch, capsys):
    path = workbook(tmp_path / "t.xlsx", ROWS)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert main(["inspect", "-"]) == 0
    assert "2 clusters" in capsys.readouterr().out


def tampered(path, change):
    """Write a workbook anew, with the XML of its sheet changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(name, data.decode()))
    path.write_bytes(out.getvalue())


ENTITY = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"])
@pytest.mark.parametrize("entity", [ENTITY, LAUGHS], ids=["external", "internal"])
def test_entities_are_refused(tmp_path, part, entity):
    path = workbook(tmp_path / "t.xlsx", ROWS)

    def change(name, text):
        if name != part:
            return text
        begin = text.index("?>") + 2 if text.startswith("<?xml") else 0
        return text[:begin] + entity + text[begin:]

    tampered(path, change)
    with pytest.raises(BadInputError, match=f"{part}.*expected XML without a document type"):
        read_clusters(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<row r="4"', '<row r="999999999999"'),
        ('<row r="4"', '<row r="x"'),
        ('r="E4"', 'r="XFD4"'),
        ('<dimension ref="A1:E4"', '<dimension ref="A1:XFD1048576"'),
    ],
)
def test_rows_and_columns_have_limits(tmp_path, old, new):
    path = workbook(tmp_path / "t.xlsx", ROWS)
    tampered(path, lambda name, text: text.replace(old, new) if "sheet1" in name else text)
    with contextlib.suppress(BadInputError):
        assert len(read_clusters(path)) == 2


def test_bombs_and_damage_are_refused(tmp_path):
    path = workbook(tmp_path / "t.xlsx", ROWS)
    sound = path.read_bytes()
    tampered(path, lambda name, text: text + " " * (140 << 20) if "styles" in name else text)
    with pytest.raises(BadInputError, match="unpacks to at most 134217728 bytes"):
        read_clusters(path)
    for at in range(0, len(sound), len(sound) // 25):
        path.write_bytes(sound[:at] + b"\xff\0\x13" + sound[at + 3 :])
        with contextlib.suppress(CalcigramError):
            read_intake(path, ReadOptions())
    empty = openpyxl.Workbook()
    empty.save(path)
    with pytest.raises(BadInputError, match="at least one row"):
        read_clusters(path)


def sharing(path, text, n):
    """Write a workbook in which the first cell of each row is the same text, which stands in it once."""
    workbook(path, [])
    cells = '<row><c t="s"><v>0</v></c><c><v>1</v></c><c><v>2</v></c></row>' * n
    heading = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in HEADING[:3])
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    sheet = f"<worksheet {main}><sheetData><row>{heading}</row>{cells}</sheetData></worksheet>"
    shared = f"<sst {main}><si><t>{text}</t></si></sst>"
    changed = {"xl/worksheets/sheet1.xml": sheet, "xl/sharedStrings.xml": shared}
    with zipfile.ZipFile(path) as given:
        members = {name: given.read(name) for name in given.namelist()} | changed
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    members["[Content_Types].xml"] = members["[Content_Types].xml"].replace(
        b"</Types>", part.encode()
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def test_a_text_that_many_cells_share_is_not_written_out(tmp_path):
    """50,000 cells of it would fill the disk."""
    path = sharing(tmp_path / "t.xlsx", "w" * 32_000, 4_500)
    assert path.stat().st_size < 30_000
    with pytest.raises(BadInputError, match=r"row 4196: expected a sheet of at most 134217728"):
        read_clusters(path)
    with pytest.raises(BadInputError, match=r"row 2: expected cells of at most 32,767 characters"):
        read_clusters(sharing(path, "w" * 32_768, 1))
    assert read_clusters(sharing(path, "w" * 32_767, 1)).cluster_id[0] == "w" * 32_767
