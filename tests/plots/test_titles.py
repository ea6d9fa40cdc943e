from __future__ import annotations

import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

from calcigram.plots.titles import set_title, verdict_title


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
