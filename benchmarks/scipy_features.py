"""The features as a careful person computes them with SciPy, one cluster at a time.

The fast road at every step: Qhull's hull, a k-d tree, Delaunay and csgraph for the spanning tree, one distance
matrix, vectorised moments. What rests on the principal curve and on the pruned branches has no such road and
is left out. `numpy_features` computes all, of many clusters at once.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial import ConvexHull, Delaunay, QhullError, cKDTree
from scipy.spatial.distance import pdist

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.particles import CORRELATED

TURNS = np.arange(12) * math.pi / 12


def measure_spread(p, q, d, hull, nearest, breast, out):
    n, area, perimeter = len(p), hull.volume, hull.area
    r2 = (q * q).sum(axis=1)
    second = r2.mean()
    out["radius_of_gyration_mm"] = math.sqrt(second)
    out["radial_kurtosis"] = (r2 * r2).mean() / second**2
    out["max_distance_mm"], out["mean_distance_mm"] = d.max(), d.mean()
    out["hull_area_mm2"], out["density_per_cm2"] = area, 100 * n / area
    out["breast_share"] = area / breast
    mean, sd = nearest.mean(), nearest.std()
    out["nn_mean_mm"], out["nn_sd_mm"], out["nn_cv"] = mean, sd, sd / mean
    expected = 0.5 * math.sqrt(area / n) + (0.0514 + 0.041 / math.sqrt(n)) * perimeter / n
    out["clark_evans_ratio"] = mean / expected
    for r in (1, 3, 10):
        within = np.count_nonzero(d <= r)
        out[f"ripley_l_{r}mm"] = math.sqrt(2 * area * within / (math.pi * n * (n - 1))) - r
    radius = math.sqrt(second)
    small, large = np.count_nonzero(d <= radius / 4), np.count_nonzero(d <= radius)
    out["correlation_dimension"] = math.log(large / small) / math.log(4) if small else math.nan
    out["angular_resultant"] = np.linalg.norm((q / np.sqrt(r2)[:, None]).mean(axis=0))


def measure_core(q, out):
    center = np.zeros(2)
    for _ in range(100):
        weight = 1 / np.maximum(np.sqrt(((q - center) ** 2).sum(axis=1)), 1e-9)
        step = weight @ (q - center) / weight.sum()
        center += step
        if abs(step).max() < 1e-4:
            break
    radii = np.sqrt(((q - center) ** 2).sum(axis=1))
    out["core_radius_mm"], out["core_radius_90_mm"] = np.quantile(radii, [0.5, 0.9])


def measure_hull(corners, hull, out):
    area = hull.volume
    out["hull_circularity"] = 4 * math.pi * area / hull.area**2
    edges = np.roll(corners, -1, axis=0) - corners
    normals = np.c_[-edges[:, 1], edges[:, 0]] / np.sqrt((edges**2).sum(axis=1))[:, None]
    out["hull_width_ratio"] = np.ptp(corners @ normals.T, axis=0).min() / out["max_distance_mm"]
    a = corners - corners[0]
    b = np.roll(a, -1, axis=0)
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    mean = cross @ (a + b) / (3 * cross.sum())
    second = np.einsum("k,ki,kj->ij", cross, a, a) + np.einsum("k,ki,kj->ij", cross, b, b)
    second += np.einsum("k,ki,kj->ij", cross, a + b, a + b)
    low, high = np.linalg.eigvalsh(second / (12 * cross.sum()) - np.outer(mean, mean))
    out["hull_eccentricity"] = math.sqrt(max(0, 1 - low / high))
    x, y = a.T
    doubled = np.abs(
        (x[:, None, None] - x) * (y[None, :, None] - y)
        - (x[None, :, None] - x) * (y[:, None, None] - y)
    )
    out["hull_triangularity"] = 0.5 * doubled.max() / area


def local_tensors(p, index):
    near = p[index]
    near -= near.mean(axis=1, keepdims=True)
    xx, yy = (near[..., 0] ** 2).mean(axis=1), (near[..., 1] ** 2).mean(axis=1)
    xy = (near[..., 0] * near[..., 1]).mean(axis=1)
    cos, sin = (xx - yy) / (xx + yy), 2 * xy / (xx + yy)
    return cos, sin, np.sqrt(cos**2 + sin**2)


def measure_directions(p, along, across, axis, index, orientation, aspect, out):
    _, _, a = local_tensors(p, index[:, :5])
    out["local_linearity_4"] = (2 * a / (1 + a)).mean()
    cos, sin, a = local_tensors(p, index)
    out["local_linearity_8"] = (2 * a / (1 + a)).mean()
    out["direction_order"] = math.hypot(cos.sum(), sin.sum()) / a.sum()
    turned = sin * (axis[0] ** 2 - axis[1] ** 2) - cos * (2 * axis[0] * axis[1])
    out["direction_fan"] = (turned @ across) / (a @ np.abs(across))
    weight, doubled = 1 - 1 / aspect, np.radians(2 * orientation)
    c, s = weight * np.cos(doubled), weight * np.sin(doubled)
    out["orientation_order"] = math.hypot(c.sum(), s.sum()) / weight.sum()
    out["orientation_coherence"] = (c * cos + s * sin).sum() / (weight * a).sum()


def measure_axes(q, out):
    """Measure the line and the wedge; return both coordinates and the axis, tails positive."""
    values, vectors = np.linalg.eigh(q.T @ q / len(q))
    axis = vectors[:, 1]
    if ((q @ axis) ** 3).sum() < 0:
        axis = -axis
    along, across = q @ axis, q @ [-axis[1], axis[0]]
    residual = math.sqrt(max(values[0], 0))
    out["pca_axis_ratio"] = math.sqrt(max(values[0], 0) / values[1])
    out["line_residual_mm"], out["line_residual_ratio"] = residual, residual / np.ptp(along)
    if len(q) >= 5:
        aside = np.abs(across)
        du, dv = along - along.mean(), aside - aside.mean()
        out["wedge_slope"] = abs(du @ dv / (du @ du))
        out["wedge_correlation"] = abs(du @ dv) / math.sqrt((du @ du) * (dv @ dv))
        widening = widenings(along, across)
        out["widening_axis"] = widening[0]
        out["widening_mean"] = np.abs(widening).mean()
        out["widening_max"] = np.abs(widening).max()
    return along, across, axis


def widenings(along, across):
    gyration = math.sqrt((along**2 + across**2).mean())
    cos, sin = np.cos(TURNS)[:, None], np.sin(TURNS)[:, None]
    ahead = np.clip(0.5 + (cos * along + sin * across) / (0.2 * gyration), 0, 1)
    aside = cos * across - sin * along
    breadths = []
    for weight in (ahead, 1 - ahead):
        total = np.maximum(weight.sum(axis=1), 1e-12)
        mean = (weight * aside).sum(axis=1) / total
        spread = (weight * (aside - mean[:, None]) ** 2).sum(axis=1) / total
        breadths.append(np.sqrt(spread) + 0.01 * gyration)
    return np.log(breadths[0] / breadths[1])


def measure_tree(p, area, out):
    n = len(p)
    simplices = Delaunay(p).simplices
    edges = np.sort(simplices[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1)
    edges = np.unique(edges, axis=0)
    lengths = np.sqrt(((p[edges[:, 0]] - p[edges[:, 1]]) ** 2).sum(axis=1))
    tree = minimum_spanning_tree(coo_matrix((lengths, edges.T), (n, n)).tocsr()).tocoo()
    order = np.argsort(tree.data)
    lengths, rows, columns = tree.data[order], tree.row[order], tree.col[order]
    median = np.median(lengths)
    out["tree_longest_edge_ratio"] = lengths[-1] / median
    out["tree_length_ratio"] = lengths.sum() / math.sqrt(n * area)
    out["tree_leaf_share"] = (np.bincount(np.r_[rows, columns], minlength=n) == 1).mean()
    for r in (1, 2, 4, 8):
        kept = np.searchsorted(lengths, r, side="right")
        out[f"components_{r}mm"] = (n - kept) / n
        out[f"giant_share_{r}mm"] = parted(rows, columns, kept, n).max() / n
    if n >= 5:
        out["tree_even_share"] = (np.abs(lengths - median) <= 0.12 * median).mean()
        out["gap_mm"], out["gap_ratio"] = lengths[-1], lengths[-1] / lengths[-2]
        out["gap_share"] = parted(rows, columns, n - 2, n).min() / n


def parted(rows, columns, kept, n):
    """Return the sizes of the pieces that the shortest `kept` edges of a tree make."""
    graph = coo_matrix((np.ones(kept), (rows[:kept], columns[:kept])), (n, n))
    return np.bincount(connected_components(graph, directed=False)[1])


def measure_ring(p, q, out):
    """Fit a circle (Kasa 1976)."""
    (x, y, _), *_ = np.linalg.lstsq(np.c_[2 * q, np.ones(len(q))], (q * q).sum(axis=1), rcond=None)
    radii = np.hypot(q[:, 0] - x, q[:, 1] - y)
    out["ring_cv"] = radii.std() / radii.mean()


def measure_nipple(p, axis, nipple, out):
    to = nipple - p.mean(axis=0)
    distance = math.hypot(*to)
    out["nipple_distance_mm"] = distance
    out["nipple_axis_angle_deg"] = math.degrees(math.acos(min(1, abs(to @ axis) / distance)))
    ray, seen = -to / distance, p - nipple
    forward, aside = seen @ ray, seen @ [-ray[1], ray[0]]
    radius, angle = np.hypot(forward, aside), np.arctan2(aside, forward)
    low, high = np.quantile(angle, [0.1, 0.9])
    nearest, near, far, farthest = np.quantile(radius, [0.05, 0.1, 0.9, 0.95])
    out["nipple_span_deg"], out["nipple_radial_span_mm"] = math.degrees(high - low), far - near
    out["nipple_span_ratio"] = (far - near) / (radius.mean() * (high - low))
    out["nipple_nearness"] = nearest / farthest
    if len(p) >= 5:
        aside = np.abs(aside)
        dr, da = radius - radius.mean(), aside - aside.mean()
        out["nipple_wedge_slope"] = dr @ da / (dr @ dr)
        beyond = 0.4 * radius.std()
        outer, inner = aside[dr > beyond], aside[dr < -beyond]
        if outer.sum() > 0 and inner.sum() > 0:
            out["nipple_widening"] = math.log(outer.mean() / inner.mean())


def measure_particles(d, aspect, solidity, cnr, nearest, nearest_of, out):
    d2, root = d * d, np.sqrt(aspect)
    out["diameter_p10_mm"], out["diameter_median_mm"] = np.quantile(d, [0.1, 0.5])
    out["diameter_max_mm"], out["diameter_area_mean_mm"] = d.max(), (d2 * d).sum() / d2.sum()
    out["diameter_cv"], out["diameter_log_sd"] = d.std() / d.mean(), np.log(d).std()
    out["macro_share"] = (d >= 0.5).mean()
    calibre, long, even = d / root, aspect >= 2, (aspect < 1.5) & (solidity >= 0.9)
    out["calibre_median_mm"] = np.median(calibre)
    out["length_p90_mm"] = np.quantile(d * root, 0.9)
    out["thin_share"], out["rod_share"] = (
        (long & (calibre < 0.5)).mean(),
        (long & (calibre >= 0.5)).mean(),
    )
    out["dot_share"], out["ball_share"] = (even & (d < 0.5)).mean(), (even & (d >= 0.5)).mean()
    quartiles = np.quantile(aspect, [0.25, 0.5, 0.9])
    out["aspect_p25"], out["aspect_median"], out["aspect_p90"] = quartiles
    out["aspect_sd"], out["elongated_share"] = aspect.std(), (aspect >= 2.5).mean()
    quartiles = np.quantile(solidity, [0.1, 0.5, 0.75])
    out["solidity_p10"], out["solidity_median"], out["solidity_p75"] = quartiles
    out["solidity_sd"] = solidity.std()
    out["cnr_p10"], out["cnr_median"] = np.quantile(cnr, [0.1, 0.5])
    marks = {
        "size": np.log(d),
        "aspect": np.log(aspect),
        "solidity": solidity,
        "contrast": np.log(np.maximum(cnr, 0.1)),
    }
    out["cnr_log_sd"], out["faint_share"] = marks["contrast"].std(), (cnr < 5).mean()
    out["contact_share"] = (nearest < 0.75 * (d + d[nearest_of])).mean()
    out["form_variety"] = (out["diameter_log_sd"] + marks["aspect"].std() + solidity.std()) / 3
    correlations = dict(zip(marks, np.corrcoef(list(marks.values())), strict=True))
    places = {name: k for k, name in enumerate(marks)}
    for one, other in CORRELATED:
        out[f"{one}_{other}_correlation"] = correlations[one][places[other]]


def scipy_features(clusters: ClusterSet) -> np.ndarray:
    """Compute what SciPy offers a short road to.

    Parameters
    ----------
    clusters : ClusterSet
        C clusters, every mark known.

    Returns
    -------
    ndarray of float32, shape (C, F)
        The columns are those of the catalogue; NaN in those that are left out.
    """
    values = np.full((len(clusters), len(FEATURE_NAMES)), np.nan, np.float32)
    place = {name: k for k, name in enumerate(FEATURE_NAMES)}
    for c in range(len(clusters)):
        rows = slice(clusters.offsets[c], clusters.offsets[c + 1])
        p = np.c_[clusters.x_mm[rows], clusters.y_mm[rows]].astype(float)
        n, q, out = len(p), p - p.mean(axis=0), {"n_calcifications": len(p)}
        try:
            hull = ConvexHull(p)
        except QhullError:
            continue
        neighbours = cKDTree(p)
        distance, index = neighbours.query(p, k=min(9, n))
        nearest = distance[:, 1]
        aspect = clusters.aspect_ratio[rows].astype(float)
        measure_spread(p, q, pdist(p), hull, nearest, clusters.breast_area_mm2[c], out)
        out["max_count_1cm"] = neighbours.query_ball_point(p, 5, return_length=True).max()
        out["share_2cm"] = neighbours.query_ball_point(p, 10, return_length=True).max() / n
        measure_core(q, out)
        measure_hull(p[hull.vertices], hull, out)
        along, across, axis = measure_axes(q, out)
        orientation = clusters.orientation_deg[rows]
        measure_directions(p, along, across, axis, index, orientation, aspect, out)
        measure_tree(p, hull.volume, out)
        if n >= 5:
            measure_ring(p, q, out)
        nipple = np.array([clusters.nipple_x_mm[c], clusters.nipple_y_mm[c]], float)
        measure_nipple(p, axis, nipple, out)
        measure_particles(
            clusters.diameter_mm[rows].astype(float), aspect, clusters.solidity[rows].astype(float),
            clusters.cnr[rows].astype(float), nearest, index[:, 1], out,
        )  # fmt: skip
        for name, value in out.items():
            values[c, place[name]] = value
    return values
