"""What a verdict says of its own trust, in words: conformal sets, novelty, outcomes.

Words only; the numbers are those of one row of the verdict table. Why a cluster is to be reviewed
is `reasons`' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from calcigram.readings import RISK_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

WIDE = 0.35
"""An interval of the outcomes wider than this comes of few lesions, and that is said."""


def set_words(row: Mapping[str, Any] | pd.Series) -> str:
    """Return the conformal sets in words, the distribution's first; empty without any.

    Examples
    --------
    >>> set_words({"distribution_set": "linear|branching", "morphology_set": ""})
    'linear or branching; no morphology conforms'
    """
    parts = []
    for axis in ("distribution", "morphology"):
        words = row.get(f"{axis}_set")
        if isinstance(words, str):
            plain = " or ".join(words.replace("_", " ").split("|"))
            parts.append(plain or f"no {axis} conforms")
    return "; ".join(parts)


def novelty_words(row: Mapping[str, Any] | pd.Series) -> str:
    """Return the novelty, and whether it raises an alarm; empty where it is unknown.

    Examples
    --------
    >>> novelty_words({"novelty": 1.0, "unlike_training": True})
    'novelty 1.00, unlike the clusters the model was trained on'
    """
    novelty = float(row.get("novelty", float("nan")))
    if novelty != novelty:
        return ""
    alarm = ", unlike the clusters the model was trained on" if row.get("unlike_training") else ""
    return f"novelty {novelty:.2f}{alarm}"


def outcome_share(row: Mapping[str, Any] | pd.Series) -> str:
    """Return the share of lesions described so that turned out malignant; empty where unknown.

    Examples
    --------
    >>> outcome_share({"p_malignant": 0.07, "p_malignant_low": 0.001, "p_malignant_high": 0.41})
    '7 % (under 1 to 41 %)'
    """
    p, low, high = (100 * float(row.get(name, float("nan"))) for name in RISK_COLUMNS)
    if p != p:
        return ""
    return f"{p:.0f} % ({'under 1' if low < 0.5 else f'{low:.0f}'} to {high:.0f} %)"


def outcome_words(row: Mapping[str, Any] | pd.Series) -> str:
    """Return what became of lesions described so, in one sentence; empty where it is not known.

    Examples
    --------
    >>> outcome_words({"p_malignant": 0.35, "p_malignant_low": 0.2, "p_malignant_high": 0.5})
    'Of lesions described so in CBIS-DDSM, 35 % (20 to 50 %) turned out malignant: that cohort is
    enriched with cancers, so this is no prevalence, and no diagnosis.'
    """
    share = outcome_share(row)
    if not share:
        return ""
    few = row["p_malignant_high"] - row["p_malignant_low"] > WIDE
    return (
        f"Of lesions described so in CBIS-DDSM, {share} turned out malignant: that cohort is "
        f"enriched with cancers{' and holds few lesions described so' if few else ''}, so this "
        "is no prevalence, and no diagnosis."
    )
