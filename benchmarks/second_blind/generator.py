"""Clusters from first to last: patient, lesion, picture, table."""

from __future__ import annotations

from typing import Any

import numpy as np

from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES, ClusterSet

from .breast import draw_breast
from .camera import draw_machine
from .lesion import FEWEST_POPCORN, draw_lesion
from .mix import deal_pair
from .reading import as_tabled, found, photograph

VIEWS = ("CC", "MLO")  # each patient has one cluster in each
NIPPLE_UNKNOWN_SHARE, AREA_UNKNOWN_SHARE = 0.30, 0.35
NIPPLE_SD_MM, AREA_SD_SHARE = 1.5, 0.04
FEWEST_MARKS = 5
FAINTEST_CNR = 3.3  # nobody reports a cluster most of which is fainter


def generate(n: int, *, seed: int) -> ClusterSet:
    """Simulate labelled clusters.

    Parameters
    ----------
    n : int
        Number of clusters.
    seed : int
        Not negative. Cluster ``i`` of a seed is the same whatever `n` is.

    Returns
    -------
    ClusterSet
        With `meta` columns ``image_id, group_id`` (patient), ``laterality, view, mechanism,
        true_distribution, true_morphology``. All six distributions and all nine forms are about
        balanced.

    Examples
    --------
    >>> len(generate(3, seed=1))
    3
    """
    clusters = [_cluster(seed, index) for index in range(n)]
    columns: dict[str, Any] = {
        name: np.concatenate([np.empty(0), *(cluster[name] for cluster in clusters)])
        for name in MARK_NAMES
    }
    columns |= {name: [cluster[name] for cluster in clusters] for name in CLUSTER_NAMES}
    sizes = [len(cluster["x_mm"]) for cluster in clusters]
    meta = ("image_id", "group_id", "laterality", "view", "mechanism")
    truth = ("true_distribution", "true_morphology")
    return ClusterSet.from_arrays(
        np.cumsum([0, *sizes]),
        cluster_id=[f"{seed}-{index}" for index in range(n)],
        meta={name: [cluster[name] for cluster in clusters] for name in (*meta, *truth)},
        **columns,
    )


def _cluster(seed: int, index: int) -> dict[str, Any]:
    """Make one cluster: its marks, its two or three numbers and its row of `meta`."""
    distribution, form = deal_pair(seed, index)
    patient, view = index // len(VIEWS), VIEWS[index % len(VIEWS)]
    breast = draw_breast(np.random.default_rng([seed, patient, 1]), view)
    machine = draw_machine(np.random.default_rng([seed, patient, 2]), breast.thickness_mm)
    rng = np.random.default_rng([seed, index])
    area_is_known = rng.random() > AREA_UNKNOWN_SHARE
    fewest = FEWEST_POPCORN if form == "popcorn" else FEWEST_MARKS
    while True:
        lesion = draw_lesion(rng, breast, distribution, form, area_is_known=area_is_known)
        if lesion is None:
            continue
        sites, grains = lesion
        marks = photograph(rng, machine, breast, form, sites, grains)
        reported = found(rng, marks, len(sites.position))
        if reported.sum() >= fewest and np.median(marks.cnr[reported]) >= FAINTEST_CNR:
            break
    nipple = breast.nipple() + rng.normal(0, NIPPLE_SD_MM, 2)
    nipple_x_mm, nipple_y_mm = nipple if rng.random() > NIPPLE_UNKNOWN_SHARE else (np.nan, np.nan)
    area_mm2 = breast.area_mm2() * rng.normal(1, AREA_SD_SHARE)
    return as_tabled(rng, marks.columns(reported)) | {
        "nipple_x_mm": nipple_x_mm,
        "nipple_y_mm": nipple_y_mm,
        "breast_area_mm2": area_mm2 if area_is_known else np.nan,
        "image_id": f"{seed}-{patient}-{view}",
        "group_id": f"{seed}-{patient}",
        "laterality": breast.laterality,
        "view": view,
        "mechanism": sites.mechanism,
        "true_distribution": distribution,
        "true_morphology": form,
    }
