"""One reading: how probable each word is to the model, and which word the rules read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from calcigram.charts import colours
from calcigram.lexicon import CONCERNS, DISTRIBUTIONS, MORPHOLOGIES
from calcigram.plots.titles import draw_legend, reading_lines, set_title, shortened
from calcigram.wording import plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_AXES = (
    ("distribution", "p_distribution_", DISTRIBUTIONS),
    ("morphology", "p_morphology_", MORPHOLOGIES),
    ("concern", "p_", CONCERNS),
)
_GAP = 0.8
"""Between the words of two axes, in bars."""


def plot_reading(
    verdict: Mapping[str, Any] | pd.Series | pd.DataFrame,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    legend: bool = True,
) -> Axes:
    """Draw both readings of one cluster: the model's probabilities, and the words of the rules.

    Parameters
    ----------
    verdict : mapping, pandas.Series or pandas.DataFrame
        One row of the verdict table.
    ax : matplotlib.axes.Axes, optional
        Default: axes of a new figure that pyplot does not know; a notebook shows it.
    title : str, optional
        Instead of the id and the words of both readings; ``""`` for none.
    legend : bool
        Whether to draw the legend.

    Returns
    -------
    matplotlib.axes.Axes
        Its ``figure`` attribute is the figure; ``ax.figure.savefig("reading.svg")`` saves it.

    Raises
    ------
    ValueError
        `verdict` is a table of another number of rows than one.

    Notes
    -----
    Filled bars are the words that the model keeps possible (the conformal set), or, where a
    verdict has no sets, the word that was read. Where the model could not read, there is no bar.

    Examples
    --------
    >>> import calcigram
    >>> verdicts = calcigram.classify(calcigram.simulate(1, seed=1))
    >>> plot_reading(verdicts.iloc[0]).get_xlabel()
    'probability (model)'
    """
    row: Any = verdict
    if getattr(verdict, "ndim", 1) == 2:
        if len(verdict) != 1:
            raise ValueError(
                f"plot_reading draws one row, got {len(verdict)}; choose one: verdicts.iloc[i]"
            )
        row = row.iloc[0]
    if ax is None:
        from calcigram.figure import new_axes

        ax = new_axes(5.4, 6.4)
    _draw_words(ax, row)
    if title is None:
        lines = reading_lines(row)
        if isinstance(name := row.get("cluster_id"), str):
            lines = [shortened(name), *lines]
        title = "\n".join(lines)
    set_title(ax, title)
    if legend:
        draw_legend(ax)
    return ax


def _draw_words(ax: Axes, verdict: Mapping[str, Any] | pd.Series) -> None:
    from matplotlib import rcParams

    ink, (model, rules, *_) = rcParams["text.color"], colours()
    places: list[float] = []
    labels: list[str] = []
    by_rules: list[float] = []
    bars: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    top = 0.0
    for axis, prefix, words in _AXES:
        kept = verdict.get(f"{axis}_set")
        kept = kept if isinstance(kept, str) else str(verdict.get(axis))
        for word in words:
            probability = float(verdict.get(f"{prefix}{word}", float("nan")))
            if probability == probability:
                bars[str(word) in kept.split("|")].append((top, probability))
            if verdict.get(f"rule_{axis}") == word:
                by_rules.append(top)
            places.append(top)
            labels.append(str(word))
            top += 1
        top += _GAP
    for is_kept, label in ((True, "model: possible"), (False, "model: ruled out")):
        if bars[is_kept]:
            at, length = zip(*bars[is_kept], strict=True)
            ax.barh(
                at, length, height=0.7, edgecolor=ink, label=label,
                facecolor=model if is_kept else "none", linewidth=rcParams["patch.linewidth"],
            )  # fmt: skip
    if by_rules:
        ax.plot(
            [1.04] * len(by_rules), by_rules, linestyle="none", marker="D", color=rules,
            markeredgecolor=ink, label="rules",
        )  # fmt: skip
    ax.set_yticks(places, plain(labels))
    ax.set_ylim(top - _GAP - 0.4, -0.6)
    ax.set(xlim=(0, 1.08), xticks=[0, 0.25, 0.5, 0.75, 1], xlabel="probability (model)")
