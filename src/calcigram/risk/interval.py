"""The ends of an interval of a probability, from its mean and variance.

A probability that is a logistic function of a normal quantity (as every pattern's is, given the
effects that `fit` estimates) has a logit-normal law: near 0 it is skewed, and its lower end
stays well above 0 where a beta law of the same mean and variance piles up at it. Mean and
variance give that law's two parameters by no formula, so they are tabulated once and interpolated.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

TAILS: tuple[float, float] = (0.025, 0.975)
"""Quantiles that bound a 95 % interval."""

_LOGITS = np.linspace(-7, 7, 57)
_SPREADS = np.linspace(0, 0.72, 25)  # standard deviation / sqrt(p (1 - p)), which is below 1
_NODES = np.linspace(-6, 6, 97)
_STEPS = 40
_MOST = 40.0  # keeps the corners finite, where next to nothing is known of p


def interval(mean: npt.ArrayLike, variance: npt.ArrayLike) -> Floats:
    """Return both ends of the 95 % interval of a logit-normal probability, shape (C, 2).

    Parameters
    ----------
    mean : array_like, shape (C,)
        Between 0 and 1, or NaN.
    variance : array_like, shape (C,)

    Examples
    --------
    >>> interval([0.5, 0.06, np.nan], [0.0001, 0.008, np.nan]).round(3)
    array([[0.48 , 0.52 ],
           [0.002, 0.328],
           [  nan,   nan]])
    """
    p = np.asarray(mean, float)
    scale = np.sqrt(p * (1 - p))
    logit = np.log(p) - np.log1p(-p)
    spread = np.sqrt(np.asarray(variance, float)) / scale
    stretch, shift = _interpolated(logit, spread)
    sd = stretch * spread / scale
    ends = [logit + shift + NormalDist().inv_cdf(tail) * sd for tail in TAILS]
    return np.asarray(1 / (1 + np.exp(-np.stack(ends, axis=1))))


def _interpolated(logit: Floats, spread: Floats) -> Floats:
    """Return both tabulated quantities at each row, bilinear, shape (2, C)."""
    table = _law_table()
    (i, u), (j, v) = (_place(x, knots) for x, knots in ((logit, _LOGITS), (spread, _SPREADS)))
    near = table[:, i, j] * (1 - v) + table[:, i, j + 1] * v
    far = table[:, i + 1, j] * (1 - v) + table[:, i + 1, j + 1] * v
    return near * (1 - u) + far * u


def _place(x: Floats, knots: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the knot before each value, and the share of the way to the next; NaN stays NaN."""
    at = (np.clip(x, knots[0], knots[-1]) - knots[0]) / (knots[1] - knots[0])
    low = np.minimum(np.nan_to_num(at).astype(np.intp), len(knots) - 2)
    return low, at - low


@lru_cache(maxsize=1)
def _law_table() -> Floats:
    """Return the normal law's two parameters at each mean and spread, shape (2, means, spreads).

    They are the standard deviation over ``spread / sqrt(p (1 - p))`` and the mean less
    ``logit(p)``: 1 and 0 where the spread is small.
    """
    logit, spread = (grid.ravel() for grid in np.meshgrid(_LOGITS, _SPREADS, indexing="ij"))
    p = 1 / (1 + np.exp(-logit))
    first = sd = spread / np.sqrt(p * (1 - p))
    middle = logit.copy()
    weights = np.exp(-0.5 * _NODES**2)
    weights /= weights.sum()
    for _ in range(_STEPS):
        values = 1 / (1 + np.exp(-(middle[:, None] + sd[:, None] * _NODES)))
        mean = values @ weights
        reached = np.sqrt(np.maximum((values**2) @ weights - mean**2, 0) / (mean * (1 - mean)))
        middle = np.clip(middle + logit - (np.log(mean) - np.log1p(-mean)), -_MOST, _MOST)
        sd = np.minimum(sd * spread / np.maximum(reached, 1e-9), _MOST / 4)
    stretch = np.divide(sd, first, out=np.ones_like(sd), where=first > 0)
    shift = np.where(spread > 0, middle - logit, 0.0)
    return np.stack([stretch, shift]).reshape(2, len(_LOGITS), len(_SPREADS))
