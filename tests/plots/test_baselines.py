"""Pictures as they are kept in baseline/; where they differ, pytest-mpl says by how much.

After a change that is meant: python -m pytest tests/plots/test_baselines.py
--mpl-generate-path=tests/plots/baseline, and look at the pictures.
"""

from __future__ import annotations

import pytest
from matplotlib import rc_context, style
from matplotlib.figure import Figure

from calcigram import plot_cluster, plot_features, plot_gallery, plot_reading

# Letters differ a little between versions of FreeType, of which matplotlib brings its own.
compared = pytest.mark.mpl_image_compare(
    baseline_dir="baseline", tolerance=8, style="default", savefig_kwargs={"dpi": 50}
)


@compared
def test_cluster(along_a_duct, verdict):
    return plot_cluster(along_a_duct, verdict).figure


@compared
def test_cluster_of_a_dark_style(along_a_duct, verdict):
    with style.context("dark_background"):
        return plot_cluster(along_a_duct, verdict).figure


@compared
def test_gallery(along_a_duct, sized):
    figure = Figure(figsize=(7, 4), layout="compressed")
    left, right = figure.subplots(1, 2)
    plot_gallery(sized[[0] * 4], ax=left, n_columns=2, titles=list("abcd"))
    plot_cluster(along_a_duct, ax=right, legend=False)
    return figure


@compared
def test_features(measured):
    table, group = measured
    return plot_features(table, groups=group).figure


@compared
def test_reading(verdict):
    with rc_context({"font.size": 8}):
        return plot_reading(verdict).figure
