"""`explore`: the page's view in a notebook."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.formats.files import PathLike


def explore(clusters: ClusterSet | pd.DataFrame | PathLike | None = None, model: Any = None) -> Any:
    """Look at clusters by hand: draw, drag, and see what both readers make of it.

    Parameters
    ----------
    clusters : ClusterSet, pandas.DataFrame or path-like, optional
        What to show, as `classify` takes it; by default an example.
    model : Model or path-like, optional
        As `classify` takes it.

    Returns
    -------
    panel.Column
        A notebook shows it; ``.show()`` opens it in a browser.

    Raises
    ------
    CalcigramError
        The extra ``[server]`` is not installed.

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
    from calcigram.formats.registry import as_clusters
    from calcigram.model.reader import load_model
    from calcigram.page.view import View

    pn.extension()
    opened: Any = model
    if model is None or isinstance(model, str | os.PathLike):
        opened = load_model(None if model is None else Path(model))
    shown = None if clusters is None else as_clusters(clusters)
    return View(Classifier(opened, None), shown, explainer(opened)).layout()


def explainer(model: Any) -> Any:
    """Return a function from a cluster to the HTML that explains its reading."""
    from calcigram.explain import explain
    from calcigram.page.texts import explanation_html

    return lambda cluster: explanation_html(explain(cluster, model))
