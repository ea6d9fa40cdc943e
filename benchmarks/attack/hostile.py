"""Hostile arrays, models and damaged files: only documented errors, no crash of the interpreter, no hang."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from attack.examples import TESTS, from_tests, saved
from attack.frame import Outcome, in_children, kind
from attack.inputs import ARROW
from attack.inputs.annotations import coco, inbreast_of, labelme
from attack.inputs.pixels import nifti, npy
from attack.inputs.texts import http_points
from attack.memory import warm
from calcigram.errors import CalcigramError

PER_CHILD = 250

# --- arrays


@cache
def hostile_arrays() -> dict[str, Any]:
    """Return arrays of three marks, or nearly so, in all the ways that compiled code must not meet."""
    strided = np.arange(9, dtype=np.float32)[::3]
    frozen = np.ones(3, np.float32)
    frozen.flags.writeable = False
    return {
        "plain": np.array([0, 1, 3], np.float32),
        "strided": strided,
        "reversed": np.arange(3, dtype=np.float32)[::-1],
        "read-only": frozen,
        "of another order": np.arange(3, dtype=">f8"),
        "float16": np.arange(3, dtype=np.float16),
        "wide": np.arange(3, dtype=np.longdouble),
        "whole": np.array([0, 2**62, -(2**63)]),
        "unsigned": np.array([0, 2**64 - 1, 1], np.uint64),
        "truths": np.array([True, False, True]),
        "complex": np.array([1j, 2, 3]),
        "texts": np.array(["1", "2", "x"]),
        "objects": np.array([1, None, "x"], object),
        "lists": [[1], [2, 3], []],
        "dates": np.array(["2020-01-01"] * 3, "datetime64[D]"),
        "records": np.zeros(3, [("a", "f4")]),
        "masked": np.ma.masked_array([1.0, 2, 3], [0, 1, 0]),
        "matrix": np.ones((3, 1), np.float32),
        "column of a matrix": np.ones((3, 5), np.float32)[:, 2],
        "one number": np.float32(3),
        "overlapping": np.lib.stride_tricks.as_strided(np.ones(1, np.float32), (3,), (0,)),
        "not aligned": np.zeros(13, np.uint8)[1:].view(np.float32),
        "infinite": np.array([np.inf, 0, -np.inf], np.float32),
        "NaN": np.full(3, np.nan, np.float32),
        "denormal": np.array([1e-45, -1e-45, 1e-40], np.float32),
        "huge": np.array([3e38, -3e38, 1e308]),
        "equal": np.zeros(3, np.float32),
        "far": np.array([1e6, -1e6, 1e6], np.float32),
        "near": np.array([0, 1e-30, 2e-30], np.float32),
        "empty": np.zeros(0, np.float32),
        "two": np.zeros(2, np.float32),
        "million": np.zeros(1_000_000, np.float32),
        "nothing": None,
        "text": "123",
        "bytes": b"123",
        "mapping": {0: 1, 1: 2, 2: 3},
        "range": range(3),
        "generator": (float(k) for k in range(3)),
    }  # fmt: skip


OFFSETS: list[Any] = [
    [0, 3], [0, 1, 3], [0, 0, 3, 3], [0], [], [0, 2], [0, 4], [1, 3], [0, 2, 1, 3], [0, -1, 3], [0, 10**18, 3],
    [0, 2**63 - 1, 3], np.array([0, 2**64 - 1, 3], np.uint64), [0, 1.5, 3], [0, np.nan, 3], [0, np.inf, 3], [[0, 3]], 0, None, "03",
    np.array([0, 3], np.int8), np.array([0, 9, 3])[::2], np.array([0, 3], ">i4"), [0, None, 3], [False, 3], np.array([0, 3 + 0j]),
]  # fmt: skip


def try_arrays(seed: int) -> str:
    """Make clusters of hostile arrays; what is accepted must be measured and read."""
    from calcigram import ClusterSet, classify

    rng = random.Random(seed)
    arrays = hostile_arrays()
    plain = ["plain"] * 30
    names = [rng.choice([*plain, *arrays]) for _ in range(2)]
    x, y = (arrays[name] for name in names)
    columns = {name: arrays[rng.choice(list(arrays))]
               for name in ("diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr", "confidence", "nipple_x_mm", "breast_area_mm2")
               if rng.random() < 0.15}  # fmt: skip
    more = {"cluster_id": arrays[rng.choice(list(arrays))]} if rng.random() < 0.1 else {}
    if rng.random() < 0.05:
        more["meta"] = {"a": arrays[rng.choice(list(arrays))]}
    offsets = rng.choice([[0, 3], [0, 1, 3], *OFFSETS, arrays[rng.choice(list(arrays))]])
    if names == ["million"] * 2:
        offsets = np.arange(0, 1_000_001, 100)
    clusters = ClusterSet.from_arrays(offsets, x, y, **columns, **more)
    verdicts = classify(clusters, n_threads=1) if len(clusters) < 20_000 else None
    return "" if verdicts is None or len(verdicts) == len(clusters) else "verdicts are missing"


def try_constructors(seed: int) -> None:
    """Give hostile arrays to the other public constructors and functions that take some."""
    import calcigram
    from calcigram.detect import detect
    from calcigram.linking import Linking, link
    from calcigram.mammogram import Mammogram
    from calcigram.options import ReadOptions

    rng, arrays = random.Random(seed), hostile_arrays()

    def one() -> Any:
        return arrays[rng.choice(list(arrays))]

    def image() -> Any:
        shape = rng.choice(
            [(0, 0), (1, 1), (3, 0), (64, 64), (200, 160), (1, 5000), (2, 2, 2), (9,)]
        )
        made = np.zeros(
            shape, rng.choice([np.float32, np.float32, np.float64, np.uint16, bool, np.complex64])
        )
        if made.size and made.dtype.kind == "f":
            made += np.random.default_rng(seed).random(shape)
            made.flat[seed % made.size] = rng.choice([0, np.nan, np.inf, -np.inf, 1e-45, 3e38])
        return rng.choice([made, made.T, made[::-1], one()])

    def clusters() -> Any:
        return rng.choice(
            [one(), calcigram.simulate(1, seed=1), calcigram.ClusterSet.from_arrays([0], [], [])]
        )

    number = rng.choice([0, -1, 1, 2, 1.5, np.nan, np.inf, 10**30, "a", None, True, [1]])
    rng.choice([
        lambda: link(one(), one(), rng.choice([None, Linking(5.0, 3), number])),
        lambda: Linking(number, rng.choice([3, number])),
        lambda: Mammogram(image(), rng.choice([(0.07, 0.07), (number, 0.07), number, one()]), valid=rng.choice([None, image()])),
        lambda: detect(Mammogram(image(), (0.07, 0.07))),
        lambda: calcigram.classify(clusters()),
        lambda: calcigram.extract_features(clusters(), n_threads=rng.choice([1, number])),
        lambda: calcigram.explain(clusters()),
        lambda: calcigram.simulate(rng.choice([1, 0, -1, "a", None, 1.5, np.nan]), seed=rng.choice([1, -1, "a", 1.5, None])),
        lambda: ReadOptions(pixel_spacing=number, threshold=rng.choice([None, number]), labels=rng.choice([(), number])),
        lambda: calcigram.ClusterSet.from_dataframe(one()),
        lambda: calcigram.simulate(3, seed=1)[arrays[rng.choice([name for name in arrays if name != "lists"])]],
    ])()  # fmt: skip


@kind("hostile", "Arrays for clusters", "offsets that go back or beyond the end, every dtype, read-only, strided, infinite, denormal, of a million",
      full=3_000, bounded=150)  # fmt: skip
def arrays_for_clusters(n: int) -> Iterator[Outcome]:
    warm()
    yield from in_children(try_arrays, ((f"seed {k}", k) for k in range(n)), per_child=PER_CHILD, allowed=(CalcigramError, IndexError, TypeError))  # fmt: skip


@kind("hostile", "Arrays for other functions", "link, Mammogram, detect, classify, features, explain, simulate, options, indices",
      full=1_000, bounded=60)  # fmt: skip
def arrays_for_functions(n: int) -> Iterator[Outcome]:
    warm()
    yield from in_children(try_constructors, ((f"seed {k}", k) for k in range(n)), per_child=PER_CHILD, allowed=(CalcigramError, IndexError, TypeError))  # fmt: skip


def try_geometry(seed: int) -> str:
    """Measure and read clusters at the ends of what is allowed."""
    from calcigram import ClusterSet, classify

    rng = np.random.default_rng(seed)
    n = int(rng.choice([0, 1, 2, 3, 4, 5, 30, 300, 2_000]))
    scale = 10.0 ** rng.integers(-44, 7)
    ways = [
        lambda: np.zeros((n, 2)), lambda: rng.random((n, 2)), lambda: np.repeat(rng.random((n, 1)), 2, axis=1),
        lambda: rng.integers(0, 2, (n, 2)), lambda: np.column_stack([np.arange(n), np.zeros(n)]),
        lambda: np.column_stack(np.divmod(np.arange(n), max(1, int(n**0.5)))), lambda: np.round(rng.random((n, 2)), 1),
        lambda: np.exp(rng.normal(0, 30, (n, 2))), lambda: np.where(rng.random((n, 2)) < 0.01, 1, 0),
    ]  # fmt: skip
    points = np.clip(ways[rng.integers(len(ways))]() * scale, -1e6, 1e6)
    marks = {
        "diameter_mm": np.float32(10.0) ** rng.integers(-45, 5, n),
        "aspect_ratio": 10.0 ** rng.integers(0, 7, n),
        "orientation_deg": rng.choice([0, 179.99999, 90, 1e-45], n),
        "solidity": rng.choice([1e-45, 1, 0.5], n),
        "cnr": rng.choice([0, 1e6, 1e-45], n),
    }
    known = {name: np.where(rng.random(n) < 0.9, value, np.nan) for name, value in marks.items() if rng.random() < 0.5}  # fmt: skip
    clusters = ClusterSet.from_arrays([0, n], points[:, 0], points[:, 1], **known)
    p = classify(clusters).filter(like="p_").to_numpy(float)
    return "" if (np.isnan(p) | ((p >= 0) & (p <= 1))).all() else "a probability out of range"


@kind("hostile", "Clusters at the ends of what is allowed", "equal, collinear, gridded points, 1e-44 to 1e6 mm, 0 to 2,000 of them, denormal marks",
      full=2_000, bounded=100)  # fmt: skip
def geometry(n: int) -> Iterator[Outcome]:
    warm()
    yield from in_children(try_geometry, ((f"seed {k}", k) for k in range(n)), per_child=PER_CHILD)


# --- models


@cache
def model_parts() -> tuple[dict[str, Any], dict[str, Any]]:
    from calcigram import load_model
    from calcigram.model import store

    model = load_model()
    return store._document(model), dict(store._arrays(model))


NUMBERS = [-(2**63), -(2**31), -32768, -2, -1, 0, 1, 2, 255, 32767, 2**31 - 1, 2**62]
FLOATS = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, -1.0, 2.0, 0.0]
VALUES: list[Any] = [None, True, -1, 0, 1.5, 10**400, 1e308, "", "a", "\ud800", [], {}, [[]], {"a": 1}, [1] * 50]  # fmt: skip


def try_model(seed: int) -> str:
    """Change a model, sign it anew and open it: it is refused, or reads."""
    from calcigram import load_model, simulate
    from calcigram.features.extract import extract_features
    from calcigram.model import store

    rng = random.Random(seed)
    document, arrays = json.loads(json.dumps(model_parts()[0])), dict(model_parts()[1])
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.3:
            document = changed_json(document, rng)
            continue
        name = rng.choice(sorted(arrays))
        array = arrays[name].copy()
        how = rng.random()
        if how < 0.15 or not len(array):
            array = np.resize(array, rng.randint(0, 2 * len(array) + 1))
        elif how < 0.25:
            array = array.astype(rng.choice(["f8", "i8", ">i4", "U3", "?", "c8", "f2"]))
        elif how < 0.3:
            array = array.reshape(1, -1)
        else:
            with np.errstate(all="ignore"):
                some = FLOATS if array.dtype.kind == "f" else NUMBERS
                array[rng.randrange(len(array))] = np.array(rng.choice(some)).astype(array.dtype)
        arrays[name] = array
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "forest.npz", **arrays)
        try:
            document["digest"] = store._digest(document, arrays)
        except (AttributeError, TypeError, ValueError):  # no object any more, or no JSON
            return ""
        (Path(folder) / "model.json").write_text(json.dumps(document))
        model = load_model(folder)
    features = extract_features(simulate(5, seed=1), n_threads=1)
    return "an infinite probability" if np.isinf(model.read(features).p_concern).any() else ""


@kind("hostile", "Model folders with a right digest", "children out of range, cycles, NaN thresholds, wrong sizes and types, absurd documents",
      full=1_000, bounded=40)  # fmt: skip
def models(n: int) -> Iterator[Outcome]:
    warm()
    model_parts()
    yield from in_children(try_model, ((f"seed {k}", k) for k in range(n)), per_child=PER_CHILD)


# --- damaged files


def changed_json(value: Any, rng: random.Random) -> Any:
    """Return JSON in which one value is another, at a place that is found by walking down at random."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        made = dict(value) if isinstance(value, dict) else list(value)
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        if rng.random() < 0.1:
            del made[key]
        else:
            made[key] = changed_json(value[key], rng)
        return made
    return rng.choice([*VALUES, value, [value, value], 10 ** rng.randint(0, 20)])


def changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with some changed, cut out, repeated or put in."""
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        at, n = rng.randrange(len(data) + 1), rng.choice([1, 1, 2, 4, 8, 40])
        head, old, tail = data[:at], data[at : at + n], data[at + n :]
        new = rng.choice([
            bytes(byte ^ 1 << rng.randrange(8) for byte in old), rng.randbytes(n), b"", old * 50, old + rng.randbytes(n), bytes(n), b"\xff" * n,
            rng.choice([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\x80\0\0\0", b"\xfe\xff\xff\xff"]),
            old + data[rng.randrange(len(data) + 1) :][: 10 * n],
        ])  # fmt: skip
        data = head + new + tail
    return data[: rng.randrange(len(data) + 1)] if rng.random() < 0.05 else data


def in_gzip(data: bytes, rng: random.Random) -> bytes:
    return gzip.compress(changed_bytes(gzip.decompress(data), rng), 1)


def in_zip(data: bytes, rng: random.Random) -> bytes:
    """Return an archive with one of its members changed, and its sums right."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as given,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made,
    ):
        chosen = rng.choice(given.namelist())
        for name in given.namelist():
            content = given.read(name)
            made.writestr(name, changed_bytes(content, rng) if name == chosen else content)
    return out.getvalue()


def in_png(data: bytes, rng: random.Random) -> bytes:
    """Return a PNG with one of its chunks changed, and its sums right."""
    at, made = 8, data[:8]
    chunks = []
    while at < len(data):
        (n,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + n]))
        at += n + 12
    chosen = rng.randrange(len(chunks))
    for k, (name, content) in enumerate(chunks):
        if k == chosen:
            content = zlib.compress(changed_bytes(zlib.decompress(content), rng), 1) if name == b"IDAT" and rng.random() < 0.5 else changed_bytes(content, rng)  # fmt: skip
        made += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))  # fmt: skip
    return made


def in_json(data: bytes, rng: random.Random) -> bytes:
    value = json.loads(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        value = changed_json(value, rng)
    return json.dumps(value).encode()


Change = Callable[[bytes, random.Random], bytes]


def small_clusters() -> Any:
    from calcigram import ClusterSet

    return ClusterSet.from_arrays(
        [0, 3, 5], np.arange(5.0), np.arange(5.0) ** 2, cluster_id=["a", "b"],
        diameter_mm=[0.1, 0.2, np.nan, 0.4, 0.5], meta={"note": ['x, "y"', None]},
    )  # fmt: skip


def written(name: str, **options: Any) -> bytes:
    from calcigram import write_clusters

    with tempfile.TemporaryDirectory() as folder:
        write_clusters(small_clusters(), Path(folder) / name, **options)
        return (Path(folder) / name).read_bytes()


def arrow_stream() -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(written("a.parquet")))
    table = table.append_column("code", pa.array(["p", "q"]).dictionary_encode())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    return sink.getvalue().to_pybytes()


def file_of(name: str) -> bytes:
    return (TESTS / "data" / name).read_bytes()


def dicom_examples() -> list[bytes]:
    examples = from_tests("data/make_examples")
    mask = np.pad(examples.label_mask()[::8, ::8], 1)
    made = (examples.cad_sr(examples.centres_px(3)), examples.tid1500(examples.centres_px(3)),
            examples.segmentation(mask), examples.mask_image(mask))  # fmt: skip
    return [saved(one) for one in made]


def mammogram_examples() -> list[bytes]:
    from calcigram.formats.extras import load_extra

    mammography = from_tests("mammography")
    image = mammography.breast(80, 70, spots=())
    found = [saved(mammography.dataset(image))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        for syntax, frame in (("1.2.840.10008.1.2.4.70", mammography.lossless_jpeg(image)), ("1.2.840.10008.1.2.5", None),
                              ("1.2.840.10008.1.2.4.80", None), ("1.2.840.10008.1.2.4.90", None)):  # fmt: skip
            try:
                load_extra("pylibjpeg", "x", "images")
                found.append(mammography.save_compressed(path, syntax, frame, image).read_bytes())
            except (
                RuntimeError,
                ValueError,
                NotImplementedError,
            ):  # nothing here writes this syntax
                continue
    return found


def read_file(path: Path, data: bytes) -> str:
    from calcigram import read_clusters

    path.write_bytes(data)
    options: dict[str, Any] = {}
    try:
        clusters = read_clusters(path)
    except CalcigramError as error:
        if "--pixel-spacing" not in str(error):
            raise
        options["pixel_spacing"] = 0.07
        clusters = read_clusters(path, **options)
    return "" if np.isfinite(clusters.x_mm).all() else "a position that is not finite"


def detect_file(path: Path, data: bytes) -> None:
    from calcigram.detect.images import read_image
    from calcigram.options import ReadOptions

    path.write_bytes(data)
    read_image(path, ReadOptions(pixel_spacing=0.07))


def read_body(media_type: str, _: Path, data: bytes) -> None:
    from calcigram.options import ReadOptions
    from calcigram.server.children import classify
    from calcigram.server.inputs import read_json, read_upload
    from calcigram.server.settings import Settings

    settings = Settings()
    if media_type == "application/json":
        read_json(data, settings)
    else:
        read_upload(data, media_type, settings, ReadOptions())
    assert classify is not None


def read_tensors(_: Path, data: bytes) -> None:
    from calcigram.server import openinference
    from calcigram.server.settings import Settings

    head = data.partition(b"}]}")[0]
    openinference.read(data, str(len(head) + 3), Settings())


def tensors() -> bytes:
    points, offsets = np.arange(10, dtype="<f4").tobytes(), np.array([0, 2, 5], "<i8").tobytes()
    head = {"inputs": [
        {"name": "points", "datatype": "FP32", "shape": [5, 2], "parameters": {"binary_data_size": len(points)}},
        {"name": "offsets", "datatype": "INT64", "shape": [3], "parameters": {"binary_data_size": len(offsets)}},
    ]}  # fmt: skip
    return json.dumps(head).encode() + points + offsets


SQUARE = [[10, 10], [14, 10], [14, 15], [10, 15]]

FAMILIES: dict[str, tuple[Callable[[], list[bytes]], list[Change], Callable[[Path, bytes], Any], int]] = {
    "Parquet": (lambda: [written("a.parquet"), written("a.parquet", layout="long")], [changed_bytes], read_file, 20_000),
    "Arrow streams": (lambda: [arrow_stream()], [changed_bytes], partial(read_body, ARROW), 20_000),
    "DICOM reports and masks": (dicom_examples, [changed_bytes], read_file, 15_000),
    "DICOM images": (mammogram_examples, [changed_bytes], detect_file, 5_000),
    "JSON of annotations": (lambda: [coco([[np.ravel(SQUARE).tolist()]] * 3), labelme([{"label": "calc", "points": SQUARE, "shape_type": "polygon"}]),
                                     file_of("slicer.mrk.json")], [in_json, in_json, changed_bytes], read_file, 10_000),
    "JSON of requests": (lambda: [http_points(3), b'{"clusters":[{"cluster_id":"a","x_mm":[1,2],"y_mm":[3,4],"diameter_mm":[0.1,null],"nipple_x_mm":3}]}'],
                         [in_json, changed_bytes], partial(read_body, "application/json"), 10_000),
    "Open Inference requests": (lambda: [tensors()], [changed_bytes], read_tensors, 5_000),
    "Property lists in XML": (lambda: [inbreast_of([{"Name": "Calcification", "Area": 0.1, "Point_px": ["(1, 2)", "(5, 2)", "(5, 6)"]}] * 3)],
                              [changed_bytes], read_file, 10_000),
    "CSV": (lambda: [written("a.csv")], [changed_bytes], read_file, 5_000),
    "Workbooks": (lambda: [file_of("marks.xlsx")], [in_zip, in_zip, changed_bytes], read_file, 1_000),
    "Sets of regions": (lambda: [file_of("RoiSet.zip")], [in_zip, in_zip, changed_bytes], read_file, 3_000),
    "NIfTI": (lambda: [gzip.compress(nifti((70, 90)) + bytes(6300)), file_of("nnunet.nii.gz")], [in_gzip, in_gzip, changed_bytes], read_file, 3_000),
    "PNG, TIFF and NumPy": (lambda: [file_of("labels.tif"), npy(np.pad(np.eye(9, dtype=np.uint8), 9))], [changed_bytes], read_file, 3_000),
    "PNG with right sums": (lambda: [file_of("labels.png")], [in_png], read_file, 2_000),
    "NumPy archives": (lambda: [file_of("labels.npz")], [in_zip, changed_bytes], read_file, 2_000),
}  # fmt: skip


def damaged(family: str, n: int) -> Iterator[Outcome]:
    """Read so many changed files of one family."""
    make, changes, read, _ = FAMILIES[family]
    warm()
    examples = make()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")

        def attack(seed: int) -> Any:
            rng = random.Random(seed)
            return read(Path(folder) / "given", changes[seed % len(changes)](examples[seed % len(examples)], rng))  # fmt: skip

        from calcigram.server.problems import Problem

        tries = ((f"seed {seed}", seed) for seed in range(n))
        yield from in_children(
            attack, tries, per_child=PER_CHILD, allowed=(CalcigramError, Problem)
        )


for _family, (*_, _full) in FAMILIES.items():
    kind("hostile", f"Damaged files: {_family}", "bytes or values changed, cut out, repeated, put in, within containers too",
         full=_full, bounded=_full // 100)(partial(damaged, _family))  # fmt: skip
