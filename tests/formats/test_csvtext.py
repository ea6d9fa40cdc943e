import numpy as np
import pytest

from calcigram.errors import BadInputError
from calcigram.formats import read_clusters, read_intake

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
    ("cluster_id,x_mm,y_mm\n", "expected at least one row below the headings"),
    ("cluster_id,x_mm,y_mm\n\n\n", "expected at least one row below the headings"),
    ("cluster_id,x_mm\na,1\n", "column 'y_mm': expected a column of this name"),
    ("cluster_id,x_mm,x_mm,y_mm\na,1,1,1\n", "column 'x_mm': expected each heading once"),
    ("cluster_id,x_mm,y_mm\na,1,2\n\na,1\n", "row 4: got '2 fields', expected 3 fields"),
    ("cluster_id,x_mm,y_mm\na,1,2,3\n", "row 2: got '4 fields', expected 3 fields"),
    ("cluster_id,x_mm,y_mm\n" + "a,1,2\n" * 5 + "junk\n", "row 7: got '1 fields'"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "expected a whole image file"),
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
    intake = read_intake(path, skip_bad=True)
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
