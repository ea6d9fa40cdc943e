"""Compiled work on the sizes of calcifications: who has room, and what the form rules measure."""

from __future__ import annotations

import math

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import uniform


@kernel
def with_room(state, xy, table, overlap):
    """Tell which calcifications stay when those drawn over one another are dropped.

    A calcification is a rod: its major axis, with half its calibre around it. The largest
    comes first, the others in random order.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    xy : ndarray of float64, shape (n, 2)
        mm.
    table : ndarray of float64, shape (n, 4)
        Diameter (mm), aspect ratio and orientation (degrees) in the first three columns.
    overlap : float
        Rods count as this much of their calibre.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    n = len(xy)
    order = np.empty(n, np.int64)
    largest = 0
    for i in range(n):
        order[i] = i
        if table[i, 0] > table[largest, 0]:
            largest = i
    for i in range(n - 1, 0, -1):
        j = int(uniform(state) * (i + 1))
        order[i], order[j] = order[j], order[i]
    for i in range(n):
        if order[i] == largest:
            order[i], order[0] = order[0], order[i]
    half_width, half_length = np.empty(n), np.empty(n)
    cosine, sine = np.empty(n), np.empty(n)
    for i in range(n):
        stretch = math.sqrt(table[i, 1])
        half_width[i] = 0.5 * overlap * table[i, 0] / stretch
        half_length[i] = max(0.5 * table[i, 0] * (stretch - 1.0 / stretch), 0.0)
        turn = math.radians(table[i, 2])
        cosine[i], sine[i] = math.cos(turn) * half_length[i], math.sin(turn) * half_length[i]
    keep = np.zeros(n, np.bool_)
    kept = np.empty(n, np.int64)
    m = 0
    for at in range(n):
        i = order[at]
        free = True
        for k in range(m):
            j = kept[k]
            limit = half_width[i] + half_width[j]
            dx, dy = xy[j, 0] - xy[i, 0], xy[j, 1] - xy[i, 1]
            reach = limit + half_length[i] + half_length[j]
            if dx * dx + dy * dy > reach * reach:
                continue
            # Sample both axes finely enough that no crossing slips between two samples.
            na, nb = 1 + int(half_length[i] / limit), 1 + int(half_length[j] / limit)
            for a in range(-na, na + 1):
                for b in range(-nb, nb + 1):
                    ex = dx + b * cosine[j] / nb - a * cosine[i] / na
                    ey = dy + b * sine[j] / nb - a * sine[i] / na
                    if ex * ex + ey * ey < limit * limit:
                        free = False
            if not free:
                break
        if free:
            keep[i] = True
            kept[m] = i
            m += 1
    return keep


@kernel
def _median(values):
    """Return the median, the upper one of two; reorders the values (Hoare's selection)."""
    low, middle, high = 0, len(values) // 2, len(values) - 1
    while low < high:
        pivot, i, j = values[middle], low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < middle:
            low = i
        if i > middle:
            high = j
    return values[middle]


@kernel
def form_measures(diameter, aspect, solidity, contrast, elongated):
    """Measure the sizes and shapes of a cluster's calcifications.

    Parameters
    ----------
    diameter, aspect, solidity, contrast : ndarray of float64, shape (n,)
        mm; major over minor axis; area over that of the hull; relative to a dense calcification.
    elongated : float
        Least aspect ratio of an elongated calcification.

    Returns
    -------
    tuple of float
        Median diameter, median calibre and median aspect ratio; greatest length (mm); standard
        deviation of log diameter, NaN with fewer than 5, for it then says little; median contrast;
        share of elongated ones; median irregularity, log aspect ratio - 2 log solidity.
    """
    n = len(diameter)
    calibre, irregularity = np.empty(n), np.empty(n)
    # Columns of a table are strided, and another layout is another compilation of `_median`,
    # which besides reorders what it is given.
    diameter, aspect, contrast = diameter.copy(), aspect.copy(), contrast.copy()
    longest, total, squares, n_elongated = 0.0, 0.0, 0.0, 0
    for i in range(n):
        stretch, logarithm = math.sqrt(aspect[i]), math.log(diameter[i])
        calibre[i] = diameter[i] / stretch
        irregularity[i] = math.log(aspect[i]) - 2.0 * math.log(max(solidity[i], 0.05))
        longest = max(longest, diameter[i] * stretch)
        total += logarithm
        squares += logarithm * logarithm
        n_elongated += aspect[i] >= elongated
    log_sd = math.sqrt(max(0.0, squares / n - (total / n) ** 2)) if n >= 5 else math.nan
    return (
        _median(diameter),
        _median(calibre),
        _median(aspect),
        longest,
        log_sd,
        _median(contrast),
        n_elongated / n,
        _median(irregularity),
    )
