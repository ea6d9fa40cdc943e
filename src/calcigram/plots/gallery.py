"""Many clusters side by side, each at its own scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from calcigram.figure import Picture, set_title, title_points, wrapped
from calcigram.plots.cluster import plot_cluster
from calcigram.plots.reading import verdict_title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from calcigram.clusters import ClusterSet

_LINE_SPACING = 1.5
"""Distance of lines of text, as a share of the font size, with what keeps a title from its neighbours."""

_PANEL_SHARE = 0.92
"""Width of a panel and its title, as a share of the space for both."""


def plot_gallery(
    clusters: ClusterSet,
    verdicts: pd.DataFrame | None = None,
    n_columns: int = 4,
    ax: Axes | Iterable[Axes] | None = None,
    *,
    panel_inches: float = 2.6,
    titles: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw many clusters side by side, each at its own scale with its own scale bar.

    Parameters
    ----------
    clusters : ClusterSet
        The clusters, one panel each.
    verdicts : pandas.DataFrame, optional
        One row per cluster, in the same order.
    n_columns : int
        Panels in a row.
    ax : matplotlib.axes.Axes or iterable of Axes, optional
        Axes that the panels share, or an array of axes, one per cluster; those left over are
        hidden. Default: a new figure that pyplot does not know; a notebook shows it.
    panel_inches : float
        Width and height of one panel in a figure of its own.
    titles : sequence of str, optional
        Titles to use instead of those from `verdicts`.
    title : str, optional
        Of the whole picture.

    Returns
    -------
    matplotlib.figure.Figure
        The figure of the panels; ``savefig("gallery.svg")`` saves it.

    Raises
    ------
    ValueError
        There are fewer axes, verdicts or titles than clusters.

    Examples
    --------
    >>> from calcigram import ClusterSet
    >>> clusters = ClusterSet.from_arrays([0, 3, 6], [0, 1, 2, 5, 6, 7], [0, 1, 0, 0, 1, 0])
    >>> len(plot_gallery(clusters, n_columns=2).axes)
    2
    """
    for name, given in (("verdicts", verdicts), ("titles", titles)):
        if given is not None and len(given) != len(clusters):
            raise ValueError(f"{name} has {len(given)} rows for {len(clusters)} clusters")
    rows = [None if verdicts is None else verdicts.iloc[i] for i in range(len(clusters))]
    if titles is None:
        titles = [verdict_title(clusters[i], row) for i, row in enumerate(rows)]
    figure, panels, width = _panels(ax, titles, n_columns, panel_inches, title)
    for i, (panel, text) in enumerate(zip(panels, titles, strict=False)):
        plot_cluster(clusters[i], rows[i], panel, title="", legend=False)
        panel.set(xlabel="", ylabel="", xticks=[], yticks=[])
        set_title(panel, text, width)
    for panel in panels[len(clusters) :]:
        panel.set_axis_off()
    return figure


def _panels(
    ax: Axes | Iterable[Axes] | None,
    titles: Sequence[str],
    n_columns: int,
    panel_inches: float,
    title: str | None,
) -> tuple[Figure, list[Axes], float | None]:
    """Return the figure, axes for at least as many clusters as titles, and the width of titles."""
    n = len(titles)
    n_columns = max(1, min(n_columns, n))
    n_rows = max(1, -(-n // n_columns))
    size = title_points()

    def title_inches(width: float) -> float:
        lines = [1 + wrapped(text, width, size).count("\n") for text in titles]
        return _LINE_SPACING * size * max(lines, default=0) / 72

    if ax is None:
        width = 72 * _PANEL_SHARE * panel_inches
        height = panel_inches + title_inches(width)
        figure: Figure = Picture(
            figsize=(panel_inches * n_columns, height * n_rows), layout="constrained"
        )
        if title:
            figure.suptitle(title)
        axes = [figure.add_subplot(n_rows, n_columns, i + 1, anchor="N") for i in range(n)]
        return figure, axes, width
    if not isinstance(ax, Axes):
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
        if not axes or len(axes) < n:
            raise ValueError(
                f"plot_gallery needs axes for each cluster: got {len(axes)} for {n} clusters"
            )
        whole: Any = axes[0].get_figure(root=True)
        if title:
            whole.suptitle(title)
        return whole, axes, None
    root = ax.get_figure(root=True)
    assert root is not None
    ax.set_axis_off()
    if title:
        set_title(ax, title)
    box = ax.get_window_extent().transformed(root.dpi_scale_trans.inverted())
    cell, row = box.width / n_columns, box.height / n_rows
    side = min(cell, max(row - title_inches(72 * _PANEL_SHARE * cell), 0.3 * row)) * _PANEL_SHARE
    axes = [
        ax.inset_axes(
            (
                (i % n_columns) / n_columns,
                1 - (i // n_columns + 1) / n_rows,
                side / box.width,
                side / box.height,
            ),
            anchor="SW",
        )
        for i in range(n)
    ]
    return root, axes, 72 * side
