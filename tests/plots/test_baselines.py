"""Pictures as they are kept in baseline/; where they differ, pytest-mpl says by how much.

After a change that is meant: python -m pytest tests/plots/test_baselines.py
--mpl-generate-path=tests/plots/baseline, and look at the pictures.
"""

from __future__ import annotations

import pytest
from matplotlib import style
from matplotlib.figure import Figure

from calcigram import ClusterSet, plot_cluster, plot_features, plot_gallery, plot_reading

# Versions of matplotlib draw letters differently: `make test-oldest` leaves these out.
compared = pytest.mark.mpl_image_compare(
    baseline_dir="baseline",
    tolerance=2,
    style=["default", {"text.hinting": "none", "font.size": 8}],
    savefig_kwargs={"dpi": 60},
)


def axes_at(left, bottom, width, height):
    return Figure(figsize=(5, 5)).add_axes((left, bottom, width, height))


@compared
def test_cluster(along_a_duct, verdict):
    return plot_cluster(along_a_duct, verdict, axes_at(0.1, 0.32, 0.8, 0.52)).figure


@compared
def test_cluster_of_a_dark_style(along_a_duct, verdict):
    with style.context(["dark_background", {"font.size": 8}]):
        return plot_cluster(along_a_duct, verdict, axes_at(0.1, 0.32, 0.8, 0.52)).figure


@compared
def test_gallery(along_a_duct, sized):
    clusters = ClusterSet.concat([sized, along_a_duct.positions_only(), along_a_duct])
    return plot_gallery(clusters, ax=axes_at(0.05, 0.05, 0.9, 0.85), n_columns=2, title="Three")


@compared
def test_features(measured):
    table, group = measured
    return plot_features(table, ax=axes_at(0.3, 0.25, 0.65, 0.7), groups=group).figure


@compared
def test_reading(verdict):
    return plot_reading(verdict, axes_at(0.3, 0.22, 0.65, 0.65)).figure
