"""Compiled degradation: from measured calcifications to a detector's list of marks."""

from __future__ import annotations

import math

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import gamma, normal, permutation, uniform

X, Y, DIAMETER, ASPECT, ORIENTATION, SOLIDITY, CNR = range(7)
MASK, ANALYTIC, BOX = range(3)
EQUAL_AREA, GREATEST_LENGTH, MEAN_AXIS = range(3)

# One row a pattern of columns that are lost together: diameter, aspect ratio, orientation,
# solidity, cnr. Positions alone counts double, for it is the commonest.
MISSING_PATTERNS = np.array(
    [
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [0, 1, 1, 1, 1],
        [0, 1, 1, 1, 0],
        [0, 1, 1, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, 1],
    ],
    dtype=np.bool_,
)


@kernel
def merge_close(state, xy, radius, gap, probability):
    """Return, for each calcification, whom it is taken together with: itself or one before it.

    Two merge, with `probability`, where the gap between their discs is below `gap` mm; each
    merges at most once, the pairs being tried in random order.
    """
    n = len(radius)
    owner = np.arange(n)
    first, second = np.empty(64 + n, np.int64), np.empty(64 + n, np.int64)
    m = 0
    for i in range(n):
        for j in range(i + 1, n):
            dx, dy = xy[i, 0] - xy[j, 0], xy[i, 1] - xy[j, 1]
            reach = radius[i] + radius[j] + gap
            if (
                dx * dx + dy * dy < reach * reach
                and m < first.size
                and uniform(state) < probability
            ):
                first[m], second[m] = i, j
                m += 1
    taken = np.zeros(n, np.bool_)
    while m > 0:
        k = int(uniform(state) * m)
        i, j = first[k], second[k]
        if not (taken[i] or taken[j]):
            taken[i] = taken[j] = True
            owner[j] = i
        m -= 1
        first[k], second[k] = first[m], second[m]
    return owner


@kernel
def _thickness(diameter, aspect):
    # The beam crosses about a calibre of calcium; thick pieces saturate a little.
    return (diameter / math.sqrt(aspect)) ** 0.8


@kernel
def _state_analytic(state, mark, true, sigma):
    """Write the size and shape of a mark as they truly are, with an error of `sigma`, relative."""
    mark[DIAMETER] = true[0] * math.exp(sigma * normal(state))
    mark[ASPECT] = true[1] * math.exp(sigma * normal(state))
    mark[ORIENTATION] = true[2] + 60.0 * sigma / true[1] * normal(state)
    mark[SOLIDITY] = 1.0 - (1.0 - true[3]) * math.exp(sigma * normal(state))


@kernel
def read_out(
    state, got, owner, truth, contrast, pixel, gain, cnr_sigma, analytic_sigma,
    convention, tiny_rule,
):  # fmt: skip
    """Turn measures into marks by one measuring convention.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    got : ndarray of float64, shape (n, 9)
        Columns `MEASURES` of the images.
    owner : ndarray of int64, shape (N,)
        From `merge_close`; to an image of two calcifications analytic values do not apply.
    truth : ndarray of float64, shape (N, 4)
        Noise-free diameter, aspect ratio, orientation and solidity.
    contrast : ndarray of float64, shape (N,)
    pixel, gain, cnr_sigma, analytic_sigma : float
    convention : int
        `MASK`, `ANALYTIC` or `BOX`.
    tiny_rule : bool
        A mark of 1-3 pixels has solidity 1, one of a pixel aspect ratio 1.

    Returns
    -------
    ndarray of float64, shape (n, 7)
    """
    marks, merged = np.empty((len(got), 7)), np.zeros(len(owner), np.bool_)
    leads = owner == np.arange(len(owner))
    merged[owner[~leads]] = True
    for i, k in enumerate(np.flatnonzero(leads)):
        marks[i, X], marks[i, Y] = got[i, 0], got[i, 1]
        marks[i, DIAMETER] = math.sqrt(4.0 / math.pi * got[i, 2])
        marks[i, ASPECT] = got[i, 6] if convention == BOX else got[i, 3]
        marks[i, ORIENTATION], marks[i, SOLIDITY] = got[i, 4], got[i, 5]
        signal = contrast[k] * _thickness(truth[k, 0], truth[k, 1]) * got[i, 7]
        marks[i, CNR] = gain * signal * math.exp(cnr_sigma * normal(state))
        if convention == ANALYTIC and not merged[k]:
            _state_analytic(state, marks[i], truth[k], analytic_sigma)
        if tiny_rule and got[i, 8] <= 3:
            marks[i, SOLIDITY] = 1.0
            if got[i, 8] == 1:
                marks[i, ASPECT] = 1.0
    return marks


@kernel
def restated(
    state, truth, direction, aspect_shape, aspect_excess, angle_sd, along, solidity, solidity_sd,
    size, bias, cnr, cnr_sigma,
):  # fmt: skip
    """Return the marks that another source would state of the same calcifications.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    truth : ndarray of float64, shape (n, 4)
        Diameter, aspect ratio, orientation and solidity; only the diameter counts.
    direction : ndarray of float64, shape (n,)
        Direction of the duct or vessel, radians; NaN where there is none.
    aspect_shape, aspect_excess : float
        The aspect ratio less 1 is gamma distributed: shape and mean.
    angle_sd, along : float, bool
        Degrees off the duct; whether orientations follow it at all.
    solidity, solidity_sd, cnr, cnr_sigma : float
        Mean and spread.
    size : int
        `EQUAL_AREA`, `GREATEST_LENGTH` or `MEAN_AXIS`: what is stated as the diameter.
    bias : float
        Stated sizes over true ones.

    Returns
    -------
    table : ndarray of float64, shape (n, 4)
    contrast : ndarray of float64, shape (n,)
        Those that a detector of gain 1 turns into the stated contrast-to-noise ratios.
    """
    n = len(truth)
    table, contrast = np.empty((n, 4)), np.empty(n)
    for i in range(n):
        aspect = 1.0 + gamma(state, aspect_shape) * aspect_excess / aspect_shape
        turn = math.degrees(direction[i]) + angle_sd * normal(state)
        if not along or math.isnan(turn):
            turn = 180.0 * uniform(state)
        stretch = math.sqrt(aspect)
        diameter = bias * truth[i, 0]
        if size == GREATEST_LENGTH:
            diameter *= stretch
        elif size == MEAN_AXIS:
            diameter *= 0.5 * (stretch + 1.0 / stretch)
        table[i, 0], table[i, 1], table[i, 2] = diameter, aspect, turn % 180.0
        table[i, 3] = min(1.0, max(0.3, solidity + solidity_sd * normal(state)))
        contrast[i] = cnr * math.exp(cnr_sigma * normal(state)) / _thickness(diameter, aspect)
    return table, contrast


@kernel
def state_marks(state, owner, xy, truth, contrast, gain, cnr_sigma, analytic_sigma):
    """Return marks as another source states them: no outline is drawn or measured.

    Calcifications taken together become one of their joint area at their common centre, with
    the other marks of the first.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    owner : ndarray of int64, shape (N,)
        From `merge_close`.
    xy : ndarray of float64, shape (N, 2)
    truth : ndarray of float64, shape (N, 4)
        Diameter, aspect ratio, orientation and solidity, as stated.
    contrast : ndarray of float64, shape (N,)
    gain, cnr_sigma, analytic_sigma : float

    Returns
    -------
    ndarray of float64, shape (m, 7)
    """
    n = len(owner)
    marks, m = np.empty((n, 7)), 0
    row = np.empty(n, np.int64)
    for i in range(n):
        area = truth[i, 0] * truth[i, 0]
        if owner[i] == i:
            marks[m, X], marks[m, Y] = xy[i, 0], xy[i, 1]
            _state_analytic(state, marks[m], truth[i], analytic_sigma)
            signal = contrast[i] * _thickness(truth[i, 0], truth[i, 1])
            marks[m, CNR] = gain * signal * math.exp(cnr_sigma * normal(state))
            row[i] = m
            m += 1
        else:
            first = row[owner[i]]
            known = marks[first, DIAMETER] * marks[first, DIAMETER]
            share = area / (area + known)
            marks[first, X] += share * (xy[i, 0] - marks[first, X])
            marks[first, Y] += share * (xy[i, 1] - marks[first, Y])
            marks[first, DIAMETER] = math.sqrt(area + known)
    return marks[:m]


@kernel
def responded(marks, response):
    """Return marks as another detector gives them: each a smooth, rising function of its value.

    Parameters
    ----------
    marks : ndarray of float64, shape (n, 7)
    response : ndarray of float64, shape (5, 2)
        See `acquisition.draw_response`; powers turn about 0.5 mm, an aspect ratio of 2, a
        solidity of 0.9 and a contrast-to-noise ratio of 10.
    """
    out, excess = marks.copy(), np.maximum(marks[:, ASPECT] - 1.0, 0.0)
    dent, cnr = np.maximum(1.0 - marks[:, SOLIDITY], 0.0), np.maximum(marks[:, CNR], 0.0)
    out[:, DIAMETER] = 0.5 * response[0, 0] * (marks[:, DIAMETER] / 0.5) ** response[0, 1]
    out[:, ASPECT] = 1.0 + response[1, 0] * excess ** response[1, 1]
    out[:, SOLIDITY] = 1.0 - 0.1 * response[2, 0] * (dent / 0.1) ** response[2, 1]
    cnr = 10.0 * response[3, 0] * (cnr / 10.0) ** response[3, 1]
    out[:, CNR] = np.sqrt(cnr * cnr + response[4, 0] * response[4, 0])
    return out


@kernel
def _count(state, n, share):
    hits = 0
    for _ in range(n):
        hits += uniform(state) < share
    return hits


@kernel
def keep_seen(state, marks, miss_rate, cropped):
    """Drop missed marks, the faint ones first to go, and what a field edge cuts off.

    `cropped` is the probability of such an edge.
    """
    n = len(marks)
    crop = uniform(state) < cropped
    n_missed = _count(state, n, miss_rate)
    # Exponential clocks that run faster for the faint: the first to ring are missed.
    clock = np.empty(n)
    for i in range(n):
        clock[i] = -math.log(1.0 - uniform(state)) * (marks[i, CNR] + 0.5) ** 0.7
    kept = np.ones(n, np.bool_)
    kept[np.argsort(clock, kind="mergesort")[:n_missed]] = False
    if crop:
        angle = 2.0 * math.pi * uniform(state)
        along = marks[:, X] * math.cos(angle) + marks[:, Y] * math.sin(angle)
        low, share = along.min(), 0.6 + 0.4 * uniform(state)
        kept &= along <= low + share * (along.max() - low)
    return marks[kept]


@kernel
def add_false(state, marks, field, pixel, false_rate, far_share):
    """Append marks where nothing is: noise, or what looks like the cluster's own."""
    n = len(marks)
    n_false = _count(state, n, false_rate)
    out = np.empty((n + n_false, 7))
    out[:n] = marks
    low_x, high_x = marks[:, X].min(), marks[:, X].max()
    low_y, high_y = marks[:, Y].min(), marks[:, Y].max()
    margin_x, margin_y = 0.15 * (high_x - low_x) + 2.0, 0.15 * (high_y - low_y) + 2.0
    for i in range(n, n + n_false):
        out[i] = marks[int(uniform(state) * n)]
        if uniform(state) < 0.6:
            out[i, DIAMETER] = pixel * 1.13 * math.sqrt(1.0 + int(8 * uniform(state)))
            out[i, ASPECT] = 1.0 - 0.6 * math.log(1.0 - uniform(state))
            out[i, SOLIDITY] = 0.92 + 0.07 * normal(state)
            out[i, CNR] *= 0.3 + 0.6 * uniform(state)
        out[i, ORIENTATION] = 180.0 * uniform(state)
        out[i, X] = low_x - margin_x + uniform(state) * (high_x - low_x + 2.0 * margin_x)
        out[i, Y] = low_y - margin_y + uniform(state) * (high_y - low_y + 2.0 * margin_y)
        if uniform(state) < far_share:
            out[i, : Y + 1] = field[int(uniform(state) * len(field))]
    return out


@kernel
def write_list(state, marks, jitter, rounding, columns_missing, single_missing):
    """Shuffle, jitter and round positions, lose columns and values, and keep to the ranges.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    marks : ndarray of float64, shape (m, 7)
    jitter, rounding : float
        mm; a `rounding` of 0 leaves positions as they are.
    columns_missing, single_missing : float
        Probability that a pattern of columns, and each single value, is lost.

    Returns
    -------
    ndarray of float32, shape (m, 7)
    """
    m = len(marks)
    out = np.empty((m, 7), np.float32)
    pattern = -1
    if uniform(state) < columns_missing:
        pattern = int(uniform(state) * len(MISSING_PATTERNS))
    order = permutation(state, m)
    for i in range(m):
        mark = marks[order[i]]
        for axis in range(2):
            value = mark[axis] + jitter * normal(state)
            if rounding > 0.0:
                value = (math.floor(value / rounding) + 0.5) * rounding
            out[i, axis] = value
        out[i, DIAMETER] = mark[DIAMETER]
        out[i, ASPECT] = min(30.0, max(1.0, mark[ASPECT]))
        turn = np.float32(mark[ORIENTATION] % 180.0)
        out[i, ORIENTATION] = turn if turn < np.float32(180.0) else np.float32(0.0)
        out[i, SOLIDITY] = min(1.0, max(0.05, mark[SOLIDITY]))
        out[i, CNR] = min(500.0, max(0.2, mark[CNR]))
        for column in range(DIAMETER, CNR + 1):
            lost = pattern >= 0 and MISSING_PATTERNS[pattern, column - DIAMETER]
            if uniform(state) < single_missing or lost:
                out[i, column] = np.nan
    return out
