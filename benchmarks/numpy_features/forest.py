"""Forests as arrays of parents over all points of all clusters, a root being its own parent.

What is summed from a node up to its root takes a few jumps, each twice as far as the last;
what comes from below takes a step a level.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def sum_to_root(parent: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum `values` from each node to its root, whose value must be 0."""
    above, total = parent, values
    while True:
        further = above[above]
        if np.array_equal(further, above):
            return total
        total = total + total[above]
        above = further


def find_roots(parent: np.ndarray) -> np.ndarray:
    """Return the root of each node."""
    while True:
        further = parent[parent]
        if np.array_equal(further, parent):
            return parent
        parent = further


def levels_upwards(depth: np.ndarray) -> Iterator[np.ndarray]:
    """Return the nodes level by level, the deepest first, without the roots."""
    # Sixteen bits are sorted in linear time.
    order = np.argsort(depth.astype(np.uint16), kind="stable")
    ends = np.cumsum(np.bincount(depth))
    for level in range(len(ends) - 1, 0, -1):
        yield order[ends[level - 1] : ends[level]]


def depths(parent: np.ndarray) -> np.ndarray:
    """Count the edges from each node to its root."""
    return sum_to_root(parent, (parent != np.arange(len(parent))).astype(np.int64))


def subtree_sizes(parent: np.ndarray) -> np.ndarray:
    """Count the nodes that descend from each, itself included."""
    size = np.ones(len(parent), np.int64)
    for nodes in levels_upwards(depths(parent)):
        np.add.at(size, parent[nodes], size[nodes])
    return size
