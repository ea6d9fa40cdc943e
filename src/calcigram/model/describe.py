"""A model in a line, and as a table for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from calcigram.lexicon import AXES

if TYPE_CHECKING:
    from calcigram.model.reader import Model


def model_line(model: Model) -> str:
    """Return the version of a model and how many words it knows."""
    words = ", ".join(
        f"{len(head.classes)} words of {head.axis}" if head.classes else f"reads no {head.axis}"
        for head in model.heads
    )
    return f"<Model {model.version}: {words}>"


def model_html(model: Model) -> str:
    """Return what a model reads, and how well it did on clusters held out of its training."""
    import pandas as pd

    reached = model.card.get("held_out", {})
    rows = [
        {
            "axis": head.axis,
            "words": ", ".join(AXES[head.axis].words[code] for code in head.classes),
            **reached.get(head.axis, {}),
        }
        for head in model.heads
    ]
    table = pd.DataFrame(rows).to_html(index=False, na_rep="")
    return f"<p>{escape(model_line(model))}; figures of held-out clusters:</p>{table}"
