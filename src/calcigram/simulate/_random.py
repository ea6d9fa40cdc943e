"""Random numbers inside compiled kernels: SplitMix64 on a state of one word.

Handing a `numpy.random.Generator` to a kernel costs some 20 microseconds a call, as much as a
small kernel itself; a state array costs half of one. Steele et al. 2014, "Fast splittable
pseudorandom number generators".
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from calcigram._kernels.compiler import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_LOW_32 = np.uint64(0xFFFFFFFF)
# The constants of NumPy's SeedSequence, after O'Neill's seed_seq_fe.
_INIT_A, _MULT_A = np.uint64(0x43B0D7E5), np.uint64(0x931E8875)
_INIT_B, _MULT_B = np.uint64(0x8B51F9DD), np.uint64(0x58F38DED)
_MIX_L, _MIX_R = np.uint64(0xCA01F9DD), np.uint64(0x4973F715)
_S16, _S32, _S48, _LOW = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(0xFFFF)


def kernel_state(rng: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Return a state for kernels, drawn from a generator; uint64, shape (1,)."""
    state: npt.NDArray[np.uint64] = rng.bit_generator.random_raw(1)
    return state


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return ``rng.uniform(low, high)``, the same number in a third of the time.

    Examples
    --------
    >>> between(stream(1), 2.0, 5.0) == stream(1).uniform(2.0, 5.0)
    True
    """
    return low + (high - low) * rng.random()


def state_of(*key: int) -> npt.NDArray[np.uint64]:
    """Return the kernels' state of a key, as `stream` does a generator; uint64, shape (1,).

    Examples
    --------
    >>> bool(state_of(1, 2) == state_of(1, 2)), bool(state_of(1, 2) == state_of(1, 3))
    (True, False)
    """
    if max(key) >= 2**32:
        return np.array(np.random.SeedSequence(key).generate_state(4, np.uint64)[:1], np.uint64)
    words: npt.NDArray[np.uint64] = seed_words(np.array(key, np.uint64))[:1]
    return words


@kernel
def _scrambled(value, factor):
    """Return `value` multiplied and folded, in 32 bits."""
    value = (value * factor) & _LOW_32
    return value ^ (value >> _S16)


@kernel
def seed_words(key):
    """Return what ``numpy.random.SeedSequence(key).generate_state(4, numpy.uint64)`` returns.

    Parameters
    ----------
    key : ndarray of uint64, shape (k,)
        Each below 2**32.

    Returns
    -------
    ndarray of uint64, shape (4,)
    """
    pool, words = np.zeros(4, np.uint64), np.zeros(4, np.uint64)
    running = _INIT_A
    # The pool is filled, stirred, and then takes in what of the key is left.
    for source in range(-1, max(4, key.size)):
        for target in range(4):
            if source == target:
                continue
            if source < 0:
                value = key[target] if target < key.size else np.uint64(0)
            else:
                value = pool[source] if source < 4 else key[source]
            value ^= running
            running = (running * _MULT_A) & _LOW_32
            value = _scrambled(value, running)
            if source >= 0:
                value = (_MIX_L * pool[target] - _MIX_R * value) & _LOW_32
                value ^= value >> _S16
            pool[target] = value
    running = _INIT_B
    for i in range(8):
        value = pool[i % 4] ^ running
        running = (running * _MULT_B) & _LOW_32
        words[i // 2] |= _scrambled(value, running) << (_S32 if i % 2 else np.uint64(0))
    return words


class _Words(np.random.bit_generator.ISeedSequence):
    """A seed that is its own state: handed to a bit generator once."""

    def __init__(self, words: npt.NDArray[np.uint64]) -> None:
        self._words = words

    def generate_state(
        self, n_words: int, dtype: npt.DTypeLike = np.uint64
    ) -> npt.NDArray[np.uint64]:
        """Return the words."""
        return self._words


def stream(*key: int) -> np.random.Generator:
    """Return the generator of a key: the same numbers wherever and whenever it is asked for.

    It is ``Generator(PCG64(SeedSequence(key)))``, made in a third of the time.

    Examples
    --------
    >>> bool(stream(1, 2).random() == stream(1, 2).random())
    True
    """
    if max(key) >= 2**32:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
    words = seed_words(np.array(key, np.uint64))
    return np.random.Generator(np.random.PCG64(_Words(words)))  # type: ignore[arg-type]


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
