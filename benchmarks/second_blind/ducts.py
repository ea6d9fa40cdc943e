"""The ducts of one lobe, from the nipple to the lobules at their ends.

The lobules come first, scattered through the lobe's wedge; the ducts are then the cheapest
drainage for them: each lobule joins the duct that makes both the new piece and the way to the
nipple short, the balance that shapes vessels and nerve cells too (Cuntz et al. 2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .breast import Breast
from .paths import PER_KNOT, Array, Path, Rng, frame_about

FIRST_BRANCH_MM = (8.0, 5.5)  # mean and sd of the distance from the nipple: Ramsay 2005
LOBE_HALF_ANGLE_DEG = (11.0, 26.0)  # wedges of 20-60 degrees
LOBULES_PER_LOBE = (45, 110)  # VICTRE: at most 400 branches a tree


@dataclass(frozen=True)
class Branch:
    """One duct followed along its widest continuation to its last lobule.

    Attributes
    ----------
    knots : ndarray, shape (k, 3)
        From the junction it leaves at.
    mother : int
        Index of the branch it leaves; -1 for the main duct.
    leaves_at : int
        The mother's knot that is the junction.
    """

    knots: Array
    mother: int
    leaves_at: int

    @cached_property
    def path(self) -> Path:
        """The duct as a smooth curve."""
        return Path.through(self.knots)

    @cached_property
    def length_mm(self) -> float:
        """Length, from knot to knot."""
        return float(np.linalg.norm(np.diff(self.knots, axis=0), axis=1).sum())


@dataclass(frozen=True)
class Lobe:
    """The duct tree of one lobe; branch 0 is the main duct from the nipple."""

    branches: list[Branch]

    def leaves_at_mm(self, side: Branch) -> float:
        """Say how far along its mother a branch leaves."""
        return float(self.branches[side.mother].path.arc_mm[PER_KNOT * side.leaves_at])


def grow_lobe(rng: Rng, breast: Breast) -> Lobe:
    """Grow the ducts of one lobe in a random direction."""
    axis, length_mm = _draw_axis(rng, breast)
    trunk_mm = float(np.clip(rng.normal(*FIRST_BRANCH_MM), 3.0, 18.0))
    n = int(rng.integers(*LOBULES_PER_LOBE))
    half_angle = np.radians(rng.uniform(*LOBE_HALF_ANGLE_DEG))
    distance = np.sort(trunk_mm + (length_mm - trunk_mm) * rng.beta(1.5, 1.0, n))
    distance[0] = trunk_mm
    out = np.tan(half_angle) * np.sqrt(rng.random(n))
    out[0] = 0.1 * out[0]
    around = rng.uniform(0, 2 * np.pi, n)
    first, second = frame_about(axis)
    lean = out * np.cos(around), rng.uniform(0.6, 1.0) * out * np.sin(around)
    ray = axis + lean[0][:, None] * first + lean[1][:, None] * second
    nodes = distance[:, None] * ray / np.linalg.norm(ray, axis=1, keepdims=True)
    parent = _cheapest_parents(nodes, distance, thrift=rng.uniform(0.35, 0.8))
    heir = _heirs(parent)
    for _ in range(3):  # flow straightens a duct past its side branches
        inner = np.flatnonzero((heir >= 0) & (parent >= 0))
        middle = (nodes[parent[inner]] + nodes[heir[inner]]) / 2
        nodes[inner] += 0.5 * (middle - nodes[inner])
    return Lobe(_branches(nodes, parent, heir))


def _draw_axis(rng: Rng, breast: Breast) -> tuple[Array, float]:
    """Pick a lobe's direction from the nipple and how far back the lobe goes."""
    while True:
        polar = np.arccos(rng.uniform(np.cos(np.radians(62)), 1))
        azimuth = rng.uniform(0, 2 * np.pi)
        sine = np.sin(polar)
        axis = np.array([np.cos(polar), sine * np.cos(azimuth), sine * np.sin(azimuth)])
        length_mm = breast.reach(axis) * rng.uniform(0.75, 1.0)
        if length_mm > 35:
            return axis, length_mm


def _cheapest_parents(nodes: Array, distance: Array, thrift: float) -> np.ndarray:
    """Join each node to one nearer the nipple; `thrift` weighs the way to the nipple."""
    piece = np.linalg.norm(nodes[:, None] - nodes, axis=-1)
    cost = (1 + thrift) * piece + thrift * distance
    cost[np.triu_indices(len(nodes))] = np.inf
    parent = cost.argmin(axis=1)
    parent[0] = -1
    return parent


def _heirs(parent: np.ndarray) -> np.ndarray:
    """Return for each node the child that drains most lobules; -1 at a lobule."""
    drained = np.ones(len(parent))
    for node in range(len(parent) - 1, 0, -1):
        drained[parent[node]] += drained[node]
    heir = np.full(len(parent), -1)
    for node in np.argsort(drained[1:], kind="stable") + 1:
        heir[parent[node]] = node
    return heir


def _branches(nodes: Array, parent: np.ndarray, heir: np.ndarray) -> list[Branch]:
    branches: list[Branch] = []
    place: dict[int, tuple[int, int]] = {}  # node: its branch, and which knot of it
    for start in range(len(nodes)):
        if start in place:
            continue
        chain = [start]
        while heir[chain[-1]] >= 0:
            chain.append(heir[chain[-1]])
        root = np.zeros(3) if start == 0 else nodes[parent[start]]
        mother, leaves_at = place.get(int(parent[start]), (-1, 0))
        place |= {node: (len(branches), knot) for knot, node in enumerate(chain, start=1)}
        branches.append(Branch(np.concatenate([root[None], nodes[chain]]), mother, leaves_at))
    return branches
