"""Hostile arrays and models: only documented errors, no crash of the interpreter, no hang."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from attack.damaged import changed_json
from attack.frame import PER_CHILD, Outcome, in_children, kind
from attack.memory import warm
from calcigram.errors import CalcigramError

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
      full=1_000, bounded=100)  # fmt: skip
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
