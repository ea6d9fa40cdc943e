"""The page: one view of clusters that are drawn, dragged and loaded; `explore` shows it in a notebook."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.mammogram import Mammogram

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.formats.files import PathLike
    from calcigram.page.files import Opened


def explore(
    clusters: ClusterSet | pd.DataFrame | PathLike | Mammogram | npt.NDArray[Any] | None = None,
    model: Any = None,
    *,
    spacing_mm: float | Sequence[float] | None = None,
) -> Any:
    """Look at clusters by hand: draw, drag, and see what both readers make of it.

    Parameters
    ----------
    clusters : ClusterSet, pandas.DataFrame, path-like, Mammogram or ndarray, optional
        What to show, as `classify` takes it; by default an example. In a mammogram (a file, grey values or
        `Mammogram`), calcifications are detected; it is shown under them, and a click adds one that was missed.
    model : Model or path-like, optional
        As `classify` takes it.
    spacing_mm : float or (float, float), optional
        Size of a mammogram's pixel in mm, or (row, column); needed where its file does not state it.

    Returns
    -------
    panel.Column
        A notebook shows it; ``.show()`` opens it in a browser.

    Raises
    ------
    CalcigramError
        The extra ``[server]`` is not installed, or the file or image is refused.

    Examples
    --------
    >>> import calcigram
    >>> view = explore(calcigram.simulate(3, seed=1))  # doctest: +SKIP
    """
    from calcigram.errors import CalcigramError
    from calcigram.formats.extras import how_to_install

    try:
        import panel as pn
    except ImportError:
        raise CalcigramError(f"explore needs Panel: {how_to_install('server')}") from None
    from calcigram.classify import Classifier
    from calcigram.model.reader import load_model
    from calcigram.page.view import View

    pn.extension()
    opened: Any = model
    if model is None or isinstance(model, str | os.PathLike):
        opened = load_model(None if model is None else Path(model))
    shown = None if clusters is None else _opened(clusters, spacing_mm)
    return View(Classifier(opened, None), shown, explainer(opened)).layout()


def _opened(given: Any, spacing_mm: float | Sequence[float] | None) -> Opened:
    """Return clusters as they are, or those detected in a mammogram, with its picture."""
    from calcigram.detect.images import as_mammogram
    from calcigram.errors import BadInputError
    from calcigram.formats.registry import as_clusters, content_of
    from calcigram.options import ReadOptions
    from calcigram.page.files import Opened, detected

    is_image = isinstance(given, np.ndarray | Mammogram)
    if isinstance(given, str | os.PathLike):
        is_image = content_of(given, ReadOptions()) == "mammogram"
    if is_image:
        return Opened(*detected(as_mammogram(given, spacing_mm)))
    if spacing_mm is not None:
        raise BadInputError("no spacing_mm beside clusters, which are in mm")
    return Opened(as_clusters(given))


def explainer(model: Any) -> Any:
    """Return a function from a cluster to the HTML that explains its reading."""
    from calcigram.explain import explain
    from calcigram.page.texts import explanation_html

    return lambda cluster: explanation_html(explain(cluster, model))
