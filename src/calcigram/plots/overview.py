"""Many clusters: side by side, each at its own scale; and their features as box plots, of groups side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes

from calcigram.charts import colours
from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.features.catalogue import CATALOGUE, feature_words, with_unit
from calcigram.features.extract import extract_features
from calcigram.figure import Picture, draw_legend, new_axes, set_title, title_points, wrapped
from calcigram.plots.cluster import plot_cluster
from calcigram.plots.reading import verdict_title
from calcigram.wording import plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from calcigram.clusters import ClusterSet
    from calcigram.features.extract import Features


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


Floats = npt.NDArray[np.float64]

_FEW = 10
"""Values of a group below which each is drawn, since quartiles of so few say little."""

_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++", "oooo")
_SIGNS = "osD^vPX"


def plot_features(
    features: Features | ClusterSet | pd.DataFrame,
    names: str | Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    groups: npt.ArrayLike | None = None,
    title: str = "",
) -> Axes:
    """Draw how features are distributed over clusters, of groups side by side.

    Parameters
    ----------
    features : Features, ClusterSet or pandas.DataFrame
        Of C clusters, as `extract_features` gives them; clusters are measured.
    names : str or sequence of str, optional
        Features to draw, from the top. One alone is drawn in its unit; several, in units of
        their own, as the difference from their median over all clusters, in interquartile
        ranges. Default: the first one of each family that is known of some cluster.
    ax : matplotlib.axes.Axes, optional
        Default: axes of a new figure that pyplot does not know; a notebook shows it.
    groups : array_like, shape (C,), optional
        The group of each cluster, such as ``verdicts["distribution"]``; clusters without one are
        left out. Categories keep their order.
    title : str
        Title of the picture.

    Returns
    -------
    matplotlib.axes.Axes
        Its ``figure`` attribute is the figure; ``ax.figure.savefig("features.svg")`` saves it.

    Raises
    ------
    BadInputError
        There is no such feature, or no cluster.
    ValueError
        `groups` has another length than there are clusters.

    Notes
    -----
    Boxes show quartiles and median, whiskers and dots as ``matplotlib.rcParams`` set them. Of a group
    with fewer than ten known values each value is drawn. Where the interquartile range is zero, the standard
    deviation takes its place.

    Examples
    --------
    >>> import calcigram
    >>> clusters = calcigram.simulate(40, seed=1)
    >>> ax = plot_features(clusters, "max_distance_mm", groups=clusters.meta["true_distribution"])
    >>> ax.get_xlabel()
    'max distance (mm)'
    """
    table = _table(features)
    if names is None:
        first: dict[str, str] = {}
        for spec in CATALOGUE:
            if spec.name in table and table[spec.name].notna().any():
                first.setdefault(spec.family, spec.name)
        names = list(first.values())
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in table:
            raise BadInputError("the name of a feature", value=name)
    if not names:
        raise BadInputError("at least one cluster with a known feature", value=len(table))
    members = _members(groups, len(table))
    if ax is None:
        ax = new_axes(6.4, 1.6 + 0.28 * len(names) * max(2, len(members)))
    columns = {name: table[name].to_numpy(dtype=float) for name in names}
    if len(names) > 1:
        columns = {name: _standardised(values) for name, values in columns.items()}
    for k, chosen in enumerate(members.values()):
        share = 0.8 / len(members)
        offset = (k + 0.5) * share - 0.4
        for i, values in enumerate(columns.values()):
            of_group = values[chosen]
            _draw_group(ax, of_group[np.isfinite(of_group)], i + offset, share, k)
    _label_axes(ax, table, names)
    if title:
        set_title(ax, title)
    if groups is not None:
        for k, (group, chosen) in enumerate(members.items()):
            ax.fill_between(
                [], [], facecolor=colours()[k % len(colours())], hatch=_HATCHES[k % len(_HATCHES)],
                edgecolor=rcParams["text.color"], label=f"{group} (n = {int(chosen.sum())})",
            )  # fmt: skip
        draw_legend(ax)
    return ax


def _table(features: Features | ClusterSet | pd.DataFrame) -> pd.DataFrame:
    measured: Any = extract_features(features) if isinstance(features, ClusterSet) else features
    table: pd.DataFrame = measured if hasattr(measured, "iloc") else measured.to_dataframe()
    return table.drop(columns="cluster_id", errors="ignore")


def _members(groups: npt.ArrayLike | None, n: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which clusters each group holds, in the order of the groups."""
    if groups is None:
        return {"": np.ones(n, bool)}
    series = pd.Series(groups).reset_index(drop=True).astype("category")
    if len(series) != n:
        raise ValueError(f"groups has {len(series)} values for {n} clusters")
    codes = series.cat.codes.to_numpy()
    words = plain(series.cat.categories)
    return {word: codes == k for k, word in enumerate(words) if (codes == k).any()}


def _standardised(values: Floats) -> Floats:
    known = values[np.isfinite(values)]
    if not len(known):
        return values
    low, median, high = np.percentile(known, (25, 50, 75))
    result: Floats = (values - median) / ((high - low) or known.std() or 1.0)
    return result


def _draw_group(ax: Axes, values: Floats, place: float, width: float, group: int) -> None:
    """Draw the known values of one feature in one group."""
    colour = colours()[group % len(colours())]
    if len(values) < _FEW:
        ax.plot(
            values, np.full(len(values), place), linestyle="none", color=colour,
            marker=_SIGNS[group % len(_SIGNS)], markeredgecolor=rcParams["text.color"],
        )  # fmt: skip
        return
    ax.boxplot(
        values, positions=[place], widths=[0.8 * width], orientation="horizontal",
        patch_artist=True, manage_ticks=False, medianprops={"color": rcParams["text.color"]},
        boxprops={
            "facecolor": colour, "edgecolor": rcParams["text.color"], "hatch": _HATCHES[group % len(_HATCHES)],
        },
    )  # fmt: skip


def _label_axes(ax: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    units = {spec.name: spec.unit for spec in CATALOGUE}
    if len(names) == 1:
        unit = units.get(names[0], "1")
        ax.set_xlabel(feature_words(names[0]) + ("" if unit == "1" else f" ({unit})"))
        ax.set_yticks([])
    else:
        labels = []
        for name in names:
            median = with_unit(float(table[name].median()), units.get(name, "1"))
            labels.append(f"{feature_words(name)}\nmedian {median}")
        ax.set_yticks(range(len(names)), labels)
        ax.set_xlabel("difference from the median, in interquartile ranges")
    ax.set_ylim(len(names) - 0.5, -0.5)
