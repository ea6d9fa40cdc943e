"""Compiled outlines: polygons of `N_VERTICES` corners in millimetres, about their own centre.

Each kernel draws one shape a row. What a shape stands for is the business of the particle
models; the wrappers in `_outlines` say what the arguments mean.
"""

from __future__ import annotations

import math

import numpy as np

from calcigram._kernels.compiler import kernel
from calcigram.simulate._random import rough_normal, uniform

N_VERTICES = 24
_TURN = np.linspace(0.0, 2.0 * math.pi, N_VERTICES + 1)[:N_VERTICES]
_COS, _SIN = np.cos(_TURN), np.sin(_TURN)
_HALF = N_VERTICES // 2
_MOST_WAVES = 8
_WAVE = _TURN[:, None] * np.arange(2, 2 + _MOST_WAVES)
_WAVE_COS, _WAVE_SIN = np.cos(_WAVE), np.sin(_WAVE)


@kernel
def _swollen(x):
    """Return a factor near ``exp(x)`` for small `x`, positive for all, without the exponential."""
    return 1.0 + x + 0.5 * x * x


@kernel
def _turned(out, angle, factor_x, factor_y):
    """Stretch one polygon along x and y, then turn it."""
    c, s = math.cos(angle), math.sin(angle)
    for k in range(N_VERTICES):
        x, y = out[k, 0] * factor_x, out[k, 1] * factor_y
        out[k, 0], out[k, 1] = c * x - s * y, s * x + c * y


@kernel
def _scaled(out, diameter, aspect, angle):
    """Scale one polygon to the area of a disc, stretch it to an aspect ratio and turn it."""
    area = 0.0
    x, y = out[N_VERTICES - 1, 0], out[N_VERTICES - 1, 1]
    for k in range(N_VERTICES):
        area += x * out[k, 1] - y * out[k, 0]
        x, y = out[k, 0], out[k, 1]
    scale = diameter * math.sqrt(math.pi / 4.0 / abs(0.5 * area))
    stretch = math.sqrt(aspect)
    _turned(out, angle, scale * stretch, scale / stretch)


@kernel
def ellipses(diameter, aspect, angle, power):
    """Return ellipses, squared off by a power above 2."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    x, y = _COS.copy(), _SIN.copy()
    if power != 2.0:
        for k in range(N_VERTICES):
            x[k] = math.copysign(abs(x[k]) ** (2.0 / power), x[k])
            y[k] = math.copysign(abs(y[k]) ** (2.0 / power), y[k])
    # A polygon of 24 corners on a circle is smaller than the circle by this factor of area.
    fill = math.sqrt(math.pi / (0.5 * N_VERTICES * math.sin(2.0 * math.pi / N_VERTICES)))
    for i in range(n):
        for k in range(N_VERTICES):
            out[i, k, 0], out[i, k, 1] = x[k], y[k]
        half, stretch = 0.5 * fill * diameter[i], math.sqrt(aspect[i])
        _turned(out[i], angle[i], half * stretch, half / stretch)
    return out


@kernel
def blobs(state, diameter, aspect, angle, roughness, n_waves):
    """Return ellipses whose radius carries random waves, finer ones weaker."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    cosine, sine = np.empty(_MOST_WAVES), np.empty(_MOST_WAVES)
    fill = math.sqrt(math.pi / (0.5 * N_VERTICES * math.sin(2.0 * math.pi / N_VERTICES)))
    for i in range(n):
        for wave in range(n_waves):
            weight = roughness * 1.4 / (wave + 2)
            cosine[wave], sine[wave] = weight * rough_normal(state), weight * rough_normal(state)
        for k in range(N_VERTICES):
            log_radius = 0.0
            for wave in range(n_waves):
                log_radius += cosine[wave] * _WAVE_COS[k, wave] + sine[wave] * _WAVE_SIN[k, wave]
            radius = _swollen(log_radius)
            out[i, k, 0], out[i, k, 1] = radius * _COS[k], radius * _SIN[k]
        half, stretch = 0.5 * fill * diameter[i], math.sqrt(aspect[i])
        _turned(out[i], angle[i], half * stretch, half / stretch)
    return out


@kernel
def shards(state, diameter, aspect, angle, spikiness, corners):
    """Return polygons of a few sharp corners at random angles and radii."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    x, y = np.empty(corners), np.empty(corners)
    for i in range(n):
        for corner in range(corners):
            turn = 2.0 * math.pi * (corner + 0.7 * (uniform(state) - 0.5)) / corners
            radius = 1.0 - spikiness * uniform(state)
            x[corner], y[corner] = radius * math.cos(turn), radius * math.sin(turn)
        for k in range(N_VERTICES):
            left = k * corners // N_VERTICES
            share = k * corners / N_VERTICES - left
            right = (left + 1) % corners
            out[i, k, 0] = (1.0 - share) * x[left] + share * x[right]
            out[i, k, 1] = (1.0 - share) * y[left] + share * y[right]
        _scaled(out[i], diameter[i], aspect[i], angle[i])
    return out


@kernel
def capsules(length, calibre, angle, bend):
    """Return rods with round ends; `bend` is sagitta over length."""
    n = len(length)
    out = np.empty((n, N_VERTICES, 2))
    for i in range(n):
        radius, half = 0.5 * calibre[i], max(0.5 * length[i], 1e-9)
        straight = max(half - radius, 0.0)
        for k in range(N_VERTICES):
            x = radius * _COS[k]
            if abs(_COS[k]) > 1e-9:
                x += math.copysign(straight, _COS[k])
            sag = bend[i] * length[i] * (1.0 / 3.0 - (x / half) ** 2)
            out[i, k, 0], out[i, k, 1] = x, radius * _SIN[k] + sag
        _turned(out[i], angle[i], 1.0, 1.0)
    return out


@kernel
def bands(outer, hole, arc, aspect, angle):
    """Return bent bands: the outer edge there, the inner edge back."""
    n = len(outer)
    out = np.empty((n, N_VERTICES, 2))
    for i in range(n):
        middle = 0.0
        for k in range(N_VERTICES):
            outside = k < _HALF
            turn = arc[i] * ((k if outside else N_VERTICES - 1 - k) / (_HALF - 1) - 0.5)
            radius = 0.5 * outer[i] * (1.0 if outside else hole[i])
            out[i, k, 0], out[i, k, 1] = radius * math.cos(turn), radius * math.sin(turn)
            middle += out[i, k, 0] / N_VERTICES
        if arc[i] < 6.28:
            # A crescent is placed by its own middle, not by the middle of its circle.
            for k in range(N_VERTICES):
                out[i, k, 0] -= middle
        stretch = math.sqrt(aspect[i])
        _turned(out[i], angle[i], stretch, 1.0 / stretch)
    return out


@kernel
def tubes(length, calibre, lumen, angle, bend, clubbing):
    """Return bent rods with a lucent core, one end thicker than the other."""
    n = len(length)
    out = np.empty((n, N_VERTICES, 2))
    for i in range(n):
        half = max(0.5 * length[i], 1e-9)
        # The wall is as thick at the ends as at the sides.
        straight = max(0.5 * (length[i] - calibre[i]), 0.0)
        for k in range(N_VERTICES):
            outside = k < _HALF
            turn = 2.0 * math.pi * ((k if outside else N_VERTICES - 1 - k) / (_HALF - 1) - 0.5)
            radius = 0.5 * calibre[i] * (1.0 if outside else lumen[i])
            x = radius * math.cos(turn) + math.copysign(straight, math.cos(turn))
            y = radius * math.sin(turn) * (1.0 + clubbing[i] * x / half)
            sag = bend[i] * length[i] * (1.0 / 3.0 - (x / half) ** 2)
            out[i, k, 0], out[i, k, 1] = x, y + sag
        _turned(out[i], angle[i], 1.0, 1.0)
    return out


@kernel
def drops(diameter, aspect, angle, hook):
    """Return tear-drops, hooked into commas; `hook` is sagitta over length."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    for i in range(n):
        for k in range(N_VERTICES):
            x = _COS[k]
            swell = math.sin(0.5 * _TURN[k]) ** 1.5
            out[i, k, 0], out[i, k, 1] = x, _SIN[k] * swell + hook[i] * (2.0 * x * x - 1.0)
        _scaled(out[i], diameter[i], aspect[i], angle[i])
    return out


@kernel
def notched(state, diameter, aspect, angle, bite, squareness, roughness):
    """Return squared-off plates with a bite out of the rim."""
    n = len(diameter)
    out = np.empty((n, N_VERTICES, 2))
    edge = np.empty(N_VERTICES)
    for k in range(N_VERTICES):
        total = abs(_COS[k]) ** squareness + abs(_SIN[k]) ** squareness
        edge[k] = total ** (-1.0 / squareness)
    for i in range(n):
        place, width = 2.0 * math.pi * uniform(state), 0.5 + 0.9 * uniform(state)
        for k in range(N_VERTICES):
            away = abs(_TURN[k] - place)
            away = min(away, 2.0 * math.pi - away)
            dent = min(1.0, max(0.0, 2.0 * (1.0 - away / width)))
            radius = edge[k] * (1.0 - bite[i] * dent) * _swollen(roughness * rough_normal(state))
            out[i, k, 0], out[i, k, 1] = radius * _COS[k], radius * _SIN[k]
        _scaled(out[i], diameter[i], aspect[i], angle[i])
    return out


@kernel
def shaken(state, parts, roughness, calibre):
    """Return polygons with every corner moved at random, neighbours partly together."""
    out = parts.copy()
    for i in range(len(parts)):
        scale = 0.25 * roughness * calibre[i]
        for axis in range(2):
            first = rough_normal(state)
            before = first
            for k in range(N_VERTICES):
                after = rough_normal(state) if k < N_VERTICES - 1 else first
                out[i, k, axis] += scale * (before + after)
                before = after
    return out


@kernel
def chained(state, count, step, heading, bend):
    """Return centres of the links of wandering chains, each about its own middle.

    Parameters
    ----------
    state : ndarray of uint64, shape (1,)
        See `_random`; advanced.
    count : ndarray of int64, shape (n,)
        Links of each chain.
    step : ndarray of float64, shape (sum of count,)
        Length of each link, mm.
    heading : ndarray of float64, shape (n,)
        Where each chain sets off, radians.
    bend : float
        Standard deviation of the turn at each link, radians.

    Returns
    -------
    ndarray of float64, shape (sum of count, 2)
    """
    out = np.empty((len(step), 2))
    begin = 0
    for i in range(len(count)):
        end = begin + count[i]
        x = y = mean_x = mean_y = 0.0
        along = heading[i]
        for k in range(begin, end):
            x += step[k] * math.cos(along)
            y += step[k] * math.sin(along)
            along += bend * rough_normal(state)
            out[k, 0], out[k, 1] = x, y
            mean_x += x / count[i]
            mean_y += y / count[i]
        for k in range(begin, end):
            out[k, 0] -= mean_x
            out[k, 1] -= mean_y
        begin = end
    return out


@kernel
def moved(parts, centres):
    """Move each polygon by its centre, in place."""
    for i in range(len(parts)):
        for k in range(N_VERTICES):
            parts[i, k, 0] += centres[i, 0]
            parts[i, k, 1] += centres[i, 1]
    return parts
