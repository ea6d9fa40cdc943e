"""The verdict in words, as HTML in which every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from calcigram.charts import CONCERN_COLOURS, CONCERN_SIGNS
from calcigram.consequences import Rulebook, shipped_rulebooks
from calcigram.lexicon import CONCERNS, DISTRIBUTIONS, MORPHOLOGIES
from calcigram.report import rule_words
from calcigram.wording import outcome_words, plain

NOTICE = (
    "Research software, <b>not a medical device</b>. It describes patterns and states no diagnosis; "
    "do not use it for diagnosis or for the management of patients."
)

HEAD_HTML = f'<header><h1>calcigram</h1><div role="note" class="notice">{NOTICE}</div></header>'
"""What the page is, and what it is not; in sight whatever else is."""

_FURTHER = {
    "distribution_set": "Distributions that cannot be ruled out (conformal set)",
    "morphology_set": "Morphologies that cannot be ruled out (conformal set)",
    "novelty": "Novelty (share of simulated clusters less strange)",
    "unlike_training": "Unlike the training clusters",
    "reported_distribution": "Distribution, as the file reports it",
    "reported_morphology": "Morphology, as the file reports it",
}


def verdict_html(row: Mapping[str, Any], notes: Sequence[str] = ()) -> str:
    """Return one row of the verdict table as HTML: both readings, what follows, why to look.

    Parameters
    ----------
    row : mapping
        A row of `calcigram.classify`.
    notes : sequence of str
        What is to be said once of all that was read with it.

    Returns
    -------
    str
    """
    look = '<strong class="flag">▲ A person should look.</strong> ' if row["review"] else ""
    readings = "".join(
        f"<tr><th scope='row'>{name}</th><td>{_label(row, prefix, 'distribution')}</td>"
        f"<td>{_label(row, prefix, 'morphology')}</td>"
        f"<td>{_concern(row[f'{prefix}concern'])}<br><small>BI-RADS: {_concern(row[birads])}</small>"
        "</td></tr>"
        for name, prefix, birads in (
            ("Model", "", "model_birads_concern"),
            ("Rules", "rule_", "birads_concern"),
        )
    )
    said = "".join(f'<p class="quiet">{escape(note)}</p>' for note in notes)
    n = int(row["n_calcifications"])
    return (
        f'<section aria-live="polite" id="verdict" class="{"look" if look else "agreed"}">'
        f'<p class="reason">{look}{escape(str(row["reason"]))}</p>'
        "<table><thead><tr><th>Reading</th><th>Distribution</th><th>Morphology (form)</th>"
        "<th>Concern (article)</th></tr>"
        f"</thead><tbody>{readings}</tbody></table>{said}"
        f'<p class="quiet">{n} {"calcification" if n == 1 else "calcifications"}; '
        f"model {escape(str(row['model_version']))}</p></section>"
    )


def unread_html(why: str) -> str:
    """Return what stands in place of a verdict, where there is none of the points on the page."""
    return f'<section aria-live="polite" id="verdict"><p class="reason">{escape(why)}</p></section>'


def rules_html(row: Mapping[str, Any]) -> str:
    """Return which rules fired, and what the article and BI-RADS say of both readings' patterns."""
    texts = rule_words()
    fired = [rule for rule in str(row["rules_fired"]).split("|") if rule]
    items = "".join(
        f"<li>{escape(_with_signs(texts.get(rule, rule)))} <code>{escape(rule)}</code></li>"
        for rule in fired
    )
    patterns = {
        (str(row[f"{prefix}distribution"]), str(row[f"{prefix}morphology"])): reader
        for reader, prefix in (("the rules'", "rule_"), ("the model's", ""))
    }
    if len(patterns) == 1:
        patterns = dict.fromkeys(patterns, "both readings'")
    article, birads = shipped_rulebooks()
    views = "".join(
        f"<h2>What follows from {reader} words</h2><ul>"
        f"<li>The article: {_line(article, *pattern)}</li>"
        f"<li>BI-RADS: {_line(birads, *pattern)}</li></ul>"
        for pattern, reader in reversed(patterns.items())
    )
    return (
        f"<h2>Rules that fired</h2><ul>{items or '<li>none</li>'}</ul>{views}"
        f'<p class="quiet">The article is {escape(article.title)}; the other source is '
        f"{escape(birads.title)}.</p>"
    )


def _with_signs(text: str) -> str:
    return text.replace(">=", "≥").replace("<=", "≤")


def probabilities_html(row: Mapping[str, Any]) -> str:
    """Return the model's probabilities as bars with numbers, and further columns as they are."""
    parts = []
    for title, prefix, words in (
        ("Distribution", "p_distribution_", DISTRIBUTIONS),
        ("Morphology", "p_morphology_", MORPHOLOGIES),
        ("Concern", "p_", CONCERNS),
    ):
        shares = [row[f"{prefix}{word}"] for word in words]
        highest = max(filter(_is_number, shares), default=None)
        bars = "".join(
            _bar(plain([word])[0], p, is_first=p == highest)
            for word, p in zip(words, shares, strict=True)
        )
        parts.append(f"<h2>{title}</h2><table class='bars'>{bars}</table>")
    return "".join(parts) + _further(row)


def _further(row: Mapping[str, Any]) -> str:
    """Return sets, novelty and outcomes, so far as the table has them."""
    items = "".join(
        f"<tr><th scope='row'>{title}</th><td>{escape(_text(row[name]))}</td></tr>"
        for name, title in _FURTHER.items()
        if name in row
    )
    outcomes = f"<p>{escape(outcome_words(row))}</p>" if outcome_words(row) else ""
    return (
        (f"<h2>Sets and novelty</h2><table>{items}</table>" if items else "")
        + (f"<h2>Outcomes of others</h2>{outcomes}" if outcomes else "")
    )  # fmt: skip


def _line(book: Rulebook, distribution: str, morphology: str) -> str:
    line = book.line_for(distribution, morphology)
    advice = f" Advice: {escape(line.advice[:1].lower() + line.advice[1:])}" if line.advice else ""
    why = f" {escape(line.why)}" if line.why else ""
    source = f"<small>({escape(line.document)}, {escape(line.heading)}; {escape(line.tag)})</small>"
    return f"{_concern(line.concern)}.{advice}{why} {source}"


def _label(row: Mapping[str, Any], prefix: str, axis: str) -> str:
    word = plain([row[prefix + axis]])[0]
    probability = row.get(f"{axis}_probability") if not prefix else None
    share = f" ({probability:.0%})" if _is_number(probability) else ""
    return escape(str(word)) + share


def _concern(word: Any) -> str:
    if word not in CONCERN_SIGNS:  # missing, or the source says nothing of this pattern
        return "no answer"
    return (
        f'<span class="concern"><span style="color:{CONCERN_COLOURS[word]}" aria-hidden="true">'
        f"{CONCERN_SIGNS[word]}</span> <b>{escape(word)}</b></span>"
    )


def _bar(word: str, p: Any, *, is_first: bool) -> str:
    head = f"<th scope='row'>{escape(word)}</th>"
    if not _is_number(p):
        return f"<tr class='none'>{head}<td class='number'>–</td><td>not read</td></tr>"
    kind = "first" if is_first else "none" if p < NEGLIGIBLE else "some"
    return (
        f"<tr class='{kind}'>{head}<td class='number'>{p:.2f}</td>"
        f"<td class='track'><div style='width:{100 * p:.1f}%'></div></td></tr>"
    )


NEGLIGIBLE = 0.005
"""A probability that is shown as 0.00."""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_number(value):
        return f"{value:.3g}"
    return ", ".join(plain(value.split("|"))) if isinstance(value, str) and value else "unknown"


def _is_number(value: Any) -> bool:
    return isinstance(value, float) and value == value
