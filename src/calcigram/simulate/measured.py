"""Simulated clusters as the product's own detector lists them: rendered, detected, measured.

What is missed is missing, what is falsely found near the cluster is there, and the labels are the
true ones. A cluster of which too little is found is dropped.

Patches are small: parts of a cluster that lie far apart are moved together before the picture is
taken, and their marks moved back. Tissue and noise look alike everywhere, so the marks are those of
the whole picture, for a fifth of the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from calcigram.clusters import ClusterSet
from calcigram.detect import Detection, detect_calcifications
from calcigram.formats.checkpoint import MANIFEST_FILE, Folder, code_digest, to_text
from calcigram.formats.registry import read_clusters, write_clusters
from calcigram.lexicon import MIN_CALCIFICATIONS
from calcigram.mammogram import Mammogram
from calcigram.simulate.acquisition import COLUMNS, TrueMarks
from calcigram.simulate.generator import Record, TrueCluster, in_parts, set_of, true_cluster
from calcigram.simulate.mechanisms import Floats
from calcigram.simulate.presets import load_preset
from calcigram.simulate.render import Labels, scene_of, take_picture

RECIPE = 1
"""Raise it when other marks of the same seed are wanted; other code has other caches by itself."""

PART = 250
"""Patches per task, and per file of the cache."""

GAP_MM = 2.0
"""Parts of a cluster farther apart than this are moved together to it."""

MARGIN_MM = 2.5
"""How far a patch reaches beyond its calcifications."""

LEAST_SIDE_MM = 10.0
"""A smaller patch would leave the detector too little background."""

LINK_MM = 5.0
"""False marks within this of a true calcification are listed with the cluster, as `detect` links."""

TRAINING_START = 1_000_000_000
"""Index of the first measured cluster of training: other patients than those of ``simulate(n)``."""

_PATCH = 6

Options = dict[str, Any]


class Measured(NamedTuple):
    """Clusters as measured, and how many were dropped because too few of their marks were found."""

    clusters: ClusterSet
    n_dropped: int


class Patch(NamedTuple):
    """A picture of a cluster whose far parts were moved together.

    Attributes
    ----------
    cluster : TrueCluster
        In the image it was simulated in.
    moved : ndarray of float64, shape (n, 2)
        Centres of its calcifications in the patch, mm.
    image : Mammogram
    labels : ndarray of int32
        Truth per pixel: 0, or 1 + the index of the calcification.
    """

    cluster: TrueCluster
    moved: Floats
    image: Mammogram
    labels: Labels


def closed_up(truth: TrueMarks, gap_mm: float = GAP_MM) -> Floats:
    """Return centres of calcifications after parts that lie far apart have been moved together.

    Parameters
    ----------
    truth : TrueMarks
        n calcifications.
    gap_mm : float
        Calcifications closer than this keep their distance; parts get this distance.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        mm.
    """
    from scipy.sparse.csgraph import connected_components

    owner = truth.outlines.owner
    placed = truth.outlines.parts + truth.xy[owner][:, None]
    low, high = np.full(truth.xy.shape, np.inf), np.full(truth.xy.shape, -np.inf)
    np.minimum.at(low, owner, placed.min(axis=1))
    np.maximum.at(high, owner, placed.max(axis=1))
    apart = np.maximum(low[:, None] - high, low - high[:, None]).max(axis=-1)
    n_parts, part = connected_components(apart < gap_mm, directed=False)
    first, last = np.full((n_parts, 2), np.inf), np.full((n_parts, 2), -np.inf)
    np.minimum.at(first, part, low)
    np.maximum.at(last, part, high)
    size = last - first + gap_mm
    # Shelves of parts side by side, the highest first.
    width = max(float(size[:, 0].max()), math.sqrt(float(size.prod(axis=1).sum())))
    corner = np.zeros((n_parts, 2))
    x = y = shelf = 0.0
    for k in np.argsort(-size[:, 1], kind="stable"):
        if x + size[k, 0] > width + 1e-9:
            x, y = 0.0, y + shelf
        if x == 0.0:
            shelf = size[k, 1]
        corner[k] = x, y
        x += size[k, 0]
    closed: Floats = truth.xy + (corner - first)[part]
    return closed


def patch_of(index: int, *, seed: int = 0, grade: str = "typical", preset: str = "train") -> Patch:
    """Render a patch with one simulated cluster; parameters as for `simulate`."""
    cluster = true_cluster(index, seed=seed, grade=grade, preset=preset)
    rng = np.random.default_rng((seed, _PATCH, index))
    truth = TrueMarks(closed_up(cluster.truth), cluster.truth.outlines, cluster.truth.table)
    extent = float(np.ptp(truth.xy, axis=0).min())
    margin = max(MARGIN_MM, 0.5 * (LEAST_SIDE_MM - extent))
    scene = scene_of(rng, truth, load_preset(preset), margin)
    pixels, labels = take_picture(rng, scene)
    pixel = scene.drawn["detector"].pixel_mm
    image = Mammogram(pixels, (pixel, pixel), image_id=f"measured-{seed}-{index}")
    return Patch(cluster, scene.truth.xy, image, labels)


def marks_of(patch: Patch) -> tuple[npt.NDArray[np.float32], Detection]:
    """Return what the detector lists of a patch's cluster, at its place in the simulated image.

    Returns
    -------
    marks : ndarray of float32, shape (m, 7)
        Columns as in `acquisition.COLUMNS`.
    detection : Detection
        Of the patch, with the marks that lie far from the cluster too.
    """
    detection = detect_calcifications(patch.image, find_outline=False, with_weaker=True)
    marks = detection.table[list(COLUMNS)].to_numpy(np.float64, copy=True)
    away = np.hypot(*(marks[:, None, :2] - patch.moved).transpose(2, 0, 1))
    nearest = away.argmin(axis=1)
    marks[:, :2] += (patch.cluster.truth.xy - patch.moved)[nearest]
    return marks[away.min(axis=1) <= LINK_MM].astype(np.float32), detection


def _one(index: int, seed: int, grade: str, preset: str) -> Record | None:
    patch = patch_of(index, seed=seed, grade=grade, preset=preset)
    marks, _ = marks_of(patch)
    cluster, name = patch.cluster, patch.image.image_id
    if len(marks) < max(MIN_CALCIFICATIONS, cluster.least_marks(load_preset(preset))):
        return None
    meta = cluster.meta(name, "measured", image_id=name)
    return marks, cluster.nipple, cluster.area_mm2, meta


def _part(start: int, stop: int, *, folder: Path | None, **options: Any) -> ClusterSet:
    """Return the clusters of some indices, from the cache where they are there."""
    path = None if folder is None else folder / f"measured-{start}-{stop}.parquet"
    if path is not None and path.exists():
        return read_clusters(path)
    records = [_one(index, **options) for index in range(start, stop)]
    clusters = set_of([record for record in records if record is not None])
    if path is not None and len(clusters):
        write_clusters(clusters, path)
    return clusters


def simulate_measured(
    n: int,
    *,
    seed: int = 0,
    start: int = 0,
    grade: str = "typical",
    preset: str = "train",
    n_jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    cache: str | Path | None = None,
) -> Measured:
    """Simulate clusters with the marks that `calcigram.detect` finds in their pictures.

    Parameters
    ----------
    n : int
        Number of pictures; some clusters are dropped, because too little of them is found.
    seed, start, grade, preset, n_jobs
        As for `simulate`; of the grade only counts whether nipple and breast area are known.
    progress : callable, optional
        Called with (pictures done, `n`).
    cache : str or Path, optional
        Folder that keeps the clusters: a folder in it per seed, preset and code, with a manifest
        and a Parquet file per 250 pictures. An interrupted run goes on from there.

    Returns
    -------
    Measured
        ``clusters`` with the true labels, as `simulate` returns them, and ``n_dropped``.

    Examples
    --------
    >>> clusters, n_dropped = simulate_measured(2, seed=4)
    >>> len(clusters) + n_dropped
    2
    """
    options: Options = {"seed": seed, "grade": grade, "preset": preset}
    folder = None if cache is None else _cache_folder(Path(cache), options)
    parts, done = [], 0
    for part in in_parts(partial(_part, folder=folder, **options), start, n, PART, n_jobs):
        parts.append(part)
        done = min(done + PART, n)
        if progress is not None:
            progress(done, n)
    clusters = ClusterSet.concat(parts)
    return Measured(clusters, n - len(clusters))


def _cache_folder(cache: Path, options: Options) -> Path:
    """Return the folder for these options and this code, with its manifest."""
    import hashlib

    manifest = {
        "recipe": RECIPE,
        **options,
        "preset_sha256": load_preset(options["preset"]).sha256,
        "code_sha256": code_digest("simulate", "detect"),
    }
    text = to_text(manifest)
    folder = cache / f"measured-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    Folder(folder).write(MANIFEST_FILE, text.encode())
    return folder
