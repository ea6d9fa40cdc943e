"""The texts of the page on one cluster, as HTML: verdict, rules, probabilities, explanation.

The HTML stands in ``templates/page.html.j2``, where every text is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from calcigram.charts import CONCERN_COLOURS, CONCERN_SIGNS
from calcigram.consequences import shipped_rulebooks
from calcigram.explain.text import LOG_ODDS, N_FEATURES, N_MISSED, NO_EXEMPLARS
from calcigram.features.catalogue import with_unit
from calcigram.htmlfile import templates
from calcigram.readings import PROBABILITIES
from calcigram.report import rule_words
from calcigram.wording import outcome_words, plain, printable

if TYPE_CHECKING:
    from calcigram.explain.explanation import Explanation

ATLAS_PATH = "/atlas"
"""Where a server has the atlas."""


READING_HTML = "<p role='status'>Reading the file; in an image, calcifications are detected, which takes some seconds …</p>"

NEGLIGIBLE = 0.005
"""A probability that is shown as 0.00."""

_FURTHER = {
    "distribution_set": "Distributions that cannot be ruled out (conformal set)",
    "morphology_set": "Morphologies that cannot be ruled out (conformal set)",
    "novelty": "Novelty (share of simulated clusters less strange)",
    "unlike_training": "Unlike the training clusters",
    "reported_distribution": "Distribution, as the file reports it",
    "reported_morphology": "Morphology, as the file reports it",
}


def head_html(*, has_atlas: bool) -> str:
    """Return what the page is, and what it is not; always in sight.

    Parameters
    ----------
    has_atlas : bool
        Whether the server of the page has the atlas.
    """
    # relative, so that it holds behind a proxy that serves the page below a path
    return str(_macros().head(ATLAS_PATH[1:] if has_atlas else ""))


def verdict_html(row: Mapping[str, Any], notes: Sequence[str] = ()) -> str:
    """Return one row of the verdict table: both readings, what follows, why to look.

    Parameters
    ----------
    row : mapping
        A row of `calcigram.classify`.
    notes : sequence of str
        Notes on all clusters that were read together.

    Returns
    -------
    str
    """
    return str(_macros().verdict(row, notes))


def unread_html(why: str) -> str:
    """Return what stands in place of a verdict, where there is none of the points on the page."""
    return str(_macros().unread(why))


def message_html(message: str) -> str:
    """Return a message, such as why a file was refused; empty without one."""
    return str(_macros().message(message)) if message else ""


def image_html(notes: Sequence[str], n_not_grown: int = 0, n_twice: int = 0) -> str:
    """Return what an image was read as, what the signs on it mean, and which points were not measured.

    Parameters
    ----------
    notes : sequence of str
        What was assumed, found and left out.
    n_not_grown : int
        Points on which no outline could be grown.
    n_twice : int
        Points that were taken away, as they lie on a calcification that is marked already.

    Returns
    -------
    str
    """
    return str(_macros().image(notes, n_not_grown, n_twice))


def rules_html(row: Mapping[str, Any]) -> str:
    """Return which rules fired, and what the article and BI-RADS say of both readings' patterns."""
    texts = rule_words()
    fired = [
        (rule, texts.get(rule, rule).replace(">=", "≥").replace("<=", "≤"))
        for rule in str(row["rules_fired"]).split("|")
        if rule
    ]
    model, rules = (
        (str(row[f"{prefix}distribution"]), str(row[f"{prefix}morphology"]))
        for prefix in ("", "rule_")
    )
    views = [("the model's", model), ("the rules'", rules)]
    if model == rules:
        views = [("both readings'", model)]
    return str(_macros().rules(fired, views, *shipped_rulebooks()))


def probabilities_html(row: Mapping[str, Any]) -> str:
    """Return the model's probabilities as bars with numbers, and further columns as they are."""
    axes = [
        (axis.capitalize(), {word: row[name] for name, word in columns.items()})
        for axis, columns in PROBABILITIES.items()
    ]
    further = [(title, _text(row[name])) for name, title in _FURTHER.items() if name in row]
    return str(_macros().probabilities(axes, further, outcome_words(row)))


def explanation_html(explanation: Explanation) -> str:
    """Return an explanation; the same as `explain.text` writes for a terminal, with bars.

    Parameters
    ----------
    explanation : Explanation

    Returns
    -------
    str
    """
    introduction = LOG_ODDS if explanation.why else NO_EXEMPLARS
    return str(_macros().explanation(explanation, introduction, N_FEATURES, N_MISSED))


@cache
def _macros() -> Any:
    environment = templates()
    environment.filters |= {
        "with_unit": with_unit,
        "printable": printable,
        "by_size": lambda shares: sorted(shares.items(), key=lambda item: -abs(item[1])),
    }
    environment.tests["known"] = _is_number
    environment.globals |= {
        "signs": CONCERN_SIGNS,
        "colours": CONCERN_COLOURS,
        "negligible": NEGLIGIBLE,
    }
    return environment.get_template("page.html.j2").module


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_number(value):
        return f"{value:.3g}"
    return ", ".join(plain(value.split("|"))) if isinstance(value, str) and value else "unknown"


def _is_number(value: Any) -> bool:
    return isinstance(value, float) and value == value
