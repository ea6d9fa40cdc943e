"""Pictures of clusters, in millimetres: marks to size and orientation, hull, spanning tree.

It draws what it is given; it reads no file and classifies nothing. Pictures of results
(confusion matrices, calibration curves) are in `charts`.

Every function draws into the axes it is given, or into a figure of its own that no global state
holds, so it works without a display, inside servers, and in notebooks, which show it. Font sizes
follow ``matplotlib.rcParams``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.charts import BLACK, BLUE, CONCERN_SIGNS, GREEN, ORANGE, PURPLE
from calcigram.features.particles import FAINT_CNR
from calcigram.lexicon import Morphology
from calcigram.wording import plain, trust_lines

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from calcigram.clusters import ClusterSet
    from calcigram.figure import Picture

Floats = npt.NDArray[np.float64]

_SMOOTH = 0.95
"""Solidity from which a mark is an ellipse."""

_HAZE = ((1.6, 0.07), (1.3, 0.09), (1.0, 0.11), (0.7, 0.13), (0.4, 0.15))
"""Layers of a faint mark: size, relative to its own, and opacity."""

_POPCORN = 0.9
"""Solidity that popcorn has at most: the median of simulated ones."""

_N_CORNERS = 84

_SCALE_BARS_MM = (0.5, 1, 2, 5, 10, 20, 50, 100)

_STRIP = 0.09
"""Height of the strip below the points, as a share of the picture's width."""

_TITLE_SHARE = 0.75
"""Of the size of titles that is set for matplotlib: these have several lines."""

_LINE_SPACING = 1.5
"""Distance of lines of text, as a share of the font size."""

_PANEL_SHARE = 0.88
"""Width of a title in a gallery, as a share of its panel."""


def plot_cluster(
    cluster: ClusterSet,
    verdict: Mapping[str, Any] | pd.Series | None = None,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    hull: bool = True,
    tree: bool = True,
    legend: bool = True,
) -> Axes:
    """Draw one cluster in millimetres: its marks, hull, spanning tree and the way to the nipple.

    Parameters
    ----------
    cluster : ClusterSet
        Exactly one cluster. Marks with a diameter are drawn to size, shape and orientation: soft
        where they are faint, lobed where the solidity is below 0.95, a circle where aspect ratio
        or orientation is unknown. The others are hollow squares of a fixed size on the page.
    verdict : mapping or pandas.Series, optional
        One row of the verdict table; it becomes the title, with conformal sets, novelty and
        outcomes where the row has them.
    ax : matplotlib.axes.Axes, optional
        Default: axes of a new figure that pyplot does not know; a notebook shows it.
    title : str, optional
        Instead of that from `verdict`; ``""`` for none.
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
        from calcigram.figure import font_points, new_axes

        scale = font_points("font.size", 0.1)  # 1 by default: the space for the text grows with it
        ax = new_axes(5.0 * scale, 5.8 * scale)
    points = np.column_stack([cluster.x_mm, cluster.y_mm]).astype(float)
    distinct = np.unique(points, axis=0)
    if hull and len(distinct) >= 2:
        outline = hull_outline(distinct)
        ax.plot(*outline.T, color=BLUE, linestyle=(0, (5, 3)), linewidth=1.1, label="convex hull")
    if tree and len(distinct) >= 2:
        draw_tree(ax, distinct)
    draw_marks(ax, cluster, _form(cluster, verdict))
    # lobes and haze reach farther than the ellipse of the same area
    reach = 0.7 * cluster.diameter_mm * np.sqrt(np.nan_to_num(cluster.aspect_ratio, nan=1.0))
    _frame(ax, points, float(np.nan_to_num(reach).max(initial=0.0)))
    draw_nipple_direction(ax, cluster, points)
    draw_scale_bar(ax)
    if title is None:
        trust = trust_lines({} if verdict is None else verdict)
        title = "\n".join([verdict_title(cluster, verdict), *trust])
    set_title(ax, title)
    if legend and len(points):
        draw_legend(ax)
    return ax


def plot_gallery(
    clusters: ClusterSet,
    verdicts: pd.DataFrame | None = None,
    n_columns: int = 4,
    *,
    panel_inches: float = 2.6,
    titles: Sequence[str] | None = None,
    title: str | None = None,
) -> Picture:
    """Draw many clusters side by side, each at its own scale with its own scale bar.

    Parameters
    ----------
    clusters : ClusterSet
        The clusters, one panel each.
    verdicts : pandas.DataFrame, optional
        One row per cluster, in the same order.
    n_columns : int
        Panels in a row.
    panel_inches : float
        Width and height of one panel.
    titles : sequence of str, optional
        Titles to use instead of those from `verdicts`.
    title : str, optional
        Of the whole picture.

    Returns
    -------
    matplotlib.figure.Figure
        A notebook shows it.

    Examples
    --------
    >>> from calcigram import ClusterSet
    >>> clusters = ClusterSet.from_arrays([0, 3, 6], [0, 1, 2, 5, 6, 7], [0, 1, 0, 0, 1, 0])
    >>> len(plot_gallery(clusters, n_columns=2).axes)
    2
    """
    from calcigram.figure import Picture, font_points, wrapped

    n_columns = max(1, min(n_columns, len(clusters)))
    n_rows = max(1, -(-len(clusters) // n_columns))
    size = font_points("axes.titlesize", _TITLE_SHARE)
    if titles is None:
        titles = [
            verdict_title(clusters[i], None if verdicts is None else verdicts.iloc[i])
            for i in range(len(clusters))
        ]
    fitted = [wrapped(text, 72 * panel_inches * _PANEL_SHARE, size) for text in titles]
    n_lines = 1 + max((text.count("\n") for text in fitted), default=0)
    row_inches = panel_inches + _LINE_SPACING * size * n_lines / 72
    figure = Picture(figsize=(panel_inches * n_columns, row_inches * n_rows), layout="constrained")
    for i, text in enumerate(fitted):
        ax = figure.add_subplot(n_rows, n_columns, i + 1, anchor="NW")
        verdict = None if verdicts is None else verdicts.iloc[i]
        plot_cluster(clusters[i], verdict, ax, title="", legend=False)
        ax.set_title(text, fontsize=size, loc="left", pad=0.6 * size)
        ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
    if title:
        figure.suptitle(title)
    return figure


def set_title(ax: Axes, title: str) -> None:
    """Set a title above the left end of some axes, in lines no wider than they are."""
    from calcigram.figure import font_points, wrapped

    size = font_points("axes.titlesize", _TITLE_SHARE)
    figure = ax.get_figure(root=True)
    assert figure is not None
    width = ax.get_window_extent().width * 72 / figure.dpi
    ax.set_title(wrapped(title, width, size), fontsize=size, loc="left", pad=0.6 * size)


def draw_legend(ax: Axes) -> None:
    """Draw a legend below some axes, clear of their labels whatever the size of the font."""
    from matplotlib.transforms import ScaledTranslation

    from calcigram.figure import font_points

    figure = ax.get_figure(root=True)
    assert figure is not None
    labels = font_points("axes.labelsize") + font_points("xtick.labelsize")
    below = ScaledTranslation(0, -(1.4 * labels + 8) / 72, figure.dpi_scale_trans)
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=ax.transAxes + below,
        ncols=2, fontsize=font_points("legend.fontsize", 0.72), frameon=False, handlelength=2.4,
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


def _form(cluster: ClusterSet, verdict: Mapping[str, Any] | pd.Series | None) -> str | None:
    """Return the form that was read, or else the true one, where either is known."""
    words = [verdict.get("morphology")] if verdict is not None else []
    words += [cluster.meta[name][0] for name in ("true_morphology",) if name in cluster.meta]
    return next((word for word in words if isinstance(word, str)), None)


def hull_outline(distinct: Floats) -> Floats:
    """Return the corners of the convex hull of at least two distinct points, the first one again last."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        ring = distinct[ConvexHull(distinct).vertices]
    except (QhullError, ValueError):  # fewer than three points, or all on one line
        along = np.argsort((distinct - distinct[0]) @ (distinct[-1] - distinct[0]))
        ring = distinct[along[[0, -1]]]
    return np.vstack([ring, ring[:1]])


def draw_tree(ax: Axes, distinct: Floats) -> None:
    """Draw the spanning tree of at least two distinct points."""
    from matplotlib.collections import LineCollection

    from calcigram._kernels.tree import spanning_tree

    x, y = np.ascontiguousarray((distinct - distinct.mean(axis=0)).T, np.float32)
    parent = spanning_tree(x, y).parent
    joined = np.flatnonzero(parent >= 0)
    segments = np.stack([distinct[joined], distinct[parent[joined]]], axis=1)
    lines = LineCollection(
        list(segments), colors=ORANGE, linewidths=1.0, zorder=2, label="spanning tree"
    )
    ax.add_collection(lines)


def _frame(ax: Axes, points: Floats, reach_mm: float) -> None:
    """Show all points, whatever reaches `reach_mm` beyond them, and below a strip for the scale."""
    from calcigram.figure import font_points

    if len(points) == 0:
        points = np.zeros((1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    half = max(extent / 2 * 1.25, extent / 2 + reach_mm, 0.75)
    centre = (low + high) / 2
    ax.set_xlim(centre[0] - half, centre[0] + half)
    ax.set_ylim(centre[1] + half * (1 + 2 * _STRIP), centre[1] - half)
    ax.set_aspect("equal")
    ax.set_xlabel("x (mm)", fontsize=font_points("axes.labelsize"))
    ax.set_ylabel("y (mm, downwards)", fontsize=font_points("axes.labelsize"))
    ax.tick_params("x", labelsize=font_points("xtick.labelsize", 0.72))
    ax.tick_params("y", labelsize=font_points("ytick.labelsize", 0.72))


def draw_nipple_direction(ax: Axes, cluster: ClusterSet, points: Floats) -> None:
    """Draw an arrow at the edge of some axes, towards the nipple of the one cluster, if it is known."""
    nipple = np.array([cluster.nipple_x_mm[0], cluster.nipple_y_mm[0]], dtype=float)
    if not np.isfinite(nipple).all() or len(points) == 0:
        return
    way = nipple - points.mean(axis=0)
    distance = float(np.hypot(*way))
    if distance == 0:
        return
    # the axes' y runs down, their fraction coordinates run up; between the points and the frame
    across, up = np.array([way[0], -way[1]]) / np.abs(way).max()
    ax.annotate(
        "", xy=(0.5 + 0.495 * across, 0.5 + 0.495 * up), xytext=(0.5 + 0.43 * across, 0.5 + 0.43 * up),
        xycoords="axes fraction", zorder=5,
        arrowprops={"arrowstyle": "-|>", "color": GREEN, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    ax.plot(
        [], [], color=GREEN, marker=">", linestyle="-", label=f"to the nipple, {distance:.0f} mm"
    )


def draw_scale_bar(
    ax: Axes, below: float = 0.5 * _STRIP, share: float = 0.72, colour: str = BLACK
) -> None:
    """Draw a scale bar and its length; by default in the strip that is kept clear below the points.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    below, share : float
        How far above the lower edge, as a share of the width; and of the default font size.
    colour : str
    """
    from calcigram.figure import font_points

    left, right = ax.get_xlim()
    bottom, _ = ax.get_ylim()
    width = right - left
    fitting = [bar for bar in _SCALE_BARS_MM if bar <= 0.3 * width]
    length = fitting[-1] if fitting else _SCALE_BARS_MM[0]
    x, y = left + 0.04 * width, bottom - below * width
    ax.plot([x, x + length], [y, y], color=colour, linewidth=2.5, solid_capstyle="butt", zorder=6)
    ax.text(
        x + length + 0.02 * width, y, f"{length:g} mm", va="center_baseline", color=colour,
        fontsize=font_points("font.size", share), zorder=6,
    )  # fmt: skip


def draw_marks(ax: Axes, cluster: ClusterSet, form: str | None = None) -> None:
    """Draw the calcifications of one cluster, and an entry of the legend for each kind.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    cluster : ClusterSet
        Exactly one cluster.
    form : str, optional
        Its form, where known. Amorphous calcifications of unknown or middling contrast are drawn
        faint, too, and popcorn of unknown solidity lobed.
    """
    sized = np.isfinite(cluster.diameter_mm)
    faint = sized & (cluster.cnr < FAINT_CNR)
    if form == Morphology.AMORPHOUS:
        faint = sized & ~(cluster.cnr >= 2 * FAINT_CNR)
    solidity = cluster.solidity
    if form == Morphology.POPCORN:
        solidity = np.fmin(solidity, np.float32(_POPCORN))
    lobed = sized & ~faint & (solidity < _SMOOTH)
    smooth = sized & ~faint & ~lobed
    _draw_ellipses(ax, cluster, smooth, 1.0, facecolor=BLACK, alpha=0.8)
    _draw_lobed(ax, cluster, lobed, solidity)
    for size, alpha in _HAZE:
        _draw_ellipses(ax, cluster, faint, size, facecolor=BLACK, alpha=alpha)
    # the dots keep a mark of 0.2 mm in sight where the picture spans 100 mm
    _dots(ax, cluster, smooth | lobed, 1.5, 1.0)
    _dots(ax, cluster, faint, 3.5, 0.2)
    # a legend knows no EllipseCollection; an empty line stands for it
    if (smooth | lobed).any():
        ax.plot(
            [], [], "o", color=BLACK, markersize=5, label="calcification, to size (dot: centre)"
        )
    if faint.any():
        ax.plot(
            [], [], "o", color=BLACK, alpha=0.25, markeredgewidth=0, markersize=7,
            label="faint calcification, to size",
        )  # fmt: skip
    if not sized.all():
        ax.plot(
            cluster.x_mm[~sized], cluster.y_mm[~sized], linestyle="none", marker="s", markersize=4,
            markerfacecolor="none", markeredgecolor=PURPLE, zorder=3,
            label="calcification, size unknown (not to scale)",
        )  # fmt: skip


def lobed_outlines(diameter: Floats, aspect: Floats, angle_deg: Floats, solidity: Floats) -> Floats:
    """Return outlines about the origin, lobed and of the area, shape and direction given.

    Parameters
    ----------
    diameter, aspect, angle_deg, solidity : ndarray of float, shape (n,)

    Returns
    -------
    ndarray of float, shape (n, corners, 2)

    Examples
    --------
    >>> (outline,) = lobed_outlines(*np.array([[2.0], [1.5], [30.0], [0.85]]))
    >>> x, y = outline.T
    >>> bool(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2 - np.pi) < 1e-6)
    True
    """
    which = np.arange(len(diameter))[:, None]
    depth = np.clip(2 * (1 - solidity), 0.12, 0.34)[:, None]
    turn = np.linspace(0, 2 * np.pi, _N_CORNERS, endpoint=False)
    phase = which * 2.39996  # the golden angle: neighbours in the table do not look alike
    # the root makes the lobes broad and the creases between them narrow
    crease = 1 - np.sqrt(np.abs(np.cos((6 + which % 3) * turn / 2 + phase)))
    radius = (1 - depth * crease) * (1 + 0.3 * depth * np.sin(2 * turn + 2 * phase))
    corners = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=-1)
    x, y = corners[..., 0], corners[..., 1]
    area = (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1) / 2
    corners *= (diameter / 2 * np.sqrt(np.pi / area))[:, None, None]
    stretch = np.sqrt(aspect)
    corners *= np.stack([stretch, 1 / stretch], axis=-1)[:, None]
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    rotated: Floats = corners @ np.array([[c, s], [-s, c]]).transpose(2, 0, 1)
    return rotated


def _drawn(cluster: ClusterSet, chosen: npt.NDArray[np.bool_]) -> tuple[Floats, ...]:
    """Return centres, diameters, aspect ratios and angles; a circle where the last are unknown."""
    known = np.isfinite(cluster.aspect_ratio) & np.isfinite(cluster.orientation_deg)
    aspect = np.where(known, cluster.aspect_ratio, 1.0)[chosen]
    angle = np.where(known, cluster.orientation_deg, 0.0)[chosen]
    centres = np.column_stack([cluster.x_mm, cluster.y_mm])[chosen].astype(float)
    return centres, cluster.diameter_mm[chosen].astype(float), aspect, angle


def _draw_ellipses(
    ax: Axes, cluster: ClusterSet, chosen: npt.NDArray[np.bool_], scale: float, **look: Any
) -> None:
    from matplotlib.collections import EllipseCollection

    if not chosen.any():
        return
    centres, diameter, aspect, angle = _drawn(cluster, chosen)
    # y points down on the page and in the data alike, so the angle needs no change of sign
    ax.add_collection(
        EllipseCollection(
            scale * diameter * np.sqrt(aspect), scale * diameter / np.sqrt(aspect), angle,
            units="xy", offsets=centres, offset_transform=ax.transData, edgecolor="none", zorder=3,
            **look,
        )
    )  # fmt: skip


def _draw_lobed(
    ax: Axes,
    cluster: ClusterSet,
    chosen: npt.NDArray[np.bool_],
    solidity: npt.NDArray[np.float32],
) -> None:
    from matplotlib.collections import PolyCollection

    if not chosen.any():
        return
    centres, diameter, aspect, angle = _drawn(cluster, chosen)
    outlines = lobed_outlines(diameter, aspect, angle, solidity[chosen].astype(float))
    outlines += centres[:, None]
    ax.add_collection(
        PolyCollection(list(outlines), facecolor=BLACK, edgecolor="none", alpha=0.8, zorder=3)
    )


def _dots(
    ax: Axes, cluster: ClusterSet, chosen: npt.NDArray[np.bool_], size: float, alpha: float
) -> None:
    if chosen.any():
        ax.plot(
            cluster.x_mm[chosen], cluster.y_mm[chosen], "o", color=BLACK, markersize=size,
            alpha=alpha, markeredgewidth=0, zorder=3,
        )  # fmt: skip
