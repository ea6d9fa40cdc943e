"""Random numbers inside compiled kernels: SplitMix64 on a state of one word.

Handing a `numpy.random.Generator` to a kernel costs some 20 microseconds a call, as much as a
small kernel itself; a state array costs half of one. Steele et al. 2014, "Fast splittable
pseudorandom number generators".
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_S16, _S32, _S48, _LOW = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(0xFFFF)


def kernel_state(rng: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Return a state for kernels, drawn from a generator; uint64, shape (1,)."""
    return rng.integers(0, 2**64, 1, dtype=np.uint64)


@njit(cache=True, nogil=True)
def _word(state):
    state[0] += _GOLDEN
    z = state[0]
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@njit(cache=True, nogil=True)
def uniform(state):
    """Return a number uniform in [0, 1) and advance the state."""
    return (_word(state) >> _S11) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def rough_normal(state):
    """Return the sum of four uniform numbers, scaled to mean 0 and variance 1.

    Near enough to normal for pixel noise, never beyond 3.47, and cheap: the four quarters of
    one word are summed.
    """
    z = _word(state)
    total = (z & _LOW) + ((z >> _S16) & _LOW) + ((z >> _S32) & _LOW) + (z >> _S48)
    return (total * (1.0 / 65536.0) - 2.0 + 2.0 / 65536.0) * 1.7320508075688772


@njit(cache=True, nogil=True)
def normal(state):
    """Return a standard normal number (Box-Muller) and advance the state."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(state)))
    return radius * math.cos(2.0 * math.pi * uniform(state))
