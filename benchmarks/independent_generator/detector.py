"""What is measured of the calcifications: marks, misses, false marks, lost columns."""

from __future__ import annotations

import math

import numpy as np

from calcigram.clusters import OPTIONAL_MARKS
from calcigram.lexicon import Distribution, Morphology

from .breast import Array, Breast, Rng
from .forms import FORMS, Form, lognormal
from .geometry import Pattern


def draw_axes(
    rng: Rng, breast: Breast, pattern: Pattern, distribution: Distribution, form: Form
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


def _measure(rng: Rng, form: Form, n: int, crowd: Array, pixel: float, quality: float) -> Array:
    """Draw diameter, aspect ratio, solidity and cnr of `n` calcifications as they are measured.

    `crowd` holds the cluster's own leanings: shifts of the logarithm of the size and of the
    contrast, and of the solidity.
    """
    width = lognormal(rng, form.calibre, n, crowd[0])
    if form.length is None:
        low, high = form.aspect
        aspect = low + (high - low) * rng.beta(1.4, 2.4, n)
        diameter = width
    else:
        aspect = np.clip(lognormal(rng, form.length, n, crowd[0]) / width, *form.aspect)
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


def draw_particles(rng: Rng, breast: Breast, name: Morphology, n: int) -> Array:
    """Draw the measured marks of a cluster of one form, often with a share of its companion."""
    form = FORMS[name]
    lean = rng.normal(0, (0.09, 0.14, 0.012))
    marks = _measure(rng, form, n, lean, breast.pixel, breast.quality)
    if form.companion is not None and rng.random() < 0.5:
        other = FORMS[form.companion]
        mixed = rng.random(n) < rng.uniform(0.04, 0.2)
        marks[mixed] = _measure(rng, other, n, lean, breast.pixel, breast.quality)[mixed]
    return marks


def detect(
    rng: Rng, breast: Breast, xy: Array, axis: Array, marks: Array
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


def draw_forgotten(rng: Rng) -> tuple[str, ...]:
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
