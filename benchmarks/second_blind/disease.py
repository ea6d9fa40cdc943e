"""Where calcium settles: what every disease process leaves behind, and which there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .breast import Breast
from .paths import Array, Path, Rng


@dataclass(frozen=True)
class Junction:
    """Host `side` leaves host 0 at `at_mm` along it."""

    side: int
    at_mm: float


@dataclass(frozen=True)
class Sites:
    """Places of calcifications in the breast.

    Attributes
    ----------
    position, tangent : ndarray, shape (n, 3)
        In the body frame; the tangent is a unit vector along the duct or vessel.
    mechanism : str
        What happened, in two or three words.
    hosts : tuple of Path
        The ducts or vessels that make up the pattern, where a line or its branches do.
    host : ndarray of int, shape (n,)
        The duct or vessel each place lies in; index into `hosts` where there are any.
    arc_mm : ndarray, shape (n,)
        How far along its host each lies.
    junctions : tuple of Junction
        Where hosts meet.
    """

    position: Array
    tangent: Array
    mechanism: str
    hosts: tuple[Path, ...] = ()
    host: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    arc_mm: Array = field(default_factory=lambda: np.empty(0))
    junctions: tuple[Junction, ...] = ()


Process = Callable[[Rng, Breast, str, Array], "Sites | None"]
"""Settle grains of one form and the given lengths in mm in a breast; None where it fails."""


def strung(rng: Rng, lengths_mm: Array, span_mm: float, unevenness: float) -> Array:
    """String grains along a span, in their order, with lognormal gaps between them.

    Returns
    -------
    ndarray, shape (n,)
        Distances of the middles from the start of the span.
    """
    gaps = np.exp(unevenness * rng.standard_normal(len(lengths_mm) + 1))
    gaps[[0, -1]] *= 0.3
    gaps *= max(span_mm - lengths_mm.sum(), 0.0) / gaps.sum()
    return np.cumsum(gaps[:-1] + lengths_mm) - lengths_mm / 2


def clearance(form: str) -> float:
    """Say how near grains come in the picture: least distance over the mean of their lengths."""
    return {"popcorn": 0.95, "rod_like": 0.4, "fine_linear": 0.45}.get(form, 0.85)


def kept_apart(points: Array, lengths_mm: Array, spacing: float) -> Array | None:
    """Choose a place for each grain, the largest first, that no other takes up in the picture.

    Parameters
    ----------
    points : ndarray, shape (m, 3)
        Places on offer, more than there are grains.
    lengths_mm : ndarray, shape (n,)
    spacing : float
        Least distance of two middles over the mean of their lengths.

    Returns
    -------
    ndarray of int, shape (n,), or None
        Indices into `points`; None where the places do not suffice.
    """
    plane = points[:, :2]
    slack_mm = np.full(len(plane), np.inf)  # room about each place for half a grain
    chosen = np.empty(len(lengths_mm), int)
    for grain in np.argsort(-lengths_mm):
        half_mm = spacing * lengths_mm[grain] / 2
        place = int((slack_mm > half_mm).argmax())
        if slack_mm[place] <= half_mm:
            return None
        away = np.hypot(*(plane - plane[place]).T)
        np.minimum(slack_mm, away - half_mm, out=slack_mm)
        slack_mm[place] = -np.inf
        chosen[grain] = place
    return chosen
