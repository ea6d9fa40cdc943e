"""The rule reader, the recognition rules it applies, and the rules as tables.

Beside the model, not above it: neither reader imports the other.
"""

from calcigram.rules.engine import RuleReader
from calcigram.rules.recognition import (
    Recognition,
    consequence_table,
    load_recognition,
    notes,
    recognition_table,
    rulebook_table,
)

__all__ = [
    "Recognition",
    "RuleReader",
    "consequence_table",
    "load_recognition",
    "notes",
    "recognition_table",
    "rulebook_table",
]
