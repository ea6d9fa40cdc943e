"""Files that people try and that are not read: what each is called, and what would do instead."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from calcigram.errors import BadInputError
from calcigram.formats.files import PathLike

READ = "a table (CSV, Parquet), a DICOM file, an annotation in XML or a mask (PNG, TIFF, NumPy)"

_IMAGE = "save it as PNG, TIFF or .npy"
_TABLE = "save it as CSV"

_BINARY = {
    b"\xff\xd8\xff": ("a JPEG image", _IMAGE),
    b"\x00\x00\x00\x0cjP  ": ("a JPEG 2000 image", _IMAGE),
    b"BM": ("a BMP image", _IMAGE),
    b"GIF8": ("a GIF image", _IMAGE),
    b"RIFF": ("a WebP image", _IMAGE),
    b"P4\n": ("a PBM image", _IMAGE),
    b"P5\n": ("a PGM image", _IMAGE),
    b"P6\n": ("a PPM image", _IMAGE),
    b"\x5c\x01\x00\x00": ("a NIfTI image", _IMAGE),
    b"ObjectType": ("a MetaImage", _IMAGE),
    b"NRRD": ("an NRRD image", _IMAGE),
    b"\x89HDF": ("an HDF5 file", "save its table as CSV or its mask as .npy"),
    b"MATLAB": ("a MATLAB file", "save its table as CSV or its mask as PNG"),
    b"%PDF": ("a PDF document", _TABLE),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook (.xls)", _TABLE),
    b"Iout": ("a region of interest of ImageJ (.roi)", "save the centres of the regions as CSV"),
    b"ARROW1": ("an Arrow (Feather) file", "save it as Parquet"),
    b"ORC": ("an ORC file", "save it as Parquet"),
    b"SQLite format 3": ("an SQLite database", _TABLE),
    b"\x80\x03": ("a Python pickle", "save it as CSV or Parquet; pickles are never read"),
    b"\x80\x04": ("a Python pickle", "save it as CSV or Parquet; pickles are never read"),
    b"\x80\x05": ("a Python pickle", "save it as CSV or Parquet; pickles are never read"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "unpack it"),
}
"""First bytes of files that are no text -> what they are, and what would do."""

_JSON = {
    rb'"(annotations|categories)"\s*:': "COCO annotations (JSON)",
    rb'"shapes"\s*:': "LabelMe annotations (JSON)",
    rb'"(_via_settings|_via_img_metadata|region_attributes|shape_attributes)"\s*:': (
        "VGG Image Annotator annotations (JSON)"
    ),
    rb'"type"\s*:\s*"(Feature|FeatureCollection)"': "GeoJSON, as QuPath writes it",
    rb'"cluster_id"\s*:': "JSON of clusters",
}
"""Keys that tell whose JSON it is."""

_AS_TABLE = "write one row per calcification to CSV: its cluster_id and the centre x_mm, y_mm (or x_px, y_px)"

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/+(?!\\)", re.IGNORECASE)


def refuse_foreign(path: PathLike, head: bytes) -> None:
    """Raise `BadInputError` where a file's beginning is that of a kind known not to be read."""
    found = _zipped(path) if head.startswith(b"PK\x03\x04") else None
    if b"\0" in head:  # a table may begin with these letters
        starts = (about for magic, about in _BINARY.items() if head.startswith(magic))
        found = next(starts, found)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"[\[{]\s*[\[{\]}\"\d-]", text):
        told = (name for pattern, name in _JSON.items() if re.search(pattern, _more(path)))
        found = next(told, "JSON"), _AS_TABLE
    elif text[:14].lower().startswith((b"<!doctype html", b"<html")):
        found = "a web page (HTML)", "download the table itself"
    elif re.match(rb"(<\?xml[^<>]*>\s*)?<(?!plist)[A-Za-z][^<>]*>\s*<", text):
        found = "XML that is no property list (plist)", _AS_TABLE
    if found is not None:
        name, instead = found
        raise BadInputError(f"{READ}; {instead}", source=str(path), value=name)


def refuse_address(path: PathLike) -> None:
    """Raise `BadInputError` where a path is an address of the web or of a cloud."""
    if _ADDRESS.match(str(path)) and not Path(path).exists():
        raise BadInputError(
            "a file on this machine; nothing is fetched, so download it first",
            source=re.sub(r":/(?!/)", "://", str(path)),  # of which Path makes one stroke
        )


def _more(path: PathLike, size: int = 1 << 20) -> bytes:
    """Return the first and the last part of a file: the telling keys may follow a long list."""
    with open(path, "rb") as file:
        head = file.read(size)
        file.seek(max(size, Path(path).stat().st_size - size))
        return head + file.read()


def _zipped(path: PathLike) -> tuple[str, str] | None:
    """Say what an archive is; None for NumPy's."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a damaged ZIP archive", "fetch or write it again"
    if any(name.endswith(".npy") for name in names):
        return None
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook (.xlsx)", _TABLE
    if "content.xml" in names:
        return "a spreadsheet of OpenDocument (.ods)", _TABLE
    if any(name.lower().endswith(".roi") for name in names):
        instead = "save the centres of the regions as CSV (Measure in ImageJ's ROI Manager)"
        return "a set of regions of ImageJ (RoiSet.zip)", instead
    return "a ZIP archive", "unpack it"
