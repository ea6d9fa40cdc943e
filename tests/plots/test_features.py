from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from calcigram import extract_features, plot_features, simulate
from calcigram.errors import BadInputError


def words(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_one_feature_is_drawn_in_its_unit(measured):
    table, group = measured
    ax = plot_features(table, "max_distance_mm", groups=group)
    assert ax.get_xlabel() == "max distance (mm)"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["grouped (n = 30)", "linear (n = 5)", "regional (n = 25)"]


def test_several_are_in_interquartile_ranges_about_the_median(measured):
    table, _ = measured
    ax = plot_features(table, ["max_distance_mm", "hull_area_mm2"])
    boxes = [patch.get_path().vertices[:, 0] for patch in ax.patches]
    for box in boxes:
        assert box.max() - box.min() == pytest.approx(1)
    median = table.max_distance_mm.median()
    assert words(ax)[0] == f"max distance\nmedian {median:.3g} mm"


def test_few_values_are_drawn_one_by_one(measured):
    table, group = measured
    ax = plot_features(table, "max_distance_mm", groups=group)
    few = [line for line in ax.lines if line.get_marker() == "s" and len(line.get_xdata()) == 5]
    assert len(few) == 1
    assert sorted(few[0].get_xdata()) == sorted(table.max_distance_mm[group == "linear"])


def test_groups_differ_in_hatch_or_sign_too(measured):
    table, group = measured
    ax = plot_features(table, ["max_distance_mm", "hull_area_mm2"], groups=group)
    hatches = [patch.get_hatch() or "" for patch in ax.patches]
    assert len(set(hatches)) == 2  # the third group is drawn one by one


def test_categories_keep_their_order_and_clusters_without_a_group_are_left_out(measured):
    table, group = measured
    ordered = pd.Categorical(group, ["regional", "grouped", "diffuse", "linear"])
    ordered[group == "linear"] = None
    ax = plot_features(table, "junctions", groups=ordered)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["regional (n = 25)", "grouped (n = 30)"]


def test_a_feature_without_spread_or_values_is_drawn(measured):
    table, _ = measured
    table = table.assign(junctions=3, leaves=np.nan)
    ax = plot_features(table, ["junctions", "leaves"])
    ax.figure.draw_without_rendering()
    assert words(ax) == ["junctions\nmedian 3", "leaves\nmedian unknown"]


def test_by_default_one_feature_of_each_family_that_is_known():
    clusters = simulate(12, seed=2).positions_only()
    ax = plot_features(clusters)
    assert "n calcifications" in words(ax)[0]
    assert not [word for word in words(ax) if "diameter" in word]
    same = plot_features(extract_features(clusters))
    assert words(same) == words(ax)


def test_it_draws_into_given_axes(measured):
    ax = Figure().add_subplot()
    assert plot_features(measured[0], "junctions", ax, title="Junctions") is ax
    assert ax.get_title() == "Junctions"


def test_what_cannot_be_drawn_is_refused(measured):
    table, group = measured
    with pytest.raises(BadInputError, match="nonsense"):
        plot_features(table, ["junctions", "nonsense"])
    with pytest.raises(BadInputError):
        plot_features(table[:0])
    with pytest.raises(ValueError, match="groups has 3 values for 60 clusters"):
        plot_features(table, "junctions", groups=group[:3])
