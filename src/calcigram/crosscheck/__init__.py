"""Two readings of the same clusters compared: agreement, review, reason.

A cross-check is a function of two `Readings` and of columns found by others; it imports no reader.
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
