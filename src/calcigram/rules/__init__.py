"""The rule reader, the recognition rules it applies, and the check against outcomes.

Beside the model, not above it: neither reader knows the other.
"""

from calcigram.rules.engine import RuleReader
from calcigram.rules.notes import notes
from calcigram.rules.outcomes import OutcomeCheck, check_outcomes
from calcigram.rules.recognition import Recognition, load_recognition
from calcigram.rules.risk_check import RiskCheck, check_risk
from calcigram.rules.tables import consequence_table, recognition_table, rulebook_table

__all__ = [
    "OutcomeCheck",
    "Recognition",
    "RiskCheck",
    "RuleReader",
    "check_outcomes",
    "check_risk",
    "consequence_table",
    "load_recognition",
    "notes",
    "recognition_table",
    "rulebook_table",
]
