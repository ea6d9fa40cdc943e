"""Two readings of the same clusters held against each other: agreement, review, reason.

It knows nothing of models or rules: a cross-check is a function of two `Readings`.
"""

from calcigram.crosscheck.kappa import Kappa, cohen_kappa
from calcigram.crosscheck.layout import VERDICT_COLUMNS
from calcigram.crosscheck.verdicts import (
    agreement_matrix,
    cases_to_review,
    compared,
    crosscheck,
)

__all__ = [
    "VERDICT_COLUMNS",
    "Kappa",
    "agreement_matrix",
    "cases_to_review",
    "cohen_kappa",
    "compared",
    "crosscheck",
]
