"""The breast under compression: outline, nipple, lobes with their duct trees, lobules, vessels.

All is grown in 3-D millimetres and projected orthographically by dropping z. Coordinates:
the nipple is the origin, x points to the chest wall, y along the film, z along the beam.
What calcifies, and where, is the business of `arrangements`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from calcigram.simulate._growth import grow_tree
from calcigram.simulate._points import points_of
from calcigram.simulate._random import stream
from calcigram.simulate.presets import Draw, Preset

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LOBE_STREAM, _VESSEL_STREAM, _SHAPE_STREAM = 1, 2, 0


def _spread_samples() -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(0)
    angle = math.pi * (rng.random(64) - 0.5)
    return np.sqrt(rng.random(64)), np.cos(angle), np.sin(angle)


_SAMPLES = _spread_samples()


@dataclass(frozen=True)
class Tree:
    """Branches of a duct or vessel tree as polylines.

    Attributes
    ----------
    points : ndarray of float64, shape (M, 3)
        mm.
    first : ndarray of int64, shape (B + 1,)
        Branch ``b`` owns points ``first[b]:first[b + 1]``; a child starts where its parent ends.
    parent : ndarray of int64, shape (B,)
        -1 for the root; parents come before their children.
    """

    points: Floats
    first: Ints
    parent: Ints

    def __len__(self) -> int:
        return self.parent.size

    def branch(self, b: int) -> Floats:
        """Return the points of one branch, shape (m, 3)."""
        return self.points[self.first[b] : self.first[b + 1]]

    @property
    def tips(self) -> Ints:
        """Branches without children."""
        has_child = np.zeros(len(self), bool)
        has_child[self.parent[1:]] = True
        return np.flatnonzero(~has_child)

    @property
    def ends(self) -> Floats:
        """Last point of every branch, shape (B, 3)."""
        return self.points[self.first[1:] - 1]

    def path_to(self, b: int) -> Floats:
        """Return the polyline from the root to the end of branch `b`, shape (m, 3)."""
        chain = [b]
        while self.parent[chain[-1]] >= 0:
            chain.append(int(self.parent[chain[-1]]))
        return np.concatenate([self.branch(c) for c in reversed(chain)])


@dataclass
class Breast:
    """One compressed breast of one patient; trees are grown when first asked for.

    Attributes
    ----------
    depth_mm, half_width_mm, half_thickness_mm : float
        Nipple to chest wall, half the extent along it, half the compressed thickness.
    lobe_angles : ndarray of float64, shape (L,)
        Direction in which each lobe leaves the nipple, radians from +x.
    """

    key: tuple[int, ...]
    preset: Preset
    depth_mm: float
    half_width_mm: float
    half_thickness_mm: float
    lobe_angles: Floats
    ducts: Draw
    vessels: Draw
    _lobes: dict[int, Tree] = field(default_factory=dict)
    _vessels: dict[int, Tree] = field(default_factory=dict)
    _tdlus: Floats | None = None

    @property
    def shape(self) -> Floats:
        """Depth, half width and half thickness, mm."""
        return np.array([self.depth_mm, self.half_width_mm, self.half_thickness_mm])

    @property
    def area_mm2(self) -> float:
        """Projected area: half an ellipse."""
        return 0.5 * math.pi * self.depth_mm * self.half_width_mm

    def contains(self, xy: Floats, margin_mm: float = 0.0) -> npt.NDArray[np.bool_]:
        """Tell which projected points lie inside the outline, `margin_mm` from the skin."""
        u = (self.depth_mm - xy[:, 0]) / (self.depth_mm - margin_mm)
        v = xy[:, 1] / (self.half_width_mm - margin_mm)
        return (xy[:, 0] <= self.depth_mm) & (u * u + v * v < 1.0)

    def uniform(self, rng: np.random.Generator, n: int, margin_mm: float = 3.0) -> Floats:
        """Return `n` points uniform inside the projected outline, shape (n, 2)."""
        angle = math.pi * (rng.random(n) - 0.5)
        radius = np.sqrt(rng.random(n))
        return self._polar(radius, np.cos(angle), np.sin(angle), margin_mm)

    def _polar(self, radius: Floats, cosine: Floats, sine: Floats, margin_mm: float) -> Floats:
        return points_of(
            self.depth_mm - (self.depth_mm - margin_mm) * radius * cosine,
            (self.half_width_mm - margin_mm) * radius * sine,
        )

    def samples(self) -> Floats:
        """Return 64 fixed points spread over the projected outline, shape (64, 2)."""
        return self._polar(*_SAMPLES, 0.0)

    def reach_mm(self, angle: float) -> float:
        """Return the distance from the nipple to the outline in a direction, radians from +x."""
        c, s = math.cos(angle), math.sin(angle)
        # On the ellipse (x - depth)^2 / depth^2 + y^2 / half_width^2 = 1, or at the chest wall.
        chord = 2 * c / self.depth_mm / (c * c / self.depth_mm**2 + s * s / self.half_width_mm**2)
        return min(chord, self.depth_mm / max(c, 1e-6))

    def place(self, rng: np.random.Generator, reach_mm: float) -> Floats:
        """Return a centre, shape (2,), for something that reaches `reach_mm` around it."""
        smallest = min(self.depth_mm, self.half_width_mm)
        return self.uniform(rng, 1, min(max(3.0, reach_mm), 0.7 * smallest))[0]

    def lobe(self, i: int) -> Tree:
        """Return the duct tree of lobe `i`, grown from the nipple."""
        if i not in self._lobes:
            rng = stream(*self.key, _LOBE_STREAM, i)
            angle = self.lobe_angles[i]
            lift = 0.35 * (rng.random() - 0.5)
            direction = np.array([math.cos(angle), math.sin(angle), lift])
            root = np.array([2.5, 0.0, 0.0]) + 1.5 * direction
            ducts = self.ducts
            ratio, n_levels = ducts.length_ratio, int(ducts.max_generation) + 1
            reach = ducts.reach_share * self.reach_mm(angle) * rng.uniform(0.85, 1.15)
            root_length = reach * (1.0 - ratio) / (1.0 - ratio**n_levels)
            self._lobes[i] = Tree(
                *grow_tree(
                    rng,
                    root,
                    direction / np.linalg.norm(direction),
                    self.shape,
                    root_length,
                    ratio,
                    ducts.root_radius_mm,
                    ducts.min_radius_mm,
                    ducts.angle_low_deg,
                    ducts.angle_low_deg + ducts.angle_spread_deg,
                    ducts.min_curve_radius_mm,
                    ducts.straightening,
                    ducts.early_end,
                    int(ducts.max_generation),
                    400,
                )
            )
        return self._lobes[i]

    def vessel(self, i: int) -> Tree:
        """Return vessel tree `i`; vessels enter from the chest wall."""
        if i not in self._vessels:
            rng = stream(*self.key, _VESSEL_STREAM, i)
            vessels = self.vessels
            y = self.half_width_mm * 1.4 * (rng.random() - 0.5)
            root = np.array([self.depth_mm - 1.0, y, 0.4 * self.half_thickness_mm * rng.normal()])
            root[2] = np.clip(root[2], -0.7 * self.half_thickness_mm, 0.7 * self.half_thickness_mm)
            aim = np.array([-1.0, rng.normal(0.0, 0.5) - 0.5 * y / self.half_width_mm, 0.0])
            self._vessels[i] = Tree(
                *grow_tree(
                    rng,
                    root,
                    aim / np.linalg.norm(aim),
                    self.shape,
                    vessels.root_length_mm,
                    vessels.length_ratio,
                    vessels.root_radius_mm,
                    0.15,
                    vessels.angle_low_deg,
                    vessels.angle_low_deg + vessels.angle_spread_deg,
                    vessels.min_curve_radius_mm,
                    0.0,
                    0.0,
                    int(vessels.max_generation),
                    64,
                )
            )
        return self._vessels[i]

    def tdlus(self) -> Floats:
        """Return the centres of all terminal duct lobular units, shape (T, 3)."""
        if self._tdlus is None:
            self._tdlus = np.concatenate(
                [lobules_of(self.lobe(i), stream(*self.key, 3, i)) for i in range(self.n_lobes)]
            )
        return self._tdlus

    @property
    def n_lobes(self) -> int:
        """Number of lobes."""
        return self.lobe_angles.size


def lobules_of(tree: Tree, rng: np.random.Generator) -> Floats:
    """Return lobule centres of a duct tree, shape (T, 3): at the tips and beside the ducts.

    The main duct bears none, the others one every 4 mm or so. A terminal duct lobular unit is
    1-2 mm long and 0.5-1 mm wide, so the centre lies about a millimetre off its duct.
    """
    at_tip = tree.ends[tree.tips]
    n_past_root = len(tree.points) - int(tree.first[1])
    budding = tree.first[1] + rng.integers(0, max(1, n_past_root), n_past_root // 7)
    centres = np.concatenate([at_tip, tree.points[np.minimum(budding, len(tree.points) - 1)]])
    return centres + rng.normal(0.0, 0.8, centres.shape)


def make_breast(key: tuple[int, ...], preset: Preset) -> Breast:
    """Draw a breast: the same for the same key and preset.

    Parameters
    ----------
    key : tuple of int
        Seed and number of the patient.
    preset : Preset

    Returns
    -------
    Breast

    Examples
    --------
    >>> from calcigram.simulate.presets import load_preset
    >>> breast = make_breast((0, 7), load_preset("train"))
    >>> bool(breast.contains(breast.uniform(stream(1), 50)).all())
    True
    """
    rng = stream(*key, _SHAPE_STREAM)
    outline = preset.draw("anatomy.breast", rng)
    n_lobes = int(outline.n_lobes)
    fan = math.radians(outline.fan_deg)
    angles = np.linspace(-fan / 2, fan / 2, n_lobes) + rng.normal(0.0, 0.2 * fan / n_lobes, n_lobes)
    return Breast(
        key,
        preset,
        outline.depth_mm,
        outline.half_width_mm,
        outline.thickness_mm / 2,
        angles,
        preset.draw("anatomy.ducts", rng),
        preset.draw("anatomy.vessels", rng),
    )
