"""How clusters lie in memory: end to end by rising size, so that those of one size are a rectangle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BLOCK = 1 << 19
"""Elements of the largest arrays of a block of clusters: what stays in the processor's cache."""


class Block(NamedTuple):
    """Neighbouring clusters of one size `n`."""

    clusters: slice
    points: slice
    n: int

    def of(self, flat: np.ndarray) -> np.ndarray:
        """Return the view (..., clusters, n) of what is known of each point."""
        return flat[..., self.points].reshape(*flat.shape[:-1], -1, self.n)


@dataclass(frozen=True)
class Layout:
    """Sizes of C clusters by rising size, where each starts, and whose each of N points is."""

    n: np.ndarray
    start: np.ndarray
    owner: np.ndarray

    @classmethod
    def of_sizes(cls, n: np.ndarray) -> Layout:
        start = np.concatenate([[0], np.cumsum(n)])
        return cls(n, start, np.repeat(np.arange(len(n)), n))

    def blocks(self, least: int = 1) -> Iterator[Block]:
        """Cut the clusters of `least` points or more into blocks of equal size."""
        sizes, first, count = np.unique(self.n, return_index=True, return_counts=True)
        for n, begin, number in zip(sizes.tolist(), first.tolist(), count.tolist(), strict=True):
            if n < least:
                continue
            step = max(1, BLOCK // n**2)
            for a in range(begin, begin + number, step):
                b = min(a + step, begin + number)
                yield Block(slice(a, b), slice(int(self.start[a]), int(self.start[b])), n)

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum over each cluster's points."""
        return np.add.reduceat(values, self.start[:-1], axis=-1)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over each cluster's points."""
        return self.total(values) / self.n

    def most(self, values: np.ndarray) -> np.ndarray:
        """Greatest over each cluster's points."""
        return np.maximum.reduceat(values, self.start[:-1], axis=-1)

    def count(self, some: np.ndarray) -> np.ndarray:
        """Count the points of each cluster of which something is true."""
        return self.total(some.view(np.int8).astype(np.int32))

    def to_points(self, values: np.ndarray) -> np.ndarray:
        """Repeat what is known of a cluster for each of its points."""
        return np.repeat(values, self.n)

    def first(self, some: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """Return each cluster's first point of which something is true."""
        found = np.flatnonzero(some)[::-1]
        first = otherwise.copy()
        first[self.owner[found]] = found
        return first

    def sort(self, columns: np.ndarray) -> None:
        """Sort the columns (k, N) within each cluster, NaN last, in place."""
        for block in self.blocks(2):
            block.of(columns).sort(axis=-1)

    def quantile(self, column: np.ndarray, known: np.ndarray, q: float) -> np.ndarray:
        """Interpolate the `q` quantile of the first `known` of each cluster in a sorted column."""
        place = q * (known - 1)
        rank = np.maximum(place.astype(np.int64), 0)
        at = self.start[:-1] + rank
        low, high = column[at], column[np.minimum(at + 1, len(column) - 1)]
        share = place - rank
        return np.where(known > 0, np.where(share > 0, low + share * (high - low), low), np.nan)


def row_quantile(values: np.ndarray, q: float) -> np.ndarray:
    """Interpolate the `q` quantile of each row; it may hold inf beyond what counts."""
    ordered = np.sort(values, axis=-1)
    place = q * (values.shape[-1] - 1)
    rank = int(place)
    low = ordered[..., rank]
    if place == rank:
        return low
    return low + (place - rank) * (ordered[..., rank + 1] - low)


def cut(values: np.ndarray, enough: np.ndarray) -> np.ndarray:
    """Return `values` with NaN where a cluster has not enough points."""
    return np.where(enough, values, np.nan)


def fraction(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """Divide, with NaN where the divisor is not above 0."""
    return np.where(under > 0, over / under, np.nan)
