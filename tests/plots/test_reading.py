from __future__ import annotations

import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from calcigram import plot_reading
from calcigram.figure import set_title
from calcigram.plots.reading import verdict_title


def bars_of(ax, label):
    return [c for c in ax.containers if c.get_label() == label]


def words_at(ax, places):
    labels = dict(zip(ax.get_yticks(), [t.get_text() for t in ax.get_yticklabels()], strict=True))
    return [labels[place] for place in places]


def test_bars_are_the_probabilities_and_filled_where_a_word_is_possible(verdict):
    ax = plot_reading(verdict)
    (possible,) = bars_of(ax, "model: possible")
    words = words_at(ax, [bar.get_y() + bar.get_height() / 2 for bar in possible])
    assert words == ["linear", "branching", "rod like", "fine linear", "suspicious"]
    assert [bar.get_width() for bar in possible] == [0.6, 0.3, 0.2, 0.7, 0.85]
    (out,) = bars_of(ax, "model: ruled out")
    assert len(out) == 6 + 9 + 3 - 5
    assert {bar.get_facecolor()[3] for bar in out} == {0.0}  # not by colour alone


def test_the_rules_have_a_sign_of_their_own(verdict):
    ax = plot_reading(verdict)
    (rules,) = [line for line in ax.lines if line.get_label() == "rules"]
    assert words_at(ax, rules.get_ydata()) == ["branching", "suspicious"]
    assert rules.get_marker() == "D"


def test_what_the_model_could_not_read_has_no_bar(verdict):
    unread = verdict.copy()
    unread[[name for name in verdict.index if name.startswith("p_")]] = float("nan")
    unread[["distribution", "morphology", "concern", "cluster_id"]] = None
    ax = plot_reading(unread)
    assert not ax.containers
    assert ax.get_title().replace("\u00a0", " ") == "rules: branching, unread ● suspicious"


def test_a_row_may_be_a_mapping_a_series_or_a_table_of_one_row(verdict):
    axes = [plot_reading(row) for row in (dict(verdict), verdict, pd.DataFrame([verdict]))]
    assert len({ax.get_title() for ax in axes}) == 1
    with pytest.raises(ValueError, match="got 2; choose one"):
        plot_reading(pd.DataFrame([verdict, verdict]))


def test_it_draws_into_given_axes(verdict):
    ax = Figure().add_subplot()
    assert plot_reading(verdict, ax, title="Case 7", legend=False) is ax
    assert ax.get_title() == "Case 7"
    assert ax.get_legend() is None


def test_the_title_holds_both_readings_and_no_missing_ones(sized):
    title = verdict_title(
        sized,
        {
            "distribution": "grouped",
            "morphology": "fine_linear",
            "concern": "suspicious",
            "rule_distribution": float("nan"),
            "rule_concern": None,
        },
    )
    assert title == "A  (n = 4)\nmodel: grouped, fine linear ● suspicious"


@pytest.mark.parametrize("family", ["serif", "STIXGeneral", "monospace"])
def test_the_signs_of_concern_are_in_every_font(family):
    """A font without them would make matplotlib warn, and warnings are errors here."""
    with rc_context({"font.family": family}):
        ax = Figure().add_subplot()
        set_title(ax, "○ benign ◐ intermediate ● suspicious")
        ax.figure.draw_without_rendering()
