"""An explanation as a picture: the cluster, and beside it what moved the model, by family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calcigram.charts import BLUE, ORANGE, VERMILION
from calcigram.explain.contributions import WhyThisWord
from calcigram.wording import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from calcigram.explain.explanation import Explanation
    from calcigram.figure import Picture

N_FEATURES = 4


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
    from calcigram.figure import Picture
    from calcigram.plots import plot_cluster

    figure = Picture(figsize=(11, 6.6), layout="constrained")
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
    from calcigram.plots import draw_legend

    removal = next((c for c in explanation.changes if c.kind == "remove"), None)
    if removal is None:
        return
    gone = list(removal.calcifications)
    cluster = explanation.cluster
    ax.plot(
        cluster.x_mm[gone], cluster.y_mm[gone], "o", markersize=13, markerfacecolor="none",
        markeredgecolor=VERMILION, markeredgewidth=1.6, linestyle="none", zorder=4,
        label=f"without these: {removal.concern}",
    )  # fmt: skip
    draw_legend(ax)


def _draw_why(why: WhyThisWord, ax: Axes) -> None:
    from calcigram.figure import font_points
    from calcigram.plots import set_title

    small = font_points("ytick.labelsize", 0.72)
    families = [(name, value) for name, value in why.families.items() if value]
    bars = sorted(families, key=lambda item: -abs(item[1]))
    bars += [(f"   {one.words}", one.log_odds) for one in why.contributions[:N_FEATURES]]
    places = [i + 0.6 * (i >= len(families)) for i in range(len(bars))]
    values = [value for _, value in bars]
    drawn = ax.barh(places, values, color=[BLUE if v > 0 else ORANGE for v in values], height=0.7)
    ax.bar_label(drawn, [f"{v:+.2f}" for v in values], fontsize=small, padding=2)
    ax.set_yticks(places, [name for name, _ in bars], fontsize=small)
    ax.invert_yaxis()
    ax.axvline(0, color="black", linewidth=0.8)
    ax.margins(x=0.18)
    ax.tick_params(axis="x", labelsize=small)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    read, other = plain([why.word, why.other])
    set_title(ax, f"{read} rather than {other}: log-odds {why.log_odds:+.2f}")
    ax.set_xlabel(
        "families, and below them the features that moved it most (log-odds)", fontsize=small
    )
