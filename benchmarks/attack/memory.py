"""Memory and time of every entrance: small inputs that ask for much."""

from __future__ import annotations

import atexit
import gzip
import io
import json
import plistlib
import re
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attack.examples import from_tests, saved
from attack.frame import MEMORY_MB, Outcome, in_children, kind


class Input(NamedTuple):
    """Something small that asks for much."""

    name: str
    make: Callable[[], bytes]
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    media_type: str = "application/octet-stream"
    entrances: tuple[str, ...] = ("Python", "command", "page", "HTTP")


SPACING = {"pixel_spacing": 0.07}


# --- every input by every entrance


def by_python(given: Path, options: dict[str, Any]) -> None:
    from calcigram import classify, read_clusters

    classify(read_clusters(given, **options))


def by_command(given: Path, options: dict[str, Any]) -> str:
    from calcigram.cli import main

    flags = [part for name, value in options.items()
             for part in (f"--{name.replace('_', '-')}", str(value))]  # fmt: skip
    output = given.with_name("verdicts.csv")
    output.unlink(missing_ok=True)
    code = main(["classify", str(given), "-o", str(output), *flags])
    if code not in (0, 2):
        return f"exit code {code}"
    if output.exists() != (code == 0):
        return f"exit code {code}, and {'an' if output.exists() else 'no'} output"
    left = [path.name for path in given.parent.iterdir() if path.name.startswith(".")]
    return f"left behind: {left}" if left else ""


def by_page(given: Path, options: dict[str, Any]) -> None:
    from calcigram.page.files import open_file

    open_file(given.read_bytes(), **options)


def by_http(given: Path, options: dict[str, Any], media_type: str) -> Outcome:
    """Send a file to a server, and see that others are served meanwhile."""
    from attack.serving import Watch

    server, idle_mb = shared_server()
    body, start = given.read_bytes(), time.monotonic()
    with Watch(server) as watch, server.client() as client:
        answer = client.post(
            "/v1/classify", content=body, params=options, headers={"content-type": media_type}
        )
    took, failure = time.monotonic() - start, watch.failed
    if answer.status_code not in (200, 400, 413, 415, 422, 503):
        failure = f"status {answer.status_code}: {answer.text[:200]}"
    elif answer.status_code == 503 and took < TIMEOUT_S - 1:
        failure = f"refused after {took:.1f} s: {answer.text[:200]}"
    elif took > TIMEOUT_S + 10:
        failure = f"answered after {took:.0f} s, the limit being {TIMEOUT_S} s"
    elif "Traceback" in answer.text or tempfile.gettempdir() in answer.text:
        failure = f"a path or a trace: {answer.text[:200]}"
    elif watch.longest_s > OTHERS_S:
        failure = f"another client waited {watch.longest_s:.1f} s"
    # Copies of the body, too, are held meanwhile: what is sent is no answer to it
    grown = max(0.0, watch.most_mb - idle_mb - 3 * len(body) / 1e6)
    if not failure and grown > MEMORY_MB:
        failure = f"{grown:.0f} MB above idle"
    return Outcome("", failure, grown, took)


TIMEOUT_S, OTHERS_S = 60, 8


@cache
def shared_server() -> tuple[Any, float]:
    """Start the server that all inputs are sent to, which stops at the end."""
    from attack.serving import serving

    stack = ExitStack()
    server = stack.enter_context(serving("--no-page", timeout_s=TIMEOUT_S))
    atexit.register(stack.close)
    return server, server.memory_mb()


IN_CHILDREN = {"Python": by_python, "command": by_command, "page": by_page}


@cache
def warm() -> None:
    """Have all in memory that an idle process has: libraries, model, kernels."""
    from calcigram import classify, simulate
    from calcigram.formats import read_intake  # noqa: F401
    from calcigram.formats.dicom import images, reading, segmentation  # noqa: F401
    from calcigram.page import pictures  # noqa: F401

    for name in (
        "nibabel", "tifffile", "PIL.Image", "openpyxl", "roifile", "pydicom", "scipy.ndimage", "scipy.sparse.csgraph", "skimage.measure",
    ):  # fmt: skip
        __import__(name)
    classify(simulate(3, seed=1))


def attacked(inputs: list[Input], n: int) -> Iterator[Outcome]:
    """Bring in each input by Python, by the command line or the page in turn, and over HTTP."""
    warm()
    streams = all(one.media_type == ARROW for one in inputs)  # which are read from HTTP alone
    ways = [("HTTP",)] if streams else [("Python",), ("command", "page"), ("HTTP",)]
    tries = [(one, way[k % len(way)]) for way in ways for k, one in enumerate(inputs)]
    tries = [(one, entrance) for one, entrance in tries if entrance in one.entrances]
    with tempfile.TemporaryDirectory() as folder:
        for one, entrance in tries[:n]:
            path = Path(folder) / re.sub(r"\W+", "-", one.name) / "given"
            what = f"{one.name}, {entrance}"
            if not path.exists():
                path.parent.mkdir()
                path.write_bytes(one.make())
            if entrance == "HTTP":
                yield replace(by_http(path, one.options, one.media_type), what=what)
            else:
                attack = IN_CHILDREN[entrance]
                yield from in_children(
                    lambda given, attack=attack, one=one: attack(given, one.options), [(what, path)]
                )


# --- Parquet and Arrow

PARQUET, ARROW = "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"


def parquet_of(table: Callable[[], Any], **options: Any) -> bytes:
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(table(), out, **{"compression": "zstd"} | options)
    return out.getvalue()


def stream_of(table: Callable[[], Any], **options: Any) -> bytes:
    import pyarrow as pa

    made, sink = table(), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, made.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(made)
    return sink.getvalue().to_pybytes()


def constant(n: int = 20_000_000) -> Any:
    import pyarrow as pa

    zeros = pa.array(np.zeros(n, np.float32))
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), ["a"])
    return pa.table({"cluster_id": ids, "x_mm": zeros, "y_mm": zeros})


def one_list(n: int = 50_000_000) -> Any:
    import pyarrow as pa

    marks = pa.ListArray.from_arrays(
        pa.array([0, n], pa.int32()), pa.array(np.zeros(n, np.float32))
    )
    return pa.table({"cluster_id": ["a"], "x_mm": marks, "y_mm": marks})


def nulls(n: int = 50_000_000) -> Any:
    import pyarrow as pa

    return pa.table({"cluster_id": pa.nulls(n), "x_mm": pa.nulls(n), "y_mm": pa.nulls(n)})


def repeated_text(n: int = 4_000, length: int = 100_000) -> Any:
    import pyarrow as pa

    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), ["w" * length])
    marks = pa.array(np.zeros(n, np.float32))
    return pa.table({"cluster_id": words, "x_mm": marks, "y_mm": marks, "note": words})


def nested_dictionary(n: int = 200_000, depth: int = 4) -> Any:
    """Each level repeats a list of the one below a hundred times: 10^8 texts from a few hundred bytes."""
    import pyarrow as pa

    values: Any = pa.array(["w" * 1000])
    for _ in range(depth):
        indices = pa.array(np.zeros(100, np.int32))
        lists = pa.ListArray.from_arrays(
            pa.array([0, 100], pa.int32()), pa.DictionaryArray.from_arrays(indices, values)
        )
        values = lists
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), values)
    marks = pa.array(np.zeros(n, np.float32))
    return pa.table({"cluster_id": ["a"] * n, "x_mm": marks, "y_mm": marks, "note": words})


def deep_type(depth: int = 500) -> Any:
    import pyarrow as pa

    values: Any = pa.array([1.0])
    for _ in range(depth):
        values = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), values)
    return pa.table({"cluster_id": ["a"], "x_mm": [[1.0]], "y_mm": [[1.0]], "note": values})


def many_columns(n: int = 20_000) -> Any:
    import pyarrow as pa

    return pa.table({f"c{k}": [k] for k in range(n)})


def run_ends(n: int = 2_000_000_000) -> Any:
    import pyarrow as pa

    runs = pa.RunEndEncodedArray.from_arrays(pa.array([n], pa.int32()), pa.array([1.0]))
    return pa.table({"cluster_id": runs, "x_mm": runs, "y_mm": runs})


def hollow_views(n: int = 10_000_000) -> Any:
    """Ten million texts that are all views of the same megabyte."""
    import pyarrow as pa

    text = b"w" * 1_000_000
    head = struct.pack("<i4sii", len(text), text[:4], 0, 0)
    views = pa.py_buffer(head * n)
    words = pa.Array.from_buffers(pa.string_view(), n, [None, views, pa.py_buffer(text)])
    marks = pa.array(np.zeros(n, np.float32))
    return pa.table({"cluster_id": words, "x_mm": marks, "y_mm": marks})


def empty_lists(n: int = 5_000_000) -> Any:
    import pyarrow as pa

    marks = pa.ListArray.from_arrays(
        pa.array(np.zeros(n + 1, np.int32)), pa.array([], pa.float32())
    )
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), ["a"])
    return pa.table({"cluster_id": ids, "x_mm": marks, "y_mm": marks})


TABLES = [
    Input("constant columns", partial(parquet_of, constant), {}, PARQUET),
    Input("one long list", partial(parquet_of, one_list), {}, PARQUET),
    Input("nothing but nulls", partial(parquet_of, nulls), {}, PARQUET),
    Input("a text in each row", partial(parquet_of, repeated_text), {}, PARQUET),
    Input("a text in each row, unnamed type", partial(parquet_of, repeated_text, store_schema=False), {}, PARQUET),
    Input("lists nested 500 deep", partial(parquet_of, deep_type), {}, PARQUET),
    Input("20,000 columns", partial(parquet_of, many_columns), {}, PARQUET),
    Input("empty lists", partial(parquet_of, empty_lists), {}, PARQUET),
]  # fmt: skip
STREAMS = [
    Input("a constant stream", partial(stream_of, constant, compression="zstd"), {}, ARROW),
    Input("a stream of one list", partial(stream_of, one_list, compression="lz4"), {}, ARROW),
    Input("a stream of nulls", partial(stream_of, nulls), {}, ARROW),
    Input("a stream of a text in each row", partial(stream_of, repeated_text, compression="zstd"), {}, ARROW),
    Input("a stream of dictionaries in dictionaries", partial(stream_of, nested_dictionary, compression="zstd"), {}, ARROW),
    Input("a stream of lists 60 deep", partial(stream_of, partial(deep_type, 60)), {}, ARROW),
    Input("a stream of 20,000 columns", partial(stream_of, many_columns), {}, ARROW),
    Input("a stream of one run", partial(stream_of, run_ends), {}, ARROW),
    Input("a stream of views of one text", partial(stream_of, partial(hollow_views, 1_000_000), compression="zstd"), {}, ARROW),
]  # fmt: skip


@kind("memory", "Parquet that unpacks 1000:1",
      "constant columns, one list of 50 million, nulls, one long text in all rows, deep types", full=24, bounded=3)  # fmt: skip
def parquet(n: int) -> Iterator[Outcome]:
    yield from attacked(TABLES, n)


@kind(
    "memory",
    "Arrow that unpacks 1000:1",
    "streams of the same, dictionaries in dictionaries, runs, views",
    full=36,
)
def arrow(n: int) -> Iterator[Outcome]:
    yield from attacked(STREAMS, n)


# --- DICOM

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


@kind("memory", "DICOM that asks for much",
      "deflated gigabytes, trees 100,000 deep, 900,000 empty items, elements that claim 4 GB, compressed frames of absurd size",
      full=3 * len(DICOMS), bounded=5)  # fmt: skip
def dicom(n: int) -> Iterator[Outcome]:
    yield from attacked(DICOMS, n)


# --- annotations


def property_list(depth: int = 100_000) -> bytes:
    head = b'<?xml version="1.0"?><plist version="1.0">'
    return head + b"<array>" * depth + b"</array>" * depth + b"</plist>"


def property_list_of_dicts(depth: int = 100_000) -> bytes:
    head = b'<?xml version="1.0"?><plist version="1.0"><dict><key>Images</key>'
    return head + b"<dict><key>a</key>" * depth + b"</dict>" * depth + b"</dict></plist>"


def laughs(depth: int = 12) -> bytes:
    """Return entities that expand to 10^12 characters."""
    lines = [f'<!ENTITY e0 "{"w" * 10}">']
    lines += [f'<!ENTITY e{k} "{f"&e{k - 1};" * 10}">' for k in range(1, depth)]
    doctype = f"<!DOCTYPE plist [{''.join(lines)}]>"
    return f'<?xml version="1.0"?>{doctype}<plist version="1.0"><string>&e{depth - 1};</string></plist>'.encode()


def inbreast_of(rois: list[dict[str, Any]]) -> bytes:
    return plistlib.dumps({"Images": [{"ImageIndex": 0, "NumberOfROIs": len(rois), "ROIs": rois}]})


AROUND = [[10.0, 10.0], [3000.0, 10.0], [3000.0, 4000.0], [10.0, 4000.0]]


def around_all(n: int = 4_000, n_corners: int = 4) -> list[list[list[float]]]:
    """Return so many outlines, each around all places."""
    turn = np.linspace(0, 2 * np.pi, n_corners, endpoint=False)
    return [
        np.column_stack([1500 + (1000 + k / n) * np.cos(turn), 2000 + (1000 + k / n) * np.sin(turn)]).tolist()
        for k in range(n)
    ]  # fmt: skip


def inbreast_outlines(name: str, n: int = 4_000, n_corners: int = 40) -> bytes:
    return inbreast_of([
        {"Name": name, "Point_px": [f"({x}, {y})" for x, y in line], "Area": 1.0}
        for line in around_all(n, n_corners)
    ])  # fmt: skip


def coco(segmentations: list[Any], **more: Any) -> bytes:
    return json.dumps({
        "images": [{"id": 1, "file_name": "a.png", "height": 4096, "width": 3328}],
        "categories": [{"id": 1, "name": "calcification"}, {"id": 2, "name": "cluster"}],
        "annotations": [{"id": k, "image_id": 1, "category_id": 1, "segmentation": one} | more
                        for k, one in enumerate(segmentations)],
    }).encode()  # fmt: skip


def coco_outlines(n: int = 4_000, category: int = 1) -> bytes:
    lines = [[np.ravel(line).tolist()] for line in around_all(n, 40)]
    return coco(lines, category_id=category)


def labelme(shapes: list[dict[str, Any]]) -> bytes:
    return json.dumps({"version": "5", "shapes": shapes, "imagePath": "a.png", "imageHeight": 4096, "imageWidth": 3328}).encode()  # fmt: skip


def labelme_outlines(label: str, n: int = 4_000) -> bytes:
    return labelme([
        {"label": label, "points": line, "shape_type": "polygon"} for line in around_all(n, 40)
    ])  # fmt: skip


def slicer(points: list[list[float]], kind: str = "Fiducial") -> dict[str, Any]:
    return {
        "type": kind, "coordinateSystem": "LPS", "coordinateUnits": "mm",
        "controlPoints": [{"id": str(k), "label": f"F-{k}", "position": [*p, 0.0]} for k, p in enumerate(points)],
    }  # fmt: skip


def slicer_outlines(n: int = 2_000) -> bytes:
    curves = [slicer(line, "ClosedCurve") for line in around_all(n, 40)]
    dots = [[1400 + k % 60, 1900 + k // 60] for k in range(2_000)]
    return json.dumps({"markups": [*curves, slicer(dots)]}).encode()


def roi(points: Any) -> bytes:
    import roifile

    return roifile.ImagejRoi.frompoints(np.asarray(points, np.float32)).tobytes()


def roi_outlines(n: int = 4_000) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for k, line in enumerate(around_all(n, 40)):
            archive.writestr(f"{k}.roi", roi(line))
    return out.getvalue()


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


ANNOTATIONS = [
    Input("a property list 100,000 deep", property_list),
    Input("dictionaries 100,000 deep", property_list_of_dicts),
    Input("entities of 10^12 characters", laughs),
    *(Input(f"4,000 outlines named {name} in a property list", partial(inbreast_outlines, name)) for name in ("Calcification", "Cluster", "Mass")),
    Input("4,000 outlines in COCO", coco_outlines),
    Input("4,000 clusters in COCO", partial(coco_outlines, category=2), SPACING),
    Input("4,000 outlines in LabelMe", partial(labelme_outlines, "calcification"), SPACING),
    Input("4,000 clusters in LabelMe", partial(labelme_outlines, "cluster"), SPACING),
    Input("4,000 outlines in ImageJ", roi_outlines, SPACING),
    Input("2,000 curves around 2,000 points in Slicer", slicer_outlines),
    Input("one outline of 999,999 corners", lambda: labelme([{"label": "calc", "points": around_all(1, 999_999)[0], "shape_type": "polygon"}]), SPACING),
]  # fmt: skip


@kind("memory", "Annotations that ask for much",
      "4,000 outlines around all points in each format, property lists 100,000 deep, entities", full=3 * len(ANNOTATIONS), bounded=4)  # fmt: skip
def annotations(n: int) -> Iterator[Outcome]:
    yield from attacked(ANNOTATIONS, n)


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
    import importlib

    return importlib.import_module(module).compress(bytes(n_bytes // 16)) * 16  # members in a row


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def npy_header(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def npz_of_zeros(shape: tuple[int, ...]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("mask.npy", "w", force_zip64=True) as file:  # fmt: skip
        file.write(npy_header(shape))
        for _ in range(shape[0] * shape[1] >> 20):
            file.write(bytes(1 << 20))
    return out.getvalue()


def nifti(shape: tuple[int, ...], code: int = 2, slope: float = 1) -> bytes:
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_dtype(code)
    header["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    header["pixdim"] = [1, 0.07, 0.07, *[1] * 5]
    header["xyzt_units"], header["vox_offset"], header["magic"] = 2, 352, b"n+1"
    header["scl_slope"], header["scl_inter"] = slope, 0
    return header.binaryblock + bytes(4)


@kind("memory", "Archives that unpack to gigabytes",
      "gzip in gzip, npz in zip, workbooks, region sets, NIfTI, xz, overlapping members", full=3 * len(ARCHIVES), bounded=4)  # fmt: skip
def archives(n: int) -> Iterator[Outcome]:
    yield from attacked(ARCHIVES, n)


# --- masks and images


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def png(array: Any) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG", compress_level=1)
    return out.getvalue()


def tiff(array: Any, **options: Any) -> bytes:
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, array, **options)
    return out.getvalue()


SHAPE = (8_000, 5_000)


def opposite_corners(n_labels: int = 4_000) -> Any:
    """Return a mask in which each label has a pixel near two opposite corners: its box is the image."""
    mask = np.zeros(SHAPE, np.uint16)
    side = 2 * int(np.ceil(np.sqrt(n_labels)))
    rows, columns = (
        2 * (np.arange(n_labels) // (side // 2)),
        2 * (np.arange(n_labels) % (side // 2)),
    )
    mask[rows, columns] = mask[-1 - rows, -1 - columns] = np.arange(1, n_labels + 1)
    return mask


def parts(shape: tuple[int, int] = SHAPE, step: int = 2) -> Any:
    mask = np.zeros(shape, np.uint8)
    mask[::step, ::step] = 1
    return mask


def noise(kind: Any, shape: tuple[int, int] = SHAPE) -> Any:
    rng = np.random.default_rng(0)
    return rng.random(shape).astype(kind) if np.dtype(kind).kind == "f" else rng.integers(0, 256, shape).astype(kind)  # fmt: skip


def comb(shape: tuple[int, int] = SHAPE) -> Any:
    """Return a mask of one part, a comb whose teeth are joined at the last row only."""
    mask = np.zeros(shape, np.uint8)
    mask[:, ::2], mask[-1] = 1, 1
    return mask


def spiral(n: int = 2_000) -> Any:
    """Return one line, wound up: the part that takes longest to follow."""
    mask = np.zeros((n, n), np.uint8)
    for k in range(0, n // 2, 4):
        mask[k, k : n - k] = mask[n - 1 - k, k : n - k] = 1
        mask[k : n - k, n - 1 - k] = mask[k + 4 : n - k, k] = 1
        if k + 4 < n // 2:
            mask[k + 4, k : k + 5] = 1
    return mask


def absurd_png(width: int = 2**31 - 1, height: int = 2**31 - 1) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))  # fmt: skip

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))  # fmt: skip

    head = struct.pack(">IIBBBBB", 9, 9, 8, 0, 0, 0, 0)
    text = b"a\0\0" + zlib.compress(bytes(1 << 30), 9)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"zTXt", text) + chunk(b"iCCP", text)
            + chunk(b"IDAT", zlib.compress(bytes(90))) + chunk(b"IEND", b""))  # fmt: skip


def absurd_tiff(tags: dict[int, tuple[int, int, int]], data: bytes = bytes(64)) -> bytes:
    """Return a TIFF of these tags: number -> type, count, value."""
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)  # fmt: skip


def tiff_tags(width: int, height: int, **more: Any) -> dict[int, tuple[int, int, int]]:
    return {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1),
            273: (4, 1, 8), 277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, 64)}  # fmt: skip


def tiff_many_pages(n: int = 200_000) -> bytes:
    """Return a TIFF of so many pages, each of 18 bytes."""
    out = [b"II*\0", struct.pack("<I", 8)]
    for k in range(n):
        at = 8 + 18 * (k + 1)
        out.append(struct.pack("<HHHIII", 1, 256, 4, 1, 9, at if k < n - 1 else 0))
    return b"".join(out)


def tiff_loop() -> bytes:
    return absurd_tiff(tiff_tags(8, 8))[:-4] + struct.pack("<I", 72)


def inflating_tiff() -> bytes:
    data = zlib.compress(bytes(1 << 30), 9)
    tags = tiff_tags(4_000, 5_000) | {259: (3, 1, 8), 279: (4, 1, len(data))}
    return absurd_tiff(tags, data)


def lzw_tiff(array: Any) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(array).save(out, "TIFF", compression="tiff_lzw")
    return out.getvalue()


def lzw_tile(side: int = 40_000) -> bytes:
    """Return a TIFF in LZW whose one tile is far larger than the image."""
    tile = {322: (4, 1, side), 323: (4, 1, side), 324: (4, 1, 8), 325: (4, 1, 64)}
    tags = tiff_tags(4_000, 5_000) | {259: (3, 1, 5)} | tile
    return absurd_tiff({tag: value for tag, value in tags.items() if tag not in (273, 278, 279)})


def jpeg_tiff(compression: int) -> bytes:
    """Return a TIFF of another compression, whose strip says that it is of 65,500 x 65,500 pixels."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (64, 64)).save(out, "JPEG")
    data = bytearray(out.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    tags = tiff_tags(4_000, 5_000) | {259: (3, 1, compression), 279: (4, 1, len(data))}
    return absurd_tiff(tags, bytes(data))


MASKS = [
    Input("labels at opposite corners", lambda: npy(opposite_corners()), SPACING),
    Input("60,000 labels at opposite corners", lambda: npy(opposite_corners(60_000)), SPACING),
    Input("labels at opposite corners, TIFF", lambda: tiff(opposite_corners(), compression="zlib"), SPACING),
    Input("14.8 million parts", lambda: npy(parts((7_694, 7_694))), SPACING),
    Input("10 million parts", lambda: npy(parts()), SPACING),
    Input("10 million parts, PNG", lambda: png(parts()), SPACING),
    Input("noise", lambda: npy(noise(np.uint8)), SPACING),
    Input("noise of floats", lambda: npy(noise(np.float64)), SPACING),
    Input("noise of 40 million labels", lambda: npy(np.arange(40_000_000, dtype=np.uint32).reshape(SHAPE)), SPACING),
    Input("one part of all pixels", lambda: npy(np.ones(SHAPE, np.uint8)), SPACING),
    Input("a comb", lambda: npy(comb()), SPACING),
    Input("a spiral", lambda: npy(spiral()), SPACING),
    Input("a spiral, probabilities", lambda: npy(spiral().astype(np.float32) * 0.75), SPACING),
    Input("NIfTI of 10 million parts", lambda: nifti((5_000, 8_000)) + parts().T.tobytes()),
    Input("a segmentation of 10 million parts", lambda: saved(from_tests("data/make_examples").segmentation(parts()))),
    Input("a mask image of 10 million parts", lambda: saved(from_tests("data/make_examples").mask_image(parts()))),
    Input("a COCO mask of 20,000,000 pixels", lambda: coco([{"size": [5000, 4000], "counts": [0, 20_000_000]}]), SPACING),
    Input("COCO masks at opposite corners", lambda: coco([{"size": [5000, 4000], "counts": [0, 1, 19_999_998, 1]}] * 4_000), SPACING),
    Input("a COCO mask of a million runs", lambda: coco([{"size": [5000, 4000], "counts": [1, 1] * 10_000_000}][:1])[:60_000_000], SPACING),
]  # fmt: skip
IMAGES = [
    Input("PNG of 2^31 x 2^31", absurd_png, SPACING),
    Input("PNG of 60,000 x 60,000", partial(absurd_png, 60_000, 60_000), SPACING),
    Input("PNG with a gigabyte of text", png_text_bomb, SPACING),
    Input("TIFF of 2^32 x 2^32", lambda: absurd_tiff(tiff_tags(2**32 - 1, 2**32 - 1)), SPACING),
    Input("TIFF of 4,000 x 5,000 without data", lambda: absurd_tiff(tiff_tags(4_000, 5_000)), SPACING),
    Input("TIFF of 2^32 strips", lambda: absurd_tiff(tiff_tags(4_000, 5_000) | {273: (4, 2**32 - 1, 8), 279: (4, 2**32 - 1, 8)}), SPACING),
    Input("TIFF of 2^32 samples", lambda: absurd_tiff(tiff_tags(9, 9) | {277: (4, 1, 2**32 - 1)}), SPACING),
    Input("TIFF of tiles of 2^31", lambda: absurd_tiff(tiff_tags(4_000, 5_000) | {322: (4, 1, 2**31), 323: (4, 1, 2**31), 324: (4, 1, 8), 325: (4, 1, 64)}), SPACING),
    Input("TIFF of 200,000 pages", tiff_many_pages, SPACING),
    Input("TIFF of pages in a circle", tiff_loop, SPACING),
    Input("TIFF that inflates to a gigabyte", inflating_tiff, SPACING),
    *(Input(f"TIFF of JPEG {c} of absurd size", partial(jpeg_tiff, c), SPACING) for c in (6, 7)),
    Input("TIFF in LZW", lambda: lzw_tiff(parts()), SPACING),
    Input("TIFF of a tile of 40,000 x 40,000 in LZW", lzw_tile, SPACING),
    Input("NIfTI of 40 million scaled numbers", lambda: gzip.compress(nifti((5_000, 8_000), 4, slope=0.001) + bytes(80_000_000), 1)),
    Input("npy of 2^40 values", lambda: npy_header((2**20, 2**20)), SPACING),
    Input("npy of 4,000 x 5,000 without data", lambda: npy_header((4_000, 5_000)), SPACING),
    Input("npy of a header 60,000 deep", lambda: b"\x93NUMPY\1\0\xff\xff" + b"(" * 65_534 + b"\n", SPACING),
    Input("npy of an item of 2 GB", lambda: npy_header((1, 1), "|V2000000000"), SPACING),
    Input("NIfTI of 30,000^7", lambda: nifti((30_000,) * 7), SPACING),
    Input("NIfTI of -1", lambda: nifti((-1, -1)), SPACING),
    Input("NIfTI of complex numbers", lambda: nifti((4_000, 5_000), 1792), SPACING),
]  # fmt: skip


@kind("memory", "Masks that ask for much",
      "14.8 million parts, labels at opposite corners, noise, spirals and combs in every container", full=3 * len(MASKS), bounded=2)  # fmt: skip
def masks(n: int) -> Iterator[Outcome]:
    yield from attacked(MASKS, n)


@kind("memory", "Images of absurd size",
      "PNG, TIFF, NumPy and NIfTI that claim gigabytes, pages in a circle, tiles, strips, text chunks", full=3 * len(IMAGES), bounded=8)  # fmt: skip
def images(n: int) -> Iterator[Outcome]:
    yield from attacked(IMAGES, n)


# --- texts

JSON = "application/json"


def csv(rows: bytes, heading: bytes = b"cluster_id,x_mm,y_mm\n") -> bytes:
    return heading + rows


def million_points() -> bytes:
    point = b'{"cluster_id":"a","x_mm":1,"y_mm":2}'
    return b"[" + b",".join([point] * 1_000_000) + b"]"


def http_points(n: int) -> bytes:
    return b'{"points":[' + b",".join([b'{"x_mm":1.5,"y_mm":2.5}'] * n) + b"]}"


def http_clusters(n: int) -> bytes:
    return b'{"clusters":[' + b",".join([b'{"x_mm":[1],"y_mm":[2]}'] * n) + b"]}"


TEXTS = [
    Input("CSV of 10^6 equal points", lambda: csv(b"a,1,2\n" * 1_000_000), {}, "text/csv"),
    Input("CSV of a cluster of 10^6 points", lambda: csv(b"".join(b"a,%d,%d\n" % (k % 1000, k // 1000) for k in range(1_000_000))), {}, "text/csv", ("page", "HTTP")),
    Input("CSV of 10^6 clusters", lambda: csv(b"".join(b"c%d,1,2\n" % k for k in range(1_000_000))), {}, "text/csv"),
    Input("CSV of 10^6 columns", lambda: b",".join(b"c%d" % k for k in range(1_000_000)) + b"\n" + b"1," * 999_999 + b"1\n", {}, "text/csv"),
    Input("CSV of one line of 60 MB", lambda: b"x" * 60_000_000, {}, "text/csv"),
    Input("CSV of a quote that never ends", lambda: csv(b'"' + b"a,1,2\n" * 5_000_000), {}, "text/csv"),
    Input("CSV of 30 million quotes", lambda: csv(b'"' * 30_000_000), {}, "text/csv"),
    Input("CSV of 20 million empty lines", lambda: csv(b"\n" * 20_000_000), {}, "text/csv"),
    Input("CSV of a number of 10^7 digits", lambda: csv(b"a," + b"9" * 10_000_000 + b",2\n"), {}, "text/csv"),
    Input("CSV of a million bad values", lambda: csv(b"a,x,y\n" * 1_000_000), {}, "text/csv"),
    Input("CSV of an id of 10^7 characters", lambda: csv(b"a" * 10_000_000 + b",1,2\n" + b"b,1,2\n" * 9), {}, "text/csv"),
    Input("CSV of a heading that is almost a name", lambda: csv(b"a,1,2\n", b"cluster_id," + b"x_mm" * 1_000_000 + b",y_mm\n"), {}, "text/csv"),
    Input("CSV of NUL", lambda: bytes(50_000_000), {}, "text/csv"),
    Input("CSV in UTF-16", lambda: csv(b"a,1,2\n" * 1_000_000).decode().encode("utf-16"), {}, "text/csv"),
    Input("JSON of 10^6 points", million_points),
    Input("JSON of a body of 10^6 points", partial(http_points, 1_000_000), {}, JSON),
    Input("JSON of a body of 20,000 points", partial(http_points, 20_000), {}, JSON),
    Input("JSON of 10^6 clusters", partial(http_clusters, 1_000_000), {}, JSON),
    Input("JSON nested 10^7 deep", lambda: b"[" * 10_000_000, {}, JSON),
    Input("JSON objects nested 10^6 deep", lambda: b'{"points":' * 1_000_000, {}, JSON),
    Input("annotations nested 10^6 deep", lambda: b'{"annotations":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"),
    Input("JSON of a number of 10^7 digits", lambda: b'{"x_mm":[' + b"9" * 10_000_000 + b'],"y_mm":[1]}', {}, JSON),
    Input("COCO of a number of 10^7 digits", lambda: b'{"annotations":[{"image_id":' + b"9" * 10_000_000 + b"}]}"),
    Input("COCO of an exponent of 10^7 digits", lambda: b'{"annotations":[{"image_id":1e' + b"9" * 10_000_000 + b"}]}"),
    Input("COCO of 10^6 keys", lambda: b'{"annotations":[' + b"{" + b",".join(b'"k%d":1' % k for k in range(1_000_000)) + b"}]}"),
    Input("COCO of the same key 10^6 times", lambda: b'{"annotations":[{' + b",".join([b'"k":[]'] * 1_000_000) + b"}]}"),
    Input("COCO of 500,000 annotations", lambda: coco([[]] * 300_000, bbox=[1, 1, 2, 2]), SPACING),
    Input("LabelMe of a name of 10^7 characters", lambda: labelme([{"label": "calc_" + "1_" * 5_000_000 + "x", "points": [[1, 2]], "shape_type": "point"}]), SPACING),
    Input("LabelMe of a name of 10^7 words", lambda: labelme([{"label": "calcification-" * 700_000, "points": [[1, 2]], "shape_type": "point"}]), SPACING),
    Input("LabelMe of 100,000 names", lambda: labelme([{"label": f"calcification {k} x", "points": [[k, 2]], "shape_type": "point"} for k in range(100_000)]), SPACING),
    Input("INbreast of a name of 10^7 digits", lambda: inbreast_of([{"Name": "1_" * 5_000_000 + "x", "Point_px": ["(1, 2)"]}] * 3)),
    Input("INbreast of a point of 10^7 characters", lambda: inbreast_of([{"Name": "Calcification", "Point_px": ["(" + "1, " * 3_000_000 + "2)"]}])),
    Input("INbreast of names of many spaces", lambda: inbreast_of([{"Name": "calc" + " " * 5_000_000 + "x", "Point_px": ["(1, 2)"]}] * 3)),
    Input("Slicer of 500,000 points", lambda: json.dumps({"markups": [slicer([[k % 700, k // 700] for k in range(500_000)])]}).encode()),
    Input("a regular grid of 30,000 points", lambda: csv(b"".join(b"a,%d,%d\n" % (k % 173, k // 173) for k in range(30_000))), {}, "text/csv"),
]  # fmt: skip


@kind("memory", "Texts that ask for much",
      "CSV and JSON of 10^6 points, columns, keys and clusters, deep nesting, numbers of 10^7 digits, long names for every pattern",
      full=3 * len(TEXTS), bounded=6, cannot="at the command line and in Python a cluster of more than about 300,000 calcifications takes longer than a minute, as all pairs are looked at: a warning states the time before it begins; the page refuses more than 5,000, HTTP more than 20,000")  # fmt: skip
def texts(n: int) -> Iterator[Outcome]:
    yield from attacked(TEXTS, n)


# --- detection

FULL_FIELD = (5_000, 4_000)


def dots(step: int = 6) -> Any:
    """Return an image of half a million bright spots."""
    image = noise(np.uint16, FULL_FIELD) // 16 + 1000
    image[::step, ::step] += 2000
    image[1::step, ::step] += 2000
    return image


def pictured(array: Any) -> bytes:
    return saved(from_tests("mammography").dataset(array, ImagerPixelSpacing=[0.05, 0.05]))


PICTURES: dict[str, Callable[[], bytes]] = {
    "noise": lambda: pictured(noise(np.uint16, FULL_FIELD) * 10),
    "half a million spots": lambda: pictured(dots()),
    "a checkerboard": lambda: pictured((np.indices(FULL_FIELD).sum(0) % 2 * 3000).astype(np.uint16)),
    "one grey value": lambda: pictured(np.full(FULL_FIELD, 1000, np.uint16)),
    "a gradient": lambda: pictured(np.broadcast_to(np.arange(4_000, dtype=np.uint16), FULL_FIELD).copy()),
    "few rows": lambda: pictured(noise(np.uint16, (64, 60_000))),
}  # fmt: skip


def detect_by_command(given: Path) -> str:
    from calcigram.cli import main

    code = main(["detect", str(given), "-o", str(given.with_suffix(".csv")), "--jobs", "1"])
    return "" if code in (0, 2) else f"exit code {code}"


@kind("memory", "Images for detection", "20 million pixels of noise, spots, checkerboards, gradients and grey, by the command line",
      full=len(PICTURES), cannot="detection takes 28 bytes per pixel: 1.3 GB for the largest image that is read, of 40 million pixels. The page refuses "
      "one that takes more than CALCIGRAM_MAX_WORK_MB, about 30 million pixels")  # fmt: skip
def pictures(n: int) -> Iterator[Outcome]:
    warm()
    with tempfile.TemporaryDirectory() as folder:
        for name, make in list(PICTURES.items())[:n]:
            path = Path(folder) / "given.dcm"
            path.write_bytes(make())
            yield from in_children(detect_by_command, [(name, path)])
