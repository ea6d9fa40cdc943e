"""Write the golden feature values, `features.csv` and the clusters they belong to, `clusters.csv`.

Run it only when a formula changes on purpose, and say so in the changelog:

    python tests/baselines/make_feature_baselines.py

The clusters are drawn here, not by the simulator, so that a change there moves nothing; a few
are degenerate. The values show that results stay the same, not that they are right: that
is what the slow twins are for.
"""

from pathlib import Path

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.features.extract import extract_features

HERE = Path(__file__).parent


def shapes(rng):
    """Return the points of each cluster by name."""
    t = np.linspace(0, 1, 48)
    wedge_r, wedge_t = 45 * np.sqrt(rng.uniform(0.1, 1, 70)), rng.uniform(-0.3, 0.3, 70)
    stem, arm = np.c_[np.arange(22.0), np.zeros(22)], np.arange(1, 11)[:, None]
    rails = np.c_[t * 40, 3 * np.sin(4 * t) + np.where(np.arange(48) % 2, 0.7, -0.7)]
    disc = np.sqrt(rng.uniform(0, 1, 40))[:, None] * 6
    turn = rng.uniform(0, 2 * np.pi, 40)
    return {
        "one": [[1.0, 2.0]],
        "two": [[0.0, 0.0], [3.0, 4.0]],
        "three": [[0.0, 0.0], [4.0, 0.0], [1.0, 2.0]],
        "four_square": [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]],
        "identical": [[5.0, 5.0]] * 4,
        "duplicated": np.repeat(rng.normal(size=(5, 2)) * 3, 2, axis=0),
        "collinear": np.c_[np.arange(7.0) ** 1.1, np.zeros(7)],
        "collinear_oblique": np.c_[t[:12] * 30, t[:12] * 10],
        "far_from_origin": rng.normal(size=(20, 2)) * [6, 3] + [2000.0, -1500.0],
        "group_tight": rng.normal(size=(12, 2)) * 1.5,
        "group_disc": disc * np.c_[np.cos(turn), np.sin(turn)],
        "group_few": rng.normal(size=(5, 2)) * 3,
        "line_duct": np.c_[t * 25, 0.2 * rng.normal(size=48)],
        "line_arc": np.c_[18 * np.cos(1.8 * t), 18 * np.sin(1.8 * t)]
        + rng.normal(size=(48, 2)) * 0.15,
        "line_with_stray": np.r_[np.c_[t * 25, 0.2 * rng.normal(size=48)], [[12.0, 18.0]]],
        "vessel_rails": rails + rng.normal(size=(48, 2)) * 0.08,
        "fork": np.r_[stem, [11.0, 0.0] + arm * [0.8, 0.9]] + rng.normal(size=(32, 2)) * 0.1,
        "segment_wedge": np.c_[wedge_r * np.cos(wedge_t), wedge_r * np.sin(wedge_t)],
        "regional": rng.uniform(-18, 18, (60, 2)),
        "diffuse": rng.uniform(-1, 1, (200, 2)) * [60, 40],
        "marks_partly_known": rng.normal(size=(15, 2)) * 4,
        "positions_only": rng.normal(size=(15, 2)) * 4,
    }


def make_clusters():
    """Return the set, every mark known save where the name says otherwise."""
    rng = np.random.default_rng(20_240_601)
    points = {name: np.asarray(p, float) for name, p in shapes(rng).items()}
    offsets = np.cumsum([0, *(len(p) for p in points.values())])
    n, n_clusters = offsets[-1], len(points)
    marks = {
        "diameter_mm": rng.lognormal(-1.4, 0.4, n),
        "aspect_ratio": 1 + rng.exponential(0.6, n),
        "orientation_deg": rng.uniform(0, 179.9, n),
        "solidity": rng.uniform(0.5, 1, n),
        "cnr": rng.lognormal(1.8, 0.5, n),
    }
    center = np.array([p.mean(axis=0) for p in points.values()])
    at_cluster = {
        "nipple_x_mm": center[:, 0] - 30,
        "nipple_y_mm": center[:, 1] + 8,
        "breast_area_mm2": rng.uniform(5e3, 2e4, n_clusters),
    }
    names = list(points)
    partly = slice(*offsets[names.index("marks_partly_known") :][:2])
    for values in marks.values():
        values[partly][::3] = np.nan
    alone = names.index("positions_only")
    for values in marks.values():
        values[offsets[alone] : offsets[alone + 1]] = np.nan
    for values in at_cluster.values():
        values[alone] = np.nan
    x, y = np.concatenate(list(points.values())).T
    return ClusterSet.from_arrays(offsets, x, y, cluster_id=names, **marks, **at_cluster)


def main():
    clusters = make_clusters()
    clusters.to_dataframe().to_csv(HERE / "clusters.csv", index=False)
    features = extract_features(clusters, n_threads=1).to_dataframe().set_index("cluster_id")
    golden = features.T.rename_axis("feature")
    golden.to_csv(HERE / "features.csv", float_format="%.7g")
    print(f"{len(clusters)} clusters, {len(golden)} features")


if __name__ == "__main__":
    main()
