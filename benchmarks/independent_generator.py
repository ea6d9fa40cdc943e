"""A second generator of calcification clusters, sharing nothing with `calcigram.simulate`.

A classifier trained on one simulator may learn that simulator's habits instead of the
patterns. This script draws labelled clusters in another way: its own breast outline, its
own ducts, vessels and lobules, its own particles and its own detector. It was written
without sight of the simulator, and the simulator without sight of it, so a score on its
clusters says how far a reading generalises. It is meant to be used once, at the end;
tuning anything on it would spend it.

Labels follow the definitions of `calcigram.lexicon`. Every cluster is checked against
them on its noise-free positions (extent, share of the breast, elongation, wedge, arms of a
junction) and drawn again if it breaks them; only then are calcifications missed, added and
moved. Lengths are in mm. The working frame is the breast's own: ``u`` from the chest wall
to the nipple, ``v`` along the chest wall; `_to_image` turns it into an image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from calcigram.clusters import OPTIONAL_MARKS, ClusterSet
from calcigram.errors import BadInputError
from calcigram.lexicon import (
    ADMISSIBLE_PAIRS,
    DIFFUSE_MIN_BREAST_SHARE,
    DIFFUSE_MIN_MM,
    DISTRIBUTIONS,
    GROUPED_MAX_MM,
    MORPHOLOGIES,
    Distribution,
    Morphology,
)

Array = npt.NDArray[np.float64]
Rng = np.random.Generator

_CLOSEST_MM = 0.2  # two calcifications nearer than this are seen as one
_TRIES_EACH = 40
_TRIES_ALL = 25


# --- the breast -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Breast:
    """Half a superellipse on the chest wall, seen in one image."""

    depth: float
    half_height: float
    power: float
    nipple: Array
    laterality: str
    view: str
    tilt: float
    margin: Array
    pixel: float
    quality: float
    nipple_known: bool
    area_known: bool
    image_id: str
    group_id: str

    @property
    def area(self) -> float:
        """Area of the outline in mm2."""
        p = self.power
        quarter = math.gamma(1 + 1 / p) ** 2 / math.gamma(1 + 2 / p)
        return 2 * quarter * self.depth * self.half_height

    def holds(self, xy: Array, scale: float = 0.97) -> npt.NDArray[np.bool_]:
        """Tell which points lie in the outline shrunk by `scale`."""
        u, v = xy[:, 0] / self.depth, np.abs(xy[:, 1]) / self.half_height
        inside = np.abs(u) ** self.power + v**self.power <= scale**self.power
        return inside & (u >= 0.02)

    def uniform(self, rng: Rng, n: int, scale: float = 0.93) -> Array:
        """Draw `n` points evenly from the outline shrunk by `scale`."""
        box = rng.uniform((0.03, -1), (1, 1), (3 * n + 20, 2)) * (self.depth, self.half_height)
        return box[self.holds(box, scale)][:n]

    def spot(self, rng: Rng, scale: float = 0.85) -> Array:
        """Draw one point of the outline shrunk by `scale`."""
        return self.uniform(rng, 4, scale)[0]


def _new_breast(rng: Rng, image: int, patient: int, previous: _Breast | None) -> _Breast:
    """Draw the breast of one image; another image of the same patient keeps its build."""
    if previous is None:
        depth, half_height = rng.uniform(66, 118), rng.uniform(56, 92)
        power, pixel = rng.uniform(1.8, 2.5), float(rng.choice([0.05, 0.065, 0.07, 0.085, 0.1]))
        laterality = str(rng.choice(["L", "R"]))
    else:
        depth = previous.depth * rng.uniform(0.93, 1.07)
        half_height = previous.half_height * rng.uniform(0.93, 1.07)
        power, pixel = previous.power, previous.pixel
        laterality = previous.laterality if rng.random() < 0.7 else str(rng.choice(["L", "R"]))
    view = str(rng.choice(["CC", "MLO"]))
    tilt = rng.normal(0, 0.05) if view == "CC" else rng.uniform(0.15, 0.55)
    return _Breast(
        depth=depth,
        half_height=half_height,
        power=power,
        nipple=np.array([depth + rng.uniform(0, 4), rng.normal(0, 3)]),
        laterality=laterality,
        view=view,
        tilt=tilt,
        margin=rng.uniform(2, 25, 2),
        pixel=pixel,
        quality=float(np.exp(rng.normal(0, 0.18))),
        nipple_known=bool(rng.random() < 0.75),
        area_known=bool(rng.random() < 0.65),
        image_id=f"other-i{image:06d}",
        group_id=f"other-p{patient:06d}",
    )


def _to_image(breast: _Breast, xy: Array, direction: Array) -> tuple[Array, Array]:
    """Turn breast coordinates and directions into image ones (x right, y down)."""
    cos, sin = math.cos(breast.tilt), math.sin(breast.tilt)
    turn = np.array([[cos, -sin], [sin, cos]])
    corners = np.array([[0, 1], [1, 1], [0, -1], [1, -1]]) * (breast.depth, breast.half_height)
    if breast.laterality == "R":
        turn = np.diag([-1.0, 1.0]) @ turn
    low = (corners @ turn.T).min(axis=0)
    arrow = np.column_stack([np.cos(direction), np.sin(direction)]) @ turn.T
    return xy @ turn.T - low + breast.margin, np.arctan2(arrow[:, 1], arrow[:, 0])


# --- what a form looks like -----------------------------------------------------------


@dataclass(frozen=True)
class _Form:
    """How calcifications of one form measure, and how closely they may lie.

    `calibre` is (median, sigma, least, most) of a lognormal: the width where `length`
    (same meaning) is given, else the diameter. `step` is the spacing along a path, `gap`
    the least distance elsewhere, `crowd` scales the count, `wander` is the scatter of the
    major axis about the path in degrees (None: no relation), `companion` the form that
    impure clusters hold besides.
    """

    calibre: tuple[float, float, float, float]
    length: tuple[float, float, float, float] | None
    aspect: tuple[float, float]
    solidity: tuple[float, float]
    cnr: tuple[float, float]
    step: tuple[float, float]
    gap: float
    crowd: float
    wander: float | None
    companion: Morphology | None


_M = Morphology
_FORMS: dict[Morphology, _Form] = {
    _M.ROUND: _Form(
        (0.66, 0.17, 0.5, 1.05), None, (1.0, 1.22), (0.93, 0.99), (14, 0.35),
        (1.3, 3.0), 0.9, 0.6, None, _M.PUNCTATE,
    ),
    _M.PUNCTATE: _Form(
        (0.28, 0.26, 0.12, 0.48), None, (1.0, 1.4), (0.9, 0.985), (7, 0.3),
        (0.7, 2.0), 0.35, 1.0, None, _M.ROUND,
    ),
    _M.POPCORN: _Form(
        (3.1, 0.28, 2.05, 8.0), None, (1.05, 1.6), (0.7, 0.92), (26, 0.3),
        (5.0, 8.0), 3.6, 0.2, None, _M.COARSE_HETEROGENEOUS,
    ),
    _M.ROD_LIKE: _Form(
        (0.72, 0.2, 0.5, 1.3), (3.6, 0.3, 1.8, 8.0), (2.2, 12), (0.87, 0.97), (18, 0.3),
        (4.5, 7.5), 2.0, 0.35, 10, _M.ROUND,
    ),
    _M.AMORPHOUS: _Form(
        (0.25, 0.36, 0.1, 0.6), None, (1.05, 1.9), (0.68, 0.92), (2.5, 0.28),
        (0.6, 1.6), 0.3, 1.1, None, _M.PUNCTATE,
    ),
    _M.COARSE_HETEROGENEOUS: _Form(
        (0.7, 0.25, 0.45, 1.3), None, (1.1, 2.0), (0.64, 0.88), (13, 0.35),
        (1.2, 2.6), 0.8, 0.6, 45, _M.FINE_PLEOMORPHIC,
    ),
    _M.FINE_PLEOMORPHIC: _Form(
        (0.31, 0.42, 0.12, 0.62), None, (1.1, 2.8), (0.58, 0.92), (8.5, 0.4),
        (0.7, 1.8), 0.35, 1.0, 40, _M.PUNCTATE,
    ),
    _M.FINE_LINEAR: _Form(
        (0.21, 0.25, 0.11, 0.42), (1.25, 0.38, 0.6, 3.5), (2.6, 11), (0.6, 0.88), (7.5, 0.35),
        (1.2, 2.8), 0.7, 0.8, 18, _M.FINE_PLEOMORPHIC,
    ),
    _M.VASCULAR: _Form(
        (0.28, 0.28, 0.13, 0.6), (1.1, 0.45, 0.4, 4.0), (1.5, 9), (0.72, 0.95), (9, 0.35),
        (0.9, 2.0), 0.5, 1.0, 9, _M.PUNCTATE,
    ),
}  # fmt: skip

_FIELD_COUNTS: dict[Distribution, tuple[float, float]] = {
    Distribution.GROUPED: (7, 48),
    Distribution.REGIONAL: (24, 120),
    Distribution.DIFFUSE: (30, 170),
    Distribution.SEGMENTAL: (28, 140),
}
_POPCORN_COUNTS: dict[Distribution, tuple[float, float]] = {
    Distribution.GROUPED: (3, 8),
    Distribution.REGIONAL: (7, 15),
    Distribution.DIFFUSE: (9, 26),
}


def _log_uniform(rng: Rng, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _lognormal(rng: Rng, law: tuple[float, float, float, float], n: int, shift: float) -> Array:
    """Draw from a lognormal; what falls beyond its limits is folded back just inside them."""
    median, sigma, low, high = law
    value = median * np.exp(rng.normal(shift, sigma, n))
    slack = rng.uniform(0, 0.12, n) * (high - low)
    return np.where(value < low, low + slack, np.where(value > high, high - slack, value))


def _count(rng: Rng, distribution: Distribution, name: Morphology) -> int:
    if name is Morphology.POPCORN:
        low, high = _POPCORN_COUNTS[distribution]
        return int(rng.integers(low, high + 1))
    low, high = _FIELD_COUNTS[distribution]
    return max(6, round(_log_uniform(rng, low, high) * _FORMS[name].crowd))


# --- geometry -------------------------------------------------------------------------


def _distances(xy: Array) -> Array:
    return np.hypot(*(xy[:, None, :] - xy[None, :, :]).transpose(2, 0, 1))


def _extent(xy: Array) -> float:
    """Return the greatest distance between two points."""
    return float(_distances(xy).max()) if len(xy) else 0.0


def _hull_area(xy: Array) -> float:
    """Return the area of the convex hull (Andrew's monotone chain)."""
    points = sorted(map(tuple, xy.tolist()))
    if len(points) < 3:
        return 0.0
    area = 0.0
    for sequence in (points, points[::-1]):
        chain: list[tuple[float, ...]] = []
        for x, y in sequence:
            while len(chain) > 1:
                (ax, ay), (bx, by) = chain[-2], chain[-1]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                chain.pop()
            chain.append((x, y))
        area += sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(chain))
    return abs(area) / 2


def _slimness(xy: Array) -> float:
    """Return the minor over the major standard deviation."""
    values = np.linalg.eigvalsh(np.cov(xy.T))
    return math.sqrt(max(values[0], 0) / values[1])


def _wedge(xy: Array, nipple: Array) -> tuple[float, float, float]:
    """Return near over far width, length along the axis and far width, seen from the nipple."""
    rel = xy - nipple
    axis = rel.mean(axis=0) / np.hypot(*rel.mean(axis=0))
    along, across = rel @ axis, rel @ np.array([-axis[1], axis[0]])
    low, high = np.quantile(along, [1 / 3, 2 / 3])
    near, far = across[along <= low].std(), across[along >= high].std()
    return float(near / max(far, 1e-9)), float(np.ptp(along)), float(4 * far)


def _apart(xy: Array, gap: float) -> npt.NDArray[np.bool_]:
    """Mark the points that no earlier point lies nearer to than `gap`."""
    return ~(np.tril(_distances(xy), -1) + np.triu(np.full((len(xy),) * 2, np.inf)) < gap).any(1)


def _unit(angle: float) -> Array:
    return np.array([math.cos(angle), math.sin(angle)])


def _spin(xy: Array, angle: float) -> Array:
    cos, sin = math.cos(angle), math.sin(angle)
    return xy @ np.array([[cos, sin], [-sin, cos]])


# --- paths ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Path:
    """A smooth curve as a fine polyline: arc length, points, heading."""

    s: Array
    xy: Array
    heading: Array

    @property
    def length(self) -> float:
        return float(self.s[-1])

    def at(self, s: Array, offset: Array | float = 0.0) -> tuple[Array, Array]:
        """Return the points at arc lengths `s`, `offset` to the side, and the heading there."""
        heading = np.interp(s, self.s, self.heading)
        x = np.interp(s, self.s, self.xy[:, 0]) - offset * np.sin(heading)
        y = np.interp(s, self.s, self.xy[:, 1]) + offset * np.cos(heading)
        return np.column_stack([x, y]), heading


def _walk(
    rng: Rng, start: Array, heading: float, length: float, *, bend: float, wiggle: float
) -> _Path:
    """Go `length` from `start`, turning by up to `bend` in all and swaying by `wiggle` rad."""
    s = np.linspace(0, length, max(12, int(length / 0.4)))
    wave = rng.uniform(0.5, 1.3) * max(length, 12) / (1 + length / 45)
    phase = rng.uniform(0, 2 * math.pi)
    theta = heading + rng.uniform(-bend, bend) * (s / length) ** rng.uniform(0.8, 1.6)
    theta = theta + wiggle * rng.uniform(0.4, 1) * (
        np.sin(2 * math.pi * s / wave + phase) - math.sin(phase)
    )
    middle = (theta[1:] + theta[:-1]) / 2
    moves = np.column_stack([np.cos(middle), np.sin(middle)]) * np.diff(s)[:, None]
    return _Path(s, start + np.vstack([np.zeros(2), np.cumsum(moves, axis=0)]), theta)


def _stations(rng: Rng, length: float, step: float, first: float = 0.0) -> Array:
    """Draw arc lengths about `step` apart."""
    s = first + step * np.arange(max(1, int((length - first) / step) + 1))
    return np.clip(s + step * rng.uniform(-0.28, 0.28, s.size), 0, length)


@dataclass(frozen=True)
class _Pattern:
    """Noise-free centres and the local direction in radians (NaN where there is none)."""

    xy: Array
    direction: Array
    gap: float = _CLOSEST_MM


def _field(xy: Array, gap: float = _CLOSEST_MM) -> _Pattern:
    return _Pattern(xy, np.full(len(xy), np.nan), gap)


def _join(parts: list[tuple[Array, Array]], gap: float = _CLOSEST_MM) -> _Pattern:
    return _Pattern(np.vstack([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), gap)


# --- arrangements: grouped and regional ------------------------------------------------


def _shape_ball(rng: Rng, n: int) -> Array:
    """Project a Gaussian ellipsoid."""
    frame = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return ((rng.normal(size=(n, 3)) * (1, rng.uniform(0.55, 1), rng.uniform(0.5, 1))) @ frame)[
        :, :2
    ]


def _shape_ellipse(rng: Rng, n: int) -> Array:
    """Fill an ellipse evenly."""
    r, t = np.sqrt(rng.random(n)), rng.uniform(0, 2 * math.pi, n)
    return np.column_stack([r * np.cos(t), r * np.sin(t) * rng.uniform(0.55, 1)])


def _shape_nodule(rng: Rng, n: int) -> Array:
    """Project a spheroid whose outer layers hold more than its middle."""
    arrow = rng.normal(size=(n, 3))
    arrow /= np.linalg.norm(arrow, axis=1, keepdims=True)
    xyz = arrow * rng.uniform(0.2, 1, n)[:, None] ** rng.uniform(0.35, 0.7)
    return xyz[:, :2] * (1, rng.uniform(0.65, 1))


def _shape_angular(rng: Rng, n: int) -> Array:
    """Fill a triangle or a trapezoid."""
    uv = rng.random((n, 2))
    taper = rng.uniform(0.1, 0.7)
    x = (uv[:, 0] - 0.5) * (taper + (1 - taper) * uv[:, 1])
    return np.column_stack([x, (uv[:, 1] - 0.5) * rng.uniform(0.7, 1.1)])


def _shape_lobules(rng: Rng, n: int, most: int = 4, tight: float = 0.25) -> Array:
    """Gather points about a few terminal lobules."""
    k = int(rng.integers(max(1, most // 3), most + 1))
    centres = _shape_ellipse(rng, k) * (1 if k > 1 else 0)
    owner = rng.integers(0, k, n)
    return centres[owner] + rng.normal(0, tight * rng.uniform(0.5, 1.1), (n, 2))


def _shape_blob(rng: Rng, n: int) -> Array:
    """Fill a lumpy outline."""
    t = rng.uniform(0, 2 * math.pi, n)
    edge = np.ones(n)
    for order in (2, 3, 4):
        edge += rng.uniform(0, 0.22) * np.cos(order * t + rng.uniform(0, 2 * math.pi))
    r = edge * np.sqrt(rng.random(n))
    return np.column_stack([r * np.cos(t), r * np.sin(t) * rng.uniform(0.7, 1)])


def _shape_drift(rng: Rng, n: int) -> Array:
    """Fill a lumpy outline more densely to one side."""
    xy = _shape_blob(rng, 3 * n)
    keep = rng.random(3 * n) < np.clip(0.5 + 0.4 * xy[:, 0], 0.12, 1)
    return xy[keep][:n]


def _shape_islands(rng: Rng, n: int) -> Array:
    """Gather points about many lobules, with some between them."""
    k = int(rng.integers(5, 14))
    centres = _shape_blob(rng, k)
    xy = centres[rng.integers(0, k, n)] + rng.normal(0, rng.uniform(0.07, 0.16), (n, 2))
    loose = rng.random(n) < rng.uniform(0.1, 0.35)
    xy[loose] = _shape_blob(rng, n)[loose]
    return xy


Shape = Callable[[Rng, int], Array]
Arrangement = Callable[[Rng, _Breast, Morphology], _Pattern]


def _placed(shape: Shape, distribution: Distribution) -> Arrangement:
    """Make an arrangement: a shape, sized for the distribution, somewhere in the breast."""

    def arrange(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
        form = _FORMS[name]
        n = _count(rng, distribution, name)
        xy = _spin(shape(rng, n), rng.uniform(0, math.pi))
        gap = form.gap * rng.uniform(0.7, 1.1)
        if distribution is Distribution.GROUPED:
            least = min(17.0, max(3.0, 1.5 * gap * math.sqrt(n)))
            size = _log_uniform(rng, least, GROUPED_MAX_MM - 0.5)
        else:
            most = 72.0 if breast.area_known else DIFFUSE_MIN_MM - 1.5
            size = rng.uniform(24, most)
        return _field(breast.spot(rng) + (xy - xy.mean(axis=0)) * size / _extent(xy), gap)

    return arrange


# --- arrangements: diffuse -------------------------------------------------------------


def _diffuse_even(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Scatter evenly through the breast."""
    n = _count(rng, Distribution.DIFFUSE, name)
    return _field(breast.uniform(rng, n, rng.uniform(0.86, 0.96)), _FORMS[name].gap)


def _diffuse_gland(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Scatter through the gland, which thins towards the chest wall and has fatty holes."""
    n = _count(rng, Distribution.DIFFUSE, name)
    xy = breast.uniform(rng, 4 * n, 0.95)
    keep = rng.random(len(xy)) < 0.25 + 0.75 * (xy[:, 0] / breast.depth) ** rng.uniform(0.3, 1)
    for _ in range(int(rng.integers(1, 4))):
        keep &= np.hypot(*(xy - breast.spot(rng)).T) > rng.uniform(6, 16)
    return _field(xy[keep][:n], _FORMS[name].gap)


def _diffuse_lobules(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Scatter small knots and single calcifications through the breast."""
    n = _count(rng, Distribution.DIFFUSE, name)
    k = max(6, int(n * rng.uniform(0.2, 0.5)))
    centres = breast.uniform(rng, k, 0.9)
    spread = max(rng.uniform(1.0, 4.0), 0.9 * _FORMS[name].gap)
    xy = centres[rng.integers(0, len(centres), n)] + rng.normal(0, spread, (n, 2))
    return _field(xy[breast.holds(xy)], _FORMS[name].gap * 0.8)


# --- arrangements: linear --------------------------------------------------------------


def _duct_step(rng: Rng, name: Morphology) -> float:
    return _log_uniform(rng, *_FORMS[name].step)


def _duct_path(rng: Rng, breast: _Breast, length: float, to_nipple: float) -> _Path:
    """Draw a duct; `to_nipple` is the scatter of its heading about the nipple in radians."""
    start = breast.spot(rng, 0.9)
    aim = breast.nipple - start
    heading = math.atan2(aim[1], aim[0]) + rng.normal(0, to_nipple)
    return _walk(rng, start, heading, length, bend=0.6, wiggle=0.22)


def _linear_duct(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Fill one duct that heads for the nipple at fairly even intervals."""
    step = _duct_step(rng, name)
    length = min(max(9.0, step * rng.uniform(6, 26)), 58)
    path = _duct_path(rng, breast, length, 0.25)
    s = _stations(rng, length, step)
    return _join([path.at(s, rng.normal(0, rng.uniform(0.05, 0.25), s.size))], 0.35 * step)


def _linear_cord(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Scatter irregularly along a wider, freely directed curve."""
    step = _duct_step(rng, name)
    length = min(max(12.0, step * rng.uniform(7, 24)), 58)
    path = _duct_path(rng, breast, length, 2.0)
    s = np.sort(_stations(rng, length, step) + rng.normal(0, 0.55 * step, int(length / step) + 1))
    s = np.concatenate([[0.0], np.clip(s[1:-1], 0, length), [length]])
    if np.diff(np.sort(s)).max() > 0.28 * length:
        return _field(np.zeros((0, 2)))
    wide = min(rng.uniform(0.15, 0.5), 0.025 * length)
    return _join([path.at(s, rng.normal(0, wide, s.size))], 0.3 * step)


def _linear_beads(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """String short runs along a duct with bare stretches between them."""
    step = _duct_step(rng, name)
    s, here = [], 0.0
    for _ in range(int(rng.integers(3, 7))):
        run = int(rng.integers(2, 6))
        s.append(here + 0.75 * step * np.arange(run) + rng.normal(0, 0.1 * step, run))
        here = float(s[-1].max()) + step * rng.uniform(1.6, 2.8)
    stations = np.clip(np.concatenate(s), 0, None)
    length = float(stations.max())
    if length > 62 or length < 8 or np.diff(np.sort(stations)).max() > 0.3 * length:
        return _field(np.zeros((0, 2)))
    path = _duct_path(rng, breast, length, 0.35)
    off = rng.normal(0, rng.uniform(0.05, 0.22), stations.size)
    return _join([path.at(stations, off)], 0.35 * step)


def _vessel_path(rng: Rng, breast: _Breast, longest: float = 85) -> _Path:
    length = rng.uniform(24, min(longest, 1.0 * breast.depth))
    heading = rng.uniform(0, 2 * math.pi)
    return _walk(rng, breast.spot(rng, 0.92), heading, length, bend=0.7, wiggle=0.45)


def _rail(
    rng: Rng, path: _Path, offset: float, step: float, first: float, bare: float
) -> tuple[Array, Array]:
    """Line one wall with calcium, leaving about `bare` of it out in patches."""
    s = _stations(rng, path.length, step, first)
    patch = max(4.0, path.length / 6)
    wall = np.sin(2 * math.pi * s / patch + rng.uniform(0, 2 * math.pi)) + rng.normal(
        0, 0.6, s.size
    )
    s = s[wall >= np.quantile(wall, bare)]
    return path.at(s, offset + rng.normal(0, 0.09, s.size))


def _vessel_rails(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Line both walls of a winding vessel."""
    path, radius = _vessel_path(rng, breast), rng.uniform(0.45, 1.3)
    step, bare = _duct_step(rng, name), rng.uniform(0.05, 0.3)
    return _join([_rail(rng, path, side * radius, step, 0, bare) for side in (-1, 1)])


def _vessel_uneven(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Line one wall of a vessel throughout and about half of the other."""
    path, radius = _vessel_path(rng, breast), rng.uniform(0.5, 1.3)
    step, side = _duct_step(rng, name), rng.choice([-1, 1])
    full = _rail(rng, path, side * radius, step, 0, rng.uniform(0, 0.15))
    return _join([full, _rail(rng, path, -side * radius, step, 0, rng.uniform(0.4, 0.6))])


def _vessel_wall(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Line one wall only, as early disease does."""
    path, step = _vessel_path(rng, breast, 65), 0.85 * _duct_step(rng, name)
    return _join([_rail(rng, path, rng.uniform(0.4, 1.1), step, 0, rng.uniform(0.05, 0.3))])


# --- arrangements: branching -----------------------------------------------------------


def _arm(rng: Rng, path: _Path, step: float, first: float, loose: float) -> tuple[Array, Array]:
    s = _stations(rng, path.length, step, first)
    return path.at(s, rng.normal(0, loose, s.size))


def _stands_out(arms: list[tuple[Array, Array]], step: float) -> bool:
    """Tell whether every arm has three points and leads clear of the others."""
    for i, (xy, _) in enumerate(arms):
        others = np.vstack([a[0] for j, a in enumerate(arms) if j != i])
        clear = np.hypot(*(xy[:, None] - others[None]).transpose(2, 0, 1)).min(axis=1)
        if len(xy) < 3 or clear.max() < 2 * step:
            return False
    return True


def _branch(rng: Rng, path: _Path, where: float, side: float, turn: float, length: float) -> _Path:
    """Let a duct leave `path` at arc length `where`, turned by `turn` to a side."""
    root, heading = path.at(np.array([where]))
    return _walk(rng, root[0], float(heading[0]) + side * turn, length, bend=0.3, wiggle=0.12)


def _trunk(rng: Rng, breast: _Breast, step: float, steps: tuple[float, float]) -> _Path:
    """Draw a duct that leads away from the nipple, as side branches leave it."""
    length = min(max(6.0, step * rng.uniform(*steps)), 45)
    start = breast.spot(rng, 0.9)
    aim = start - breast.nipple
    heading = math.atan2(aim[1], aim[0]) + rng.normal(0, 0.35)
    return _walk(rng, start, heading, length, bend=0.35, wiggle=0.12)


def _branching_fork(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Part one duct in two, and sometimes one of these in two again."""
    step, loose = _duct_step(rng, name), rng.uniform(0.04, 0.18)
    trunk = _trunk(rng, breast, step, (4.5, 9))
    arms = [_arm(rng, trunk, step, 0, loose)]
    stems, generations = [trunk], int(rng.integers(1, 3))
    junction: list[tuple[Array, Array]] = []
    for generation in range(generations):
        grown = []
        for stem in stems[: 2 if generation == 0 else int(rng.integers(1, 3))]:
            for side in (-1, 1):
                length = max(4.6 * step, stem.length * rng.uniform(0.6, 1.05))
                child = _branch(rng, stem, stem.length, side, rng.uniform(0.32, 0.65), length)
                grown.append(child)
                arms.append(_arm(rng, child, step, rng.uniform(0.5, 0.9) * step, loose))
        junction = junction or arms[:3]
        stems = grown
    return _join(arms, 0.3 * step) if _stands_out(junction, step) else _field(np.zeros((0, 2)))


def _branching_sides(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Let one to four side branches leave a main duct."""
    step, loose = _duct_step(rng, name), rng.uniform(0.04, 0.2)
    trunk = _trunk(rng, breast, step, (9, 18))
    arms = [_arm(rng, trunk, step, 0, loose)]
    k, side = int(rng.integers(1, 5)), float(rng.choice([-1, 1]))
    for where in (np.arange(k) + rng.uniform(0.3, 0.7, k)) / k * 0.8 + 0.08:
        length = max(4.6 * step, trunk.length * rng.uniform(0.25, 0.6))
        child = _branch(rng, trunk, where * trunk.length, side, rng.uniform(0.55, 1.1), length)
        arms.append(_arm(rng, child, step, rng.uniform(0.5, 0.9) * step, loose))
        side *= -1 if rng.random() < 0.75 else 1
    return _join(arms, 0.3 * step) if _stands_out(arms[:2], step) else _field(np.zeros((0, 2)))


def _branching_tree(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Grow a small tree: a duct that forks and whose arms bear twigs."""
    step, loose = _duct_step(rng, name), rng.uniform(0.04, 0.15)
    trunk = _trunk(rng, breast, step, (4.5, 8))
    arms = [_arm(rng, trunk, step, 0, loose)]
    for side in (-1, 1):
        length = max(5.0 * step, trunk.length * rng.uniform(0.8, 1.4))
        child = _branch(rng, trunk, trunk.length, side, rng.uniform(0.3, 0.6), length)
        arms.append(_arm(rng, child, step, rng.uniform(0.5, 0.9) * step, loose))
        if rng.random() < 0.8:
            where, reach = length * rng.uniform(0.35, 0.65), max(3.2 * step, length * 0.45)
            twig = _branch(rng, child, where, side * rng.choice([-1, 1]), 0.8, reach)
            arms.append(_arm(rng, twig, step, rng.uniform(0.5, 0.9) * step, loose))
    second = 2 if len(arms) == 3 else len(arms) - 1
    clear = _stands_out([arms[0], arms[1], arms[second]], step)
    return _join(arms, 0.3 * step) if clear else _field(np.zeros((0, 2)))


def _vessel_fork(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Line the walls of a vessel and of the two it parts into."""
    radius, step = rng.uniform(0.5, 1.1), 0.9 * _duct_step(rng, name)
    stem = _walk(
        rng,
        breast.spot(rng),
        rng.uniform(0, 2 * math.pi),
        rng.uniform(12, 30),
        bend=0.4,
        wiggle=0.3,
    )
    bare = rng.uniform(0.05, 0.25)
    walls = [_rail(rng, stem, side * radius, step, 0, bare) for side in (-1, 1)]
    for turn in (-1, 1):
        small = radius * rng.uniform(0.6, 0.85)
        child = _branch(rng, stem, stem.length, turn, rng.uniform(0.4, 0.75), rng.uniform(12, 30))
        for side in (-1, 1):
            first = radius * (2.2 if side != turn else 0.5)
            walls.append(_rail(rng, child, side * small, step, first, bare))
    return _join(walls)


def _vessel_offshoot(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Line the walls of a vessel and of one that leaves it, the latter on one wall or two."""
    radius, step = rng.uniform(0.5, 1.2), 0.9 * _duct_step(rng, name)
    stem = _walk(
        rng,
        breast.spot(rng),
        rng.uniform(0, 2 * math.pi),
        rng.uniform(25, 55),
        bend=0.5,
        wiggle=0.35,
    )
    bare = rng.uniform(0.05, 0.25)
    walls = [_rail(rng, stem, side * radius, step, 0, bare) for side in (-1, 1)]
    turn = float(rng.choice([-1, 1]))
    where = stem.length * rng.uniform(0.3, 0.65)
    child = _branch(rng, stem, where, turn, rng.uniform(0.6, 1.1), rng.uniform(12, 28))
    walls += [
        _rail(rng, child, side * radius * 0.7, step, 1.7 * radius, bare)
        for side in (-1, 1)[: 1 if rng.random() < 0.3 else 2]
    ]
    return _join(walls)


# --- arrangements: segmental -----------------------------------------------------------


@dataclass(frozen=True)
class _Lobe:
    """The wedge of one lobe: its apex, axis, half opening and the radii it is filled between."""

    apex: Array
    axis: float
    half: float
    near: float
    far: float

    def point(self, radius: Array, turn: Array) -> tuple[Array, Array]:
        """Return points by radius and by turn from the axis in units of the half opening."""
        angle = self.axis + self.half * turn
        return self.apex + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), angle


def _lobe(rng: Rng, breast: _Breast) -> _Lobe:
    near = rng.uniform(4, 18)
    longest = 66.0 if breast.area_known else 54.0
    far = near + rng.uniform(24, max(28.0, min(longest, 0.78 * breast.depth - near)))
    back = rng.normal(0, 1.5, 2)
    axis = math.pi + rng.uniform(-0.75, 0.75)
    return _Lobe(breast.nipple + back, axis, rng.uniform(0.2, 0.48), near, far)


def _segmental_fan(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Fill several ducts of a lobe, which spread from the nipple and bear twigs."""
    lobe = _lobe(rng, breast)
    low, high = _FORMS[name].step
    step = rng.uniform(0.8 * high, 1.7 * high) if high < 4 else rng.uniform(low, high)
    k = int(rng.integers(4, 9))
    parts = []
    for turn in (np.arange(k) + rng.uniform(0.25, 0.75, k)) / k * 2 - 1:
        near = lobe.near + rng.uniform(0, 0.35) * (lobe.far - lobe.near)
        far = lobe.far - rng.uniform(0, 0.25) * (lobe.far - lobe.near)
        root, angle = lobe.point(np.array([near]), np.array([turn]))
        duct = _walk(rng, root[0], float(angle[0]), far - near, bend=0.12, wiggle=0.15)
        parts.append(_arm(rng, duct, step, rng.uniform(0, step), rng.uniform(0.1, 0.4)))
        for _ in range(int(rng.integers(0, 3))):
            where = duct.length * rng.uniform(0.4, 0.9)
            side, reach = float(rng.choice([-1, 1])), rng.uniform(3, 9)
            twig = _branch(rng, duct, where, side, rng.uniform(0.3, 0.7), reach)
            parts.append(_arm(rng, twig, step, 0.6 * step, 0.2))
    return _join(parts, max(_CLOSEST_MM, 0.5 * _FORMS[name].gap))


def _segmental_powder(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Fill the wedge of a lobe without showing its ducts."""
    lobe, n = _lobe(rng, breast), _count(rng, Distribution.SEGMENTAL, name)
    grow = rng.uniform(1.6, 2.4)
    radius = (lobe.near**grow + rng.random(n) * (lobe.far**grow - lobe.near**grow)) ** (1 / grow)
    return _Pattern(*lobe.point(radius, rng.uniform(-1, 1, n)), _FORMS[name].gap)


def _segmental_lobules(rng: Rng, breast: _Breast, name: Morphology) -> _Pattern:
    """Fill the terminal lobules of one lobe, with some calcium in the ducts between."""
    lobe, n = _lobe(rng, breast), max(18, _count(rng, Distribution.SEGMENTAL, name))
    k = int(rng.integers(9, 20))
    even = np.sqrt(rng.uniform(lobe.near**2, lobe.far**2, k))
    centre, angle = lobe.point(even, rng.uniform(-1, 1, k) * 0.95)
    owner = rng.integers(0, k, n)
    xy = centre[owner] + rng.normal(0, rng.uniform(0.8, 2.0), (n, 2))
    loose = rng.random(n) < 0.3
    ducts, along = lobe.point(rng.uniform(lobe.near, lobe.far, n), rng.uniform(-1, 1, n))
    xy[loose] = ducts[loose]
    return _Pattern(xy, np.where(loose, along, angle[owner]), 0.8 * _FORMS[name].gap)


_D = Distribution
_ARRANGEMENTS: dict[Distribution, dict[str, Arrangement]] = {
    _D.DIFFUSE: {"even": _diffuse_even, "gland": _diffuse_gland, "lobules": _diffuse_lobules},
    _D.REGIONAL: {
        "patch": _placed(_shape_blob, _D.REGIONAL),
        "drift": _placed(_shape_drift, _D.REGIONAL),
        "islands": _placed(_shape_islands, _D.REGIONAL),
    },
    _D.SEGMENTAL: {
        "fan": _segmental_fan,
        "powder": _segmental_powder,
        "lobules": _segmental_lobules,
    },
    _D.GROUPED: {
        "ball": _placed(_shape_ball, _D.GROUPED),
        "ellipse": _placed(_shape_ellipse, _D.GROUPED),
        "nodule": _placed(_shape_nodule, _D.GROUPED),
        "angular": _placed(_shape_angular, _D.GROUPED),
        "lobules": _placed(_shape_lobules, _D.GROUPED),
    },
    _D.LINEAR: {"duct": _linear_duct, "cord": _linear_cord, "beads": _linear_beads},
    _D.BRANCHING: {
        "fork": _branching_fork,
        "sides": _branching_sides,
        "tree": _branching_tree,
    },
}
_VESSELS: dict[Distribution, dict[str, Arrangement]] = {
    _D.LINEAR: {"rails": _vessel_rails, "uneven": _vessel_uneven, "one_wall": _vessel_wall},
    _D.BRANCHING: {"vessel_fork": _vessel_fork, "vessel_offshoot": _vessel_offshoot},
}


# --- is it what it is called? -----------------------------------------------------------


def _obeys(xy: Array, breast: _Breast, distribution: Distribution, name: Morphology) -> bool:
    """Check noise-free positions against the definition of their distribution."""
    fewest = 3 if name is Morphology.POPCORN else 5
    if len(xy) < fewest or len(xy) > 220 or not breast.holds(xy).all():
        return False
    extent = _extent(xy)
    if distribution is Distribution.GROUPED:
        slim = 0.2 if name is Morphology.POPCORN else 0.42
        return 2.5 <= extent <= GROUPED_MAX_MM and _slimness(xy) >= slim
    if distribution is Distribution.LINEAR:
        return extent >= 7.0
    if distribution is Distribution.BRANCHING:
        return extent >= 6.0 and len(xy) >= 9 and _slimness(xy) >= 0.1
    share = _hull_area(xy) / breast.area
    if distribution is Distribution.DIFFUSE:
        if breast.area_known:
            return share >= DIFFUSE_MIN_BREAST_SHARE + 0.02
        return share >= 0.4 and extent > DIFFUSE_MIN_MM + 3
    if share >= DIFFUSE_MIN_BREAST_SHARE - 0.04:
        return False
    if not breast.area_known and extent > DIFFUSE_MIN_MM:
        return False
    ratio, along, width = _wedge(xy, breast.nipple)
    if distribution is Distribution.SEGMENTAL:
        return len(xy) >= 12 and ratio < 0.75 and along >= 20 and width >= 6
    return extent > GROUPED_MAX_MM + 2 and _slimness(xy) >= 0.5 and (ratio > 0.7 or len(xy) < 10)


def _draw_pattern(
    rng: Rng, breast: _Breast, distribution: Distribution, name: Morphology
) -> tuple[_Pattern, str]:
    """Draw arrangements until one obeys its definition."""
    vessel = name is Morphology.VASCULAR
    choices = (_VESSELS if vessel else _ARRANGEMENTS)[distribution]
    names = list(choices)
    for _ in range(_TRIES_ALL):
        chosen = names[rng.integers(len(names))]
        for _ in range(_TRIES_EACH):
            pattern = choices[chosen](rng, breast, name)
            keep = _apart(pattern.xy, max(pattern.gap, _CLOSEST_MM))
            xy = pattern.xy[keep]
            if _obeys(xy, breast, distribution, name):
                return _Pattern(xy, pattern.direction[keep]), chosen
    raise RuntimeError(f"no {distribution} arrangement of {name} fits the breast")


# --- particles and detector ------------------------------------------------------------


def _axes(
    rng: Rng, breast: _Breast, pattern: _Pattern, distribution: Distribution, form: _Form
) -> Array:
    """Draw the direction of every major axis in radians, in the breast frame."""
    n = len(pattern.xy)
    anywhere = rng.uniform(0, math.pi, n)
    if form.wander is None:
        return anywhere
    direction, wander = pattern.direction, math.radians(form.wander)
    if np.isnan(direction).all():
        aim = breast.nipple - pattern.xy
        direction = np.arctan2(aim[:, 1], aim[:, 0])
        wander *= 1.8
        if form.length is None or (
            distribution is Distribution.GROUPED and rng.random() < 0.5
        ):  # no duct to follow
            return anywhere
    along = direction + rng.normal(0, wander, n)
    return np.where(rng.random(n) < 0.06, anywhere, along)


def _measure(rng: Rng, form: _Form, n: int, crowd: Array, pixel: float, quality: float) -> Array:
    """Draw diameter, aspect ratio, solidity and cnr of `n` calcifications as they are measured.

    `crowd` holds the cluster's own leanings: shifts of the logarithm of the size and of the
    contrast, and of the solidity.
    """
    width = _lognormal(rng, form.calibre, n, crowd[0])
    if form.length is None:
        low, high = form.aspect
        aspect = low + (high - low) * rng.beta(1.4, 2.4, n)
        diameter = width
    else:
        aspect = np.clip(_lognormal(rng, form.length, n, crowd[0]) / width, *form.aspect)
        diameter = width * np.sqrt(aspect * rng.uniform(0.8, 0.98, n) * 4 / math.pi)
    low, high = form.solidity
    solidity = np.clip(low + (high - low) * rng.beta(2.2, 1.8, n) + crowd[2], 0.4, 0.995)
    cnr = form.cnr[0] * quality * np.exp(crowd[1] + rng.normal(0, form.cnr[1], n))
    # Pixels: a size is known to about a third of one, and small outlines are ragged.
    across = diameter / pixel
    seen = np.maximum(diameter + rng.normal(0, 0.35 * pixel, n), 1.13 * pixel)
    ragged = np.abs(rng.normal(0, 0.35, n)) / np.maximum(across, 1)
    aspect = np.maximum(1.0, aspect * np.exp(rng.normal(0, 0.25 / across)) + ragged)
    solidity = np.clip(solidity - 0.12 * ragged + rng.normal(0, 0.012, n), 0.3, 1.0)
    cnr = np.maximum(cnr * np.exp(rng.normal(0, 0.08, n)), 0.4)
    return np.column_stack([seen, aspect, solidity, cnr])


def _particles(rng: Rng, breast: _Breast, name: Morphology, n: int) -> Array:
    """Draw the measured marks of a cluster of one form, often with a share of its companion."""
    form = _FORMS[name]
    lean = rng.normal(0, (0.09, 0.14, 0.012))
    marks = _measure(rng, form, n, lean, breast.pixel, breast.quality)
    if form.companion is not None and rng.random() < 0.5:
        other = _FORMS[form.companion]
        mixed = rng.random(n) < rng.uniform(0.04, 0.2)
        marks[mixed] = _measure(rng, other, n, lean, breast.pixel, breast.quality)[mixed]
    return marks


def _detect(
    rng: Rng, breast: _Breast, xy: Array, axis: Array, marks: Array
) -> tuple[Array, Array, Array]:
    """Miss some calcifications, the faint and small first, add false ones, move all a little."""
    n = len(xy)
    faint = 1 / (marks[:, 3] * np.sqrt(marks[:, 0]))
    lost = rng.random(n) < np.clip(rng.uniform(0.05, 0.2) * faint / faint.mean(), 0, 0.6)
    if (~lost).sum() < max(3, 0.6 * n):
        lost[:] = False
    xy, axis, marks = xy[~lost], axis[~lost], marks[~lost]
    k = int(rng.binomial(n, rng.uniform(0, 0.1)))
    if k:
        low, high = xy.min(axis=0), xy.max(axis=0)
        room = 0.12 * (high - low) + 1.0
        false = np.column_stack(
            [
                np.maximum(rng.lognormal(math.log(0.2), 0.35, k), 1.13 * breast.pixel),
                1 + rng.gamma(1.6, 0.28, k),
                rng.uniform(0.68, 0.98, k),
                rng.uniform(1.5, 5.5, k),
            ]
        )
        xy = np.vstack([xy, rng.uniform(np.maximum(low - room, 0.5), high + room, (k, 2))])
        axis = np.concatenate([axis, rng.uniform(0, math.pi, k)])
        marks = np.vstack([marks, false])
    xy = xy + rng.normal(0, rng.uniform(0.05, 0.1), xy.shape)
    # An axis is hard to tell on a nearly round outline of few pixels.
    blur = 0.3 / ((marks[:, 1] - 0.95) * np.sqrt(marks[:, 0] / breast.pixel))
    axis = axis + rng.normal(0, np.minimum(blur, 1.5))
    shuffle = rng.permutation(len(xy))
    return xy[shuffle], axis[shuffle], marks[shuffle]


def _forgotten(rng: Rng) -> tuple[str, ...]:
    """Choose the marks a cluster lacks."""
    u = rng.random()
    if u < 0.10:
        return OPTIONAL_MARKS
    if u < 0.16:
        return tuple(m for m in OPTIONAL_MARKS if m != "diameter_mm")
    if u < 0.24:
        return ("cnr",)
    if u < 0.30:
        return ("orientation_deg",)
    if u < 0.35:
        return ("solidity",)
    if u < 0.38:
        return ("aspect_ratio", "orientation_deg")
    return ()


def _one_cluster(
    rng: Rng,
    breast: _Breast,
    distribution: Distribution,
    name: Morphology,
    forgotten: tuple[str, ...],
) -> tuple[dict[str, Array], str]:
    """Draw the observed columns of one cluster and the name of its arrangement."""
    pattern, chosen = _draw_pattern(rng, breast, distribution, name)
    axis = _axes(rng, breast, pattern, distribution, _FORMS[name])
    marks = _particles(rng, breast, name, len(pattern.xy))
    xy, axis = _to_image(breast, pattern.xy, axis)
    xy, axis, marks = _detect(rng, breast, xy, axis, marks)
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


# --- the public face --------------------------------------------------------------------


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
    breast: _Breast | None = None
    image = patient = 0
    for distribution, form in pairs:
        if breast is None or rng.random() < 0.65:
            same_patient = breast is not None and rng.random() < 0.3
            image, patient = image + 1, patient + (not same_patient)
            breast = _new_breast(rng, image, patient, breast if same_patient else None)
        forgotten = _forgotten(rng)
        known = breast
        if forgotten == OPTIONAL_MARKS:  # positions only: nothing of the breast either
            known = replace(breast, nipple_known=False, area_known=False)
        drawn, chosen = _one_cluster(rng, known, distribution, form, forgotten)
        columns.append(drawn)
        spot, _ = _to_image(breast, breast.nipple[None], np.zeros(1))
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
