"""Files of every kind with bytes or values changed: only documented errors, no crash of the interpreter, no hang."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import io
import json
import random
import re
import struct
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from attack.examples import TESTS, from_tests, saved
from attack.frame import PER_CHILD, Outcome, in_children, kind
from attack.inputs import ARROW
from attack.inputs.annotations import coco, inbreast_of, labelme
from attack.inputs.pixels import nifti, npy
from attack.inputs.texts import http_points
from attack.memory import warm
from calcigram.errors import CalcigramError

VALUES: list[Any] = [None, True, -1, 0, 1.5, 10**400, 1e308, "", "a", "\ud800", [], {}, [[]], {"a": 1}, [1] * 50]  # fmt: skip


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


def read_settings(path: Path, data: bytes) -> None:
    """Read a file as all that a user may give of settings: each must refuse what is not its own."""
    from calcigram.consequences import load_rulebook
    from calcigram.model.prior import load_prior
    from calcigram.risk import load_risk
    from calcigram.rules.recognition import load_recognition
    from calcigram.simulate.presets import load_preset

    path = path.with_suffix(".csv" if data[:20].count(b",") or data[:1] == b"#" else ".toml")
    path.write_bytes(data)
    n_read = 0
    for load in (load_recognition, load_rulebook, load_preset, load_prior, load_risk):
        with contextlib.suppress(CalcigramError):
            load(str(path))
            n_read += 1


def settings_files() -> list[bytes]:
    """Return rulebooks, a preset and a risk table."""
    from calcigram.risk import load_risk

    source = Path(str(importlib.util.find_spec("calcigram").submodule_search_locations[0]))  # type: ignore[union-attr,index]
    with tempfile.TemporaryDirectory() as folder:
        load_risk().to_csv(Path(folder) / "risk.csv")
        table = (Path(folder) / "risk.csv").read_bytes()
    books = (
        "rulebooks/recognition",
        "rulebooks/article",
        "rulebooks/birads",
        "simulate/presets/train",
    )
    return [table, *((source / f"{name}.toml").read_bytes() for name in books)]


def changed_word(data: bytes, rng: random.Random) -> bytes:
    """Return a text with a word or number exchanged for another."""
    words = list(re.finditer(rb"[\w.+-]+", data))
    for chosen in rng.sample(words, rng.choice([1, 1, 2, 5])):
        word = rng.choice([*WORDS, rng.choice(words)[0]])
        data = data.replace(chosen[0], word, 1) if rng.random() < 0.5 else data[: chosen.start()] + word + data[chosen.end() :]  # fmt: skip
    return data


WORDS = (b"", b"nan", b"-inf", b"1e400", b"-1", b"0", b"10000000000000000000000", b"true", b'""', b"[]", b"{}", b"[[[[1]]]]", b"'", b'"""', b"\xff", b"1979-05-27", b"a.b", b"0x1F")  # fmt: skip


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
    "Parquet": (lambda: [written("a.parquet"), written("a.parquet", layout="long")], [changed_bytes], read_file, 22_000),
    "Arrow streams": (lambda: [arrow_stream()], [changed_bytes], partial(read_body, ARROW), 21_000),
    "DICOM reports and masks": (dicom_examples, [changed_bytes], read_file, 17_000),
    "DICOM images": (mammogram_examples, [changed_bytes], detect_file, 5_000),
    "JSON of annotations": (lambda: [coco([[np.ravel(SQUARE).tolist()]] * 3), labelme([{"label": "calc", "points": SQUARE, "shape_type": "polygon"}]),
                                     file_of("slicer.mrk.json")], [in_json, in_json, changed_bytes], read_file, 10_000),
    "JSON of requests": (lambda: [http_points(3), b'{"clusters":[{"cluster_id":"a","x_mm":[1,2],"y_mm":[3,4],"diameter_mm":[0.1,null],"nipple_x_mm":3}]}'],
                         [in_json, changed_bytes], partial(read_body, "application/json"), 10_000),
    "Open Inference requests": (lambda: [tensors()], [changed_bytes], read_tensors, 5_000),
    "Property lists in XML": (lambda: [inbreast_of([{"Name": "Calcification", "Area": 0.1, "Point_px": ["(1, 2)", "(5, 2)", "(5, 6)"]}] * 3)],
                              [changed_bytes], read_file, 10_000),
    "Rulebooks, presets and risk tables": (settings_files, [changed_word, changed_word, changed_bytes], read_settings, 2_000),
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

        from calcigram.server.responses import Problem

        tries = ((f"seed {seed}", seed) for seed in range(n))
        yield from in_children(
            attack, tries, per_child=PER_CHILD, allowed=(CalcigramError, Problem)
        )


for _family, (*_, _full) in FAMILIES.items():
    kind("hostile", f"Damaged files: {_family}", "bytes or values changed, cut out, repeated, put in, within containers too",
         full=_full, bounded=_full // 100)(partial(damaged, _family))  # fmt: skip
