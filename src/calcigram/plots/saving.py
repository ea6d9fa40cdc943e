"""Pictures as files: the text of SVG and PDF stays text, which can be searched and edited."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def save_picture(picture: Axes | Figure, path: str | os.PathLike[str], **options: Any) -> Path:
    """Save a figure; in SVG and PDF its text stays text, whatever ``rcParams`` say.

    Figures that calcigram makes do so by themselves, with ``savefig``; this is for axes in a
    figure of your own.

    Parameters
    ----------
    picture : matplotlib.axes.Axes or matplotlib.figure.Figure
        Axes stand for their whole figure.
    path : str or path-like
        File to write; its suffix says the format.
    **options
        Of `matplotlib.figure.Figure.savefig`.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> from calcigram import ClusterSet, plot_cluster
    >>> ax = Figure().add_subplot()
    >>> cluster = ClusterSet.from_arrays([0, 3], [0, 1, 2], [0, 0.5, 0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_picture(plot_cluster(cluster, ax=ax), f"{folder}/cluster.svg")
    ...     "convex hull" in path.read_text()
    True
    """
    from calcigram.figure import text_as_text

    figure: Any = picture.get_figure(root=True)
    with text_as_text():
        figure.savefig(path, **options)
    return Path(path)
