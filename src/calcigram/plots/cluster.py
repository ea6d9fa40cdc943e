"""One cluster in mm: its marks, hull, spanning tree, the way to the nipple, and a scale bar.

Calcifications have their size, shape and orientation; they are soft where they are faint, lobed where notched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib import rcParams
from matplotlib.collections import EllipseCollection, LineCollection, PolyCollection
from scipy.spatial import ConvexHull, QhullError

from calcigram._kernels.tree import spanning_tree
from calcigram.charts import colours
from calcigram.features.particles import FAINT_CNR
from calcigram.figure import draw_legend, font_points, new_axes, set_title
from calcigram.lexicon import Morphology
from calcigram.plots.reading import verdict_title
from calcigram.wording import trust_lines

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from calcigram.clusters import ClusterSet

_SMOOTH = 0.95
"""Solidity from which a mark is an ellipse."""

_HAZE = ((1.6, 0.07), (1.3, 0.09), (1.0, 0.11), (0.7, 0.13), (0.4, 0.15))
"""Layers of a faint mark: size, relative to its own, and opacity."""

_POPCORN = 0.9
"""Solidity that popcorn has at most: the median of simulated ones."""

_N_CORNERS = 84


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
    ink, marker = rcParams["text.color"], rcParams["lines.markersize"]
    sized = np.isfinite(cluster.diameter_mm)
    faint = sized & (cluster.cnr < FAINT_CNR)
    if form == Morphology.AMORPHOUS:
        faint = sized & ~(cluster.cnr >= 2 * FAINT_CNR)
    solidity = cluster.solidity
    if form == Morphology.POPCORN:
        solidity = np.fmin(solidity, np.float32(_POPCORN))
    lobed = sized & ~faint & (solidity < _SMOOTH)
    smooth = sized & ~faint & ~lobed
    points = np.column_stack([cluster.x_mm, cluster.y_mm]).astype(float)
    diameter = cluster.diameter_mm.astype(float)
    known = np.isfinite(cluster.aspect_ratio) & np.isfinite(cluster.orientation_deg)
    aspect = np.where(known, cluster.aspect_ratio, 1.0)  # a circle where it is unknown
    angle = np.where(known, cluster.orientation_deg, 0.0)
    look: dict[str, Any] = {"facecolor": ink, "edgecolor": "none", "zorder": 3}

    def draw_ellipses(chosen: npt.NDArray[np.bool_], scale: float, alpha: float) -> None:
        if chosen.any():
            # y points down on the page and in the data alike, so the angle needs no change of sign
            size, stretch = scale * diameter[chosen], np.sqrt(aspect[chosen])
            ellipses = EllipseCollection(
                size * stretch, size / stretch, angle[chosen], units="xy", alpha=alpha, **look,
                offsets=points[chosen], offset_transform=ax.transData,
            )  # fmt: skip
            ax.add_collection(ellipses)

    draw_ellipses(smooth, 1.0, 0.8)
    if lobed.any():
        of_each = (diameter, aspect, angle, solidity.astype(float))
        outlines = lobed_outlines(*(values[lobed] for values in of_each)) + points[lobed, None]
        ax.add_collection(PolyCollection(list(outlines), alpha=0.8, **look))
    for scale, alpha in _HAZE:
        draw_ellipses(faint, scale, alpha)
    dot = {"color": ink, "marker": "o", "linestyle": "none", "markeredgewidth": 0, "zorder": 3}
    for chosen, size, alpha, label in (
        (smooth | lobed, 0.8, 0.8, "calcification, to size (dot: centre)"),
        (faint, 1.1, 0.25, "faint calcification, to size"),
    ):
        if not chosen.any():
            continue
        # the dots keep a mark of 0.2 mm in sight where the picture spans 100 mm
        share = 0.25 if chosen is not faint else 0.6
        ax.plot(*points[chosen].T, **dot, markersize=share * marker, alpha=alpha)
        # a legend knows no EllipseCollection; an empty line stands for it
        ax.plot([], [], **dot, markersize=size * marker, alpha=alpha, label=label)
    if not sized.all():
        ax.plot(
            *points[~sized].T, linestyle="none", marker="s", markersize=0.7 * marker,
            markerfacecolor="none", markeredgecolor=colours()[3], zorder=3,
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


Floats = npt.NDArray[np.float64]

_SCALE_BARS_MM = (0.5, 1, 2, 5, 10, 20, 50, 100)

_STRIP = 0.09
"""Height of the strip below the points, as a share of the picture's width."""


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
        Its ``figure`` attribute is the figure; ``ax.figure.savefig("cluster.svg")`` saves it.

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
        ax = new_axes(5.4, 6.6)
    points = np.column_stack([cluster.x_mm, cluster.y_mm]).astype(float)
    distinct = np.unique(points, axis=0)
    if hull and len(distinct) >= 2:
        outline = hull_outline(distinct)
        ax.plot(
            *outline.T, color=colours()[0], linestyle=(0, (5, 3)), linewidth=_line(0.75), marker="",
            label="convex hull",
        )  # fmt: skip
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


def _form(cluster: ClusterSet, verdict: Mapping[str, Any] | pd.Series | None) -> str | None:
    """Return the form that was read, or else the true one, where either is known."""
    words = [verdict.get("morphology")] if verdict is not None else []
    words += [cluster.meta[name][0] for name in ("true_morphology",) if name in cluster.meta]
    return next((word for word in words if isinstance(word, str)), None)


def _line(share: float) -> float:
    """Return a share of the line width that is set for matplotlib, in points."""
    return share * float(rcParams["lines.linewidth"])


def hull_outline(distinct: Floats) -> Floats:
    """Return the corners of the convex hull of at least two distinct points, the first one again last."""
    try:
        ring = distinct[ConvexHull(distinct).vertices]
    except (QhullError, ValueError):  # fewer than three points, or all on one line
        along = np.argsort((distinct - distinct[0]) @ (distinct[-1] - distinct[0]))
        ring = distinct[along[[0, -1]]]
    return np.vstack([ring, ring[:1]])


def draw_tree(ax: Axes, distinct: Floats) -> None:
    """Draw the spanning tree of at least two distinct points."""
    x, y = np.ascontiguousarray((distinct - distinct.mean(axis=0)).T, np.float32)
    parent = spanning_tree(x, y).parent
    joined = np.flatnonzero(parent >= 0)
    segments = np.stack([distinct[joined], distinct[parent[joined]]], axis=1)
    lines = LineCollection(
        list(segments),
        colors=colours()[1],
        linewidths=_line(0.7),
        linestyles="-",
        zorder=2,
        label="spanning tree",
    )
    ax.add_collection(lines)


def _frame(ax: Axes, points: Floats, reach_mm: float) -> None:
    """Show all points, whatever reaches `reach_mm` beyond them, and below a strip for the scale."""
    if len(points) == 0:
        points = np.zeros((1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    half = max(extent / 2 * 1.25, extent / 2 + reach_mm, 0.75)
    centre = (low + high) / 2
    ax.set_xlim(centre[0] - half, centre[0] + half)
    ax.set_ylim(centre[1] + half * (1 + 2 * _STRIP), centre[1] - half)
    ax.set_aspect("equal")
    ax.set(xlabel="x (mm)", ylabel="y (mm, downwards)")


def draw_nipple_direction(ax: Axes, cluster: ClusterSet, points: Floats) -> None:
    """Draw an arrow at the edge of some axes, towards the nipple of the one cluster, if it is known."""
    nipple = np.array([cluster.nipple_x_mm[0], cluster.nipple_y_mm[0]], dtype=float)
    if not np.isfinite(nipple).all() or len(points) == 0:
        return
    way = nipple - points.mean(axis=0)
    distance = float(np.hypot(*way))
    if distance == 0:
        return
    green = colours()[2]
    # the axes' y runs down, their fraction coordinates run up; between the points and the frame
    across, up = np.array([way[0], -way[1]]) / np.abs(way).max()
    ax.annotate(
        "", xy=(0.5 + 0.495 * across, 0.5 + 0.495 * up), xytext=(0.5 + 0.43 * across, 0.5 + 0.43 * up),
        xycoords="axes fraction", zorder=5,
        arrowprops={"arrowstyle": "-|>", "color": green, "linewidth": _line(1.1), "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    ax.plot(
        [], [], color=green, marker=">", linestyle="-", label=f"to the nipple, {distance:.0f} mm"
    )


def draw_scale_bar(
    ax: Axes, below: float = 0.5 * _STRIP, share: float = 1.0, colour: str | None = None
) -> None:
    """Draw a scale bar and its length.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        In mm.
    below : float
        How far above the lower edge, as a share of the width; by default in the strip that
        `plot_cluster` keeps clear below the points.
    share : float
        Size of the text, as a share of ``font.size``.
    colour : str, optional
        Default: that of text.
    """
    ink = colour or rcParams["text.color"]
    left, right = ax.get_xlim()
    bottom, _ = ax.get_ylim()
    width = right - left
    fitting = [bar for bar in _SCALE_BARS_MM if bar <= 0.3 * width]
    length = fitting[-1] if fitting else _SCALE_BARS_MM[0]
    x, y = left + 0.04 * width, bottom - below * width
    ax.plot(
        [x, x + length], [y, y], color=ink, linewidth=_line(1.7), linestyle="-", marker="",
        solid_capstyle="butt", label="_scale bar", zorder=6,
    )  # fmt: skip
    ax.text(
        x + length + 0.02 * width, y, f"{length:g} mm", va="center_baseline", color=ink,
        fontsize=share * font_points("font.size"), zorder=6,
    )  # fmt: skip
