"""Compiled kernels that join points: spanning tree, pair counts, neighbours, branches.

The tree is held as `parent` and `edge` (length of the edge to the parent) with `sequence`,
an order in which every parent precedes its children. What the numbers mean for a
cluster is `features`' business.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from calcigram.geometry import index_of_least, inner_kernel, kernel

TWIG_EDGES = 2.0
"""Branches shorter than this many median edges are twigs, and pruned (domain.md, section 6)."""

STRAY_EDGES = 4.0
"""A few points at the end of an edge this many median edges long are strays, and left out."""

STRAY_SHARE = 0.05
STRAY_MIN_POINTS = 8
MAX_NEIGHBOURS = 8


class Pairs(NamedTuple):
    """Sums over all unordered pairs of points."""

    distance_sum: float
    within_1mm: int
    within_3mm: int
    within_10mm: int
    within_small: int
    within_large: int
    most_within_5mm: int
    most_within_10mm: int


@kernel
def spanning_tree(u, v, n, small, large, work, sequence, parent, edge, nearest):
    """Grow the minimum spanning tree (Prim 1957) and gather pair sums in the same pass.

    Parameters
    ----------
    u, v : float32 (n,)
    small, large : float
        Two further distances to count pairs within.
    work : tuple of float32 and int32 scratch of n
        Six float32, the int32 views of the third and fourth, two int32.
    sequence, parent : int32 (n,), written
        Nodes in the order they joined; the parent of each (-1 for the root).
    edge : float32 (n,), written
        Length of the edge to the parent; 0 for the root.
    nearest : float32 (n,), written
        Distance to the nearest neighbour; inf when n is 1.

    Returns
    -------
    Pairs
        Counts of a circle include its centre, those of pairs do not.
    """
    ru, rv, key, d2, c5, c10, key_bits, d2_bits, node, from_ = work
    for i in range(n):
        ru[i], rv[i], node[i] = u[i], v[i], i
        key[i], from_[i] = np.inf, -1
        c5[i], c10[i] = 1.0, 1.0
    small2, large2 = np.float32(small * small), np.float32(large * large)
    zero, one, nine = np.float32(0.0), np.float32(1.0), np.float32(9.0)
    r5, r10 = np.float32(25.0), np.float32(100.0)
    distance_sum = 0.0
    n1 = n3 = n10 = ns = nl = 0
    most5 = most10 = 0
    chosen = 0
    for left in range(n - 1, -1, -1):
        i = np.int32(node[chosen])
        ui, vi, key_i = ru[chosen], rv[chosen], key[chosen]
        count5, count10 = c5[chosen], c10[chosen]
        sequence[n - 1 - left] = i
        parent[i] = from_[chosen]
        edge[i] = 0.0 if left == n - 1 else np.sqrt(key_i)
        ru[chosen], rv[chosen], key[chosen] = ru[left], rv[left], key[left]
        node[chosen], from_[chosen] = node[left], from_[left]
        c5[chosen], c10[chosen] = c5[left], c10[left]
        # Slices tell the compiler that no index is negative; only then does it vectorise.
        pu, pv, square, keys = ru[:left], rv[:left], d2[:left], key[:left]
        for j in range(left):
            du, dv = pu[j] - ui, pv[j] - vi
            square[j] = du * du + dv * dv
        s = a1 = a3 = a_small = a_large = zero
        for j in range(left):
            s += np.sqrt(square[j])
            a1 += one if square[j] <= one else zero
            a3 += one if square[j] <= nine else zero
            a_small += one if square[j] <= small2 else zero
            a_large += one if square[j] <= large2 else zero
        a5 = a10 = zero
        in5, in10 = c5[:left], c10[:left]
        for j in range(left):
            near, middling = one if square[j] <= r5 else zero, one if square[j] <= r10 else zero
            a5 += near
            a10 += middling
            in5[j] += near
            in10[j] += middling
        froms = from_[:left]
        for j in range(left):
            new, old, from_old = square[j], keys[j], froms[j]
            froms[j] = i if new < old else from_old
            keys[j] = new if new < old else old
        nearest2 = key_i
        chosen = 0
        if left > 0:
            nearest2 = min(nearest2, d2[index_of_least(d2_bits, left)])
            chosen = index_of_least(key_bits, left)
        nearest[i] = np.sqrt(nearest2)
        distance_sum += s
        n1 += int(a1)
        n3 += int(a3)
        n10 += int(a10)
        ns += int(a_small)
        nl += int(a_large)
        most5 = max(most5, int(count5 + a5))
        most10 = max(most10, int(count10 + a10))
    return Pairs(distance_sum, n1, n3, n10, ns, nl, most5, most10)


@kernel
def nearest_neighbours(u, v, n, neighbours):
    """Write each point's nearest others, nearest first; return how many each has.

    The points come by rising `u`, so the search walks outwards both ways and stops where
    the gap in `u` alone exceeds the farthest kept.

    Parameters
    ----------
    neighbours : int32 (n, MAX_NEIGHBOURS), written
    """
    k = min(MAX_NEIGHBOURS, n - 1)
    best = np.empty(MAX_NEIGHBOURS, np.float32)
    for i in range(n):
        ui, vi = u[i], v[i]
        row = neighbours[i]
        for m in range(k):
            best[m] = np.inf
            row[m] = -1
        low, high = i - 1, i + 1
        gap_low = ui - u[low] if low >= 0 else np.float32(np.inf)
        gap_high = u[high] - ui if high < n else np.float32(np.inf)
        while True:
            if gap_low <= gap_high:
                if low < 0 or gap_low * gap_low > best[k - 1]:
                    break
                j, gap = low, gap_low
                low -= 1
                gap_low = ui - u[low] if low >= 0 else np.float32(np.inf)
            else:
                if gap_high * gap_high > best[k - 1]:
                    break
                j, gap = high, gap_high
                high += 1
                gap_high = u[high] - ui if high < n else np.float32(np.inf)
            dv = v[j] - vi
            d2 = gap * gap + dv * dv
            if d2 < best[k - 1]:
                m = k - 1
                while m > 0 and best[m - 1] > d2:
                    best[m] = best[m - 1]
                    row[m] = row[m - 1]
                    m -= 1
                best[m] = d2
                row[m] = j
    return k


@inner_kernel
def _mark_strays(sequence, parent, edge, n, limit, size, stray):
    """Flag small ends of the tree that hang by an edge longer than `limit`; return a living root."""
    most = max(1, int(STRAY_SHARE * n))
    for i in range(n):
        size[i], stray[i] = 1, 0
    for k in range(n - 1, 0, -1):
        size[parent[sequence[k]]] += size[sequence[k]]
    root = sequence[0]
    for k in range(1, n):
        i = sequence[k]
        cut = edge[i] > limit and size[i] <= most
        stray[i] = 1 if cut or stray[parent[i]] == 1 else 0
        if edge[i] > limit and n - size[i] <= most:
            root = i
    if root != sequence[0]:
        # The old root's side is the small one: all that does not descend from the new root.
        for k in range(n):
            size[sequence[k]] = 0
        size[root] = 1
        for k in range(1, n):
            i = sequence[k]
            if size[parent[i]] == 1:
                size[i] = 1
        for i in range(n):
            if size[i] == 0:
                stray[i] = 1
    return root


@inner_kernel
def _farthest(sequence, parent, edge, stray, n, root, depth):
    """Return the living node farthest along the tree from `root`, an ancestor of the living."""
    depth[root] = 0.0
    far = root
    for k in range(n):
        i = sequence[k]
        if stray[i] == 1 or i == root:
            continue
        depth[i] = depth[parent[i]] + edge[i]
        if depth[i] > depth[far]:
            far = i
    return far


@kernel
def root_at_path_end(sequence, parent, edge, n, median_edge, trunk, trunk_parent, trunk_edge, work):
    """Copy the tree without its strays, rooted at one end of its longest path.

    Strays are at most 5 % of the points (at least one, and none below eight points) that hang
    by an edge over `STRAY_EDGES` median edges: single false marks far off.

    Parameters
    ----------
    trunk, trunk_parent, trunk_edge : (n,), written
        As `sequence`, `parent` and `edge` of the copy; strays are not in `trunk`.
    work : tuple of int32, int32 and float32 scratch of n

    Returns
    -------
    int
        How many nodes are in `trunk`.
    """
    size, stray, depth = work
    limit = STRAY_EDGES * median_edge if n >= STRAY_MIN_POINTS else np.inf
    root = _mark_strays(sequence, parent, edge, n, limit, size, stray)
    end = _farthest(sequence, parent, edge, stray, n, root, depth)
    count = 0
    above, above_edge, i = -1, np.float32(0.0), end
    while True:
        below, below_edge = parent[i], edge[i]
        trunk[count], trunk_parent[i], trunk_edge[i] = i, above, above_edge
        count += 1
        stray[i] = 1  # taken
        if i == root:
            break
        above, above_edge, i = i, below_edge, below
    for k in range(n):
        i = sequence[k]
        if stray[i] == 0:
            trunk[count], trunk_parent[i], trunk_edge[i] = i, parent[i], edge[i]
            count += 1
    return count


class Branches(NamedTuple):
    """The pruned tree in numbers; `main` is its longest path."""

    tree_length: float
    main_length: float
    main_size: int
    length: float
    leaves: int
    longest_side: float


@kernel
def prune_twigs(trunk, trunk_parent, trunk_edge, count, min_length, height, arm, branch, path):
    """Split the rooted tree into branches, drop the twigs and write the main path.

    At each node the child with the longest way down carries on its branch, every other
    child begins one. A branch is kept if it hangs on a kept one, is at least `min_length` long
    and has at least two nodes of its own.

    Parameters
    ----------
    height : float32 (n,), written
        Longest way down from each node.
    arm : int32 (n,), written
        The child on that way; -1 at a tip.
    branch : int32 (n,), written
        First node of the branch each node is on; the root for the main path, -1 if pruned.
    path : int32 (n,), written
        Nodes of the main path from the root on.

    Returns
    -------
    Branches
    """
    total = 0.0
    for k in range(count):
        height[trunk[k]], arm[trunk[k]] = 0.0, -1
    for k in range(count - 1, 0, -1):
        i = trunk[k]
        p = trunk_parent[i]
        total += trunk_edge[i]
        reach = height[i] + trunk_edge[i]
        if arm[p] < 0 or reach > height[p]:
            height[p], arm[p] = reach, i
    root = trunk[0]
    branch[root] = root
    length, longest_side = float(height[root]), 0.0
    leaves = 2 if count > 1 else 0
    for k in range(1, count):
        i = trunk[k]
        p = trunk_parent[i]
        if branch[p] < 0 or arm[p] == i:
            branch[i] = branch[p]
            continue
        reach = height[i] + trunk_edge[i]
        if reach < min_length or arm[i] < 0:
            branch[i] = -1
            continue
        branch[i] = i
        length += reach
        leaves += 1
        longest_side = max(longest_side, float(reach))
    size = 0
    i = root
    while i >= 0:
        path[size] = i
        size += 1
        i = arm[i]
    return Branches(total, float(height[root]), size, length, leaves, longest_side)
