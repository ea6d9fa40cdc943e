"""Clusters after published recipes and after the lexicon's plain definitions: another hand's generator.

For development: figures on these clusters may be looked at while the simulator or the features are
improved, so they show generality but are no held-out truth (`independent_generator` is).
Nothing here is imported from, or shares code with, `calcigram.simulate`.

Recipes, as parametrised in their sources:

* ``victre``: 4-9 calcifications uniform in a 5 mm cube, radius 0.05-0.15 mm (VICTRE pipeline).
* ``orise``: 10-50 in cubes of 5, 10 or 20 mm, 0.21-0.63 mm; linear: along a random chord, off it by
  0.7-2.1 mm at most (FDA-ORISE cluster generation).
* ``lavi``: 4-8 with a Gaussian density (sd 3.84 mm) and soft inhibition (LAVI-USP).
* ``textbook``: the remaining patterns, drawn straight from the definitions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from calcigram.clusters import ClusterSet
from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES


def _inside_half_ellipse(rng, n, height, depth):
    """Uniform points in the half ellipse of a breast outline, chest wall at x = 0."""
    points = np.empty((0, 2))
    while len(points) < n:
        candidate = rng.uniform([0, -height / 2], [depth, height / 2], (4 * n, 2))
        inside = (candidate[:, 0] / depth) ** 2 + (2 * candidate[:, 1] / height) ** 2 <= 1
        points = np.vstack([points, candidate[inside]])
    return points[:n]


def _smooth_path(rng, length, n_steps=200, bend=None):
    """A path of given length whose direction wanders smoothly."""
    bend = rng.uniform(0, 1.2) if bend is None else bend
    s = np.linspace(0, 1, n_steps)
    angle = rng.uniform(0, 2 * np.pi) + bend * np.sin(
        2 * np.pi * (s * rng.uniform(0.3, 1) + rng.uniform())
    )
    step = length / n_steps
    return np.cumsum(np.c_[np.cos(angle), np.sin(angle)] * step, axis=0), angle


def _grouped(rng, breast):
    recipe = rng.choice(["victre", "orise", "lavi", "disc"])
    if recipe == "victre":
        xy = rng.uniform(-2.5, 2.5, (rng.integers(4, 10), 2))
    elif recipe == "orise":
        side = rng.choice([5.0, 10.0, 14.0])
        xy = rng.uniform(-side / 2, side / 2, (rng.integers(10, 51), 2))
    elif recipe == "lavi":
        kept = []
        while len(kept) < rng.integers(4, 9):
            p = rng.normal(0, 3.84, 2)
            if np.hypot(*p) < 9 and all(
                rng.random() > np.exp(-np.sum((p - q) ** 2) / (2 * 1.9**2)) for q in kept
            ):
                kept.append(p)
        xy = np.array(kept)
    else:
        n = rng.integers(5, 41)
        r = rng.uniform(2, 9) * np.sqrt(rng.random(n))
        a = rng.uniform(0, 2 * np.pi, n)
        xy = np.c_[r * np.cos(a), r * np.sin(a) * rng.uniform(0.6, 1)]
    return recipe, xy, np.full(len(xy), np.nan)


def _regional(rng, breast):
    n = rng.integers(15, 120)
    a, b = rng.uniform(14, 29), rng.uniform(12, 25)
    r, t = np.sqrt(rng.random(n)), rng.uniform(0, 2 * np.pi, n)
    xy = np.c_[a * r * np.cos(t), b * r * np.sin(t)]
    if rng.random() < 0.4:
        centres = xy[: rng.integers(4, 10)]
        xy = centres[rng.integers(0, len(centres), n)] + rng.normal(0, rng.uniform(1, 4), (n, 2))
    return "textbook", xy, np.full(n, np.nan)


def _diffuse(rng, breast):
    n = rng.integers(25, 200)
    return "textbook", _inside_half_ellipse(rng, n, *breast), np.full(n, np.nan)


def _segmental(rng, breast):
    n = rng.integers(20, 150)
    half = np.deg2rad(rng.uniform(20, 60)) / 2
    start, stop = rng.uniform(3, 15), rng.uniform(30, 60)
    if rng.random() < 0.5:
        radius, angle = np.sqrt(rng.uniform(start**2, stop**2, n)), rng.uniform(-half, half, n)
    else:
        ducts = rng.uniform(-half, half, rng.integers(3, 7))
        radius = rng.uniform(start, stop, n)
        angle = rng.choice(ducts, n) + rng.normal(0, 0.02, n)
    # The nipple stands at (depth, 0); the wedge opens towards the chest wall.
    turn = np.pi + rng.uniform(-0.7, 0.7)
    xy = np.c_[radius * np.cos(angle + turn), radius * np.sin(angle + turn)]
    return "textbook", xy + np.array([breast[1], 0.0]), angle + turn


def _linear(rng, breast, vascular=False):
    n = rng.integers(8, 31)
    if vascular:
        n = rng.integers(25, 120)
        path, angle = _smooth_path(rng, rng.uniform(25, 90))
        k = rng.integers(0, len(path), n)
        gap = rng.uniform(0.7, 3)
        side = rng.choice([-1, 1], n) if rng.random() < 0.75 else 1.0
        off = side * gap / 2 + rng.normal(0, 0.08, n)
    elif rng.random() < 0.3:
        path, angle = _smooth_path(rng, rng.uniform(12, 40), bend=0)
        k = rng.integers(0, len(path), n)
        off = rng.uniform(-0.7, 0.7, n)
        return (
            "orise",
            path[k] + off[:, None] * np.c_[-np.sin(angle[k]), np.cos(angle[k])],
            angle[k],
        )
    else:
        path, angle = _smooth_path(rng, rng.uniform(8, 50))
        k = rng.integers(0, len(path), n)
        off = rng.normal(0, rng.uniform(0.1, 0.5), n)
    xy = path[k] + off[:, None] * np.c_[-np.sin(angle[k]), np.cos(angle[k])]
    return "textbook", xy, angle[k]


def _branching(rng, breast, vascular=False):
    main, main_angle = _smooth_path(rng, rng.uniform(15, 50), bend=rng.uniform(0, 0.5))
    pieces, angles = [main], [main_angle]
    for _ in range(1 if vascular else rng.integers(1, 4)):
        at = rng.integers(40, 150)
        turn = main_angle[at] + rng.choice([-1, 1]) * np.deg2rad(rng.uniform(25, 60))
        length = np.linalg.norm(main[-1] - main[0]) * rng.uniform(0.3, 0.7)
        s = np.linspace(0, length, 100)[:, None]
        pieces.append(main[at] + s * [np.cos(turn), np.sin(turn)])
        angles.append(np.full(100, turn))
    parts = []
    for piece, direction in zip(pieces, angles, strict=True):
        length = np.linalg.norm(np.diff(piece, axis=0), axis=1).sum()
        k = rng.integers(0, len(piece), max(4, int(length * rng.uniform(0.5, 1.3))))
        parts.append(np.c_[piece[k], direction[k]])
    table = np.vstack(parts)
    off = rng.normal(0, rng.uniform(0.1, 0.4), len(table))
    if vascular:
        off = rng.choice([-1, 1], len(table)) * rng.uniform(0.4, 1.2) + rng.normal(
            0, 0.08, len(table)
        )
    xy = table[:, :2] + off[:, None] * np.c_[-np.sin(table[:, 2]), np.cos(table[:, 2])]
    return "textbook", xy, table[:, 2]


_ARRANGE = {
    "diffuse": _diffuse, "regional": _regional, "segmental": _segmental,
    "grouped": _grouped, "linear": _linear, "branching": _branching,
}  # fmt: skip

# median diameter mm (low, high), log sd; aspect mean excess, solidity mean, sd; cnr median (low, high)
_FORMS = {
    "round": (0.55, 0.9, 0.15, 0.1, 0.96, 0.02, 8, 20),
    "punctate": (0.2, 0.4, 0.2, 0.15, 0.95, 0.03, 5, 15),
    "popcorn": (2.2, 4.0, 0.4, 0.3, 0.86, 0.06, 12, 40),
    "rod_like": (1.0, 2.0, 0.25, 2.5, 0.95, 0.02, 10, 30),
    "amorphous": (0.15, 0.35, 0.3, 0.4, 0.86, 0.08, 1.5, 4),
    "coarse_heterogeneous": (0.55, 0.95, 0.4, 0.6, 0.83, 0.08, 7, 20),
    "fine_pleomorphic": (0.2, 0.4, 0.55, 0.9, 0.82, 0.09, 5, 15),
    "fine_linear": (0.3, 0.6, 0.35, 3.0, 0.88, 0.06, 5, 15),
    "vascular": (0.25, 0.6, 0.4, 1.5, 0.9, 0.06, 6, 20),
}


def _marks(rng, form, n, direction):
    low, high, log_sd, excess, solid, solid_sd, cnr_low, cnr_high = _FORMS[form]
    diameter = rng.uniform(low, high) * np.exp(rng.normal(0, log_sd, n))
    aspect = 1 + rng.gamma(2, excess / 2, n)
    solidity = np.clip(rng.normal(solid, solid_sd, n), 0.4, 1)
    cnr = rng.uniform(cnr_low, cnr_high) * np.exp(rng.normal(0, 0.3, n))
    turn = np.rad2deg(direction) + rng.normal(0, 15, n)
    turn = np.where(np.isnan(direction) | (rng.random() < 0.2), rng.uniform(0, 180, n), turn)
    return diameter, aspect, turn % 180, solidity, cnr


def generate(n: int, *, seed: int) -> ClusterSet:
    """Draw `n` clusters; half by distribution first, half by form first.

    Parameters
    ----------
    n : int
    seed : int

    Returns
    -------
    ClusterSet
        `meta` holds true_distribution, true_morphology, mechanism.
    """
    rng = np.random.default_rng(seed)
    pairs = sorted(ADMISSIBLE_PAIRS)
    rows, per_cluster = [], []
    for _ in range(n):
        if rng.random() < 0.5:
            d = str(rng.choice(DISTRIBUTIONS))
            m = str(rng.choice([b for a, b in pairs if a == d]))
        else:
            m = str(rng.choice(MORPHOLOGIES))
            d = str(rng.choice([a for a, b in pairs if b == m]))
        breast = (rng.uniform(110, 180), rng.uniform(60, 110))
        extra = {"vascular": True} if m == "vascular" else {}
        recipe, xy, direction = _ARRANGE[d](rng, breast, **extra)
        if d not in ("segmental", "diffuse"):
            xy = xy + _inside_half_ellipse(rng, 1, breast[0] * 0.7, breast[1] * 0.7)[0]
        if m == "popcorn":
            few = rng.permutation(len(xy))[: rng.integers(3, 9)]
            if d == "grouped":
                xy, direction = xy[few], direction[few]
        marks = np.c_[(xy, *_marks(rng, m, len(xy), direction))]
        marks = marks[rng.random(len(marks)) > rng.uniform(0, 0.2)]
        n_false = rng.binomial(len(marks), rng.uniform(0, 0.08))
        if n_false and len(marks) > 2:
            fake = marks[rng.integers(0, len(marks), n_false)].copy()
            fake[:, :2] = rng.uniform(
                marks[:, :2].min(0) - 5, marks[:, :2].max(0) + 5, (n_false, 2)
            )
            marks = np.vstack([marks, fake])
        marks[:, :2] += rng.normal(0, 0.07, (len(marks), 2))
        known = rng.random() < 0.7
        rows.append(marks)
        per_cluster.append(
            (d, m, f"{d}.{recipe}", breast[1] if known else np.nan, 0.0 if known else np.nan,
             np.pi * breast[0] * breast[1] / 4 if rng.random() < 0.6 else np.nan)
        )  # fmt: skip
    table = np.vstack(rows)
    d, m, mechanism, nx, ny, area = map(np.array, zip(*per_cluster, strict=True))
    meta = pd.DataFrame({"true_distribution": d, "true_morphology": m, "mechanism": mechanism})
    return ClusterSet.from_arrays(
        np.concatenate([[0], np.cumsum([len(r) for r in rows])]),
        table[:, 0], table[:, 1],
        diameter_mm=table[:, 2], aspect_ratio=table[:, 3], orientation_deg=np.minimum(table[:, 4], 179.99),
        solidity=table[:, 5], cnr=table[:, 6],
        nipple_x_mm=nx, nipple_y_mm=ny, breast_area_mm2=area,
        cluster_id=[f"recipe-{seed}-{i}" for i in range(n)], meta=meta,
    )  # fmt: skip
