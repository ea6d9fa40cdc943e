"""One reading in lines of text, and as bars: how probable each word is to the model, and which word the rules read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib import rcParams

from calcigram.charts import CONCERN_SIGNS, colours
from calcigram.figure import draw_legend, new_axes, set_title
from calcigram.readings import PROBABILITIES
from calcigram.wording import plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from calcigram.clusters import ClusterSet

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
    ink, (model, rules, *_) = rcParams["text.color"], colours()
    places: list[float] = []
    labels: list[str] = []
    by_rules: list[float] = []
    bars: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    top = 0.0
    for axis, columns in PROBABILITIES.items():
        kept = verdict.get(f"{axis}_set")
        kept = kept if isinstance(kept, str) else str(verdict.get(axis))
        for name, word in columns.items():
            probability = float(verdict.get(name, float("nan")))
            if probability == probability:
                bars[word in kept.split("|")].append((top, probability))
            if verdict.get(f"rule_{axis}") == word:
                by_rules.append(top)
            places.append(top)
            labels.append(word)
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


def verdict_title(cluster: ClusterSet, verdict: Mapping[str, Any] | pd.Series | None) -> str:
    """Return the title of one cluster's picture: its id, number of marks, and both readings.

    Parameters
    ----------
    cluster : ClusterSet
        Exactly one cluster.
    verdict : mapping or pandas.Series or None
        One row of the verdict table; missing values are left out.

    Returns
    -------
    str
        Up to three lines.

    Examples
    --------
    >>> from calcigram import ClusterSet
    >>> cluster = ClusterSet.from_arrays([0, 1], [0], [0], cluster_id=["A"])
    >>> print(verdict_title(cluster, {"distribution": "linear", "concern": "suspicious"}))
    A  (n = 1)
    model: linear ● suspicious
    """
    name = str(cluster.cluster_id[0])
    lines = [f"{shortened(name)}  (n = {int(cluster.n_calcifications[0])})"]
    return "\n".join(lines + ([] if verdict is None else reading_lines(verdict)))


def shortened(name: str) -> str:
    """Return the id of a cluster, cut where it is long."""
    return name if len(name) <= 40 else name[:39] + "…"


def reading_lines(verdict: Mapping[str, Any] | pd.Series) -> list[str]:
    """Return what each reader says, one line each; a reader that says nothing is left out.

    Examples
    --------
    >>> reading_lines({"distribution": "linear", "rule_distribution": "branching"})
    ['model: linear', 'rules: branching']
    """
    lines = []
    for reader, prefix in (("model", ""), ("rules", "rule_")):
        words = [verdict.get(prefix + key) for key in ("distribution", "morphology")]
        text = ", ".join(plain([w for w in words if isinstance(w, str)]))
        concern = verdict.get(prefix + "concern")
        if isinstance(concern, str):
            text += f" {CONCERN_SIGNS.get(concern, '')} {concern}"
        if text:
            lines.append(f"{reader}: {text.strip()}")
    return lines
