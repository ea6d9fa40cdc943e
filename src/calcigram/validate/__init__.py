"""Readings against truth: scores, baselines, the transfer test, and rules against outcomes.

Everything here is about clusters whose truth is known; it trains and reads, and changes
neither readers nor simulator.
"""

from calcigram.validate.evaluation import (
    Evaluation,
    LogisticReader,
    MajorityReader,
    compare,
    evaluate,
    evaluate_reader,
)
from calcigram.validate.outcomes import OutcomeCheck, check_outcomes
from calcigram.validate.risk_check import RiskCheck, check_risk
from calcigram.validate.scores import AxisScores
from calcigram.validate.transfer import Transfer, transfer

__all__ = [
    "AxisScores",
    "Evaluation",
    "LogisticReader",
    "MajorityReader",
    "OutcomeCheck",
    "RiskCheck",
    "Transfer",
    "check_outcomes",
    "check_risk",
    "compare",
    "evaluate",
    "evaluate_reader",
    "transfer",
]
