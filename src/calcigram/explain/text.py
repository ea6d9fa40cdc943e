"""An explanation as text for a terminal, and as a picture: the cluster, and what moved the model."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from calcigram.charts import colours
from calcigram.consequences import load_rulebook
from calcigram.crosscheck.reasons import label_words
from calcigram.explain.influences import WhyThisWord
from calcigram.features.catalogue import feature_words, with_unit
from calcigram.htmlfile import templates
from calcigram.model.calibrate import COVERAGE
from calcigram.wording import counted, outcome_words, plain, printable, set_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from calcigram.explain.explanation import Explanation
    from calcigram.figure import Picture

N_FEATURES = 6
"""Features named for each axis; the JSON holds all."""

N_MISSED = 4

_BAR = 16

NO_EXEMPLARS = (
    "This model keeps no exemplars, so it cannot say what moved it or which clusters are "
    "similar: name labelled clusters to compare with (--reference FILE), or train it again."
)
LOG_ODDS = (
    "The numbers below are log-odds: +0.7 doubles the odds of the word read against the other, "
    "-0.7 halves them."
)


def explanation_text(explanation: Explanation, width: int = 79) -> str:
    """Return the explanation as lines of at most `width` characters.

    Parameters
    ----------
    explanation : Explanation
    width : int
        At least 60.
    """
    text = (
        _texts()
        .get_template("explanation.txt.j2")
        .render(
            it=explanation,
            article=load_rulebook("article").title,
            sets=set_words(explanation.model),
            outcomes=outcome_words(explanation.risk),
            introduction=LOG_ODDS if explanation.why else NO_EXEMPLARS,
        )
    )
    return "\n".join(_wrapped(text.splitlines(), max(width, 60))) + "\n"


@cache
def _texts() -> Any:
    """Return an environment of templates with what that of an explanation uses."""
    environment = templates(escape=False)
    environment.filters |= {"plain": _plain, "printable": printable, "with_unit": with_unit}
    environment.globals |= {
        "label": _label,
        "word": _word,
        "bars": _bars,
        "counted": counted,
        "coverage": COVERAGE,
        "n_features": N_FEATURES,
        "n_missed": N_MISSED,
    }
    return environment


def _bars(why: WhyThisWord) -> list[tuple[str, float, str]]:
    """Return the families that moved the model, each with its sum and a bar, the greatest first."""
    families = sorted(why.families.items(), key=lambda item: -abs(item[1]))
    greatest = max((abs(total) for _, total in families), default=0.0) or 1.0
    return [
        (family, total, ("#" if total > 0 else "-") * max(1, round(_BAR * abs(total) / greatest)))
        for family, total in families
        if total
    ]


def _wrapped(lines: list[str], width: int) -> Iterator[str]:
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        yield from textwrap.wrap(
            line, width, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False
        ) or [""]


def _plain(word: Any) -> str:
    return "none" if word is None else feature_words(str(word))


def _word(word: Any, probability: float) -> str:
    return _plain(word) + (f" ({probability:.2f})" if probability == probability else "")


def _label(axis: str, words: dict[str, Any]) -> str:
    """Return a reader's label in words, with its probability where there is one."""
    return _word(label_words(axis, words[axis]), words.get(f"{axis}_probability", float("nan")))


N_DRAWN = 4


def explanation_picture(explanation: Explanation) -> Picture:
    """Draw an explanation.

    Parameters
    ----------
    explanation : Explanation

    Returns
    -------
    matplotlib.figure.Figure
        Left the cluster, the calcifications whose loss would turn the concern ringed; right the
        families of features and the single features that moved each axis most.
    """
    from calcigram.figure import Picture, setting
    from calcigram.plots import plot_cluster

    figure = Picture(figsize=setting("figure.figsize", (13, 8)), layout="constrained")
    left, *right = figure.subplot_mosaic(
        [["cluster", "first"], ["cluster", "second"]] if len(explanation.why) > 1
        else [["cluster", "first"]] if explanation.why else [["cluster"]],
        width_ratios=[1, 1.15] if explanation.why else [1],
    ).values()  # fmt: skip
    verdict = explanation.model | {f"rule_{k}": v for k, v in explanation.rules.items()}
    verdict |= explanation.risk
    plot_cluster(explanation.cluster, verdict, left)
    _ring(explanation, left)
    for why, ax in zip(explanation.why, right, strict=True):
        _draw_why(why, ax)
    return figure


def _ring(explanation: Explanation, ax: Axes) -> None:
    from matplotlib import rcParams

    from calcigram.figure import draw_legend

    removal = next((c for c in explanation.changes if c.kind == "remove"), None)
    if removal is None:
        return
    gone = list(removal.calcifications)
    cluster = explanation.cluster
    ax.plot(
        cluster.x_mm[gone], cluster.y_mm[gone], "o", markersize=2.2 * rcParams["lines.markersize"],
        markerfacecolor="none", markeredgecolor=colours()[4], linestyle="none", zorder=4,
        markeredgewidth=rcParams["lines.linewidth"],
        label=f"without these: {removal.concern}",
    )  # fmt: skip
    draw_legend(ax)


def _draw_why(why: WhyThisWord, ax: Axes) -> None:
    from matplotlib import rcParams

    from calcigram.figure import set_title

    blue, orange, *_ = colours()
    families = [(name, value) for name, value in why.families.items() if value]
    bars = sorted(families, key=lambda item: -abs(item[1]))
    bars += [(f"   {one.words}", one.log_odds) for one in why.contributions[:N_DRAWN]]
    places = [i + 0.6 * (i >= len(families)) for i in range(len(bars))]
    values = [value for _, value in bars]
    drawn = ax.barh(places, values, color=[blue if v > 0 else orange for v in values], height=0.7)
    ax.bar_label(drawn, [f"{v:+.2f}" for v in values], padding=2)
    ax.set_yticks(places, [name for name, _ in bars])
    ax.invert_yaxis()
    ax.axvline(0, color=rcParams["text.color"], linewidth=rcParams["axes.linewidth"])
    ax.margins(x=0.18)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    read, other = plain([why.word, why.other])
    set_title(ax, f"{read} rather than {other}: log-odds {why.log_odds:+.2f}")
    ax.set_xlabel("families, and below them the features that moved it most (log-odds)")
