"""Calcifications to size, shape and orientation in mm; soft where they are faint, lobed where notched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.charts import colours
from calcigram.features.particles import FAINT_CNR
from calcigram.lexicon import Morphology

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from calcigram.clusters import ClusterSet

Floats = npt.NDArray[np.float64]

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
    from matplotlib import rcParams

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
    _draw_ellipses(ax, cluster, smooth, 1.0, facecolor=ink, alpha=0.8)
    _draw_lobed(ax, cluster, lobed, solidity, facecolor=ink, alpha=0.8)
    for size, alpha in _HAZE:
        _draw_ellipses(ax, cluster, faint, size, facecolor=ink, alpha=alpha)
    points = np.column_stack([cluster.x_mm, cluster.y_mm])
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
    **look: Any,
) -> None:
    from matplotlib.collections import PolyCollection

    if not chosen.any():
        return
    centres, diameter, aspect, angle = _drawn(cluster, chosen)
    outlines = lobed_outlines(diameter, aspect, angle, solidity[chosen].astype(float))
    outlines += centres[:, None]
    ax.add_collection(PolyCollection(list(outlines), edgecolor="none", zorder=3, **look))
