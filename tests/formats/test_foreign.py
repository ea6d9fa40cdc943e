import io
import zipfile

import pytest

from calcigram.errors import BadInputError
from calcigram.formats import read_clusters


def zipped(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "nothing")
    return out.getvalue()


FOREIGN = [
    (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook (.xlsx)", "save it as CSV"),
    (zipped("mimetype", "content.xml"), "a spreadsheet of OpenDocument (.ods)", "save it as CSV"),
    (zipped("0012-0034.roi", "0013-0034.roi"), "a set of regions of ImageJ (RoiSet.zip)", "as CSV"),
    (zipped("a.csv"), "a ZIP archive", "unpack it"),
    (b"PK\x03\x04nothing", "a damaged ZIP archive", "fetch or write it again"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "an Excel workbook (.xls)", "save it as CSV"),
    (b"Iout\0\xe3", "a region of interest of ImageJ (.roi)", "as CSV"),
    (b"ARROW1\0\0", "an Arrow (Feather) file", "save it as Parquet"),
    (b"\x80\x04\x95\0", "a Python pickle", "never read"),
    (b'{"images": [{"id": 1}], "annotations": []}', "COCO annotations (JSON)", "one row per calcification"),
    (b'{"licenses": "' + b"x" * 9_000 + b'", "categories": []}', "COCO annotations (JSON)", "one row"),
    (b'\xef\xbb\xbf {"version": "5.2", "shapes": []}', "LabelMe annotations (JSON)", "one row"),
    (b'{"a.png123": {"regions": [{"shape_attributes": {}}]}}', "VGG Image Annotator", "one row"),
    (b'[{"type": "Feature", "geometry": {}}]', "GeoJSON, as QuPath writes it", "one row"),
    (b'[{"cluster_id": "a", "x_mm": 1}]', "JSON of clusters", "one row"),
    (b"[]", "JSON", "one row"),
    (b"<!DOCTYPE html>\n<html>", "a web page (HTML)", "download the table itself"),
    (b"<annotation>\n <object/></annotation>", "XML that is no property list", "one row"),
    (b"<?xml version='1.0'?>\n<ASAP><A/></ASAP>", "XML that is no property list", "one row"),
    (b"\xff\xd8\xff\xe0\0", "a JPEG image", "save it as PNG"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "name", "instead"), FOREIGN, ids=[name for _, name, _ in FOREIGN]
)
def test_what_is_not_read_is_named_and_what_would_do(tmp_path, content, name, instead):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        read_clusters(path)
    assert str(caught.value).startswith(f"{path}: got '{name}")
    assert instead in caught.value.expected


@pytest.mark.parametrize(
    "address", ["https://example.org/a.csv", "s3://bucket/a.parquet", "http:/example.org/a.csv"]
)
def test_an_address_is_not_fetched(address):
    with pytest.raises(BadInputError, match=r"://.*nothing is fetched, so download it first"):
        read_clusters(address)


@pytest.mark.parametrize(
    "heading", ["[x_mm],y_mm", "<x_mm>,<y_mm>", "{id},x_mm", "BMI,x_mm", "P4,x_mm"]
)
def test_a_table_may_begin_like_one(tmp_path, heading):
    (tmp_path / "a.csv").write_text(f"{heading},cluster_id\n1,2,a\n")
    with pytest.raises(BadInputError, match="expected a column of this name"):
        read_clusters(tmp_path / "a.csv")
