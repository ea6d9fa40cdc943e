"""Titles and legends of pictures of clusters: what a verdict says, in lines that fit the axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from calcigram.charts import CONCERN_SIGNS
from calcigram.wording import plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from calcigram.clusters import ClusterSet


def set_title(ax: Axes, title: str, width: float | None = None) -> None:
    """Set the title of some axes, in lines that fit; nothing in it is mathematics.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    title : str
    width : float, optional
        Of a line, in points. Default: that of the axes.
    """
    from matplotlib import rcParams

    from calcigram.figure import setting, wrapped

    if width is None:
        figure = ax.get_figure(root=True)
        assert figure is not None
        width = ax.get_window_extent().width * 72 / figure.dpi
    ax.set_title(
        wrapped(title, width, title_points()), fontsize=title_points(),
        pad=setting("axes.titlepad", 0.6 * title_points()),
        # few fonts have the signs of concern
        fontfamily=[*rcParams["font.family"], "DejaVu Sans"], parse_math=False, usetex=False,
    )  # fmt: skip


def title_points() -> float:
    """Return the font size of titles: medium where no other is set, since they have several lines."""
    from matplotlib.font_manager import FontProperties

    from calcigram.figure import setting

    return float(FontProperties(size=setting("axes.titlesize", "medium")).get_size_in_points())


def draw_legend(ax: Axes) -> None:
    """Draw a legend below some axes, clear of their labels whatever the size of the font."""
    from matplotlib.transforms import ScaledTranslation

    from calcigram.figure import font_points, setting

    figure = ax.get_figure(root=True)
    assert figure is not None
    labels = font_points("axes.labelsize") + font_points("xtick.labelsize")
    below = ScaledTranslation(0, -(1.4 * labels + 8) / 72, figure.dpi_scale_trans)
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=ax.transAxes + below,
        frameon=setting("legend.frameon", False),
    )  # fmt: skip


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
