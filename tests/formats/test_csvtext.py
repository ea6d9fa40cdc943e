import bz2
import gzip
import lzma
import re
import time
import warnings

import numpy as np
import pyarrow as pa
import pytest

from calcigram.errors import BadInputError
from calcigram.formats import read_clusters, read_intake
from calcigram.longtable.intake import NO_ROWS, NoticeWarning
from calcigram.options import ReadOptions

GOOD = "cluster_id,x_mm,y_mm,cnr\n007,1,2,3\n007,1.5,2,\n8,0,0,1\n"


@pytest.fixture
def csv(tmp_path):
    def write(content, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def check_good(clusters):
    assert clusters.cluster_id.tolist() == ["007", "8"]
    assert clusters.x_mm.tolist() == [1, 1.5, 0]
    np.testing.assert_array_equal(clusters.cnr, np.array([3, np.nan, 1], np.float32))


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace(",", "|"),
        GOOD.replace(",", " , "),
        GOOD.replace("007", '"007"'),
        GOOD.rstrip("\n"),
        GOOD.replace("\n8", "\n\n\n8"),
        "\n" + GOOD,
    ],
    ids=[
        "plain",
        "crlf",
        "bom",
        "semicolon",
        "tab",
        "bar",
        "spaces",
        "quotes",
        "no end",
        "blank",
        "first blank",
    ],
)
def test_dialects(csv, content):
    content = content.replace("007 ", "007").replace("8 ", "8")
    check_good(read_clusters(csv(content)))


def test_a_heading_with_commas_is_no_comma_file(csv):
    path = csv("cluster_id;x, mm;y, mm\na;1;2\na;3;4\n")
    clusters = read_clusters(path, columns={"x": "x, mm", "y": "y, mm"})
    assert clusters.x_mm.tolist() == [1, 3]


BAD_FILES = [
    ("", "expected a file that is not empty"),
    ("\n\n", "column 'cluster_id': expected a column of this name"),
    ("cluster_id,x_mm\na,1\n", "column 'y_mm': expected a column of this name"),
    ("cluster_id,x_mm,x_mm,y_mm\na,1,1,1\n", "column 'x_mm': expected each heading once"),
    ("cluster_id,x_mm,y_mm\na,1,2\n\na,1\n", "row 4: got '2 fields', expected 3 fields"),
    ("cluster_id,x_mm,y_mm\na,1,2,3\n", "row 2: got '4 fields', expected 3 fields"),
    ("cluster_id,x_mm,y_mm\n" + "a,1,2\n" * 5 + "junk\n", "row 7: got '1 fields'"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "expected a complete image file"),
    (b"\x7fELF\x02\x01\x00\x00", "expected a text file .* not binary data"),
    (b"\xff\xfea\x00,\x00", "column 'cluster_id'"),
    (b"a,b\x00\x01\x02\x03", "not binary data"),
    (
        "cluster_id,x_mm,y_mm\nä,1,2\n".encode("latin-1"),
        r"row 2: got b'\\xe4', expected text in UTF-8",
    ),
    ("cluster_id,x_mm,y_mm,é\n".encode("latin-1"), "row 1: got .*expected text in UTF-8"),
    ('cluster_id,x_mm,y_mm\na,1,2\n"a,1,2\n', "row 3: got '1 fields'"),
    (
        "<html><body>no table</body></html>",
        "got 'a web page .HTML.', expected a table .* download the table",
    ),
]


@pytest.mark.parametrize(("content", "message"), BAD_FILES)
def test_bad_files(csv, content, message):
    path = csv(content)
    with pytest.raises(BadInputError, match=message) as caught:
        read_clusters(path)
    assert str(caught.value).startswith(str(path))


BAD_CELLS = [
    ("a,left,2", "column 'x_mm': got 'left', expected a finite number in mm"),
    ("a,,2", "column 'x_mm': got '', expected a finite number in mm"),
    ("a,NA,2", "column 'x_mm': got 'NA', expected a finite number in mm"),
    ("a,inf,2", "column 'x_mm': got 'inf', expected a finite number in mm"),
    ("a,1e300,2", "column 'x_mm': got '1e300', expected a finite number in mm"),
    ('a,"1,5",2', "column 'x_mm': got '1,5', expected .* decimal point, not a comma"),
    ("a,0x10,2", "column 'x_mm': got '0x10'"),
    ("a,1_0,2", "column 'x_mm': got '1_0'"),
    ("a,True,2", "column 'x_mm': got 'True'"),
]


@pytest.mark.parametrize(("row", "message"), BAD_CELLS)
def test_a_bad_cell_is_quoted_with_its_line(csv, row, message):
    path = csv(f'cluster_id,x_mm,y_mm,view\nb,1,1,"two\nlines"\n\na,0,0,\n{row},\n')
    with pytest.raises(BadInputError, match=message) as caught:
        read_clusters(path)
    assert (caught.value.row, caught.value.cluster_id) == (6, "a")


def test_an_empty_id_is_quoted_with_its_line(csv):
    with pytest.raises(BadInputError, match=r"row 3, column 'cluster_id': got .*not empty"):
        read_clusters(csv("cluster_id,x_mm,y_mm\na,1,2\n,1,2\n"))


def test_rejects_tell_the_line_and_what_stood_there(csv):
    path = csv("cluster_id,x_mm,y_mm\na,1,2\nb,one,2\na,3,4\nb,1,two\n")
    intake = read_intake(path, ReadOptions(skip_bad=True))
    assert intake.clusters.x_mm.tolist() == [1, 3]
    assert intake.rejects[["row", "column", "value"]].to_numpy().tolist() == [
        [3, "x_mm", "'one'"],
        [5, "y_mm", "'two'"],
    ]


def test_extra_columns_are_numbers_only_where_written_as_numbers(csv):
    path = csv(
        "cluster_id,x_mm,y_mm,image_id,code,age,dose,seen,mixed\n"
        "a,1,2,12,012,50,0.5,true,1\nb,1,2,13,7,60,,false,x\n"
    )
    meta = read_clusters(path).meta
    assert meta.image_id.tolist() == ["12", "13"]
    assert meta.code.tolist() == ["012", "7"]
    assert meta.age.tolist() == [50, 60]
    np.testing.assert_array_equal(meta.dose, [0.5, np.nan])
    assert meta.seen.tolist() == [True, False]
    assert meta.mixed.tolist() == ["1", "x"]


def test_one_cluster_when_said(csv):
    path = csv("x,y\n1,2\n3,4\n")
    clusters = read_clusters(path, columns={"x": "x", "y": "y"}, single_cluster="p 1")
    assert clusters.cluster_id.tolist() == ["p 1"]


COMMAS = "cluster_id;x_mm;y_mm;cnr\n007;1,0;2;3\n007;1,5;2;\n8;0;0;1\n"

ODD = {
    "UTF-16 with mark": (GOOD.encode("utf-16"), []),
    "UTF-16, big endian": ("\ufeff".encode("utf-16-be") + GOOD.encode("utf-16-be"), []),
    "UTF-16 without mark": (GOOD.encode("utf-16-le"), []),
    "sep line": ("sep=;\n" + GOOD.replace(",", ";"), []),
    "sep line that names the tab": ("sep=\t\n" + GOOD.replace(",", "\t"), []),
    "quoted sep line": ('"sep=|"\r\n' + GOOD.replace(",", "|"), []),
    "sep line of a table with commas in ids": (
        "SEP=;\n" + GOOD.replace(",", ";").replace("8", '"8"'), [],
    ),
    "comment above": ("# exported by hand, 2026\n" + GOOD, ["1 comment line (#) ignored"]),
    "comments anywhere": (
        "# a, b\n" + GOOD.replace("\n", "\n# checked, twice\n#\n"), ["9 comment lines (#) ignored"],
    ),
    "comment with as many fields": (
        GOOD.replace("\n8", "\n# the,other,one,here\n8"), ["1 comment line (#) ignored"],
    ),
    "headings in a comment": ("# " + GOOD, ["headings taken from the comment on line 1"]),
    "trailing columns": (GOOD.replace("\n", ",,\n"), []),
    "trailing delimiters below the headings": (
        GOOD.replace("3\n", "3,,\n").replace(",\n", ",,,\n"), [],
    ),
    "trailing rows": (GOOD + ",,,\n" * 3, ["3 rows without any value ignored"]),
    "trailing rows and columns of a spreadsheet": (
        GOOD.replace("\n", ";;\n").replace(",", ";") + ";;;;;\n" * 30,
        ["30 rows without any value ignored"],
    ),
    "decimal commas": (COMMAS, ["decimal commas read as points"]),
    "decimal commas after tabs": (COMMAS.replace(";", "\t"), ["decimal commas read as points"]),
    "all at once": (
        ("sep=;\n# spreadsheet\n" + COMMAS.replace("\n", ";\n") + ";;;;\n").encode("utf-16"),
        ["1 comment line (#) ignored", "1 row without any value ignored", "decimal commas read as points"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "notes"), ODD.values(), ids=ODD)
def test_files_as_spreadsheets_and_programs_write_them(csv, content, notes):
    path = csv(content)
    intake = read_intake(path)
    check_good(intake.clusters)
    assert list(intake.notes) == notes
    assert intake.n_duplicates == 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_good(read_clusters(path))
    assert [str(w.message) for w in caught] == [f"{path}: {note}" for note in notes]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: pa.compress(data, "zstd", asbytes=True)])  # fmt: skip
@pytest.mark.parametrize("content", [GOOD.encode(), COMMAS.encode()], ids=["plain", "commas"])
@pytest.mark.filterwarnings("ignore::calcigram.longtable.intake.NoticeWarning")
def test_packed_files_are_read_whatever_their_name(csv, pack, content):
    check_good(read_clusters(csv(pack(content), name="a.csv")))


def test_lines_are_counted_through_all_that_is_passed_over(csv):
    path = csv("sep=;\n# one\ncluster_id;x_mm;y_mm;\n;;;\n# two\na;1,5;left;\n")
    with pytest.raises(BadInputError, match="row 6, cluster 'a', column 'y_mm': got 'left'"):
        read_clusters(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a;1,5;2.5", "row 2, cluster 'a', column 'x_mm': got '1,5'"),
        ("a;1,234,567;2", "row 2, cluster 'a', column 'x_mm': got '1,234,567'"),
        ("a;1.234,5;2", "row 2, cluster 'a', column 'x_mm': got '1.234,5'"),
        ("#a;left;2", "row 2, cluster '#a', column 'x_mm': got 'left'"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(csv, row, message):
    with pytest.raises(BadInputError, match=re.escape(message)):
        read_clusters(csv("cluster_id;x_mm;y_mm\n" + row + "\n"))


def test_ids_may_begin_with_the_sign_of_a_comment(csv):
    assert read_clusters(csv("cluster_id,x_mm,y_mm\n#1,1,2\n#1,2,2\n")).cluster_id.tolist() == [
        "#1"
    ]
    odd = "cluster_id;x_mm;y_mm\n#1;1,5;2\n#1;2,5;2\n"
    with pytest.warns(NoticeWarning, match="decimal commas"):
        assert read_clusters(csv(odd)).cluster_id.tolist() == ["#1"]


def test_a_column_without_heading_but_values_is_kept_under_its_number(csv):
    clusters = read_clusters(csv("cluster_id,x_mm,y_mm,\na,1,2,left\na,2,2,left\n"))
    assert clusters.meta.to_dict("list") == {"column 4": ["left"]}


def test_many_columns_are_refused_at_once(csv):
    names = ",".join(f"c{k}" for k in range(20_000))
    path = csv(f"cluster_id,x_mm,y_mm,{names}\n" + "a,1,2" + ",1" * 20_000 + "\n")
    start = time.process_time()
    with pytest.raises(BadInputError, match="got '20003 columns', expected at most 2000 columns"):
        read_clusters(path)
    assert time.process_time() - start < 1


def test_a_file_that_unpacks_to_far_more_is_refused(csv):
    path = csv(gzip.compress(bytes(200_000_000)), name="a.csv.gz")
    with pytest.raises(
        BadInputError, match="expected a file that unpacks to at most 134217728 bytes"
    ):
        read_clusters(path)


@pytest.mark.parametrize("content", [gzip.compress(GOOD.encode(), mtime=0)[:-9], b"\x28\xb5\x2f\xfdnothing", b"BZhnothing", b"\xfd7zXZ\0nothing"])  # fmt: skip
def test_damaged_packed_files_are_refused(csv, content):
    with pytest.raises(BadInputError, match="expected an undamaged compressed file"):
        read_clusters(csv(content))


@pytest.mark.parametrize("rows", ["", "\n\n", "# a comment\n"])
def test_a_table_without_rows_has_no_clusters(tmp_path, rows):
    path = tmp_path / "marks.csv"
    path.write_text(f"cluster_id,x_mm,y_mm,diameter_mm,image_id\n{rows}")
    intake = read_intake(path)
    assert len(intake.clusters) == len(intake.rejects) == 0
    assert NO_ROWS in intake.notes
    path.write_text("cluster_id,x_mm\n")
    with pytest.raises(BadInputError, match="y_mm"):
        read_intake(path)
