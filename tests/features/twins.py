"""Slow, obvious twins of the feature kernels, in numpy and SciPy float64.

They share no code with the kernels. Whatever is not here is held by a test of its own on
clusters whose answer is known.
"""

import math

import numpy as np
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist, pdist, squareform

NAN = math.nan


def hull_of(p):
    """Area, perimeter and vertices; a line has no area and twice its length around."""
    try:
        hull = ConvexHull(p)
    except (QhullError, ValueError):
        return 0.0, 2 * (pdist(p).max() if len(p) > 1 else 0.0), None
    vertices = p[hull.vertices]
    if least_width(vertices) < 1e-5 * pdist(p).max():
        return 0.0, 2 * pdist(p).max(), None
    return hull.volume, hull.area, vertices


def least_width(vertices):
    edges = np.roll(vertices, -1, axis=0) - vertices
    normals = np.c_[-edges[:, 1], edges[:, 0]] / np.linalg.norm(edges, axis=1)[:, None]
    return np.ptp(vertices @ normals.T, axis=0).min()


def ratio(a, b):
    return a / b if b > 0 else NAN


def spread(p, breast_area):
    n = len(p)
    d = squareform(pdist(p)) if n > 1 else np.zeros((1, 1))
    area = hull_of(p)[0]
    q = p - p.mean(axis=0)
    r2 = (q**2).sum(axis=1)
    center = minimize(
        lambda c: np.linalg.norm(q - c, axis=1).sum(),
        np.median(q, axis=0),
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-10},
    ).x
    # The sum has a kink at every point, where the search may end early.
    center = min([center, *q], key=lambda c: np.linalg.norm(q - c, axis=1).sum())
    core = np.linalg.norm(q - center, axis=1)
    out = {
        "n_calcifications": n,
        "max_distance_mm": d.max(),
        "core_radius_mm": np.median(core),
        "core_radius_90_mm": np.quantile(core, 0.9),
        "hull_area_mm2": area,
        "share_2cm": (d <= 10).sum(axis=1).max() / n,
        "breast_share": area / breast_area,
    }
    if n >= 2:
        out["mean_distance_mm"] = pdist(p).mean()
    if n >= 3:
        out["radial_kurtosis"] = ratio((r2**2).mean(), r2.mean() ** 2)
    return out


def local_linearity(p, k):
    d = cdist(p, p)
    values, tensors = [], []
    for i in range(len(p)):
        farthest = np.sort(d[i])[min(k, len(p) - 1)]
        near = p[d[i] <= farthest * (1 + 1e-5)]
        low, high = np.linalg.eigvalsh(np.cov(near.T, ddof=0))
        if high <= 0:
            tensors.append((0.0, 0.0))
            continue
        cov = np.cov(near.T, ddof=0)
        tensors.append(((cov[0, 0] - cov[1, 1]) / (high + low), 2 * cov[0, 1] / (high + low)))
        values.append(1 - low / high)
    return (np.mean(values) if values else NAN), np.array(tensors)


def walls(p):
    """Median of |u^2 / l2 - 1| and of 2 sqrt(l2), over the points whose surroundings have an axis."""
    along = (p - p.mean(axis=0)) @ np.linalg.eigh(np.cov(p.T, ddof=0))[1][:, 1]
    p = p[np.argsort(along if (along**3).sum() >= 0 else -along)]
    places = [i * len(p) // min(len(p), 512) for i in range(min(len(p), 512))]
    uneven, widths = [], []
    for here in p[places]:
        near = p[np.hypot(*(p - here).T) <= 3.5 * (1 + 1e-5)]
        if len(near) < 5:
            continue
        (across, along), axes = np.linalg.eigh(np.cov(near.T, ddof=0))
        if 1e-5 * along <= across <= 0.8 * along:
            offset = (here - near.mean(axis=0)) @ axes[:, 0]
            uneven.append(abs(offset**2 / across - 1))
            widths.append(2 * math.sqrt(across))
    return (np.median(uneven), np.median(widths)) if len(uneven) >= 4 else (NAN, NAN)


def linearity(p, orientation, aspect):
    n = len(p)
    out = {}
    q = p - p.mean(axis=0)
    t8 = np.zeros((n, 2))
    if n >= 3:
        minor, major = np.clip(np.linalg.eigvalsh(q.T @ q / n), 0, None)
        axis = np.linalg.eigh(q.T @ q)[1][:, 1]
        if major > 0:
            out["pca_axis_ratio"] = math.sqrt(minor / major)
        out["local_linearity_4"] = local_linearity(p, 4)[0]
        out["local_linearity_8"], t8 = local_linearity(p, 8)
        out["wall_unevenness"], out["wall_width_mm"] = walls(p)
        weights = np.hypot(*t8.T)
        out["direction_order"] = ratio(np.hypot(*t8.sum(axis=0)), weights.sum())
        if ((q @ axis) ** 3).sum() < 0:
            axis = -axis
        across = q @ [-axis[1], axis[0]]
        turn = 2 * math.atan2(axis[1], axis[0])
        sines = t8[:, 1] * math.cos(turn) - t8[:, 0] * math.sin(turn)
        if abs(across).max() > 1e-5 * np.ptp(q @ axis):
            out["direction_fan"] = ratio((sines * across).sum(), (weights * abs(across)).sum())
    o = np.radians(2 * np.asarray(orientation, float))
    w = 1 - 1 / np.asarray(aspect, float)
    known = ~np.isnan(o + w)
    o, w, t8 = o[known], w[known], t8[known]
    out["orientation_order"] = ratio(abs((w * np.exp(1j * o)).sum()), w.sum())
    along = (w * (np.cos(o) * t8[:, 0] + np.sin(o) * t8[:, 1])).sum()
    out["orientation_coherence"] = ratio(along, (w * np.hypot(*t8.T)).sum())
    return out


def tree_of(p):
    """Edges (a, b, length) of the spanning tree; SciPy takes a zero for no edge, hence the shift."""
    shift = 1e-7
    tree = minimum_spanning_tree(squareform(pdist(p)) + shift * (1 - np.eye(len(p)))).tocoo()
    return [
        (int(a), int(b), max(0.0, w - shift))
        for a, b, w in zip(tree.row, tree.col, tree.data, strict=True)
    ]


def branching(p):
    n = len(p)
    out = {}
    d = squareform(pdist(p)) if n > 1 else np.zeros((1, 1))
    for r in (2, 4, 8):
        count, label = connected_components(d <= r)
        out[f"components_{r}mm"] = count / n
        out[f"giant_share_{r}mm"] = np.bincount(label).max() / n
    if n < 3:
        return out
    edges = tree_of(p)
    lengths = np.array([w for *_, w in edges])
    degree = np.bincount([i for a, b, _ in edges for i in (a, b)], minlength=n)
    area = hull_of(p)[0]
    out["tree_longest_edge_ratio"] = ratio(lengths.max(), np.median(lengths))
    out["tree_length_ratio"] = ratio(lengths.sum(), math.sqrt(n * area))
    out["tree_leaf_share"] = (degree == 1).mean()
    return out


def roundness(p):
    if len(p) < 3:
        return {}
    area, perimeter, vertices = hull_of(p)
    out = {"hull_circularity": ratio(4 * math.pi * area, perimeter**2)}
    if vertices is not None:
        best = 0.0
        for i in range(len(vertices)):
            for j in range(i):
                a, b = vertices[i] - vertices[j], vertices - vertices[j]
                best = max(best, abs(a[0] * b[:, 1] - a[1] * b[:, 0]).max() / 2)
        out["hull_triangularity"] = best / area
    return out


def nipple(p, at):
    n = len(p)
    out = {}
    q = p - p.mean(axis=0)
    axis = np.linalg.eigh(q.T @ q)[1][:, 1]
    along, across = q @ axis, abs(q @ [-axis[1], axis[0]])
    if n >= 5 and np.ptp(along) > 0:
        out["wedge_slope"] = abs(np.polyfit(along, across, 1)[0])
        if across.std() > 1e-5 * along.std():
            out["wedge_correlation"] = abs(np.corrcoef(along, across)[0, 1])
    gyration = math.sqrt((q**2).sum(axis=1).mean())
    if n >= 5 and gyration > 0:
        ratios = []
        for turn in np.arange(12) * math.pi / 12:
            # Turned against the axis's own hand; the mean and the greatest do not mind.
            c, s = math.cos(turn), math.sin(turn)
            ahead = np.array([[c, -s], [s, c]]) @ axis
            weight = np.clip(0.5 + q @ ahead / (0.2 * gyration), 0, 1)
            aside = q @ [-ahead[1], ahead[0]]
            breadths = [
                math.sqrt(max(0, np.cov(aside, aweights=w, ddof=0))) if w.any() else 0.0
                for w in (weight, 1 - weight)
            ]
            ratios.append(-np.diff(np.log(np.add(breadths, 0.01 * gyration)))[0])
        out["widening_mean"], out["widening_max"] = np.abs(ratios).mean(), np.abs(ratios).max()
    to = np.asarray(at, float) - p.mean(axis=0)
    if np.isnan(to).any():
        return out
    distance = out["nipple_distance_mm"] = np.linalg.norm(to)
    if n < 3:
        return out
    if np.ptp(along) > 0:
        out["nipple_axis_angle_deg"] = math.degrees(math.acos(min(1, abs(to @ axis) / distance)))
    ray = -to / distance
    seen = p - np.asarray(at, float)
    forward, aside = seen @ ray, seen @ [-ray[1], ray[0]]
    radius, angle = np.hypot(forward, aside), np.arctan2(aside, forward)
    if n >= 5 and np.ptp(radius) > 0:
        out["nipple_wedge_slope"] = np.polyfit(radius, abs(aside), 1)[0]
    far = abs(aside)[radius > radius.mean() + 0.4 * radius.std()]
    near = abs(aside)[radius < radius.mean() - 0.4 * radius.std()]
    if n >= 5 and far.sum() > 0 and near.sum() > 0:
        out["nipple_widening"] = math.log(far.mean() / near.mean())
    out["nipple_nearness"] = ratio(*np.quantile(radius, [0.05, 0.95]))
    span = np.subtract(*np.quantile(angle, [0.9, 0.1]))
    out["nipple_span_deg"] = math.degrees(span)
    out["nipple_radial_span_mm"] = np.subtract(*np.quantile(radius, [0.9, 0.1]))
    out["nipple_span_ratio"] = ratio(out["nipple_radial_span_mm"], radius.mean() * span)
    return out


def _sd(values):
    return values.std() if len(values) >= 2 else NAN


def particles(diameter, aspect, solidity, cnr):
    out = {}
    d, a, s, c = (np.asarray(m, float)[~np.isnan(m)] for m in (diameter, aspect, solidity, cnr))
    if len(d):
        out |= {
            "diameter_median_mm": np.median(d),
            "diameter_area_mean_mm": (d**3).sum() / (d**2).sum(),
            "diameter_max_mm": d.max(),
            "diameter_p10_mm": np.quantile(d, 0.1),
            "diameter_cv": _sd(d) / d.mean(),
            "diameter_log_sd": _sd(np.log(d)),
            "macro_share": (d >= 0.5).mean(),
        }
    both = ~np.isnan(np.asarray(diameter) + np.asarray(aspect))
    if both.any():
        db, ab = np.asarray(diameter, float)[both], np.asarray(aspect, float)[both]
        out["calibre_median_mm"] = np.median(db / np.sqrt(ab))
        out["length_p90_mm"] = np.quantile(db * np.sqrt(ab), 0.9)
    if len(a):
        out |= {
            "aspect_median": np.median(a),
            "aspect_p25": np.quantile(a, 0.25),
            "aspect_p90": np.quantile(a, 0.9),
            "aspect_sd": _sd(a),
            "elongated_share": (a >= 2.5).mean(),
        }
    if len(s):
        out["solidity_median"] = np.median(s)
    if len(c):
        out |= {
            "cnr_median": np.median(c),
            "cnr_p10": np.quantile(c, 0.1),
            "cnr_log_sd": _sd(np.log(np.maximum(c, 0.1))),
            "faint_share": (c < 5).mean(),
        }
    return out


def regularity(p):
    n = len(p)
    if n < 5:
        return {}
    edges = tree_of(p)
    lengths = np.array([w for *_, w in edges])
    median = np.median(lengths)
    out = {
        "tree_even_share": (abs(lengths - median) <= 0.12 * median).mean(),
        "gap_mm": lengths.max(),
        "gap_ratio": ratio(lengths.max(), np.sort(lengths)[-2]),
    }
    longest = lengths.argmax()
    rest = [(a, b) for k, (a, b, _) in enumerate(edges) if k != longest]
    graph = np.zeros((n, n))
    graph[tuple(np.array(rest).T)] = 1
    out["gap_share"] = np.bincount(connected_components(graph, directed=False)[1]).min() / n
    circle, *_ = np.linalg.lstsq(np.c_[2 * p, np.ones(n)], (p**2).sum(axis=1), rcond=None)
    radii = np.linalg.norm(p - circle[:2], axis=1)
    if np.linalg.svd(p - p.mean(axis=0))[1][1] > 1e-4 * np.ptp(p):
        out["ring_cv"] = ratio(radii.std(), radii.mean())
        angle = np.sort(np.degrees(np.arctan2(*(p - circle[:2]).T[::-1])))
        out["ring_gap_deg"] = np.diff(np.r_[angle, angle[0] + 360]).max()
    return out
