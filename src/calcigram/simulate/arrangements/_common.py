"""What all arrangements share: the hand-over type, the registry, points along a curve."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import DISTRIBUTIONS, Distribution
from calcigram.simulate import _curves
from calcigram.simulate._paths import arc_lengths_of, walk
from calcigram.simulate._points import points_of
from calcigram.simulate._random import between, kernel_state
from calcigram.simulate._shape import extent_of
from calcigram.simulate.anatomy import Breast
from calcigram.simulate.presets import Draw

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator


@dataclass
class Placement:
    """Where calcifications lie in the projection, before any has a form.

    Attributes
    ----------
    xy : ndarray of float64, shape (n, 2)
        mm, in the frame of `anatomy`.
    direction : ndarray of float64, shape (n,)
        Direction of the duct or vessel there, radians; NaN where there is none.
    path : ndarray of float64, shape (m, 2), or None
        The one curve that a linear arrangement follows.
    branch : ndarray of int64, shape (n,), or None
        Tree branch of each calcification, for arrangements with junctions.
    parent : ndarray of int64, shape (B,), or None
        Parent of each branch, -1 for the root.
    branch_end : ndarray of float64, shape (B, 2), or None
        Where each branch ends.
    """

    xy: Floats
    direction: Floats | None = None
    path: Floats | None = None
    branch: Ints | None = None
    parent: Ints | None = None
    branch_end: Floats | None = None

    def __post_init__(self) -> None:
        if self.direction is None:
            self.direction = np.full(len(self.xy), np.nan)

    def take(self, chosen: Ints) -> Placement:
        """Return the placement with only the chosen calcifications."""
        assert self.direction is not None
        return Placement(
            self.xy.take(chosen, axis=0),
            self.direction.take(chosen),
            self.path,
            None if self.branch is None else self.branch.take(chosen),
            self.parent,
            self.branch_end,
        )


Builder = Callable[[Rng, Breast, Draw], Placement | None]


@dataclass(frozen=True)
class Arrangement:
    """One way in which a distribution comes about.

    Attributes
    ----------
    distribution : Distribution
    name : str
    build : callable
        ``build(rng, breast, drawn values) -> Placement``, or None where the try failed.
    vessel : bool
        Follows a vessel: for form vascular, and for no other.
    structureless : bool
        Draws points about a centre by chance; see `definitions.Truth`.
    """

    distribution: Distribution
    name: str
    build: Builder
    vessel: bool = False
    structureless: bool = False

    @cached_property
    def id(self) -> str:
        """``"<distribution>.<name>"``."""
        return f"{self.distribution}.{self.name}"


ARRANGEMENTS: dict[Distribution, dict[str, Arrangement]] = {d: {} for d in DISTRIBUTIONS}
"""Every arrangement by distribution and name."""


def arrangement(
    distribution: Distribution, *, vessel: bool = False, structureless: bool = False
) -> Callable[[Builder], Builder]:
    """Register a builder under its own name."""

    def register(build: Builder) -> Builder:
        name = build.__name__
        ARRANGEMENTS[distribution][name] = Arrangement(
            distribution, name, build, vessel, structureless
        )
        return build

    return register


def positions_along(rng: Rng, n: int, length: float, spacing: float) -> Floats:
    """Return `n` sorted positions on [0, length], both ends nearly reached: see `spaced`."""
    at: Floats = _curves.spaced(kernel_state(rng), n, length, spacing)
    return at


def with_gaps(rng: Rng, positions: Floats, length: float, gap_share: float) -> Floats:
    """Open one or two empty stretches, `gap_share` of the length in all, in the middle part."""
    at: Floats = _curves.gapped(kernel_state(rng), positions, length, gap_share)
    return at


def arc_lengths(path: Floats) -> Floats:
    """Return the length along a polyline at each of its points, shape (m,)."""
    out: Floats = arc_lengths_of(np.ascontiguousarray(path))
    return out


def on_path(path: Floats, positions: Floats) -> tuple[Floats, Floats]:
    """Return points (n, 2) and tangent directions (n,), radians, at arc lengths of a polyline."""
    xy, direction = walk(np.ascontiguousarray(path), positions, 0.5)
    return xy, direction


def off_path(xy: Floats, direction: Floats, offset: Floats) -> Floats:
    """Move points sideways, to the left of their direction."""
    moved = xy.copy()
    moved[:, 0] -= np.sin(direction) * offset
    moved[:, 1] += np.cos(direction) * offset
    return moved


def cut(path: Floats, start: float, length: float) -> Floats:
    """Return the part of a polyline from arc length `start` on, at steps of about 0.5 mm."""
    end = min(start + length, float(arc_lengths(path)[-1]))
    at = np.linspace(start, end, max(3, int(length / 0.5)))
    points: Floats = walk(np.ascontiguousarray(path), at, 0.5)[0]
    return points


def smooth_curve(rng: Rng, length: float, turn_deg: float, wiggle: float, flips: bool) -> Floats:
    """Return a curve about the origin whose heading turns by `turn_deg` in all, shape (m, 2)."""
    path: Floats = _curves.smooth_curve(
        kernel_state(rng), length, math.radians(turn_deg), wiggle, flips
    )
    return path


def turned(xy: Floats, angle: float) -> Floats:
    """Rotate points about the origin."""
    out: Floats = _curves.turned_to(xy, angle, 0.0, 0.0)
    return out


def placed(xy: Floats, angle: float, centre: Floats) -> Floats:
    """Rotate points about the origin and move the origin to `centre`."""
    out: Floats = _curves.turned_to(xy, angle, centre[0], centre[1])
    return out


def ellipse_offsets(rng: Rng, n: int, extent: float, axis_ratio: float) -> Floats:
    """Return points uniform in an ellipse of major axis `extent`, randomly turned, shape (n, 2)."""
    angle = rng.uniform(0, 2 * math.pi, n)
    radius = np.sqrt(rng.random(n)) * extent / 2
    xy = points_of(radius * np.cos(angle), axis_ratio * radius * np.sin(angle))
    return turned(xy, between(rng, 0, math.pi))


def cloud_of(rng: Rng, n: int, extent: float, shape: int) -> Floats:
    """Return points by chance about the origin, `extent` apart at most, shape (n, 2).

    Shape 0 is Gaussian, 1 a disc, 2 a square, 3 a ball seen from one side.
    """
    if shape == 2:
        xy = rng.uniform(-1.0, 1.0, (n, 2))
    elif shape == 0:
        xy = rng.normal(size=(n, 2))
    else:
        axes = 2 if shape == 1 else 3
        xyz = rng.normal(size=(n, axes))
        xyz *= (rng.random(n) ** (1 / axes) / np.linalg.norm(xyz, axis=1))[:, None]
        xy = np.ascontiguousarray(xyz[:, :2])
    greatest: float = extent_of(xy)[0]
    return turned(xy * (extent / greatest), between(rng, 0, math.pi))


def polygon_mask(rng: Rng, xy: Floats, extent: float, roughness: float) -> npt.NDArray[np.bool_]:
    """Tell which points, about the origin, lie in a random star-shaped outline of size `extent`."""
    angle = np.arctan2(xy[:, 1], xy[:, 0])
    waves = sum(
        rng.normal(0, roughness / k) * np.cos(k * angle + between(rng, 0, 2 * math.pi))
        for k in (1, 2, 3, 5)
    )
    return np.hypot(xy[:, 0], xy[:, 1]) < extent / 2 * np.clip(1.0 + waves, 0.3, 1.6)


def apart(xy: Floats, distance: float, n: int) -> Floats:
    """Keep, in order, at most `n` points that are at least `distance` from all kept before."""
    kept: Floats = xy[_curves.kept_apart(xy, distance, n)]
    return kept
