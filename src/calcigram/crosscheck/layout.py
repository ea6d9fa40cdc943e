"""The columns of a verdict table, each declared once: its name and what may stand in it.

Schemas, looks and checks elsewhere are made from this list. What each means stands in
``data/README.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

from calcigram.lexicon import (
    AGREEMENTS,
    COMPARED,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    ORIGINS,
    SIZE_CLASSES,
)
from calcigram.readings import RISK_COLUMNS


@dataclass(frozen=True)
class VerdictColumn:
    """One column of a verdict table.

    Attributes
    ----------
    name : str
    holds : tuple of str, or type
        The words that may stand in it; else ``str``, ``int``, ``bool`` or ``float`` (a
        probability or share from 0 to 1). All but ``int`` and ``bool`` may be missing.
    """

    name: str
    holds: tuple[str, ...] | type


def _shares(prefix: str, names: tuple[str, ...]) -> list[VerdictColumn]:
    return [VerdictColumn(f"{prefix}_{name}", float) for name in names]


COLUMNS: tuple[VerdictColumn, ...] = (
    VerdictColumn("cluster_id", str),
    VerdictColumn("n_calcifications", int),
    VerdictColumn("size_class", SIZE_CLASSES),
    VerdictColumn("distribution", DISTRIBUTION_LABELS),
    VerdictColumn("distribution_probability", float),
    VerdictColumn("morphology", MORPHOLOGY_LABELS),
    VerdictColumn("morphology_probability", float),
    VerdictColumn("origin", ORIGINS),
    VerdictColumn("concern", CONCERNS),
    *_shares("p", CONCERNS),
    VerdictColumn("rule_distribution", DISTRIBUTION_LABELS),
    VerdictColumn("rule_morphology", MORPHOLOGY_LABELS),
    VerdictColumn("rule_concern", CONCERNS),
    VerdictColumn("rules_fired", str),
    VerdictColumn("birads_concern", CONCERNS),
    VerdictColumn("agreement", AGREEMENTS),
    VerdictColumn("review", bool),
    VerdictColumn("reason", str),
    VerdictColumn("model_version", str),
    *_shares("p_distribution", DISTRIBUTIONS),
    *_shares("p_morphology", MORPHOLOGIES),
    VerdictColumn("distribution_set", str),
    VerdictColumn("morphology_set", str),
    VerdictColumn("novelty", float),
    VerdictColumn("unlike_training", bool),
    *(VerdictColumn(name, float) for name in RISK_COLUMNS),
    VerdictColumn("model_birads_concern", CONCERNS),
    VerdictColumn("compared", COMPARED),
)
"""In the order of the table; later versions append columns and rename none."""

VERDICT_COLUMNS: tuple[str, ...] = tuple(column.name for column in COLUMNS)
"""Their names."""

CONCERN_COLUMNS: tuple[str, ...] = tuple(c.name for c in COLUMNS if c.holds == CONCERNS)
"""Those that hold a concern."""
