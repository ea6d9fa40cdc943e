"""Random numbers inside compiled kernels: SplitMix64 on a state of one word.

Handing a `numpy.random.Generator` to a kernel costs some 20 microseconds per call, as much as a
small kernel itself; a state array costs half of one. Steele et al. 2014, "Fast splittable
pseudorandom number generators".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_S16, _S32, _S48, _LOW = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(0xFFFF)

Words = npt.NDArray[np.uint64]


def kernel_state(rng: np.random.Generator) -> Words:
    """Return a state for kernels, drawn from a generator; uint64, shape (1,)."""
    state: Words = rng.bit_generator.random_raw(1)
    return state


def state_of(*key: int) -> Words:
    """Return the kernels' state of a key, as ``numpy.random.default_rng`` makes a generator of one.

    Examples
    --------
    >>> bool(state_of(1, 2) == state_of(1, 2)), bool(state_of(1, 2) == state_of(1, 3))
    (True, False)
    """
    return np.random.SeedSequence(key).generate_state(1, np.uint64)  # type: ignore[return-value]


def seeded(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel that takes a generator in place of a state, which is drawn at each call."""

    @wraps(kernel)
    def call(rng: np.random.Generator, *arguments: Any) -> Any:
        return kernel(kernel_state(rng), *arguments)

    return call


@kernel
def _word(state):
    state[0] += _GOLDEN
    z = state[0]
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@kernel
def uniform(state):
    """Return a number uniform in [0, 1) and advance the state."""
    return (_word(state) >> _S11) * (1.0 / 9007199254740992.0)


@kernel
def rough_normal(state):
    """Return the sum of four uniform numbers, scaled to mean 0 and variance 1.

    Near enough to normal for pixel noise, never beyond 3.47, and cheap: the four quarters of
    one word are summed.
    """
    z = _word(state)
    total = (z & _LOW) + ((z >> _S16) & _LOW) + ((z >> _S32) & _LOW) + (z >> _S48)
    return (total * (1.0 / 65536.0) - 2.0 + 2.0 / 65536.0) * 1.7320508075688772


@kernel
def normal(state):
    """Return a standard normal number (Box-Muller) and advance the state."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(state)))
    return radius * math.cos(2.0 * math.pi * uniform(state))


@kernel
def gamma(state, shape):
    """Return a standard gamma number of any positive shape (Marsaglia & Tsang 2000)."""
    boost = 1.0
    if shape < 1.0:
        boost = (1.0 - uniform(state)) ** (1.0 / shape)
        shape += 1.0
    b = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * b)
    while True:
        x = normal(state)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        if math.log(1.0 - uniform(state)) < 0.5 * x * x + b * (1.0 - v + math.log(v)):
            return boost * b * v


@kernel
def permutation(state, n):
    """Return the numbers below `n` in random order (Fisher-Yates)."""
    order = np.arange(n)
    for i in range(n - 1, 0, -1):
        j = int(uniform(state) * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order
