"""Which marks of a set of clusters were missing where readings could not be compared: one sentence.

It counts over many clusters, part by part; what was not compared of one cluster, its reason says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.columns import Words
from calcigram.lexicon import AXES, Status

FORM_MARKS = AXES["morphology"].needs

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet


def count_missing(clusters: ClusterSet, verdicts: Any) -> Counter[str]:
    """Count the clusters whose morphology a reader could not read, and the marks they lack.

    Parameters
    ----------
    clusters : ClusterSet
        C clusters.
    verdicts : mapping of str to Words or array_like
        Their verdicts, as a DataFrame or as columns; ``morphology`` and ``rule_morphology`` are
        looked at.

    Returns
    -------
    collections.Counter
        ``clusters``; ``uncompared``: those whose morphology a reader left unread; ``model``: those
        whose morphology the model left unread; and, by mark, the uncompared ones that lack it. Counts
        of several parts are added.
    """
    by_model, by_rules = (_is_unread(verdicts[name]) for name in ("morphology", "rule_morphology"))
    lacks = {}
    for mark in FORM_MARKS:
        n_known = np.concatenate([[0], np.cumsum(np.isfinite(getattr(clusters, mark)))])
        lacks[mark] = n_known[clusters.offsets[1:]] == n_known[clusters.offsets[:-1]]
    # A model without a morphology leaves it unread where no mark is missing.
    uncompared = by_rules | (by_model & np.logical_or.reduce([*lacks.values()]))
    uncompared &= clusters.n_calcifications > 0
    counts = Counter(
        clusters=len(clusters),
        uncompared=int(uncompared.sum()),
        model=int((uncompared & by_model).sum()),
    )
    counts.update({mark: int((lacks[mark] & uncompared).sum()) for mark in FORM_MARKS})
    return counts


def missing_words(counts: Mapping[str, int]) -> str:
    """Return the sentence; empty where every morphology could be compared.

    Parameters
    ----------
    counts : mapping of str to int
        As `count_missing` gives them.

    Examples
    --------
    >>> missing_words({"clusters": 9, "uncompared": 9, "model": 0, "aspect_ratio": 9, "solidity": 9})
    '9 of 9 clusters lack aspect_ratio and solidity: the rules cannot read their morphology, so the
    two readings are compared on the distribution alone, and nothing checks the morphology that the
    model reads.'
    """
    n, n_model = counts.get("uncompared", 0), counts.get("model", 0)
    if not n:
        return ""
    marks = [mark for mark in FORM_MARKS if 2 * counts.get(mark, 0) > n]
    lacked = " and ".join(filter(None, [", ".join(marks[:-1]), *marks[-1:]])) or "marks"
    who = "neither the model nor the rules can" if n_model == n else "the rules cannot"
    cost = "and nothing checks the morphology that the model reads"
    if n_model == n:
        cost = "and its concern rests on that" if n == 1 else "and every concern rests on that"
    elif n_model:
        cost += f" (in {n_model} of them it reads none)"
    one = counts["clusters"] == 1
    what = (
        f"This cluster lacks {lacked}"
        if one
        else f"{n} of {counts['clusters']} clusters {'lacks' if n == 1 else 'lack'} {lacked}"
    )
    return (
        f"{what}: {who} read {'its' if n == 1 else 'their'} morphology, so the two "
        f"readings are compared on the distribution alone, {cost}."
    )


def missing_note(clusters: ClusterSet, verdicts: Any) -> list[str]:
    """Return the sentence on some clusters in a list, which is empty where there is none to say."""
    return [text] if (text := missing_words(count_missing(clusters, verdicts))) else []


def _is_unread(column: Any) -> npt.NDArray[np.bool_]:
    if isinstance(column, Words):
        return column.codes == column.words.index(Status.UNREAD)
    return np.asarray(column == Status.UNREAD, bool)
