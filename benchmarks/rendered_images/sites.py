"""Where the calcifications of a cluster lie: the distributions of the lexicon, and calcified vessels.

Each returns x, y and the heading of the duct or vessel in mm and radians, or None where the draw
does not fit into the breast; `make_sites` then draws again.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from .tissue import spot, vessel, winding_path

COUNTS = {
    "round": (5, 16), "punctate": (6, 30), "popcorn": (5, 8), "rod_like": (5, 12), "amorphous": (8, 35),
    "coarse_heterogeneous": (6, 18), "fine_pleomorphic": (7, 30), "fine_linear": (6, 22), "vascular": (12, 45),
}  # fmt: skip
"""Of a group or a line; wider distributions have more."""

GAP_MM = {"popcorn": 4.2, "rod_like": 2.2, "round": 1.3, "coarse_heterogeneous": 1.0}
"""Least distance between centres; 0.5 mm for the others."""


def _hull_mm2(points):
    return ConvexHull(points).volume if len(points) > 2 else 0.0


def _extent_mm(points):
    return pdist(points).max()


def _spread(rng, n, draw, gap_mm):
    """Draw points until `n` of them keep their distance; None where they do not fit."""
    kept = np.empty((0, 2))
    for _ in range(60 * n):
        point = draw()
        if point is not None and (np.hypot(*(kept - point).T) >= gap_mm).all():
            kept = np.vstack([kept, point])
            if len(kept) == n:
                return kept
    return None


def _to_nipple(breast, points):
    return np.arctan2(breast.nipple_mm[1] - points[:, 1], breast.nipple_mm[0] - points[:, 0])


def _number(rng, form, times):
    low, high = COUNTS[form]
    return int(times * rng.integers(low, high))


def _area(rng, breast, form, low_mm, high_mm, times):
    """Return points of an ellipse, denser within or not."""
    long, share = rng.uniform(low_mm, high_mm), rng.uniform(0.55, 1.0)
    turn, centre = rng.uniform(0, np.pi), np.array(spot(rng, breast, 5.0))
    inner = rng.uniform(0.5, 0.8)

    def draw():
        angle, out = rng.uniform(0, 2 * np.pi), rng.random() ** inner / 2
        a, b = long * out * np.cos(angle), long * share * out * np.sin(angle)
        step = (a * np.cos(turn) - b * np.sin(turn), a * np.sin(turn) + b * np.cos(turn))
        point = centre + step
        return point if breast.holds(*point, 3.5) else None

    points = _spread(rng, _number(rng, form, times), draw, GAP_MM.get(form, 0.5))
    return None if points is None else (points, _to_nipple(breast, points))


def grouped(rng, breast, form):
    """Within 2 cm, no path in it."""
    low = {"popcorn": 14, "rod_like": 10, "round": 7}.get(form, 4)
    found = _area(rng, breast, form, low, 19, 1)
    return found if found and _extent_mm(found[0]) <= 19.5 else None


def regional(rng, breast, form):
    """More than 2 cm across, less than half of the breast."""
    found = _area(rng, breast, form, 26, 55, 1.8)
    if not found or not 23 <= _extent_mm(found[0]) <= 58:
        return None
    return found if _hull_mm2(found[0]) < 0.4 * breast.area_mm2 else None


def diffuse(rng, breast, form):
    """All over the breast."""

    def draw():
        return np.array(spot(rng, breast, 4.0))

    points = _spread(rng, max(24, _number(rng, form, 3)), draw, GAP_MM.get(form, 0.5))
    if points is None or _hull_mm2(points) < 0.55 * breast.area_mm2:
        return None
    return points, _to_nipple(breast, points)


def segmental(rng, breast, form):
    """A wedge of several ducts, its apex towards the nipple."""
    nipple = np.array(breast.nipple_mm)
    heading = np.arctan2(*(np.array(spot(rng, breast, 8.0)) - nipple)[::-1])
    near, long = rng.uniform(8, 16), rng.uniform(24, 55)
    opening = np.radians(rng.uniform(24, 50))
    ducts = heading + opening * np.linspace(-0.5, 0.5, rng.integers(4, 8))

    def draw():
        out = near + long * rng.random() ** 0.6
        angle = rng.choice(ducts) + rng.normal(0, 0.03)
        point = nipple + out * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.5, 2)
        return point if breast.holds(*point, 3.0) else None

    points = _spread(rng, max(18, _number(rng, form, 2.2)), draw, GAP_MM.get(form, 0.5))
    if points is None or _extent_mm(points) < 21:
        return None
    away = np.hypot(*(points - nipple).T)
    if np.ptp(away) < 18:
        return None
    return points, _to_nipple(breast, points)


def _duct(rng, breast, form, low_mm, high_mm):
    """Return the path of a duct that begins away from the nipple and runs towards it."""
    start = np.array(spot(rng, breast, 5.0))
    heading = float(_to_nipple(breast, start[None])[0]) + rng.normal(0, 0.25)
    longer = {"rod_like": 2.2, "popcorn": 2.0, "round": 1.3}.get(form, 1.0)
    length = min(rng.uniform(low_mm, high_mm) * longer, 60.0)
    path = winding_path(rng, start, heading, length, rng.uniform(30, 120), 0.1)
    return path if breast.holds(*path.T, 3.5).all() else None


def _along(rng, path, n, gap_mm, off_mm):
    """Return n points along a path at uneven steps, and the headings there."""
    room = (len(path) - 1) * 0.1
    gap_mm = min(gap_mm, 0.8 * room / max(n - 1, 1))
    free = np.sort(rng.random(n)) * (room - (n - 1) * gap_mm) + np.arange(n) * gap_mm
    at = np.clip((free / 0.1).astype(int), 0, len(path) - 2)
    step = path[at + 1] - path[at]
    heading = np.arctan2(step[:, 1], step[:, 0])
    normal = np.column_stack([-np.sin(heading), np.cos(heading)])
    return path[at] + normal * rng.normal(0, off_mm, n)[:, None], heading


def linear(rng, breast, form):
    """Along one duct."""
    path = _duct(rng, breast, form, 10, 35)
    if path is None:
        return None
    n = _number(rng, form, 1)
    if form in GAP_MM:
        n = max(
            5, min(n, int(len(path) * 0.1 / (1.25 * GAP_MM[form] + 1.5 * (form == "rod_like"))))
        )
    gap = 1.6 if form == "fine_linear" else GAP_MM.get(form, 0.5)
    return _along(rng, path, n, gap, rng.uniform(0.08, 0.3))


def branching(rng, breast, form):
    """Along a duct and its side branches."""
    path = _duct(rng, breast, form, 22, 40)
    if path is None:
        return None
    parts = [path]
    side = rng.choice([-1, 1])
    for share in rng.permutation([0.3, 0.5, 0.68])[: rng.integers(1, 4)]:
        at = int(share * len(path))
        step = path[at + 1] - path[at]
        # ducts join on their way to the nipple, so a side duct points backwards
        heading = np.arctan2(step[1], step[0]) + np.pi + side * np.radians(rng.uniform(28, 60))
        length = rng.uniform(0.35, 0.55) * len(path) * 0.1
        parts.append(winding_path(rng, path[at], heading, length, rng.uniform(30, 120), 0.1))
        side = -side
    if not all(breast.holds(*part.T, 3.0).all() for part in parts):
        return None
    gap = 1.7 if form == "fine_linear" else GAP_MM.get(form, 0.5)
    gap = 5.5 if form == "rod_like" else gap
    found = []
    for part in parts:
        least = max(5, int(len(part) * 0.1 / 2.4)) if form != "rod_like" else 3
        n = min(
            max(least, _number(rng, form, len(part) / len(path))),
            max(3, int(len(part) * 0.1 / gap)),
        )
        found.append(_along(rng, part, n, gap, rng.uniform(0.08, 0.2)))
    return np.concatenate([p for p, _ in found]), np.concatenate([h for _, h in found])


DISTRIBUTIONS = {
    "grouped": grouped, "regional": regional, "diffuse": diffuse, "segmental": segmental,
    "linear": linear, "branching": branching,
}  # fmt: skip


def vascular(rng, breast, walls, forked=False):
    """Return sites on the walls of a vessel, and the vessel's path and radius for `tissue`."""
    radius = rng.uniform(0.6, 1.4)
    path, radii = vessel(rng, breast, rng.uniform(28, 65), radius)
    tubes = [(path, radii)]
    if forked:
        at = int(rng.uniform(0.35, 0.6) * len(path))
        step = path[at + 1] - path[at]
        heading = np.arctan2(step[1], step[0]) + rng.choice([-1, 1]) * np.radians(
            rng.uniform(30, 60)
        )
        twig = winding_path(rng, path[at], heading, rng.uniform(14, 28), 40, 0.05)
        if not breast.holds(*twig.T, 3.5).all():
            return None
        tubes.append((twig, np.linspace(0.8, 0.6, len(twig)) * radius))
    points, headings = [], []
    for line, own in tubes:
        for side in rng.permutation([-1, 1])[:walls]:
            s = rng.uniform(0, 1.5)
            while s < (len(line) - 2) * 0.05:
                at = int(s / 0.05)
                step = line[at + 1] - line[at]
                heading = np.arctan2(step[1], step[0])
                normal = np.array([-np.sin(heading), np.cos(heading)])
                points.append(line[at] + normal * (side * own[at] + rng.normal(0, 0.06)))
                headings.append(heading)
                s += rng.gamma(2.5, 0.7)
    return (np.array(points), np.array(headings)), tubes


def make_sites(rng, breast, distribution, form):
    """Return points, headings and the vessels that carry them, drawn until they fit."""
    for _ in range(2000):
        if form == "vascular":
            found = vascular(rng, breast, 2, forked=distribution == "branching")
            if found and len(found[0][0]) >= 8:
                return *found[0], found[1]
            continue
        found = DISTRIBUTIONS[distribution](rng, breast, form)
        if found:
            return *found, []
    raise RuntimeError(f"{distribution}, {form}: does not fit into the breast")
