"""Sets of points that are no clusters of calcifications, to test artefact checks with.

Each kind is a way in which software or people hand over something else, such as a phantom, an annotation,
a defect of the detector, a join of two findings, another unit. Nothing is fitted to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.limits import CLUSTER_NAMES, OPTIONAL_MARKS

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

_STROKES: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "A": (((0, 1), (0.35, 0), (0.7, 1)), ((0.15, 0.6), (0.55, 0.6))),
    "E": (((0.6, 0), (0, 0), (0, 1), (0.6, 1)), ((0, 0.5), (0.5, 0.5))),
    "H": (((0, 0), (0, 1)), ((0.6, 0), (0.6, 1)), ((0, 0.5), (0.6, 0.5))),
    "K": (((0, 0), (0, 1)), ((0.6, 0), (0, 0.5), (0.6, 1))),
    "L": (((0, 0), (0, 1), (0.6, 1)),),
    "M": (((0, 1), (0, 0), (0.4, 0.6), (0.8, 0), (0.8, 1)),),
    "R": (((0, 1), (0, 0), (0.5, 0), (0.6, 0.25), (0.5, 0.5), (0, 0.5)), ((0.2, 0.5), (0.6, 1))),
    "T": (((0, 0), (0.7, 0)), ((0.35, 0), (0.35, 1))),
    "X": (((0, 0), (0.7, 1)), ((0.7, 0), (0, 1))),
}  # corners in letter heights, y down


def grid(rng: Rng) -> Floats:
    """Return a regular grid, turned, up to a tenth of its points missing, jittered a little."""
    columns, rows = rng.integers(3, 11, 2)
    pitch = rng.uniform(0.7, 6)
    xy = pitch * np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
    xy = xy[rng.random(len(xy)) >= rng.uniform(0, 0.1)]
    return _turned(xy + rng.normal(0, rng.uniform(0, 0.04) * pitch, xy.shape), rng)


def ring(rng: Rng) -> Floats:
    """Return points on a circle, evenly or by chance, jittered a little."""
    n, radius = rng.integers(10, 60), rng.uniform(2, 25)
    angle = 2 * np.pi * (np.arange(n) / n if rng.random() < 0.5 else rng.random(n))
    distance = radius * (1 + rng.normal(0, rng.uniform(0, 0.04), n))
    result: Floats = np.c_[distance * np.cos(angle), distance * np.sin(angle)]
    return result


def letters(rng: Rng) -> Floats:
    """Return two to four letters of a view marker, upright, points along their strokes."""
    height, spacing = rng.uniform(4, 15), rng.uniform(0.04, 0.12)
    parts = []
    for place, letter in enumerate(rng.choice(list(_STROKES), rng.integers(2, 5))):
        for stroke in _STROKES[letter]:
            corners = np.array(stroke) + np.array([place * 1.05, 0])
            length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))]
            along = np.arange(0, length[-1], spacing)
            parts.append(np.c_[[np.interp(along, length, c) for c in corners.T]].T)
    xy = height * np.concatenate(parts)
    return xy + rng.normal(0, 0.03, xy.shape)


def dead_row(rng: Rng) -> Floats:
    """Return a dead row or column of the detector: in its pixels, some of them read as sound."""
    pixel = rng.choice([0.05, 0.07, 0.085, 0.1])
    xy = np.zeros((rng.integers(8, 120), 2))
    if rng.random() < 0.5:  # every pixel of a stretch, else spots along the row
        xy[:, 0] = np.arange(len(xy)) * rng.integers(1, 5)
    else:
        xy[:, 0] = np.sort(rng.choice(rng.integers(600, 2500), len(xy), replace=False))
    result: Floats = pixel * (xy if rng.random() < 0.5 else xy[:, ::-1])
    return result


def dust(rng: Rng) -> Floats:
    """Return dust: points by chance all over an upright rectangle."""
    return rng.uniform(0, 1, (rng.integers(20, 250), 2)) * rng.uniform(40, 220, 2)


def spiral(rng: Rng) -> Floats:
    """Return points along a drawn spiral of one to three turns, jittered a little."""
    n, turns, width = rng.integers(15, 60), rng.uniform(1, 3), rng.uniform(10, 50)
    along = np.linspace(0, 1, n) if rng.random() < 0.5 else np.sort(rng.random(n))
    angle, radius = 2 * np.pi * turns * along, width / 2 * (0.1 + 0.9 * along)
    xy = np.c_[radius * np.cos(angle), radius * np.sin(angle)]
    return _turned(xy + rng.normal(0, rng.uniform(0, 0.01) * width, xy.shape), rng)


def _turned(xy: Floats, rng: Rng) -> Floats:
    turn = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(turn), np.sin(turn)
    result: Floats = xy @ np.array([[cos, sin], [-sin, cos]])
    return result


DRAWN: dict[str, Callable[[Rng], Floats]] = {
    "grid": grid,
    "ring": ring,
    "letters": letters,
    "dead_row": dead_row,
    "dust": dust,
    "spiral": spiral,
}
"""Impostors drawn from nothing."""

COMPACT_MM = 30.0
"""Clusters up to this extent make ``two_in_one``; wider ones, ``two_wide``, have gaps of their own."""

FACTORS = {"pixels": 1 / 0.07, "pixels_positions": 1 / 0.07, "metres": 1e-3}
"""Numbers that a mm becomes in another unit; of pixels, the positions alone or all lengths."""

KINDS = (*DRAWN, "two_in_one", "two_wide", *FACTORS)


def impostors(kind: str, ordinary: ClusterSet, *, seed: int) -> ClusterSet:
    """Make impostors of one kind, one for each ordinary cluster, of which they take the marks.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    ordinary : ClusterSet
        C clusters; what a drawn impostor's points look like is drawn from one of them.
    seed : int

    Returns
    -------
    ClusterSet
        C clusters; for ``two_in_one`` and ``two_wide`` half as many as there are ordinary
        ones of that extent.

    Raises
    ------
    BadInputError
        There is no such kind.

    Examples
    --------
    >>> from calcigram.simulate import simulate
    >>> impostors("ring", simulate(3, seed=1), seed=0).n_calcifications >= 10
    array([ True,  True,  True])
    """
    rng = np.random.default_rng([seed, KINDS.index(kind) if kind in KINDS else 0])
    if kind in DRAWN:
        return _drawn(DRAWN[kind], ordinary, rng)
    if kind in ("two_in_one", "two_wide"):
        compact = extents_mm(ordinary) <= COMPACT_MM
        return _joined(ordinary[compact if kind == "two_in_one" else ~compact], rng)
    if kind in FACTORS:
        return _in_other_unit(ordinary, FACTORS[kind], all_lengths=kind != "pixels_positions")
    raise BadInputError(f"one of {', '.join(KINDS)}", column="kind", value=kind)


def extents_mm(clusters: ClusterSet) -> Floats:
    """Return the longer side of the upright rectangle around each cluster, shape (C,)."""
    starts = clusters.offsets[:-1]
    sides = [
        np.maximum.reduceat(column, starts) - np.minimum.reduceat(column, starts)
        for column in (clusters.x_mm, clusters.y_mm)
    ]
    result: Floats = np.maximum(*sides).astype(float)
    return result


def _drawn(draw: Callable[[Rng], Floats], ordinary: ClusterSet, rng: Rng) -> ClusterSet:
    points, rows = [], []
    for start, stop in zip(ordinary.offsets[:-1], ordinary.offsets[1:], strict=True):
        xy = draw(rng)
        centre = [np.mean(c[start:stop]) for c in (ordinary.x_mm, ordinary.y_mm)]
        points.append(xy - xy.mean(axis=0) + centre)
        rows.append(rng.integers(start, stop, len(xy)))
    return _assembled(ordinary, points, rows)


def _joined(ordinary: ClusterSet, rng: Rng) -> ClusterSet:
    """Put every second cluster beside the one before, their hulls 15 to 60 mm apart."""
    xy = np.c_[ordinary.x_mm, ordinary.y_mm].astype(float)
    points, rows = [], []
    for first in range(0, len(ordinary) - 1, 2):
        a, b, c = ordinary.offsets[first : first + 3]
        one, other = (part - part.mean(axis=0) for part in (xy[a:b], xy[b:c]))
        turn = rng.uniform(0, 2 * np.pi)
        along = np.array([np.cos(turn), np.sin(turn)])
        shift = (one @ along).max() - (other @ along).min() + rng.uniform(15, 60)
        points.append(np.r_[one, other + shift * along] + xy[a:b].mean(axis=0))
        rows.append(np.arange(a, c))
    return _assembled(ordinary[::2][: len(points)], points, rows, ordinary)


def _assembled(
    ordinary: ClusterSet,
    points: list[Floats],
    rows: list[npt.NDArray[np.int64]],
    marks_of: ClusterSet | None = None,
) -> ClusterSet:
    source = ordinary if marks_of is None else marks_of
    xy, taken = np.concatenate(points), np.concatenate(rows)
    marks: dict[str, Any] = {name: getattr(source, name)[taken] for name in OPTIONAL_MARKS}
    frame = {n: getattr(ordinary, n) for n in CLUSTER_NAMES}
    offsets = np.r_[0, np.cumsum([len(part) for part in points])]
    return ClusterSet.from_arrays(
        offsets, xy[:, 0], xy[:, 1], cluster_id=ordinary.cluster_id, **marks, **frame
    )


def _in_other_unit(ordinary: ClusterSet, factor: float, *, all_lengths: bool) -> ClusterSet:
    lengths = ["x_mm", "y_mm"]
    if all_lengths:
        lengths += ["diameter_mm", "nipple_x_mm", "nipple_y_mm"]
    scaled: dict[str, Any] = {
        name: (getattr(ordinary, name) * factor).astype(np.float32) for name in lengths
    }
    if all_lengths:
        scaled["breast_area_mm2"] = (ordinary.breast_area_mm2 * factor**2).astype(np.float32)
    return replace(ordinary, **scaled)
