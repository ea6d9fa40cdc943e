"""Readings against truth: scores, baselines to compare with, and the transfer test.

Everything here is about clusters whose truth is known; it trains and reads, and changes
neither readers nor simulator.
"""

from calcigram.validate.baselines import LogisticReader, MajorityReader
from calcigram.validate.evaluation import Evaluation, compare, evaluate, evaluate_reader
from calcigram.validate.scores import AxisScores
from calcigram.validate.transfer import Transfer, transfer

__all__ = [
    "AxisScores",
    "Evaluation",
    "LogisticReader",
    "MajorityReader",
    "Transfer",
    "compare",
    "evaluate",
    "evaluate_reader",
    "transfer",
]
