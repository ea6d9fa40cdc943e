"""HTML files that need no other: templates of ``templates/`` filled, pictures embedded, written whole.

What they show is defined in `report` and `atlas`.
"""

from __future__ import annotations

import base64
import io
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram._version import __version__
from calcigram.charts import CONCERN_SIGNS
from calcigram.wording import counted, for_pages, plain

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.axes import Axes

NOTICE = (
    "Not a medical device; not cleared or approved by any authority. Trained on simulated data. It "
    "describes patterns and states no diagnosis; do not use it for diagnosis or for the management "
    "of patients."
)


def picture(ax: Axes, *, dpi: int = 90, **options: Any) -> str:
    """Return the figure of some axes as base64 text, for a ``data:`` address.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Any axes of the figure.
    dpi : int
        Dots an inch.
    **options
        Of ``Figure.savefig``; by default those of PNG.

    Examples
    --------
    >>> from calcigram.charts import plot_confusion
    >>> picture(plot_confusion([[1]]))[:5]
    'iVBOR'
    """
    buffer = io.BytesIO()
    figure = ax.get_figure(root=True)
    assert figure is not None
    options = options or {"format": "png", "metadata": {"Software": None}}
    figure.savefig(buffer, dpi=dpi, **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def render(template: str, path: str | PathLike[str], **values: Any) -> Path:
    """Fill a template of ``templates/`` and write it, whole or not at all.

    Parameters
    ----------
    template : str
        File name of the template.
    path : str or path-like
        File to write.
    **values : object
        What the template names; a name without a value is an error.

    Returns
    -------
    pathlib.Path
        The file.
    """
    return write_text(path, filled(template, **values))


def filled(template: str, **values: Any) -> str:
    """Return a filled template of ``templates/``.

    Parameters
    ----------
    template : str
        File name of the template.
    **values : object
        What the template names; a name without a value is an error.
    """
    found = templates().get_template(template)
    return found.render(notice=NOTICE, version=__version__, signs=CONCERN_SIGNS, **values)


def templates(*, escape: bool = True) -> Environment:
    """Return an environment of ``templates/``; a name without a value is an error.

    Parameters
    ----------
    escape : bool
        Whether texts are escaped, as HTML needs it.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("calcigram", "templates"),
        autoescape=escape,
        finalize=for_pages,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": lambda word: plain([word])[0], "counted": counted}
    return environment


def write_text(path: str | PathLike[str], text: str) -> Path:
    """Write a text file, whole or not at all.

    Parameters
    ----------
    path : str or path-like
    text : str

    Returns
    -------
    pathlib.Path
        The file.
    """
    from calcigram.formats import atomic_path

    with atomic_path(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
    return Path(path)
