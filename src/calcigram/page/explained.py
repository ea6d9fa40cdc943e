"""An explanation as HTML: what moved the model, the rules with their margins, likes and changes.

The same as `explain.text` writes for a terminal, with tables and bars in place of signs.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from calcigram.explain.contributions import with_unit
from calcigram.explain.text import LOG_ODDS, N_FEATURES, N_MISSED, NO_EXEMPLARS
from calcigram.wording import plain

if TYPE_CHECKING:
    from calcigram.explain.contributions import WhyThisWord
    from calcigram.explain.explanation import Explanation
    from calcigram.explain.rules_applied import RuleApplied


def explanation_html(explanation: Explanation) -> str:
    """Return an explanation as HTML in which every text is escaped.

    Parameters
    ----------
    explanation : Explanation

    Returns
    -------
    str
    """
    n = explanation.n_calcifications
    parts = [
        f"<p class='quiet'>{escape(explanation.cluster_id)}: {n} "
        f"{'calcification' if n == 1 else 'calcifications'}. "
        f"{escape(LOG_ODDS if explanation.why else NO_EXEMPLARS)}</p>",
        *(_why(why) for why in explanation.why),
        _rules("Rules that decided", explanation.fired),
        _rules("Rules that one condition kept from deciding", explanation.missed[:N_MISSED]),
        _examples(explanation),
        _changes(explanation),
    ]
    return f"<section id='explanation' aria-live='polite'>{''.join(parts)}</section>"


def _why(why: WhyThisWord) -> str:
    families = sorted(why.families.items(), key=lambda item: -abs(item[1]))
    greatest = max((abs(moved) for _, moved in families), default=0.0) or 1.0
    bars = "".join(_bar(family, moved, greatest) for family, moved in families if moved)
    read, other = _plain(why.word), _plain(why.other)
    rows = "".join(
        f"<tr><td class='number'>{one.log_odds:+.2f}</td><td>{escape(one.words)}</td>"
        f"<td>{with_unit(one.median_read, one.unit)}</td>"
        f"<td>{with_unit(one.median_other, one.unit)}</td></tr>"
        for one in why.contributions[:N_FEATURES]
    )
    return (
        f"<h2>Why {read} rather than {other}</h2>"
        f"<p class='quiet'>Log-odds {why.log_odds:+.2f}, from {why.start:+.2f} before any feature "
        "counts; by family of features:</p>"
        f"<table class='bars'>{bars}</table>"
        f"<table><thead><tr><th class='number'>moved</th><th>feature</th><th>median of {read}</th>"
        f"<th>of {other}</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _bar(family: str, moved: float, greatest: float) -> str:
    kind = "more" if moved > 0 else "less"  # the sign of the number says so too
    return (
        f"<tr><th scope='row'>{escape(family)}</th><td class='number'>{moved:+.2f}</td>"
        f"<td class='track'><div class='{kind}' style='width:{100 * abs(moved) / greatest:.0f}%'>"
        "</div></td></tr>"
    )


def _rules(title: str, rules: Iterable[RuleApplied]) -> str:
    items = "".join(
        f"<li><b>{_plain(rule.word)}</b> <code>{escape(rule.rule)}</code><ul>"
        + "".join(
            f"<li>{'✓' if condition.holds else '✗'} {escape(condition.words)}</li>"
            for condition in rule.conditions
        )
        + "</ul></li>"
        for rule in rules
    )
    return f"<h2>{title}</h2><ul>{items or '<li>none</li>'}</ul>"


def _examples(explanation: Explanation) -> str:
    if not explanation.examples:
        return ""
    rows = "".join(
        f"<tr><td class='number'>{one.likeness:.0%}</td>"
        f"<td>{' and '.join(_plain(w) for w in (one.distribution, one.morphology) if w)}</td>"
        f"<td class='quiet'>{escape(one.name)}</td></tr>"
        for one in explanation.examples
    )
    return (
        "<h2>Most alike among the training clusters</h2>"
        "<p class='quiet'>Share of trees that end in the same leaf.</p>"
        f"<table><tbody>{rows}</tbody></table>"
    )


def _changes(explanation: Explanation) -> str:
    concern = explanation.model["concern"]
    if concern is None:
        return "<h2>What would turn the concern</h2><p>No concern follows that could turn.</p>"
    items = "".join(
        f"<li>{escape(change.words)}: {_plain(change.distribution)}, {_plain(change.morphology)}; "
        f"<b>{escape(str(change.concern))}</b></li>"
        for change in explanation.changes
    )
    return (
        f"<h2>The smallest change of each kind that would turn the concern ({escape(concern)})</h2>"
        f"<ul>{items or '<li>none of those searched</li>'}</ul>"
    )


def _plain(word: str) -> str:
    return escape(plain([word])[0])
