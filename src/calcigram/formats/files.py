"""What a file is, by its first bytes.

Errors say what is wrong with a path. Files that people try and that are not read are named, with what to do instead.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from calcigram.errors import BadInputError

PathLike = str | os.PathLike[str]

PARQUET_MAGIC = b"PAR1"

DICOM_PREAMBLE, DICOM_MAGIC = 128, b"DICM"

FIRST_GROUPS = (b"\x08\x00", b"\x02\x00", b"\x00\x08")
"""Groups of the first tag of DICOM files that lack the preamble; the last one is big endian."""

ZIP_MAGIC = b"PK\x03\x04"

IMAGE_MAGICS = (b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x93NUMPY", ZIP_MAGIC)  # fmt: skip
"""Beginnings of PNG, TIFF (also BigTIFF) and NumPy's ``.npy`` and ``.npz``."""

STANDARD_STREAM = "-"
"""As a path to read, standard input; as a path to write, standard output."""


def first_bytes(path: PathLike, size: int = 1 << 16) -> bytes:
    """Return the beginning of a file.

    Raises
    ------
    BadInputError
        It does not exist, is a folder, cannot be read, or is empty.
    """
    if Path(path).is_dir():
        raise BadInputError("a file, not a folder", source=str(path))
    try:
        with open(path, "rb") as file:
            head = file.read(size)
    except OSError as error:
        expected = f"a file that can be read ({error.strerror})"
        raise BadInputError(expected, source=str(path)) from None
    if not head:
        raise BadInputError("a file that is not empty", source=str(path))
    return head


def read_at_most(path: PathLike, most: int) -> bytes:
    """Return all of a file, which may not be empty nor have more bytes than `most`."""
    data = first_bytes(path, most + 1)
    if len(data) > most:
        raise BadInputError(f"an annotation file of at most {most >> 20} MB", source=str(path))
    return data


def _text_of(head: bytes) -> bytes:
    """Return a file's beginning without the mark of its encoding and blanks."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()


def looks_like_property_list(head: bytes) -> bool:
    """Tell whether a file's beginning is that of a property list (plist), in UTF-8 or UTF-16.

    Examples
    --------
    >>> looks_like_property_list(b"<?xml version='1.0'?><plist/>")
    True
    """
    starts = (b"<?xml", b"<!DOCTYPE", b"<plist", b"<!--", b"bplist")
    return _text_of(head).startswith(starts) or head.startswith((b"\xff\xfe<\0", b"\xfe\xff\0<"))


def looks_like_dicom(head: bytes) -> bool:
    """Tell whether a file's beginning is DICOM's: with the preamble, or bare.

    Examples
    --------
    >>> looks_like_dicom(bytes(128) + b"DICM"), looks_like_dicom(b"cluster_id,x_mm,y_mm")
    (True, False)
    >>> looks_like_dicom(b"\\x08\\x00\\x05\\x00CS\\x0a\\x00ISO_IR 100")
    True
    """
    if head[DICOM_PREAMBLE:].startswith(DICOM_MAGIC):
        return True
    if not head.startswith(FIRST_GROUPS) or len(head) < 16:
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    return explicit or (head[0] != 0 and int.from_bytes(head[4:8], "little") < 1 << 16)


def is_image_file(path: Path) -> bool:
    """Tell whether a file begins as DICOM, PNG, TIFF or NumPy files do."""
    head = head_of(path)
    return looks_like_dicom(head) or head.startswith(IMAGE_MAGICS)


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, by which DICOM and images are known; nothing of what cannot be read."""
    try:
        return first_bytes(path, DICOM_PREAMBLE + len(DICOM_MAGIC)) if path.is_file() else b""
    except BadInputError:
        return b""


def looks_like_nifti(head: bytes) -> bool:
    """Tell whether a file's beginning is that of NIfTI, version 1 or 2, in either byte order.

    Examples
    --------
    >>> looks_like_nifti((540).to_bytes(4, "big") + b"n+2")
    True
    """
    size = {int.from_bytes(head[:4], order) for order in ("little", "big")}
    return (348 in size and head[344:347] in (b"n+1", b"ni1")) or (
        540 in size and head[4:7] in (b"n+2", b"ni2")
    )


def suffix_of(path: PathLike, known: tuple[str, ...]) -> str:
    """Return the suffix of a file to write, in lower case; what goes to standard output is CSV.

    Raises
    ------
    BadInputError
        It is none of `known`.

    Examples
    --------
    >>> suffix_of("verdicts.CSV", (".csv", ".parquet"))
    '.csv'
    """
    if str(path) == STANDARD_STREAM and ".csv" in known:
        return ".csv"
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        expected = f"a name that ends in {', '.join(known[:-1])} or {known[-1]}"
        raise BadInputError(expected, source=str(path), value=Path(path).suffix)
    return suffix


READ = (
    "a table (CSV, Parquet, .xlsx), a DICOM file, an annotation (INbreast, COCO, LabelMe, ImageJ, 3D Slicer), "
    "a mask (PNG, TIFF, NumPy, NIfTI) or a mammogram (DICOM, PNG, TIFF)"
)

_IMAGE = "save it as PNG, TIFF or .npy"
_ORIGINAL = "take the original image, as converting a JPEG does not bring back what it has lost"
_TABLE = "save it as CSV"

_BINARY = {
    b"\xff\xd8\xff": ("a JPEG image", _ORIGINAL),
    b"\x00\x00\x00\x0cjP  ": ("a JPEG 2000 image", _IMAGE),
    b"BM": ("a BMP image", _IMAGE),
    b"GIF8": ("a GIF image", _IMAGE),
    b"RIFF": ("a WebP image", _IMAGE),
    b"P4\n": ("a PBM image", _IMAGE),
    b"P5\n": ("a PGM image", _IMAGE),
    b"P6\n": ("a PPM image", _IMAGE),
    b"\x5c\x01\x00\x00": ("an image in ANALYZE format", "save it as NIfTI in one file (.nii)"),
    b"ObjectType": ("a MetaImage", _IMAGE),
    b"NRRD": ("an NRRD image", _IMAGE),
    b"\x89HDF": ("an HDF5 file", "save its table as CSV or its mask as .npy"),
    b"MATLAB": ("a MATLAB file", "save its table as CSV or its mask as PNG"),
    b"%PDF": ("a PDF document", _TABLE),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook (.xls)", _TABLE),
    b"ARROW1": ("an Arrow (Feather) file", "save it as Parquet"),
    b"ORC": ("an ORC file", "save it as Parquet"),
    b"SQLite format 3": ("an SQLite database", _TABLE),
    b"\x80\x03": ("a Python pickle", "save it as CSV or Parquet; pickles are never read"),
    b"\x80\x04": ("a Python pickle", "save it as CSV or Parquet; pickles are never read"),
    b"\x80\x05": ("a Python pickle", "save it as CSV or Parquet; pickles are never read"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "unpack it"),
}
"""First bytes of binary files -> their kind, and an alternative."""

_JSON = {
    rb'"(_via_settings|_via_img_metadata|region_attributes|shape_attributes)"\s*:': (
        "VGG Image Annotator annotations (JSON)"
    ),
    rb'"type"\s*:\s*"(Feature|FeatureCollection)"': "GeoJSON, as QuPath writes it",
    rb'"cluster_id"\s*:': "JSON of clusters",
}
"""Keys that identify kinds of JSON."""

_AS_TABLE = "write one row per calcification to CSV: its cluster_id and the centre x_mm, y_mm (or x_px, y_px)"

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/+(?!\\)", re.IGNORECASE)


class Signs(NamedTuple):
    """What the kind of a file is told by.

    Attributes
    ----------
    head : bytes
        Its beginning.
    json : bytes
        If it is JSON, its first and last part; else nothing.
    names : tuple of str
        If it is a ZIP archive, the names in it; else nothing.
    """

    head: bytes
    json: bytes = b""
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: PathLike) -> Signs:
        """Look at a file."""
        head = first_bytes(path, 4096)
        is_json = re.match(rb"[\[{]\s*[\[{\]}\"\d-]", _text_of(head))
        names: list[str] = []
        if head.startswith(ZIP_MAGIC):
            with (
                suppress(zipfile.BadZipFile, OSError, ValueError, NotImplementedError),
                zipfile.ZipFile(path) as archive,
            ):
                names = archive.namelist()
        return cls(head, _more(path) if is_json else b"", tuple(names))

    def has_keys(self, *keys: str) -> bool:
        """Tell whether JSON has all of some keys; a key may be several with ``|`` between."""
        return all(re.search(rf'"({key})"\s*:'.encode(), self.json) for key in keys)


def refuse_foreign(path: PathLike, signs: Signs, expected: str = READ) -> None:
    """Raise `BadInputError` where a file's beginning is that of a kind known not to be read."""
    head = signs.head
    found = _zipped(signs.names) if head.startswith(ZIP_MAGIC) else None
    if b"\0" in head:  # a table may begin with these letters
        starts = (about for magic, about in _BINARY.items() if head.startswith(magic))
        found = next(starts, found)
    text = _text_of(head)
    if signs.json:
        told = (name for pattern, name in _JSON.items() if re.search(pattern, signs.json))
        found = next(told, "JSON"), _AS_TABLE
    elif text[:14].lower().startswith((b"<!doctype html", b"<html")):
        found = "a web page (HTML)", "download the table itself"
    elif re.match(rb"(<\?xml[^<>]*>\s*)?<(?!plist)[A-Za-z][^<>]*>\s*<", text):
        found = "XML that is no property list (plist)", _AS_TABLE
    if found is not None:
        name, instead = found
        raise BadInputError(f"{expected}; {instead}", source=str(path), value=name)


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


def _zipped(names: tuple[str, ...]) -> tuple[str, str]:
    """Say what an archive is."""
    if not names:
        return "a damaged ZIP archive", "fetch or write it again"
    if "content.xml" in names:
        return "a spreadsheet of OpenDocument (.ods)", _TABLE
    return "a ZIP archive", "unpack it"


def file_digest(path: PathLike) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal.

    Raises
    ------
    BadInputError
        It does not exist, cannot be read, or is empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a").write_text("abc")
    ...     file_digest(Path(folder, "a"))[:8]
    'ba7816bf'
    """
    first_bytes(path, 1)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return what changes where a file is changed or replaced; nothing of one that is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
