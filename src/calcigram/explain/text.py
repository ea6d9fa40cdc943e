"""An explanation as text for a terminal, and as a picture: the cluster, and what moved the model."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from calcigram.charts import colours
from calcigram.consequences import load_rulebook
from calcigram.crosscheck.reasons import label_words
from calcigram.explain.contributions import WhyThisWord
from calcigram.features.catalogue import feature_words, with_unit
from calcigram.model.calibrate import COVERAGE
from calcigram.wording import outcome_words, plain, printable, set_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from calcigram.explain.explanation import Explanation, RuleApplied
    from calcigram.figure import Picture

N_FEATURES = 6
"""Features named for each axis; the JSON holds all."""

N_MISSED = 4

_BAR = 16

NO_EXEMPLARS = (
    "This model keeps no exemplars, so nothing can be said of what moved it or what is like this "
    "cluster: name labelled clusters to compare with (--reference FILE), or train it anew."
)
LOG_ODDS = (
    "The numbers below are log-odds: +0.7 doubles the odds of the word read against the other, "
    "-0.7 halves them."
)


def explanation_text(explanation: Explanation, width: int = 79) -> str:
    """Return the explanation as lines of at most `width` characters.

    Parameters
    ----------
    explanation : Explanation
    width : int
        At least 60.
    """
    width = max(width, 60)
    lines = [*_head(explanation), ""]
    if explanation.why:
        lines += [LOG_ODDS, ""]
    for why in explanation.why:
        lines += [*_why(why), ""]
    if not explanation.why:
        lines += [NO_EXEMPLARS, ""]
    lines += [*_rules(explanation), "", *_examples(explanation), *_changes(explanation)]
    return "\n".join(_wrapped(lines, width)) + "\n"


def _head(explanation: Explanation) -> Iterator[str]:
    model, rules = explanation.model, explanation.rules
    noun = "calcification" if explanation.n_calcifications == 1 else "calcifications"
    yield f"{printable(explanation.cluster_id)}: {explanation.n_calcifications} {noun}"
    yield (
        f"  Model: {_label('distribution', model)}, {_label('morphology', model)}; "
        f"concern {_word(model['concern'], model['concern_probability'])}, under BI-RADS "
        f"{_plain(model['birads_concern'])}"
    )
    yield (
        f"  Rules: {_label('distribution', rules)}, {_label('morphology', rules)}; concern "
        f"{_plain(rules['concern'])}, under BI-RADS {_plain(rules['birads_concern'])}"
    )
    yield f"  Concern: what the article says of a pattern ({load_rulebook('article').title})."
    look = "A person should look. " if explanation.review else ""
    yield f"  {look}{explanation.reason}"
    sets = set_words(model)
    if sets:
        yield f"  May be, at a coverage of {COVERAGE:.0%}: {sets}"
    if model["unlike_training"]:
        why = model["looks_like"] or "nothing like it was among the training clusters"
        yield f"  Trust nothing here: {why} (novelty {model['novelty']:.2f})."
    outcomes = outcome_words(explanation.risk)
    if outcomes:
        yield f"  Outcomes: {outcomes}"


def _why(why: WhyThisWord) -> Iterator[str]:
    yield (
        f"Why {_plain(why.word)} rather than {_plain(why.other)}: log-odds {why.log_odds:+.2f}, "
        f"from {why.start:+.2f} before any feature counts"
    )
    families = sorted(why.families.items(), key=lambda item: -abs(item[1]))
    greatest = max((abs(sum_) for _, sum_ in families), default=0.0) or 1.0
    for family, sum_ in families:
        if sum_:
            bar = ("#" if sum_ > 0 else "-") * max(1, round(_BAR * abs(sum_) / greatest))
            yield f"  {family:<10} {sum_:+6.2f}  {bar}"
    yield f"  the {N_FEATURES} features that moved it most:"
    for one in why.contributions[:N_FEATURES]:
        medians = [with_unit(m, one.unit) for m in (one.median_read, one.median_other)]
        yield (
            f"  {one.log_odds:+6.2f}  {one.words} "
            f"({_plain(why.word)} {medians[0]}, {_plain(why.other)} {medians[1]})"
        )


def _rules(explanation: Explanation) -> Iterator[str]:
    yield "Rules that decided:" if explanation.fired else "No rule decided."
    for rule in explanation.fired:
        yield from _rule(rule)
    if explanation.missed:
        yield "Rules that one condition kept from deciding:"
        for rule in explanation.missed[:N_MISSED]:
            yield from _rule(rule, only_failed=True)


def _rule(rule: RuleApplied, *, only_failed: bool = False) -> Iterator[str]:
    yield f"  {rule.rule} ({_plain(rule.word)})"
    for condition in rule.conditions:
        if not (only_failed and condition.holds):
            yield f"    {condition.words}"


def _examples(explanation: Explanation) -> Iterator[str]:
    if not explanation.examples:
        return
    yield "Most alike among the training clusters (share of trees that end in the same leaf):"
    for one in explanation.examples:
        words = " and ".join(_plain(w) for w in (one.distribution, one.morphology) if w)
        yield f"  {one.likeness:5.0%}  {words}  ({printable(one.name)})"
    yield ""


def _changes(explanation: Explanation) -> Iterator[str]:
    concern = explanation.model["concern"]
    if concern is None:
        yield "No concern follows that a change could turn."
        return
    if not explanation.changes:
        yield f"No change that was searched turns the concern ({concern})."
        return
    yield f"The smallest change of each kind that would turn the concern ({concern}):"
    for change in explanation.changes:
        yield (
            f"  {change.words}: {_plain(change.distribution)}, {_plain(change.morphology)}; "
            f"{change.concern}"
        )


def _wrapped(lines: list[str], width: int) -> Iterator[str]:
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        yield from textwrap.wrap(
            line, width, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False
        ) or [""]


def _plain(word: Any) -> str:
    return "none" if word is None else feature_words(str(word))


def _word(word: Any, probability: float) -> str:
    return _plain(word) + (f" ({probability:.2f})" if probability == probability else "")


def _label(axis: str, words: dict[str, Any]) -> str:
    """Return a reader's label in words, with its probability where there is one."""
    return _word(label_words(axis, words[axis]), words.get(f"{axis}_probability", float("nan")))


N_DRAWN = 4


def explanation_picture(explanation: Explanation) -> Picture:
    """Draw an explanation.

    Parameters
    ----------
    explanation : Explanation

    Returns
    -------
    matplotlib.figure.Figure
        Left the cluster, the calcifications whose loss would turn the concern ringed; right the
        families of features and the single features that moved each axis most.
    """
    from calcigram.figure import Picture, setting
    from calcigram.plots import plot_cluster

    figure = Picture(figsize=setting("figure.figsize", (13, 8)), layout="constrained")
    left, *right = figure.subplot_mosaic(
        [["cluster", "first"], ["cluster", "second"]] if len(explanation.why) > 1
        else [["cluster", "first"]] if explanation.why else [["cluster"]],
        width_ratios=[1, 1.15] if explanation.why else [1],
    ).values()  # fmt: skip
    verdict = explanation.model | {f"rule_{k}": v for k, v in explanation.rules.items()}
    verdict |= explanation.risk
    plot_cluster(explanation.cluster, verdict, left)
    _ring(explanation, left)
    for why, ax in zip(explanation.why, right, strict=True):
        _draw_why(why, ax)
    return figure


def _ring(explanation: Explanation, ax: Axes) -> None:
    from matplotlib import rcParams

    from calcigram.figure import draw_legend

    removal = next((c for c in explanation.changes if c.kind == "remove"), None)
    if removal is None:
        return
    gone = list(removal.calcifications)
    cluster = explanation.cluster
    ax.plot(
        cluster.x_mm[gone], cluster.y_mm[gone], "o", markersize=2.2 * rcParams["lines.markersize"],
        markerfacecolor="none", markeredgecolor=colours()[4], linestyle="none", zorder=4,
        markeredgewidth=rcParams["lines.linewidth"],
        label=f"without these: {removal.concern}",
    )  # fmt: skip
    draw_legend(ax)


def _draw_why(why: WhyThisWord, ax: Axes) -> None:
    from matplotlib import rcParams

    from calcigram.figure import set_title

    blue, orange, *_ = colours()
    families = [(name, value) for name, value in why.families.items() if value]
    bars = sorted(families, key=lambda item: -abs(item[1]))
    bars += [(f"   {one.words}", one.log_odds) for one in why.contributions[:N_DRAWN]]
    places = [i + 0.6 * (i >= len(families)) for i in range(len(bars))]
    values = [value for _, value in bars]
    drawn = ax.barh(places, values, color=[blue if v > 0 else orange for v in values], height=0.7)
    ax.bar_label(drawn, [f"{v:+.2f}" for v in values], padding=2)
    ax.set_yticks(places, [name for name, _ in bars])
    ax.invert_yaxis()
    ax.axvline(0, color=rcParams["text.color"], linewidth=rcParams["axes.linewidth"])
    ax.margins(x=0.18)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    read, other = plain([why.word, why.other])
    set_title(ax, f"{read} rather than {other}: log-odds {why.log_odds:+.2f}")
    ax.set_xlabel("families, and below them the features that moved it most (log-odds)")
