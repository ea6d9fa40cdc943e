"""Points drawn at random about a centre, whose distribution follows from their extent alone.

Grouped up to 2 cm, regional up to 6 cm, diffuse beyond. A reader that sees a branch, a line or a wedge in
them sees shapes that chance made. Nothing is fitted to them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist

from calcigram.clusters import ClusterSet
from calcigram.lexicon import DIFFUSE_MIN_MM, GROUPED_MAX_MM, Distribution
from calcigram.limits import OPTIONAL_MARKS
from calcigram.readings import Readings

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

SEED = 101
"""Of the test set; no training uses it."""

N_RANGE = (5, 60)
EXTENT_RANGE_MM = (5.0, 60.0)
BORDER_SHARE = 0.1
INSIDE_SHARE = 0.9
"""Within a tenth of a limit, or with nine tenths of the points inside 2 cm, either word counts."""


def _ball(rng: Rng, n: int, n_axes: int) -> Floats:
    xyz = rng.normal(size=(n, n_axes))
    radius = rng.random(n) ** (1 / n_axes) / np.linalg.norm(xyz, axis=1)
    result: Floats = (xyz * radius[:, None])[:, :2]
    return result


SHAPES: dict[str, Callable[[Rng, int], Floats]] = {
    "gaussian": lambda rng, n: rng.normal(size=(n, 2)),
    "disc": lambda rng, n: _ball(rng, n, 2),
    "square": lambda rng, n: rng.uniform(-1, 1, (n, 2)),
    "ball": lambda rng, n: _ball(rng, n, 3),
}
"""Shapes of arbitrary size, each projected to a plane."""

KNOWN: tuple[tuple[str, ...], ...] = (
    (),
    ("diameter_mm",),
    OPTIONAL_MARKS,
)
"""Marks handed over, in turn; the nipple and the breast area are never known."""


def clouds(n_clusters: int, *, seed: int = SEED) -> ClusterSet:
    """Draw clouds of every shape, count and extent, evenly in the logarithms of the last two.

    Parameters
    ----------
    n_clusters : int
    seed : int

    Returns
    -------
    ClusterSet
        ``meta`` holds `shape`, the drawn `extent_mm` (largest distance between two points),
        `true_distribution`, and `also`: the other word that counts, or nothing.

    Examples
    --------
    >>> drawn = clouds(8)
    >>> drawn.meta["shape"].tolist()[:4]
    ['gaussian', 'disc', 'square', 'ball']
    >>> bool((drawn.n_calcifications >= 5).all())
    True
    """
    rng = np.random.default_rng(seed)
    points: list[Floats] = []
    marks: list[dict[str, Floats]] = []
    words: list[tuple[str, str]] = []
    extents: list[float] = []
    names = list(SHAPES)
    for i in range(n_clusters):
        n = round(float(np.exp(rng.uniform(*np.log(N_RANGE)))))
        extent = float(np.exp(rng.uniform(*np.log(EXTENT_RANGE_MM))))
        xy = SHAPES[names[i % len(names)]](rng, n)
        xy *= extent / pdist(xy).max()
        points.append(xy)
        extents.append(extent)
        words.append(words_of(xy, extent))
        drawn = {
            "diameter_mm": rng.lognormal(np.log(0.3), 0.3, n),
            "aspect_ratio": 1 + rng.gamma(2.0, 0.1, n),
            "orientation_deg": rng.uniform(0, 180, n),
            "solidity": np.clip(rng.normal(0.95, 0.02, n), 0.5, 1.0),
            "cnr": rng.lognormal(np.log(10), 0.3, n),
        }
        known = KNOWN[i // len(names) % len(KNOWN)]
        marks.append({k: v if k in known else np.full(n, np.nan) for k, v in drawn.items()})
    xy = np.concatenate([*points, np.empty((0, 2))])
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum([len(p) for p in points])]),
        xy[:, 0],
        xy[:, 1],
        **{k: np.concatenate([m[k] for m in marks]) for k in (KNOWN[-1] if marks else ())},
        meta={
            "shape": [names[i % len(names)] for i in range(n_clusters)],
            "extent_mm": extents,
            "true_distribution": [word for word, _ in words],
            "also": [other for _, other in words],
        },
    )


def words_of(xy: Floats, extent_mm: float) -> tuple[str, str]:
    """Return the distribution of a cloud, and the other word that counts, or nothing.

    Examples
    --------
    >>> words_of(np.array([[0.0, 0], [21, 0]]), 21.0)
    ('regional', 'grouped')
    """
    sizes = (Distribution.GROUPED, Distribution.REGIONAL, Distribution.DIFFUSE)
    limits = (GROUPED_MAX_MM, DIFFUSE_MIN_MM)
    place = sum(extent_mm > limit for limit in limits)
    other = ""
    for k, limit in enumerate(limits):
        if abs(extent_mm - limit) <= BORDER_SHARE * limit:
            other = str(sizes[k if place == k + 1 else k + 1])
    if place == 1 and not other and _share_inside(xy, GROUPED_MAX_MM) >= INSIDE_SHARE:
        other = str(sizes[0])
    return str(sizes[place]), other


def _share_inside(xy: Floats, across_mm: float) -> float:
    """Return the largest share of the points in a disc about the median or one of the points."""
    centres = np.concatenate([xy, np.median(xy, axis=0)[None], xy.mean(axis=0)[None]])
    apart = np.linalg.norm(centres[:, None] - xy, axis=2)
    return float((apart <= across_mm / 2).mean(axis=1).max())


def share_right(readings: Readings, drawn: ClusterSet) -> dict[str, float]:
    """Return the share of clouds read rightly, in all and by shape.

    Parameters
    ----------
    readings : Readings
        Of `drawn`.
    drawn : ClusterSet
        From `clouds`.
    """
    meta = drawn.meta
    read = readings.to_dataframe()["distribution"].astype(str)
    right = (read == meta["true_distribution"]) | (read == meta["also"])
    by_shape = right.groupby(meta["shape"], sort=False).mean()
    return {"all": float(right.mean()), **{str(k): float(v) for k, v in by_shape.items()}}
