"""How much faster the compiled features are than a careful version on SciPy, one thread each.

    python benchmarks/features_vs_scipy.py [--clusters 600] [--rounds 5] [--json FILE]

The SciPy version takes the fast road at every step (Qhull's hull, a k-d tree, Delaunay and
csgraph for the spanning tree, one distance matrix, vectorised moments) and computes fewer
features: nothing that rests on the principal curve, the concave outline or the pruned branches.
Its values are first held against ours. Both then run in turn, in one process, on the same
clusters: 3 to 300 calcifications, 64 on average.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import ConvexHull, Delaunay, QhullError, cKDTree
from scipy.spatial.distance import pdist

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import extract_features

RESULT = Path(__file__).parent / "results" / "features_vs_scipy.json"
TARGET_RATIO = 100.0


def make_clusters(n_clusters: int, seed: int = 0) -> ClusterSet:
    """Draw elongated Gaussian clusters with every mark; sizes are log-normal, 3 to 300."""
    rng = np.random.default_rng(seed)
    sizes = np.clip(np.exp(rng.normal(np.log(43), 0.95, n_clusters)), 3, 300).astype(int)
    offsets = np.r_[0, np.cumsum(sizes)]
    n = offsets[-1]
    owner = np.repeat(np.arange(n_clusters), sizes)
    length, ratio = rng.uniform(3, 20, n_clusters)[owner], rng.uniform(0.1, 1, n_clusters)[owner]
    turn = rng.uniform(0, np.pi, n_clusters)[owner]
    along, across = rng.normal(size=n) * length, rng.normal(size=n) * length * ratio
    return ClusterSet.from_arrays(
        offsets,
        50 + along * np.cos(turn) - across * np.sin(turn),
        80 + along * np.sin(turn) + across * np.cos(turn),
        diameter_mm=rng.lognormal(-1.4, 0.4, n),
        aspect_ratio=1 + rng.exponential(0.6, n),
        orientation_deg=rng.uniform(0, 179.9, n),
        solidity=rng.uniform(0.5, 1, n),
        cnr=rng.lognormal(1.8, 0.5, n),
        nipple_x_mm=np.full(n_clusters, -30.0),
        nipple_y_mm=np.full(n_clusters, 60.0),
        breast_area_mm2=np.full(n_clusters, 12_000.0),
    )


def scipy_spread(p, q, d, hull, nearest, out, breast):
    n, area, perimeter = len(p), hull.volume, hull.area
    r2 = (q * q).sum(axis=1)
    second = r2.mean()
    out["radius_of_gyration_mm"] = math.sqrt(second)
    out["radial_kurtosis"] = (r2 * r2).mean() / second**2
    corners = p[hull.vertices]
    out["max_distance_mm"] = d.max()
    out["mean_distance_mm"] = d.mean()
    out["hull_area_mm2"], out["density_per_cm2"] = area, 100 * n / area
    out["breast_share"] = area / breast
    mean, sd = nearest.mean(), nearest.std()
    out["nn_mean_mm"], out["nn_sd_mm"], out["nn_cv"] = mean, sd, sd / mean
    expected = 0.5 * math.sqrt(area / n) + (0.0514 + 0.041 / math.sqrt(n)) * perimeter / n
    out["clark_evans_ratio"] = mean / expected
    for r in (1, 3, 10):
        within = np.count_nonzero(d <= r)
        out[f"ripley_l_{r}mm"] = math.sqrt(2 * area * within / (math.pi * n * (n - 1))) - r
    small, large = (
        np.count_nonzero(d <= math.sqrt(second) / 4),
        np.count_nonzero(d <= math.sqrt(second)),
    )
    out["correlation_dimension"] = math.log(large / small) / math.log(4) if small else math.nan
    out["hull_circularity"] = 4 * math.pi * area / perimeter**2
    edges = np.roll(corners, -1, axis=0) - corners
    normals = np.c_[-edges[:, 1], edges[:, 0]] / np.sqrt((edges**2).sum(axis=1))[:, None]
    out["hull_width_mm"] = np.ptp(corners @ normals.T, axis=0).min()
    out["hull_width_ratio"] = out["hull_width_mm"] / out["max_distance_mm"]
    out["angular_resultant"] = np.linalg.norm((q / np.sqrt(r2)[:, None]).mean(axis=0))


def scipy_core(q, out):
    center = np.zeros(2)
    for _ in range(100):
        weight = 1 / np.maximum(np.sqrt(((q - center) ** 2).sum(axis=1)), 1e-9)
        step = weight @ (q - center) / weight.sum()
        center += step
        if abs(step).max() < 1e-4:
            break
    radii = np.sqrt(((q - center) ** 2).sum(axis=1))
    out["core_radius_mm"], out["core_radius_90_mm"] = np.quantile(radii, [0.5, 0.9])


def local_tensors(p, index):
    near = p[index]
    near -= near.mean(axis=1, keepdims=True)
    xx, yy = (near[..., 0] ** 2).mean(axis=1), (near[..., 1] ** 2).mean(axis=1)
    xy = (near[..., 0] * near[..., 1]).mean(axis=1)
    cos, sin = (xx - yy) / (xx + yy), 2 * xy / (xx + yy)
    return cos, sin, np.sqrt(cos**2 + sin**2)


def scipy_linearity(p, q, index, orientation, aspect, out):
    values, vectors = np.linalg.eigh(q.T @ q / len(p))
    axis = vectors[:, 1]
    along, across = q @ axis, np.abs(q @ [-axis[1], axis[0]])
    residual = math.sqrt(max(values[0], 0))
    out["pca_axis_ratio"] = math.sqrt(max(values[0], 0) / values[1])
    out["line_residual_mm"], out["line_residual_ratio"] = residual, residual / np.ptp(along)
    _, _, a = local_tensors(p, index[:, :5])
    out["local_linearity_4"] = (2 * a / (1 + a)).mean()
    cos, sin, a = local_tensors(p, index)
    out["local_linearity_8"] = (2 * a / (1 + a)).mean()
    out["direction_order"] = math.hypot(cos.sum(), sin.sum()) / a.sum()
    weight, doubled = 1 - 1 / aspect, np.radians(2 * orientation)
    c, s = weight * np.cos(doubled), weight * np.sin(doubled)
    out["orientation_order"] = math.hypot(c.sum(), s.sum()) / weight.sum()
    out["orientation_coherence"] = (c * cos + s * sin).sum() / (weight * a).sum()
    if len(p) >= 5:
        du, dv = along - along.mean(), across - across.mean()
        out["wedge_slope"] = abs(du @ dv / (du @ du))
        out["wedge_correlation"] = abs(du @ dv) / math.sqrt((du @ du) * (dv @ dv))
    return axis, cos, sin, a


def scipy_tree(p, area, out):
    n = len(p)
    simplices = Delaunay(p).simplices
    edges = np.sort(simplices[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1)
    edges = np.unique(edges, axis=0)
    lengths = np.sqrt(((p[edges[:, 0]] - p[edges[:, 1]]) ** 2).sum(axis=1))
    tree = minimum_spanning_tree(coo_matrix((lengths, edges.T), (n, n)).tocsr()).tocoo()
    lengths = np.sort(tree.data)
    out["tree_edge_cv"] = lengths.std() / lengths.mean()
    out["tree_longest_edge_ratio"] = lengths[-1] / np.median(lengths)
    out["tree_length_ratio"] = lengths.sum() / math.sqrt(n * area)
    out["tree_leaf_share"] = (np.bincount(np.r_[tree.row, tree.col], minlength=n) == 1).mean()
    for r in (1, 2, 4, 8):
        out[f"components_{r}mm"] = (1 + np.count_nonzero(lengths > r)) / n


def scipy_nipple(p, q, axis, cos, sin, a, nipple, out):
    to = nipple - p.mean(axis=0)
    distance = math.hypot(*to)
    out["nipple_distance_mm"] = distance
    out["nipple_axis_angle_deg"] = math.degrees(math.acos(min(1, abs(to @ axis) / distance)))
    ray, seen = -to / distance, p - nipple
    forward, aside = seen @ ray, seen @ [-ray[1], ray[0]]
    radius, angle = np.hypot(forward, aside), np.arctan2(aside, forward)
    low, high = np.quantile(angle, [0.1, 0.9])
    near, far = np.quantile(radius, [0.1, 0.9])
    out["nipple_span_deg"], out["nipple_radial_span_mm"] = math.degrees(high - low), far - near
    out["nipple_span_ratio"] = (far - near) / (radius.mean() * (high - low))
    if len(p) >= 5:
        dr, da = radius - radius.mean(), np.abs(aside) - np.abs(aside).mean()
        out["nipple_wedge_slope"] = dr @ da / (dr @ dr)
    doubled = (cos * (seen[:, 0] ** 2 - seen[:, 1] ** 2) + 2 * sin * seen[:, 0] * seen[:, 1]) / (
        radius**2
    )
    cosine = np.sqrt(np.maximum(0, 0.5 * (a * a + a * doubled)))
    out["nipple_alignment"] = cosine.sum() / a.sum()


def scipy_particles(d, aspect, solidity, cnr, area, nearest, nearest_of, out):
    d2, root = d * d, np.sqrt(aspect)
    out["diameter_p10_mm"], out["diameter_median_mm"] = np.quantile(d, [0.1, 0.5])
    out["diameter_max_mm"], out["diameter_area_mean_mm"] = d.max(), (d2 * d).sum() / d2.sum()
    out["diameter_cv"], out["diameter_log_sd"] = d.std() / d.mean(), np.log(d).std()
    out["macro_share"], out["coarse_share"] = (d >= 0.5).mean(), (d >= 2).mean()
    out["calibre_median_mm"] = np.median(d / root)
    out["length_p90_mm"] = np.quantile(d * root, 0.9)
    out["aspect_median"], out["aspect_p90"] = np.quantile(aspect, [0.5, 0.9])
    out["aspect_sd"], out["elongated_share"] = aspect.std(), (aspect >= 2.5).mean()
    out["solidity_p10"], out["solidity_median"] = np.quantile(solidity, [0.1, 0.5])
    out["solidity_sd"] = solidity.std()
    out["cnr_p10"], out["cnr_median"] = np.quantile(cnr, [0.1, 0.5])
    out["cnr_log_sd"], out["faint_share"] = np.log(np.maximum(cnr, 0.1)).std(), (cnr < 5).mean()
    out["coverage_share"] = math.pi / 4 * d2.sum() / area
    out["contact_share"] = (nearest < 0.75 * (d + d[nearest_of])).mean()
    out["form_variety"] = (out["diameter_log_sd"] + np.log(aspect).std() + solidity.std()) / 3


def scipy_features(clusters: ClusterSet) -> np.ndarray:
    """Compute what SciPy offers a short road to; NaN in the other columns."""
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
        tree = cKDTree(p)
        distance, index = tree.query(p, k=min(9, n))
        nearest = distance[:, 1]
        aspect = clusters.aspect_ratio[rows].astype(float)
        scipy_spread(p, q, pdist(p), hull, nearest, out, clusters.breast_area_mm2[c])
        out["max_count_1cm"] = tree.query_ball_point(p, 5, return_length=True).max()
        out["share_2cm"] = tree.query_ball_point(p, 10, return_length=True).max() / n
        scipy_core(q, out)
        axes = scipy_linearity(p, q, index, clusters.orientation_deg[rows], aspect, out)
        scipy_tree(p, hull.volume, out)
        nipple = np.array([clusters.nipple_x_mm[c], clusters.nipple_y_mm[c]], float)
        scipy_nipple(p, q, *axes, nipple, out)
        scipy_particles(
            clusters.diameter_mm[rows].astype(float), aspect, clusters.solidity[rows].astype(float),
            clusters.cnr[rows].astype(float), hull.volume, nearest, index[:, 1], out,
        )  # fmt: skip
        for name, value in out.items():
            values[c, place[name]] = value
    return values


def compare(ours: np.ndarray, theirs: np.ndarray) -> int:
    """Print what differs; return how many features both compute."""
    shared = [k for k in range(ours.shape[1]) if not np.isnan(theirs[:, k]).all()]
    for k in shared:
        close = np.isclose(ours[:, k], theirs[:, k], rtol=5e-3, atol=1e-3, equal_nan=True)
        if not close.all():
            row = int(np.argmin(close))
            print(
                f"  differs: {FEATURE_NAMES[k]} in {(~close).sum()} of {len(close)} clusters, "
                f"e.g. {ours[row, k]:g} and {theirs[row, k]:g}"
            )
    return len(shared)


def seconds(run, *args) -> float:
    start = time.perf_counter()
    run(*args)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--clusters", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=RESULT)
    args = parser.parse_args()
    few, many = make_clusters(args.clusters), make_clusters(20 * args.clusters, seed=1)
    ours = extract_features(few, n_threads=1).values
    n_shared = compare(ours, scipy_features(few))
    print(f"  {n_shared} of {len(FEATURE_NAMES)} features computed by both, the rest by ours alone")
    rounds = []
    for _ in range(args.rounds):
        theirs = seconds(scipy_features, few) / len(few)
        one = seconds(lambda: extract_features(many, n_threads=1)) / len(many)
        two = seconds(lambda: extract_features(many, n_threads=2)) / len(many)
        rounds.append((one, theirs, theirs / one, one / two))
    columns = [sorted(column) for column in zip(*rounds, strict=True)]
    one, theirs, ratio, threads = (statistics.median(column) for column in columns)
    print(
        f"features, one thread: ours {1e6 * one:.1f} us, theirs {1e6 * theirs:.0f} us, "
        f"ratio {ratio:.0f} ({columns[2][0]:.0f} to {columns[2][-1]:.0f})"
    )
    print(
        f"features, two threads against one: ratio {threads:.2f} "
        f"({columns[3][0]:.2f} to {columns[3][-1]:.2f})"
    )
    result = {
        "calcifications_per_cluster": float(many.n_calcifications.mean()),
        "ours_us": 1e6 * one,
        "theirs_us": 1e6 * theirs,
        "ratio": ratio,
        "ratio_spread": [columns[2][0], columns[2][-1]],
        "target_ratio": TARGET_RATIO,
        "two_threads_ratio": threads,
        "two_threads_spread": [columns[3][0], columns[3][-1]],
        "features_ours": len(FEATURE_NAMES),
        "features_both": n_shared,
    }
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
