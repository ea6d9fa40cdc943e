"""Pictures of clusters, in millimetres: marks to size and orientation, hull, spanning tree.

It draws what it is given; it reads no file and classifies nothing. Pictures of results
(confusion matrices, calibration curves) are in `charts`.

Every function draws into the axes it is given, or into a `matplotlib.figure.Figure` of its
own that no global state holds, so it works without a display and inside servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.charts import (
    BLACK,
    BLUE,
    CONCERN_SIGNS,
    GREEN,
    ORANGE,
    PURPLE,
    new_axes,
    plain,
)
from calcigram.crosscheck.words import novelty_words, outcome_share, set_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from calcigram.clusters import ClusterSet

_SCALE_BARS_MM = (0.5, 1, 2, 5, 10, 20, 50, 100)


def plot_cluster(
    cluster: ClusterSet,
    verdict: Mapping[str, Any] | pd.Series | None = None,
    ax: Axes | None = None,
    *,
    hull: bool = True,
    tree: bool = True,
    legend: bool = True,
) -> Axes:
    """Draw one cluster in millimetres: its marks, hull, spanning tree and the way to the nipple.

    Parameters
    ----------
    cluster : ClusterSet
        Exactly one cluster. Marks with a diameter are drawn as ellipses to size and orientation
        (a circle where aspect ratio or orientation is unknown); the others as hollow squares
        of a fixed size on the page.
    verdict : mapping or pandas.Series, optional
        One row of the verdict table; it becomes the title, with conformal sets, novelty and
        outcomes where the row has them.
    ax : matplotlib.axes.Axes, optional
        Default: axes of a new figure that pyplot does not know.
    hull, tree, legend : bool
        Whether to draw the convex hull, the spanning tree and the legend.

    Returns
    -------
    matplotlib.axes.Axes
        Its ``figure`` attribute is the figure; ``ax.figure.savefig("cluster.png")`` saves it.

    Raises
    ------
    ValueError
        `cluster` holds another number of clusters than one.

    Examples
    --------
    >>> from calcigram import ClusterSet, plot_cluster
    >>> cluster = ClusterSet.from_arrays([0, 3], [0, 1, 2], [0, 0.5, 0], diameter_mm=[0.3, 0.2, 0.4])
    >>> plot_cluster(cluster, {"distribution": "linear"}).get_xlabel()
    'x (mm)'
    """
    if len(cluster) != 1:
        raise ValueError(
            f"plot_cluster draws one cluster, got {len(cluster)}; choose one: clusters[i]"
        )
    if ax is None:
        ax = new_axes(5.0, 5.0)
    points = np.column_stack([cluster.x_mm, cluster.y_mm]).astype(float)
    distinct = np.unique(points, axis=0)
    if hull and len(distinct) >= 2:
        outline = _hull_outline(distinct)
        ax.plot(*outline.T, color=BLUE, linestyle=(0, (5, 3)), linewidth=1.1, label="convex hull")
    if tree and len(distinct) >= 2:
        _draw_tree(ax, distinct)
    _draw_marks(ax, cluster)
    reach = cluster.diameter_mm * np.sqrt(np.nan_to_num(cluster.aspect_ratio, nan=1.0)) / 2
    _frame(ax, points, float(np.nan_to_num(reach).max(initial=0.0)))
    _draw_nipple_direction(ax, cluster, points)
    _draw_scale_bar(ax)
    lines = [verdict_title(cluster, verdict), *trust_lines({} if verdict is None else verdict)]
    ax.set_title("\n".join(lines), fontsize=9, loc="left")
    if legend and len(points):
        ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.13),
            ncols=2,
            fontsize=7,
            frameon=False,
            handlelength=2.4,
        )
    return ax


def plot_gallery(
    clusters: ClusterSet,
    verdicts: pd.DataFrame | None = None,
    n_columns: int = 4,
    *,
    panel_inches: float = 2.6,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Draw many clusters side by side, each at its own scale with its own scale bar.

    Parameters
    ----------
    clusters : ClusterSet
        The clusters, one panel each.
    verdicts : pandas.DataFrame, optional
        One row a cluster, in the same order.
    n_columns : int
        Panels in a row.
    panel_inches : float
        Width and height of one panel.
    titles : sequence of str, optional
        Titles to use instead of those from `verdicts`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from calcigram import ClusterSet
    >>> clusters = ClusterSet.from_arrays([0, 3, 6], [0, 1, 2, 5, 6, 7], [0, 1, 0, 0, 1, 0])
    >>> len(plot_gallery(clusters, n_columns=2).axes)
    2
    """
    from matplotlib.figure import Figure

    n_columns = max(1, min(n_columns, len(clusters)))
    n_rows = max(1, -(-len(clusters) // n_columns))
    figure = Figure(figsize=(panel_inches * n_columns, panel_inches * n_rows), layout="constrained")
    for i in range(len(clusters)):
        ax = figure.add_subplot(n_rows, n_columns, i + 1)
        verdict = None if verdicts is None else verdicts.iloc[i]
        plot_cluster(clusters[i], verdict, ax, legend=False)
        title = verdict_title(clusters[i], verdict) if titles is None else titles[i]
        ax.set_title(title, fontsize=9 if titles is None else 8, loc="left")
        ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
    return figure


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
    name = name if len(name) <= 40 else name[:39] + "…"
    # matplotlib reads what stands between dollar signs as mathematics
    lines = [f"{name.replace('$', chr(92) + '$')}  (n = {int(cluster.n_calcifications[0])})"]
    for reader, prefix in (("model", ""), ("rules", "rule_")):
        row = {} if verdict is None else verdict
        words = [row.get(prefix + key) for key in ("distribution", "morphology")]
        text = ", ".join(plain([w for w in words if isinstance(w, str)]))
        concern = row.get(prefix + "concern")
        if isinstance(concern, str):
            text += f" {CONCERN_SIGNS.get(concern, '')} {concern}"
        if text:
            lines.append(f"{reader}: {text.strip()}")
    return "\n".join(lines)


def trust_lines(verdict: Mapping[str, Any] | pd.Series) -> list[str]:
    """Return what a verdict says of its own trust: sets, novelty, outcomes; a line each.

    Parameters
    ----------
    verdict : mapping or pandas.Series
        One row of the verdict table; what is not there is left out.

    Examples
    --------
    >>> trust_lines({"distribution_set": "grouped|regional", "unlike_training": True, "novelty": 1.0})
    ['may be: grouped or regional', 'novelty 1.00, unlike the clusters the model was trained on']
    """
    sets, outcomes = set_words(verdict), outcome_share(verdict)
    lines = [f"may be: {sets}"] if sets else []
    if verdict.get("unlike_training"):
        lines.append(novelty_words(verdict))
    if outcomes:
        lines.append(f"malignant in CBIS-DDSM (enriched): {outcomes}")
    return [line for line in lines if line]


def _draw_marks(ax: Axes, cluster: ClusterSet) -> None:
    from matplotlib.collections import EllipseCollection

    sized = np.isfinite(cluster.diameter_mm)
    if sized.any():
        drawable = np.isfinite(cluster.aspect_ratio) & np.isfinite(cluster.orientation_deg)
        stretch = np.sqrt(np.where(drawable, cluster.aspect_ratio, 1.0))
        angles = np.where(drawable, cluster.orientation_deg, 0.0)
        centres = np.column_stack([cluster.x_mm, cluster.y_mm])
        # y points down on the page and in the data alike, so the angle needs no change of sign
        marks = EllipseCollection(
            (cluster.diameter_mm * stretch)[sized],
            (cluster.diameter_mm / stretch)[sized],
            angles[sized],
            units="xy",
            offsets=centres[sized],
            offset_transform=ax.transData,
            facecolor=BLACK,
            edgecolor="none",
            alpha=0.8,
            zorder=3,
        )
        ax.add_collection(marks)
        # the dots keep a mark of 0.2 mm in sight where the picture spans 100 mm
        ax.plot(*centres[sized].T, "o", color=BLACK, markersize=1.5, zorder=3)
        # a legend knows no EllipseCollection; an empty line stands for it
        ax.plot(
            [], [], "o", color=BLACK, markersize=5, label="calcification, to size (dot: centre)"
        )
    if not sized.all():
        ax.plot(
            cluster.x_mm[~sized], cluster.y_mm[~sized], linestyle="none", marker="s", markersize=4,
            markerfacecolor="none", markeredgecolor=PURPLE, zorder=3,
            label="calcification, size unknown (not to scale)",
        )  # fmt: skip


def _hull_outline(distinct: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from scipy.spatial import ConvexHull, QhullError

    try:
        ring = distinct[ConvexHull(distinct).vertices]
    except (QhullError, ValueError):  # fewer than three points, or all on one line
        along = np.argsort((distinct - distinct[0]) @ (distinct[-1] - distinct[0]))
        ring = distinct[along[[0, -1]]]
    return np.vstack([ring, ring[:1]])


def _draw_tree(ax: Axes, distinct: npt.NDArray[np.float64]) -> None:
    from matplotlib.collections import LineCollection
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import pdist, squareform

    edges = minimum_spanning_tree(squareform(pdist(distinct))).tocoo()
    segments = np.stack([distinct[edges.row], distinct[edges.col]], axis=1)
    lines = LineCollection(
        list(segments), colors=ORANGE, linewidths=1.0, zorder=2, label="spanning tree"
    )
    ax.add_collection(lines)


def _frame(ax: Axes, points: npt.NDArray[np.float64], reach_mm: float) -> None:
    """Show all points and whatever reaches `reach_mm` beyond them."""
    if len(points) == 0:
        points = np.zeros((1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) / 2 * 1.15, float((high - low).max()) / 2 + reach_mm, 0.75)
    centre = (low + high) / 2
    ax.set_xlim(centre[0] - half, centre[0] + half)
    ax.set_ylim(centre[1] + half, centre[1] - half)
    ax.set_aspect("equal")
    ax.set_xlabel("x (mm)", fontsize=8)
    ax.set_ylabel("y (mm, downwards)", fontsize=8)
    ax.tick_params(labelsize=7)


def _draw_nipple_direction(ax: Axes, cluster: ClusterSet, points: npt.NDArray[np.float64]) -> None:
    nipple = np.array([cluster.nipple_x_mm[0], cluster.nipple_y_mm[0]], dtype=float)
    if not np.isfinite(nipple).all() or len(points) == 0:
        return
    way = nipple - points.mean(axis=0)
    distance = float(np.hypot(*way))
    if distance == 0:
        return
    # the axes' y runs down, their fraction coordinates run up
    across, up = way[0] / distance, -way[1] / distance
    ax.annotate(
        "", xy=(0.5 + 0.47 * across, 0.5 + 0.47 * up), xytext=(0.5 + 0.38 * across, 0.5 + 0.38 * up), xycoords="axes fraction",
        arrowprops={"arrowstyle": "-|>", "color": GREEN, "linewidth": 1.6},
    )  # fmt: skip
    ax.plot(
        [], [], color=GREEN, marker=">", linestyle="-", label=f"to the nipple, {distance:.0f} mm"
    )


def _draw_scale_bar(ax: Axes) -> None:
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    width, height = right - left, bottom - top
    fitting = [bar for bar in _SCALE_BARS_MM if bar <= 0.3 * width]
    length = fitting[-1] if fitting else _SCALE_BARS_MM[0]
    x, y = left + 0.04 * width, bottom - 0.05 * height
    ax.plot([x, x + length], [y, y], color=BLACK, linewidth=2.5, solid_capstyle="butt")
    ax.text(x, y - 0.02 * height, f"{length:g} mm", fontsize=7, va="bottom")
