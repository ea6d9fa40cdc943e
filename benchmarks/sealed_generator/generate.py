"""Sets of clusters: which words, which breasts, what is told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calcigram.clusters import OPTIONAL_MARKS, ClusterSet
from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES, Morphology

from .anatomy import Generator
from .assemble import Cluster, draw_cluster, draw_setting
from .marks import Marks
from .optics import project


def _words(seed: int) -> Iterator[tuple[str, str]]:
    """Yield pairs of words for ever: each block of 54 holds every admissible pair, shuffled."""
    pairs = [(d, m) for d in DISTRIBUTIONS for m in MORPHOLOGIES if (d, m) in ADMISSIBLE_PAIRS]
    pairs += [pair for pair in pairs if pair[1] == Morphology.VASCULAR] * 2
    pairs += [pair for pair in pairs if pair[1] == Morphology.POPCORN]
    rng = np.random.default_rng([seed, 1])
    while True:
        yield from (pairs[i] for i in rng.permutation(len(pairs)))


def _clusters(seed: int) -> Iterator[tuple[Cluster, str, str]]:
    """Yield clusters for ever, with the breast and the image each belongs to."""
    words, n_breasts = _words(seed), 0
    while True:
        rng = np.random.default_rng([seed, 2, n_breasts])
        setting, n_images = draw_setting(rng), 1
        for _ in range(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12])):
            cluster, used = draw_cluster(rng, setting, *next(words))
            if used is not setting:
                setting, n_images = used, n_images + 1
            breast = f"sealed-{seed}-b{n_breasts}"
            yield cluster, breast, f"{breast}-i{n_images}"
        n_breasts += 1


def _hide(rng: Generator, marks: Marks, missing: str) -> dict[str, np.ndarray]:
    """Return the optional marks, NaN where this detector would not tell them."""
    told = {name: getattr(marks, name).astype(np.float32) for name in OPTIONAL_MARKS}
    hidden = {
        "measures": ("aspect_ratio", "orientation_deg", "solidity", "cnr"),
        "shape": ("aspect_ratio", "orientation_deg", "solidity"),
        "cnr": ("cnr",),
        "positions": OPTIONAL_MARKS,
    }
    for name in hidden.get(missing, ()):
        told[name][:] = np.nan
    if missing == "some":  # the form of the smallest marks, and the contrast of a few
        small = marks.diameter_mm <= np.quantile(marks.diameter_mm, rng.uniform(0.05, 0.3))
        for name in hidden["shape"]:
            told[name][small] = np.nan
        told["cnr"][rng.random(len(marks)) < 0.1] = np.nan
    return told


def generate(n: int, seed: int) -> ClusterSet:
    """Make `n` clusters with known words.

    Parameters
    ----------
    n : int
        How many; the first of a longer set with the same seed are those of a shorter one.
    seed : int
        Not negative.

    Returns
    -------
    ClusterSet
        With meta columns ``image_id``, ``group_id``, ``laterality``, ``view``, ``mechanism``,
        ``true_distribution`` and ``true_morphology``. Clusters of one ``group_id`` are of one
        patient.
    """
    columns: dict[str, list] = {name: [] for name in ("x_mm", "y_mm", *OPTIONAL_MARKS)}
    meta: dict[str, list[str]] = {
        name: []
        for name in (
            "image_id",
            "group_id",
            "laterality",
            "view",
            "mechanism",
            "true_distribution",
            "true_morphology",
        )
    }
    lengths, nipples, areas = [], [], []
    source = _clusters(seed)
    for i in range(n):
        cluster, group_id, image_id = next(source)
        setting, marks = cluster.setting, cluster.marks
        rng = np.random.default_rng([seed, 3, i])
        columns["x_mm"].append(marks.x_mm)
        columns["y_mm"].append(marks.y_mm)
        for name, values in _hide(rng, marks, setting.missing).items():
            columns[name].append(values)
        lengths.append(len(marks))
        nipple = project(setting.breast.nipple_mm[None])[0][0] + rng.normal(0, 1, 2)
        nipples.append(nipple if setting.nipple_known else [np.nan, np.nan])
        areas.append(setting.area_mm2)
        told = (
            image_id,
            group_id,
            setting.laterality,
            setting.view,
            cluster.mechanism,
            str(cluster.distribution),
            str(cluster.morphology),
        )
        for values, value in zip(meta.values(), told, strict=True):
            values.append(value)
    flat = {name: np.concatenate(parts) if parts else [] for name, parts in columns.items()}
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum(lengths)]),
        **flat,
        cluster_id=[f"sealed-{seed}-{i}" for i in range(n)],
        meta=meta,
        nipple_x_mm=[nipple[0] for nipple in nipples],
        nipple_y_mm=[nipple[1] for nipple in nipples],
        breast_area_mm2=areas,
    )
