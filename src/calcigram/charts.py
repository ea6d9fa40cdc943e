"""Pictures of results, for every eye: confusion matrices and calibration curves; the palette.

It draws numbers it is given and computes none but the intervals it shows. Pictures of
clusters are in `plots`. Colours are those of Okabe and Ito ("Color Universal Design",
2008) or of the user's style sheet, and no meaning rests on colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import Concern
from calcigram.wording import plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#666666"

CONCERN_COLOURS: dict[str, str] = {
    Concern.BENIGN: BLUE,
    Concern.INTERMEDIATE: "#B07A00",  # Okabe-Ito orange, darkened until it reads as text on white
    Concern.SUSPICIOUS: VERMILION,
}
CONCERN_SIGNS: dict[str, str] = {
    Concern.BENIGN: "○",
    Concern.INTERMEDIATE: "◐",
    Concern.SUSPICIOUS: "●",
}
"""A symbol for each concern, so that it is distinguishable without colour."""

_PALETTE = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY)


def colours() -> list[str]:
    """Return six colours: those of the user's style sheet, or else those of Okabe and Ito.

    Examples
    --------
    >>> from matplotlib import style
    >>> with style.context("grayscale"):
    ...     colours()[:2]
    ['0.00', '0.40']
    """
    from calcigram.figure import setting

    chosen = setting("axes.prop_cycle", None)
    own = [] if chosen is None else chosen.by_key().get("color", [])
    return list(islice(cycle(own or _PALETTE), len(_PALETTE)))


def plot_confusion(
    counts: npt.ArrayLike | pd.DataFrame,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    *,
    row_title: str = "truth",
    column_title: str = "reading",
    title: str = "",
) -> Axes:
    """Draw a confusion or agreement matrix: counts in words, shares of the row as shade.

    Parameters
    ----------
    counts : array_like of int or pandas.DataFrame, shape (R, K)
        Rows are what is held true (or the first reader), columns what was read.
    row_labels, column_labels : sequence of str, optional
        Default: the index and columns of a DataFrame, else numbers.
    ax : matplotlib.axes.Axes, optional
        Default: axes of a new figure that pyplot does not know.
    row_title, column_title, title : str
        Axis and figure titles.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from calcigram.charts import plot_confusion
    >>> ax = plot_confusion([[8, 2], [1, 9]], ["a", "b"], ["a", "b"])
    >>> [text.get_text() for text in ax.texts]
    ['8', '2', '1', '9']
    """
    import pandas as pd

    from calcigram.figure import new_axes, setting

    given: Any = counts
    table = pd.DataFrame(given)
    rows = table.index if row_labels is None else row_labels
    columns = table.columns if column_labels is None else column_labels
    matrix = table.to_numpy(float)
    if ax is None:
        ax = new_axes(1.6 + 0.55 * matrix.shape[1], 1.4 + 0.45 * matrix.shape[0])
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    shade = ax.imshow(
        shares, cmap=setting("image.cmap", "Blues"), vmin=0.0, vmax=1.0, aspect="auto"
    )
    for (i, j), value in np.ndenumerate(matrix):
        luminance = np.dot(shade.to_rgba(shares[i, j])[:3], (0.299, 0.587, 0.114))
        ax.text(
            j, i, f"{value:g}", ha="center", va="center", color="white" if luminance < 0.5 else "black"
        )  # fmt: skip
    ax.set_xticks(range(matrix.shape[1]), plain(columns), rotation=40)
    for label in ax.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    ax.set_yticks(range(matrix.shape[0]), plain(rows))
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.set_xlabel(column_title)
    ax.set_ylabel(row_title)
    ax.set_title(title)
    return ax


def plot_calibration(
    confidence: npt.ArrayLike,
    correct: npt.ArrayLike,
    ax: Axes | None = None,
    *,
    n_bins: int = 10,
    label: str = "model",
    title: str = "",
) -> Axes:
    """Draw how often a reading was right against how sure it was (a reliability diagram).

    Parameters
    ----------
    confidence : array_like of float, shape (n,)
        Top probability of each reading, 0-1; NaN is left out.
    correct : array_like of bool, shape (n,)
        Whether the reading was right.
    ax : matplotlib.axes.Axes, optional
        Default: axes of a new figure that pyplot does not know.
    n_bins : int
        Bins of equal width.
    label, title : str
        Name of the curve, and of the picture.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Dots stand at the mean confidence and share right of each bin; bars are 95 % Wilson
    intervals. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.

    Examples
    --------
    >>> ax = plot_calibration([0.55, 0.65, 0.95, 0.97], [True, False, True, True])
    >>> ax.get_ylabel()
    'share right'
    """
    sure = np.asarray(confidence, dtype=float)
    right = np.asarray(correct, dtype=float)[np.isfinite(sure)]
    sure = sure[np.isfinite(sure)]
    bins = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    filled = np.unique(bins)
    return plot_reliability(
        [sure[bins == b].mean() for b in filled],
        [right[bins == b].mean() for b in filled],
        [(bins == b).sum() for b in filled],
        ax,
        label=label,
        title=title,
    )


def plot_reliability(
    confidence: npt.ArrayLike,
    accuracy: npt.ArrayLike,
    count: npt.ArrayLike,
    ax: Axes | None = None,
    *,
    label: str = "model",
    title: str = "",
) -> Axes:
    """Draw a calibration curve that has been binned before.

    Parameters
    ----------
    confidence, accuracy : array_like of float, shape (B,)
        Mean probability and share right of each bin.
    count : array_like of int, shape (B,)
        Readings in each bin; they decide the length of the bars (95 % Wilson intervals).
    ax : matplotlib.axes.Axes, optional
        Default: axes of a new figure that pyplot does not know.
    label, title : str
        Name of the curve, and of the picture.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> plot_reliability([0.5, 0.9], [0.4, 1.0], [10, 20]).get_xlabel()
    'top probability'
    """
    from calcigram.figure import new_axes, setting

    if ax is None:
        ax = new_axes(4.8, 4.8)
    x, y = np.asarray(confidence, dtype=float), np.asarray(accuracy, dtype=float)
    low, high = wilson_interval(y, np.asarray(count))
    ax.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="perfect calibration")
    ax.errorbar(
        x, y, yerr=[np.maximum(y - low, 0), np.maximum(high - y, 0)],
        color=colours()[0], marker="o", capsize=2, label=label,
    )  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="top probability", ylabel="share right", aspect="equal")
    ax.legend(frameon=setting("legend.frameon", False), loc="upper left")
    ax.set_title(title)
    return ax


def wilson_interval(
    share: npt.NDArray[np.float64], n: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return both ends of the 95 % Wilson interval of shares of n.

    Parameters
    ----------
    share : ndarray of float64
    n : ndarray of int64
    """
    z = 1.959964  # 97.5 % point of the normal distribution
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return centre - half, centre + half
