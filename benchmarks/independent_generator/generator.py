"""Clusters from first to last: labels, breast, arrangement, marks, table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calcigram.clusters import OPTIONAL_MARKS, ClusterSet
from calcigram.errors import BadInputError
from calcigram.lexicon import (
    ADMISSIBLE_PAIRS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    Distribution,
    Morphology,
)

from .arrangements import draw_pattern
from .breast import Array, Breast, Rng, new_breast, to_image
from .detector import detect, draw_axes, draw_forgotten, draw_particles
from .forms import FORMS


def _one_cluster(
    rng: Rng,
    breast: Breast,
    distribution: Distribution,
    name: Morphology,
    forgotten: tuple[str, ...],
) -> tuple[dict[str, Array], str]:
    """Draw the observed columns of one cluster and the name of its arrangement."""
    pattern, chosen = draw_pattern(rng, breast, distribution, name)
    axis = draw_axes(rng, breast, pattern, distribution, FORMS[name])
    marks = draw_particles(rng, breast, name, len(pattern.xy))
    xy, axis = to_image(breast, pattern.xy, axis)
    xy, axis, marks = detect(rng, breast, xy, axis, marks)
    degrees = np.mod(np.degrees(axis), 180.0).astype(np.float32)
    columns: dict[str, Array] = {
        "x_mm": xy[:, 0],
        "y_mm": xy[:, 1],
        "diameter_mm": marks[:, 0],
        "aspect_ratio": marks[:, 1],
        "orientation_deg": np.where(degrees >= 180, 0, degrees),
        "solidity": marks[:, 2],
        "cnr": marks[:, 3],
    }
    for mark in forgotten:
        columns[mark] = np.full(len(xy), np.nan)
    if rng.random() < 0.06:  # now and then a single value could not be measured
        for mark in OPTIONAL_MARKS:
            columns[mark] = np.where(rng.random(len(xy)) < 0.08, np.nan, columns[mark])
    return columns, chosen


def _labels(rng: Rng, n: int, per_class: int | None) -> list[tuple[Distribution, Morphology]]:
    """Draw the pairs: half with the distribution chosen first, half with the form."""
    if per_class is None:
        first, second = n - n // 2, n // 2
    else:
        first, second = per_class * len(DISTRIBUTIONS), per_class * len(MORPHOLOGIES)
    pairs = []
    start = int(rng.integers(len(DISTRIBUTIONS)))
    for i in range(first):
        wanted = DISTRIBUTIONS[(start + i) % len(DISTRIBUTIONS)]
        forms = [m for m in MORPHOLOGIES if (wanted, m) in ADMISSIBLE_PAIRS]
        pairs.append((wanted, forms[rng.integers(len(forms))]))
    start = int(rng.integers(len(MORPHOLOGIES)))
    for i in range(second):
        form = MORPHOLOGIES[(start + i) % len(MORPHOLOGIES)]
        homes = [d for d in DISTRIBUTIONS if (d, form) in ADMISSIBLE_PAIRS]
        pairs.append((homes[rng.integers(len(homes))], form))
    return [pairs[i] for i in rng.permutation(len(pairs))]


def generate(n: int | None, *, seed: int, per_class: int | None = None) -> ClusterSet:
    """Draw labelled clusters from a model of the breast independent of the simulator.

    Parameters
    ----------
    n : int or None
        Number of clusters; None where `per_class` says it.
    seed : int
        The same seed and number give the same clusters.
    per_class : int, optional
        Draw this many clusters for each word of each axis, that is 15 times as many in all:
        each distribution `per_class` times with any form that goes with it, then each form
        likewise. The default draws `n` clusters in the same two halves.

    Returns
    -------
    ClusterSet
        With the meta columns ``image_id, group_id, laterality, view, mechanism,
        true_distribution, true_morphology``. Some images hold several clusters, some
        patients several images; ``mechanism`` reads ``other.<distribution>.<arrangement>``.

    Raises
    ------
    BadInputError
        `n` and `per_class` contradict each other, or one is negative.

    Notes
    -----
    The labels hold for the positions before detection. Nipple, breast area and marks may be
    unknown (NaN), and about a tenth of the clusters know nothing but positions; for those
    whose breast area is unknown the millimetre limits of the definitions decide.

    Examples
    --------
    >>> clusters = generate(20, seed=1)
    >>> len(clusters)
    20
    """
    words = len(DISTRIBUTIONS) + len(MORPHOLOGIES)
    if per_class is not None and n is not None and n != per_class * words:
        raise BadInputError(f"n=None or {per_class * words} with per_class={per_class}", value=n)
    if (n is None and per_class is None) or min(n or 0, per_class or 0) < 0:
        raise BadInputError("a number of clusters of at least 0", value=n)
    rng = np.random.default_rng(seed)
    pairs = _labels(rng, n or 0, per_class)
    columns: list[dict[str, Array]] = []
    nipples, areas, meta = [], [], []
    breast: Breast | None = None
    image = patient = 0
    for distribution, form in pairs:
        if breast is None or rng.random() < 0.65:
            same_patient = breast is not None and rng.random() < 0.3
            image, patient = image + 1, patient + (not same_patient)
            breast = new_breast(rng, image, patient, breast if same_patient else None)
        forgotten = draw_forgotten(rng)
        known = breast
        if forgotten == OPTIONAL_MARKS:  # positions only: nothing of the breast either
            known = replace(breast, nipple_known=False, area_known=False)
        drawn, chosen = _one_cluster(rng, known, distribution, form, forgotten)
        columns.append(drawn)
        spot, _ = to_image(breast, breast.nipple[None], np.zeros(1))
        nipples.append(spot[0] if known.nipple_known else np.full(2, np.nan))
        areas.append(breast.area * rng.normal(1, 0.01) if known.area_known else np.nan)
        meta.append(
            {
                "image_id": breast.image_id,
                "group_id": breast.group_id,
                "laterality": breast.laterality,
                "view": breast.view,
                "mechanism": f"other.{distribution}.{chosen}",
                "true_distribution": str(distribution),
                "true_morphology": str(form),
            }
        )
    if not columns:
        return ClusterSet.from_arrays([0], [], [])
    offsets = np.concatenate([[0], np.cumsum([c["x_mm"].size for c in columns])])
    return ClusterSet.from_arrays(
        offsets,
        **{name: np.concatenate([c[name] for c in columns]) for name in columns[0]},
        cluster_id=[f"other-{i:06d}" for i in range(len(columns))],
        nipple_x_mm=[p[0] for p in nipples],
        nipple_y_mm=[p[1] for p in nipples],
        breast_area_mm2=areas,
        meta={name: [row[name] for row in meta] for name in meta[0]},
    )
