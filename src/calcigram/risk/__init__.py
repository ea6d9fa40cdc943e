"""How often lesions described by a morphology and a distribution turned out malignant, in one cohort.

A table of outcomes, not a reader: it is looked up with the readers' probabilities, beside what
the rulebooks say. The cohort is enriched with cancers, so its figures are not a prevalence,
and no figure is a diagnosis.
"""

from calcigram.risk.fit import Priors, fit_risk
from calcigram.risk.table import RiskTable, load_risk

__all__ = ["Priors", "RiskTable", "fit_risk", "load_risk"]
