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

from calcigram.simulate._growth import grow_tree, inside_outline, lobules_along, spread_in_outline
from calcigram.simulate._random import kernel_state, normal, state_of, stream, uniform
from calcigram.simulate.presets import Draw, Preset

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LOBE_STREAM, _VESSEL_STREAM, _SHAPE_STREAM, _TDLU_STREAM = 1, 2, 0, 3


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
    def shape(self) -> tuple[float, float, float]:
        """Depth, half width and half thickness, mm."""
        return self.depth_mm, self.half_width_mm, self.half_thickness_mm

    @property
    def area_mm2(self) -> float:
        """Projected area: half an ellipse."""
        return 0.5 * math.pi * self.depth_mm * self.half_width_mm

    def contains(self, xy: Floats, margin_mm: float = 0.0) -> npt.NDArray[np.bool_]:
        """Tell which projected points lie inside the outline, `margin_mm` from the skin."""
        inside: npt.NDArray[np.bool_] = inside_outline(
            xy, self.depth_mm, self.half_width_mm, margin_mm
        )
        return inside

    def uniform(self, rng: np.random.Generator, n: int, margin_mm: float = 3.0) -> Floats:
        """Return `n` points uniform inside the projected outline, shape (n, 2)."""
        points: Floats = spread_in_outline(
            kernel_state(rng), n, self.depth_mm, self.half_width_mm, margin_mm
        )
        return points

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
            state = state_of(*self.key, _LOBE_STREAM, i)
            angle, ducts = float(self.lobe_angles[i]), self.ducts
            lift = 0.35 * (uniform(state) - 0.5)
            c, s = math.cos(angle), math.sin(angle)
            norm = math.sqrt(1.0 + lift * lift)
            ratio, n_levels = ducts.length_ratio, int(ducts.max_generation) + 1
            reach = ducts.reach_share * self.reach_mm(angle) * (0.85 + 0.3 * uniform(state))
            root_length = reach * (1.0 - ratio) / (1.0 - ratio**n_levels)
            self._lobes[i] = Tree(
                *grow_tree(
                    state,
                    (2.5 + 1.5 * c, 1.5 * s, 1.5 * lift),
                    (c / norm, s / norm, lift / norm),
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
            state = state_of(*self.key, _VESSEL_STREAM, i)
            vessels = self.vessels
            y = self.half_width_mm * 1.4 * (uniform(state) - 0.5)
            z = self.half_thickness_mm * min(0.7, max(-0.7, 0.4 * normal(state)))
            aim = 0.5 * (normal(state) - y / self.half_width_mm)
            norm = math.sqrt(1.0 + aim * aim)
            self._vessels[i] = Tree(
                *grow_tree(
                    state,
                    (self.depth_mm - 1.0, y, z),
                    (-1.0 / norm, aim / norm, 0.0),
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
                [
                    lobules_of(self.lobe(i), state_of(*self.key, _TDLU_STREAM, i))
                    for i in range(self.n_lobes)
                ]
            )
        return self._tdlus

    @property
    def n_lobes(self) -> int:
        """Number of lobes."""
        return self.lobe_angles.size


def lobules_of(tree: Tree, state: npt.NDArray[np.uint64]) -> Floats:
    """Return lobule centres of a duct tree, shape (T, 3): at the tips and beside the ducts.

    The main duct bears none, the others one every 4 mm or so. A terminal duct lobular unit is
    1-2 mm long and 0.5-1 mm wide, so the centre lies about a millimetre off its duct.
    """
    centres: Floats = lobules_along(state, tree.points, tree.first, tree.parent, 0.8)
    return centres


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
