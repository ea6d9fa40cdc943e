"""The columns of a verdict table, each declared once: name, content, meaning and the step that makes it.

The table itself, schemas, the data dictionary and checks are derived from this list. A new column of a
reading is also a field of `readings.Readings`; one of another step is computed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calcigram.lexicon import (
    AGREEMENTS,
    COMPARED,
    CONCERNS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    SIZE_CLASSES,
    Agreement,
)
from calcigram.readings import READING_COLUMNS, RISK_COLUMNS


@dataclass(frozen=True)
class VerdictColumn:
    """One column of a verdict table.

    Attributes
    ----------
    name : str
    holds : tuple of str, or type
        The words that may stand in it; else ``str``, ``int``, ``bool`` or ``float`` (a
        probability or share from 0 to 1). All but ``int`` and ``bool`` may be missing.
    step : {"clusters", "model", "rules", "cross-check"}
        Where it comes from: counted or carried over from the clusters, read by the model or by the
        rules, or compared.
    meaning : str
        In Markdown; columns of one meaning stand in one row of the data dictionary.
    reads : str
        Column of `readings.READING_COLUMNS` that it is; empty where the step computes it.
    family : str
        How the data dictionary names a group of columns, such as ``p_distribution_<word>``.
    """

    name: str
    holds: tuple[str, ...] | type
    step: str
    meaning: str
    reads: str = ""
    family: str = ""


def _of(
    step: str, meaning: str, *names: str, reads: Sequence[str] = (), family: str = ""
) -> list[VerdictColumn]:
    """Return columns that are columns of a reading, of the same name or of those in `reads`."""
    pairs = zip(names, reads or names, strict=True)
    return [
        VerdictColumn(name, READING_COLUMNS[read].holds, step, meaning, read, family)
        for name, read in pairs
    ]


def _per_word(prefix: str, words: Sequence[str], meaning: str, family: str) -> list[VerdictColumn]:
    return _of("model", meaning, *(f"{prefix}_{word}" for word in words), family=family)


_WORDS = "the model's words, or a status: `insufficient`, `unread`"
_TOP = "the model's probability of that word; missing with a status"
_RULES = "the rules' words"
_SET = (
    "conformal set, joined by `\\|`: of the clusters with a given true word, the share `--coverage` "
    "(0.95) have it in their set, as long as they are like the training data; missing where the axis "
    "was not read"
)
_RISK = (
    "share of CBIS-DDSM lesions with the description that the model predicts that turned out "
    "malignant, averaged over the model's probabilities of both axes, with 95 % interval; an unread "
    "axis is summed over; missing where both are unread. The cohort is enriched with cancers: this is "
    "not a prevalence, not the risk of a patient, and not a diagnosis. The interval contains the "
    "uncertainty of the counts, not of the reading; it is wide (for example near 0 to .4) where the "
    "cohort has few lesions of this description, such as rod-like ones"
)

COLUMNS: tuple[VerdictColumn, ...] = (
    *_of("clusters", "", "cluster_id"),
    VerdictColumn("n_calcifications", int, "clusters", "number of calcifications"),
    VerdictColumn("size_class", SIZE_CLASSES, "clusters",
        "`micro`: all under 0.5 mm; `macro`: none under 0.5 mm; `mixed`; missing without diameters"),
    *_of("model", _WORDS, "distribution"),
    VerdictColumn("distribution_probability", float, "cross-check", _TOP),
    *_of("model", _WORDS, "morphology"),
    VerdictColumn("morphology_probability", float, "cross-check", _TOP),
    *_of("model", "where calcium of this pattern is thought to form; belongs to `concern`", "origin"),
    *_of("model", "the most probable concern under the article; missing where it has none", "concern"),
    *_per_word("p", CONCERNS,
        "the model's calibrated probability of each concern, over all admissible patterns", ""),
    *_of("rules", _RULES, "rule_distribution", "rule_morphology",
        reads=("distribution", "morphology")),
    *_of("rules", "the article's concern for the rules' pattern", "rule_concern", reads=("concern",)),
    *_of("rules", "ids of the rules, joined by `\\|`", "rules_fired", reads=("evidence",)),
    *_of("rules", "BI-RADS's (5th edition) concern for the rules' pattern", "birads_concern"),
    VerdictColumn("agreement", AGREEMENTS, "cross-check",
        "where both axes were compared: `agree` words and concern equal; `same_concern` a word differs, "
        "the concern does not; `opposed` benign against suspicious; else `differ`; missing where a "
        "concern is. On one axis: `agree` or `differ` by its words; on none: missing"),
    VerdictColumn("review", bool, "cross-check",
        "true where a person should look: opposed; sources that conflict; words that would lead to "
        "another concern; a compared word with a probability below 0.45; a morphology whose definition "
        "rules the diameters out; unlike the training data"),
    VerdictColumn("reason", str, "cross-check", "one sentence with all this"),
    VerdictColumn("model_version", str, "model", "name and digest of the model"),
    *_per_word("p_distribution", DISTRIBUTIONS, "the model's probability of each word",
        "p_distribution_<word>"),
    *_per_word("p_morphology", MORPHOLOGIES, "the model's probability of each word",
        "p_morphology_<word>"),
    *_of("model", _SET, "distribution_set", "morphology_set"),
    VerdictColumn("novelty", float, "cross-check",
        "share of held-out training clusters that are less unusual; 1 for artefacts"),
    VerdictColumn("unlike_training", bool, "cross-check",
        "true where the novelty exceeds its limit or an artefact check fires: do not trust the words of the row"),
    *_of("model", _RISK, *RISK_COLUMNS),
    *_of("model", "BI-RADS's (5th edition) concern for the model's pattern", "model_birads_concern",
        reads=("birads_concern",)),
    VerdictColumn("compared", COMPARED, "cross-check", "the axes on which both readings have a word"),
)  # fmt: skip
"""In the order of the table; later versions append columns and rename none."""

VERDICT_COLUMNS: tuple[str, ...] = tuple(column.name for column in COLUMNS)
"""Their names."""

REPORTED: tuple[VerdictColumn, ...] = (
    VerdictColumn("image_id", str, "clusters", "the image that the cluster lies on"),
    VerdictColumn("formed_by", str, "clusters", "how its calcifications became a cluster"),
    VerdictColumn("reported_distribution", str, "clusters", "the file's own words, joined by `\\|`"),
    VerdictColumn("reported_morphology", str, "clusters", "the file's own words, joined by `\\|`"),
    VerdictColumn("reported_agreement", (str(Agreement.AGREE), str(Agreement.DIFFER)), "cross-check",
        "the file's words compared with the model's; missing where neither axis can be compared"),
    VerdictColumn("reported_difference", str, "cross-check", "where they differ, in words"),
)  # fmt: skip
"""Columns that follow for clusters from images, reports, annotations and masks."""

REPORTED_COLUMNS: tuple[str, ...] = tuple(column.name for column in REPORTED)
"""Their names."""

CONCERN_COLUMNS: tuple[str, ...] = tuple(c.name for c in COLUMNS if c.holds == CONCERNS)
"""Those that hold a concern."""
