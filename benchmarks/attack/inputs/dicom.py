"""DICOM: deep trees, claimed lengths, compressed frames of absurd size."""

from __future__ import annotations

import struct
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

from attack.examples import from_tests, saved
from attack.inputs import Input

SEQUENCE, ITEM = b"\x40\x00\x30\xa7SQ\0\0", b"\xfe\xff\x00\xe0"
OPEN = b"\xff\xff\xff\xff"


@cache
def cad_sr() -> bytes:
    return saved(from_tests("data/make_examples").cad_sr())


def ending_in(content: bytes, length: bytes | None = None) -> bytes:
    """Return a report that ends in a content sequence of these bytes."""
    whole = cad_sr()
    length = struct.pack("<I", len(content)) if length is None else length
    return whole[: whole.index(SEQUENCE[:6])] + SEQUENCE + length + content


def deep_tree(depth: int = 100_000) -> bytes:
    kind = b"\x40\x00\x40\xa0CS\x0a\x00CONTAINER "
    return ending_in((ITEM + OPEN + kind + SEQUENCE + OPEN) * depth, OPEN)


def deep_tree_of_lengths(depth: int = 20_000) -> bytes:
    content = b""
    parts, length = [], 0
    for _ in range(depth):
        head = SEQUENCE + struct.pack("<I", length + 8 if length else 0) + (
            ITEM + struct.pack("<I", length) if length else b"")  # fmt: skip
        parts.append(head)
        length += len(head)
    content = b"".join(reversed(parts))
    return ending_in(ITEM + struct.pack("<I", len(content)) + content)


def claims(vr: bytes) -> bytes:
    """Return a report whose last element claims 4 GB."""
    return cad_sr() + b"\xfd\xff\x10\x00" + vr + b"\0\0" + struct.pack("<I", 0xFFFFFFFE)


def deflated(n_bytes: int = 1 << 30) -> bytes:
    """Return a deflated report with an element of so many zeros in it."""
    with tempfile.TemporaryDirectory() as folder:
        made = from_tests("formats/dicom/test_datasets").deflated(
            from_tests("data/make_examples").cad_sr(), Path(folder) / "a", n_bytes
        )
        return made.read_bytes()


def mammogram(**attributes: Any) -> bytes:
    mammography = from_tests("mammography")
    return saved(mammography.dataset(mammography.breast(80, 70, spots=()), **attributes))


def compressed(syntax: str, frame: bytes, **attributes: Any) -> bytes:
    """Return a mammogram whose frame is compressed, whatever its header says."""
    mammography = from_tests("mammography")
    with tempfile.TemporaryDirectory() as folder:
        image = mammography.breast(80, 70, spots=())
        mammography.save_compressed(Path(folder) / "a", syntax, frame, image, **attributes)
        return (Path(folder) / "a").read_bytes()


def jpeg_of_absurd_size() -> bytes:
    mammography = from_tests("mammography")
    frame = bytearray(mammography.lossless_jpeg(mammography.breast(80, 70, spots=())))
    at = frame.index(b"\xff\xc3") + 5
    frame[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(frame)


def jpeg2000(width: int, height: int, tile: int, n_colours: int = 1) -> bytes:
    """Return the header of a JPEG 2000 stream of this size, and one empty tile."""
    size = struct.pack(">H8IH", 0, width, height, 0, 0, tile, tile, 0, 0, n_colours)
    size += b"\x0f\1\1" * n_colours
    style = struct.pack(">BBHBBBBBB", 0, 0, 1, 0, 0, 4, 4, 0, 1)
    steps = struct.pack(">BB", 0x40, 0x80)
    segments = ((0x51, size), (0x52, style), (0x5C, steps))
    head = b"".join(struct.pack(">BBH", 255, kind, len(data) + 2) + data for kind, data in segments)
    return (
        b"\xff\x4f" + head + struct.pack(">HHHIBB", 0xFF90, 10, 0, 14, 0, 1) + b"\xff\x93\xff\xd9"
    )


def of_jpeg2000(width: int, height: int, tile: int, n_colours: int) -> bytes:
    frame = jpeg2000(width, height, tile, n_colours)
    return compressed(
        "1.2.840.10008.1.2.4.90", frame, Rows=height, Columns=width, ImagerPixelSpacing=[0.05, 0.05]
    )


def rle_bomb(n: int = 65_000) -> bytes:
    """Return a frame of run lengths that gives 128 times its size, again and again."""
    segment = b"\x81\0" * (4 << 20)
    return struct.pack("<16I", 2, 64, 64 + len(segment), *[0] * 13) + segment * 2


def segmentation_frames(n: int = 100_000) -> bytes:
    made = from_tests("data/make_examples").segmentation()
    made.NumberOfFrames = n
    return saved(made)


def wide_references(n: int = 40_000) -> bytes:
    examples = from_tests("data/make_examples")
    made = examples.cad_sr()
    made.CurrentRequestedProcedureEvidenceSequence = made.CurrentRequestedProcedureEvidenceSequence
    text = "9" * 60
    instances = (
        made.CurrentRequestedProcedureEvidenceSequence[0]
        .ReferencedSeriesSequence[0]
        .ReferencedSOPSequence
    )
    from pydicom import Dataset

    for number in range(n):
        one = Dataset()
        one.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"
        one.ReferencedSOPInstanceUID = f"2.25.{number}.{text}"[:64]
        instances.append(one)
    return saved(made)


def outlines_in_report(n: int) -> bytes:
    """Return a report of so many findings, each outlined around all."""
    places = [[1000 + k % 60, 1000 + k // 60] for k in range(n)]
    made = from_tests("data/make_examples").cad_sr(places)
    items = [made]
    for one in items:  # grows while it is walked through
        items += getattr(one, "ContentSequence", ())
        if getattr(one, "GraphicType", "") == "POLYLINE":
            one.GraphicData = [10.0, 10, 4000, 10, 4000, 3000, 10, 3000, 10, 10]
    return saved(made)


DICOMS = [
    Input("a tree 100,000 deep", deep_tree),
    Input("a tree 20,000 deep, of stated lengths", deep_tree_of_lengths),
    Input("900,000 empty items", lambda: ending_in((ITEM + bytes(4)) * 900_000)),
    *(Input(f"an element {vr.decode()} that claims 4 GB", partial(claims, vr)) for vr in (b"OB", b"UN", b"SQ", b"UT")),
    Input("a deflated gigabyte", deflated),
    Input("40,000 references", wide_references),
    Input("4,000 outlines around all", partial(outlines_in_report, 4_000)),
    Input("100,000 frames of a segmentation", segmentation_frames),
    Input("65,535 x 65,535 pixels", lambda: mammogram(Rows=65535, Columns=65535)),
    Input("2,000,000,000 frames", lambda: mammogram(NumberOfFrames="2000000000")),
    Input("lossless JPEG of 65,535 x 65,535", lambda: compressed("1.2.840.10008.1.2.4.70", jpeg_of_absurd_size())),
    Input("lossless JPEG of 65,535 x 65,535, header too", lambda: compressed("1.2.840.10008.1.2.4.70", jpeg_of_absurd_size(), Rows=65535, Columns=65535)),
    *(Input(f"JPEG 2000 of {width:,} x {height:,}, {tile:,} per tile, {n:,} colours", partial(of_jpeg2000, width, height, tile, n))
      for width, height, tile, n in ((60_000, 60_000, 60_000, 1), (60_000, 60_000, 8, 1), (5_000, 8_000, 8_000, 1), (5_000, 8_000, 1, 1), (5_000, 8_000, 8_000, 16_384))),
    Input("run lengths that give 128 times their size", lambda: compressed("1.2.840.10008.1.2.5", rle_bomb())),
]  # fmt: skip
