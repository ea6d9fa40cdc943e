"""The breast under compression and its two views: outline, nipple, duct trees, lobules, vessels.

All is grown in 3-D millimetres and projected orthographically by dropping z. Coordinates:
the nipple is the origin, x points to the chest wall, y along the film, z along the beam.
What calcifies, and where, stands in `areas` and `ducts`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from calcigram.simulate import _growth
from calcigram.simulate._random import Words, kernel_state, normal, state_of, uniform
from calcigram.simulate.presets import Draw, Preset

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator

_PATIENT, _VIEW = 1, 4
_SHAPE, _LOBE, _VESSEL, _LOBULES = range(4)  # parts of a breast, for the keys of their numbers

_MOST_BRANCHES_OF_A_LOBE, _MOST_BRANCHES_OF_A_VESSEL = 400, 64
_VESSEL_TUBES = {"min_radius_mm": 0.15, "straightening": 0.0, "early_end": 0.0}


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
        return np.setdiff1d(np.arange(len(self)), self.parent)

    def projected_path_to(self, b: int) -> Floats:
        """Return the projected polyline from the root to the end of branch `b`, shape (m, 2)."""
        chain = [b]
        while self.parent[chain[-1]] >= 0:
            chain.append(int(self.parent[chain[-1]]))
        return np.concatenate([self.branch(c)[:, :2] for c in reversed(chain)])


@dataclass(frozen=True, eq=False)
class Breast:
    """The breast of one patient; trees are grown when first asked for.

    Attributes
    ----------
    key : tuple of int
        What its random numbers depend on.
    depth_mm, half_width_mm, half_thickness_mm : float
        Nipple to chest wall, half the extent along it, half the compressed thickness.
    lobe_angles : ndarray of float64, shape (L,)
        Direction in which each lobe leaves the nipple, radians from +x.
    ducts, vessels : Draw
        Drawn values of the preset's ``anatomy.ducts`` and ``anatomy.vessels``.
    """

    key: tuple[int, ...]
    depth_mm: float
    half_width_mm: float
    half_thickness_mm: float
    lobe_angles: Floats
    ducts: Draw
    vessels: Draw
    _trees: dict[tuple[int, int], Tree] = field(default_factory=dict)

    @property
    def n_lobes(self) -> int:
        """Number of lobes."""
        return self.lobe_angles.size

    @property
    def area_mm2(self) -> float:
        """Projected area: half an ellipse."""
        return 0.5 * math.pi * self.depth_mm * self.half_width_mm

    def contains(self, xy: Floats, margin_mm: float = 0.0) -> npt.NDArray[np.bool_]:
        """Tell which projected points lie inside the outline, `margin_mm` from the skin."""
        return _growth.inside_outline(xy, self.depth_mm, self.half_width_mm, margin_mm)  # type: ignore[no-any-return]

    def uniform(self, rng: Rng, n: int, margin_mm: float = 3.0) -> Floats:
        """Return `n` points uniform inside the projected outline, shape (n, 2)."""
        return _growth.spread_in_outline(  # type: ignore[no-any-return]
            kernel_state(rng), n, self.depth_mm, self.half_width_mm, margin_mm
        )

    def reach_mm(self, angle: float) -> float:
        """Return the distance from the nipple to the outline in a direction, radians from +x."""
        c, s = math.cos(angle), math.sin(angle)
        # On the ellipse (x - depth)^2 / depth^2 + y^2 / half_width^2 = 1, or at the chest wall.
        chord = 2 * c / self.depth_mm / (c * c / self.depth_mm**2 + s * s / self.half_width_mm**2)
        return min(chord, self.depth_mm / max(c, 1e-6))

    def place(self, rng: Rng, reach_mm: float) -> Floats:
        """Return a centre, shape (2,), for something that reaches `reach_mm` around it."""
        smallest = min(self.depth_mm, self.half_width_mm)
        result: Floats = self.uniform(rng, 1, min(max(3.0, reach_mm), 0.7 * smallest))[0]
        return result

    def lobe(self, i: int) -> Tree:
        """Return the duct tree of lobe `i`, grown from the nipple."""
        if (_LOBE, i) not in self._trees:
            state = state_of(*self.key, _LOBE, i)
            angle, ducts = float(self.lobe_angles[i]), self.ducts
            lift = 0.35 * (uniform(state) - 0.5)
            c, s = math.cos(angle), math.sin(angle)
            norm = math.sqrt(1.0 + lift * lift)
            ratio, n_levels = ducts.length_ratio, int(ducts.max_generation) + 1
            reach = ducts.reach_share * self.reach_mm(angle) * (0.85 + 0.3 * uniform(state))
            tubes = Draw(
                ducts | {"root_length_mm": reach * (1.0 - ratio) / (1.0 - ratio**n_levels)}
            )
            root = (2.5 + 1.5 * c, 1.5 * s, 1.5 * lift)
            direction = (c / norm, s / norm, lift / norm)
            tree = self._grown(state, root, direction, tubes, _MOST_BRANCHES_OF_A_LOBE)
            self._trees[_LOBE, i] = tree
        return self._trees[_LOBE, i]

    def vessel(self, i: int) -> Tree:
        """Return vessel tree `i`; vessels enter from the chest wall."""
        if (_VESSEL, i) not in self._trees:
            state = state_of(*self.key, _VESSEL, i)
            y = self.half_width_mm * 1.4 * (uniform(state) - 0.5)
            z = self.half_thickness_mm * min(0.7, max(-0.7, 0.4 * normal(state)))
            aim = 0.5 * (normal(state) - y / self.half_width_mm)
            norm = math.sqrt(1.0 + aim * aim)
            root, direction = (self.depth_mm - 1.0, y, z), (-1.0 / norm, aim / norm, 0.0)
            tubes = Draw(self.vessels | _VESSEL_TUBES)
            tree = self._grown(state, root, direction, tubes, _MOST_BRANCHES_OF_A_VESSEL)
            self._trees[_VESSEL, i] = tree
        return self._trees[_VESSEL, i]

    def _grown(
        self,
        state: Words,
        root: tuple[float, float, float],
        direction: tuple[float, float, float],
        tubes: Draw,
        max_branches: int,
    ) -> Tree:
        shape = self.depth_mm, self.half_width_mm, self.half_thickness_mm
        return Tree(
            *_growth.grow_tree(
                state,
                root,
                direction,
                shape,
                _growth.Tubes._make(tubes[name] for name in _growth.Tubes._fields),
                max_branches,
            )
        )

    def lobules_of(self, lobe: int, state: Words) -> Floats:
        """Return the lobule centres of a lobe, shape (T, 3): at the tips and beside the ducts.

        The main duct bears none, the others one every 4 mm or so. A terminal duct lobular unit is
        1-2 mm long and 0.5-1 mm wide, so the centre lies about a millimetre off its duct.
        """
        tree = self.lobe(lobe)
        return _growth.lobules_along(state, tree.points, tree.first, tree.parent, 0.8)  # type: ignore[no-any-return]

    @cached_property
    def lobules(self) -> Floats:
        """Centres of all terminal duct lobular units, shape (T, 3)."""
        states = (state_of(*self.key, _LOBULES, i) for i in range(self.n_lobes))
        return np.concatenate([self.lobules_of(i, state) for i, state in enumerate(states)])


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
    >>> bool(breast.contains(breast.uniform(np.random.default_rng(1), 50)).all())
    True
    """
    rng = np.random.default_rng((*key, _SHAPE))
    outline = preset.draw("anatomy.breast", rng)
    n_lobes = int(outline.n_lobes)
    fan = math.radians(outline.fan_deg)
    angles = np.linspace(-fan / 2, fan / 2, n_lobes) + rng.normal(0.0, 0.2 * fan / n_lobes, n_lobes)
    return Breast(
        key,
        outline.depth_mm,
        outline.half_width_mm,
        outline.thickness_mm / 2,
        angles,
        preset.draw("anatomy.ducts", rng),
        preset.draw("anatomy.vessels", rng),
    )


class View(NamedTuple):
    """How a patient's breast lies in one image.

    Attributes
    ----------
    laterality, projection : str
        ``"L"`` or ``"R"``; ``"CC"`` or ``"MLO"``.
    turn : ndarray of float64, shape (2, 2)
        From the frame of the anatomy to the image: rotation and mirroring.
    offset : ndarray of float64, shape (2,)
        The nipple in the image, mm.
    """

    laterality: str
    projection: str
    turn: Floats
    offset: Floats

    def to_image(self, xy: Floats) -> Floats:
        """Map points of the anatomy frame to the image, mm."""
        return _growth.mapped_points(xy, self.turn, self.offset)  # type: ignore[no-any-return]

    def direction(self, angle: Floats) -> Floats:
        """Map directions, radians."""
        return _growth.mapped_directions(angle, self.turn)  # type: ignore[no-any-return]


def _make_view(rng: Rng, breast: Breast, projection: str, drawn: Draw) -> View:
    left = rng.random() < drawn.left
    tilt = drawn.tilt_mlo_deg if projection == "MLO" else drawn.tilt_cc_deg
    if rng.random() < drawn.any_rotation:
        tilt = 360.0 * rng.random()
    c, s = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    # A left breast is displayed with the nipple to the right, so x is mirrored.
    flip_x, flip_y = -1.0 if left else 1.0, 1.0 if rng.random() < 0.5 else -1.0
    turn = np.array([[c * flip_x, -s * flip_y], [s * flip_x, c * flip_y]])
    lowest = _growth.lowest_corner(turn, breast.depth_mm, breast.half_width_mm)
    return View("L" if left else "R", projection, turn, drawn.margin_mm - lowest)


class Patient(NamedTuple):
    """A breast and its two views, CC and MLO."""

    name: str
    breast: Breast
    views: tuple[View, ...]


@lru_cache(maxsize=8)
def patient_of(seed: int, number: int, substitute: int, preset: Preset) -> Patient:
    """Return a patient of a seed, or the `substitute`-th to take that one's place."""
    breast = make_breast((seed, _PATIENT, number, substitute), preset)
    views = []
    for image, projection in enumerate(("CC", "MLO")):
        rng = np.random.default_rng((seed, number, substitute, _VIEW, image))
        views.append(_make_view(rng, breast, projection, preset.draw("view", rng)))
    name = f"sim-{seed}-p{number}" + (f".{substitute}" if substitute else "")
    return Patient(name, breast, tuple(views))
