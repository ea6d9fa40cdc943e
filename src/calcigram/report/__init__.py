"""Reports: one self-contained HTML file each, to read, to print or to send.

They lay out what they are given, and classify and score nothing.
"""

from calcigram.report.clusters import MAX_PICTURES, review_order, rule_words, write_report
from calcigram.report.evaluation import write_evaluation_report
from calcigram.report.page import NOTICE, picture

__all__ = [
    "MAX_PICTURES",
    "NOTICE",
    "picture",
    "review_order",
    "rule_words",
    "write_evaluation_report",
    "write_report",
]
