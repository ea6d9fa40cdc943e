"""Convex hulls of all clusters at once, their measures, and places spread evenly over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numpy_features.frame import FLAT, Points

PLACES = 64

_TRIPLES = 1 << 17
_BITS = PLACES.bit_length() - 1
_OUTWARDS = np.sqrt([(int(f"{i:0{_BITS}b}"[::-1], 2) + 0.5) / PLACES for i in range(PLACES)])


@dataclass(frozen=True)
class Hulls:
    """Measures of C hulls; areas and widths are 0 where a cluster is a line or a point.

    `places_u` and `places_v` are (C, PLACES).
    """

    area: np.ndarray
    perimeter: np.ndarray
    width: np.ndarray
    diameter: np.ndarray
    eccentricity: np.ndarray
    triangle: np.ndarray
    places_u: np.ndarray
    places_v: np.ndarray


def measure_hulls(points: Points) -> Hulls:
    """Find and measure the hulls, those of equally many corners together."""
    c = len(points.layout.n)
    corners, start = _find_corners(points)
    size = np.diff(start)
    hulls = Hulls(*np.full((6, c), np.nan), *np.full((2, c, PLACES), np.nan))
    by_size = np.argsort(size, kind="stable")
    for h, first in zip(*np.unique(size[by_size], return_index=True), strict=True):
        alike = by_size[first : first + np.count_nonzero(size == h)]
        step = max(1, _TRIPLES // int(h) ** 3)
        for k in range(0, len(alike), step):
            here = alike[k : k + step]
            at = corners[start[here][:, None] + np.arange(h)]
            _measure(points.u[at], points.v[at], here, hulls)
    return hulls


def _find_corners(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of all hulls, each anticlockwise from its first point, and where each starts."""
    u, v, owner = points.u, points.v, points.layout.owner
    new = np.ones(len(u), bool)
    new[1:] = (u[1:] != u[:-1]) | (v[1:] != v[:-1]) | (owner[1:] != owner[:-1])
    distinct = np.flatnonzero(new)
    own = owner[distinct]
    ends = np.ones(len(distinct), bool)
    ends[1:-1] = (own[1:-1] != own[:-2]) | (own[1:-1] != own[2:])
    lower, _ = _chain(u, v, distinct, ends)
    upper, upper_ends = _chain(u, -v, distinct, ends)
    corners = np.concatenate([lower, upper[~upper_ends][::-1]])
    order = np.argsort(owner[corners], kind="stable")
    size = np.bincount(owner[corners], minlength=len(points.layout.n))
    return corners[order], np.concatenate([[0], np.cumsum(size)])


def _chain(u, v, chain, ends):
    """Drop whoever is not below the line between its neighbours until nobody is.

    All at once: such a point lies within the hull of points that are there, dropped or not.
    """
    while True:
        at_u, at_v = u[chain], v[chain]
        du, dv = np.diff(at_u), np.diff(at_v)
        keep = ends.copy()
        keep[1:-1] |= du[:-1] * dv[1:] > dv[:-1] * du[1:]
        if keep.all():
            return chain, ends
        chain, ends = chain[keep], ends[keep]


def _measure(u: np.ndarray, v: np.ndarray, here: np.ndarray, hulls: Hulls) -> None:
    """Measure hulls of equally many corners (c, h)."""
    h = u.shape[1]
    du, dv = np.roll(u, -1, axis=1) - u, np.roll(v, -1, axis=1) - v
    length = np.sqrt(du * du + dv * dv)
    hulls.perimeter[here] = length.sum(axis=1)
    away_u, away_v = u[:, None, :] - u[:, :, None], v[:, None, :] - v[:, :, None]
    diameter = np.sqrt((away_u * away_u + away_v * away_v).max(axis=(1, 2)))
    hulls.diameter[here] = diameter
    hulls.width[here] = hulls.area[here] = hulls.triangle[here] = 0.0
    if h < 3:
        return
    # Twice the area of the triangle of a side and a corner.
    farthest = (du[:, :, None] * away_v - dv[:, :, None] * away_u).max(axis=2)
    width = np.where(length > 0, farthest / length, np.inf).min(axis=1)
    wide = ~(width < FLAT * diameter)
    hulls.width[here] = np.where(wide, width, 0.0)
    area, eccentricity, fan = _area_moments(away_u[:, 0], away_v[:, 0])
    hulls.area[here] = np.where(wide, area, 0.0)
    hulls.eccentricity[here] = np.where(wide, eccentricity, np.nan)
    hulls.triangle[here] = np.where(wide, _largest_triangle(u, v), 0.0)
    hulls.places_u[here], hulls.places_v[here] = _spread_places(u, v, area, fan)


def _area_moments(u, v):
    """Return area, eccentricity and the triangles of the fan about corner 0, the origin."""
    ua, va, ub, vb = u[:, 1:-1], v[:, 1:-1], u[:, 2:], v[:, 2:]
    cross = ua * vb - ub * va
    area = 0.5 * cross.sum(axis=1)
    mean_u, mean_v = (
        np.einsum("ch,ch->c", cross, a + b) / (6 * area) for a, b in ((ua, ub), (va, vb))
    )
    uu, vv = (
        np.einsum("ch,ch->c", cross, a * a + a * b + b * b) / (12 * area) - mean**2
        for a, b, mean in ((ua, ub, mean_u), (va, vb, mean_v))
    )
    uv = np.einsum("ch,ch->c", cross, ua * vb + ub * va + 2 * (ua * va + ub * vb)) / (24 * area)
    uv -= mean_u * mean_v
    apart = np.hypot(uu - vv, 2 * uv)
    minor_to_major = (uu + vv - apart) / (uu + vv + apart)
    return area, np.sqrt(np.maximum(0.0, 1 - minor_to_major)), 0.5 * cross


def _largest_triangle(u, v):
    cross = u[:, :, None] * v[:, None, :] - u[:, None, :] * v[:, :, None]
    return 0.5 * (cross[:, :, :, None] + cross[:, None] - cross[:, :, None, :]).max(axis=(1, 2, 3))


def _spread_places(u, v, area, fan):
    """Return places spread evenly: pieces of the fan of equal area, van der Corput outwards."""
    done = np.cumsum(fan, axis=1)
    wanted = (np.arange(PLACES) + 0.5) / PLACES * area[:, None]
    k = (done[:, :-1, None] < wanted[:, None, :]).sum(axis=1)
    own = np.take_along_axis(fan, k, axis=1)
    along = np.clip((wanted - np.take_along_axis(done, k, axis=1) + own) / own, 0.0, 1.0)
    places = []
    for at in (u, v):
        corner, b, c = (
            at[:, :1], np.take_along_axis(at, k + 1, axis=1), np.take_along_axis(at, k + 2, axis=1),
        )  # fmt: skip
        places.append(corner + _OUTWARDS * (b + along * (c - b) - corner))
    return places
