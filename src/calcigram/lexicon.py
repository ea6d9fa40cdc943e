"""The words: how a cluster is distributed, what morphology its spots have, and what follows.

Every word stands here once, with a one-line definition, the article's own term, the
BI-RADS term and the DICOM code; no other module spells these strings. The members
are `enum.StrEnum`, so they compare equal to, and print as, their plain value.

Left out on purpose, because position, size and outline cannot distinguish them: skin, rim
(eggshell, lucent-centred), dystrophic, milk of calcium and suture calcifications.

Sources: the definitions paraphrase the BI-RADS 5th edition (2013) mammography lexicon
and DICOM PS3.16; the article terms are the headings of "Clustered Calcifications in
the Breast" (O'Leary). BI-RADS is a trademark of the American College of Radiology.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

MICRO_MACRO_LIMIT_MM = 0.5
"""Diameter that separates micro- from macrocalcifications (DICOM PS3.16, code 111345)."""

MIN_CALCIFICATIONS = 3
"""Fewer calcifications than this have no distribution."""

GROUPED_MAX_MM = 20.0
"""A group is at most 2 cm across (BI-RADS 5th ed., grouped)."""

DIFFUSE_MIN_MM = 60.0
"""Where the breast area is unknown, diffuse means more than 60 mm across."""

DIFFUSE_MIN_BREAST_SHARE = 0.5
"""Where the breast area is known, the hull of a diffuse pattern covers at least this share."""


class Distribution(StrEnum):
    """How the calcifications of a cluster are arranged."""

    DIFFUSE = "diffuse"
    REGIONAL = "regional"
    SEGMENTAL = "segmental"
    GROUPED = "grouped"
    LINEAR = "linear"
    BRANCHING = "branching"


class Morphology(StrEnum):
    """What morphology the single calcifications have."""

    ROUND = "round"
    PUNCTATE = "punctate"
    POPCORN = "popcorn"
    ROD_LIKE = "rod_like"
    AMORPHOUS = "amorphous"
    COARSE_HETEROGENEOUS = "coarse_heterogeneous"
    FINE_PLEOMORPHIC = "fine_pleomorphic"
    FINE_LINEAR = "fine_linear"
    VASCULAR = "vascular"


class Origin(StrEnum):
    """The structure in which calcium of this pattern is thought to form."""

    LOBULAR = "lobular"
    DUCTAL = "ductal"
    VASCULAR = "vascular"
    UNKNOWN = "unknown"


class Concern(StrEnum):
    """How worrying a source finds a pattern; ordered by `CONCERNS`. Never a diagnosis."""

    BENIGN = "benign"
    INTERMEDIATE = "intermediate"
    SUSPICIOUS = "suspicious"


class SizeClass(StrEnum):
    """All calcifications under 0.5 mm, all at or over it, or some of each."""

    MICRO = "micro"
    MACRO = "macro"
    MIXED = "mixed"


class Status(StrEnum):
    """Values of a label column in place of a word; the probabilities are then null."""

    INSUFFICIENT = "insufficient"
    UNREAD = "unread"


class Agreement(StrEnum):
    """How two readings of one cluster compare."""

    AGREE = "agree"
    SAME_CONCERN = "same_concern"
    DIFFER = "differ"
    OPPOSED = "opposed"


class Advice(StrEnum):
    """What a source advises to do about a pattern; ordered by `ADVICES`."""

    NOTHING = "nothing"
    FURTHER_IMAGING = "further_imaging"
    BIOPSY = "biopsy"


class Compared(StrEnum):
    """On which axes two readings of one cluster could be compared."""

    BOTH = "both"
    DISTRIBUTION = "distribution"
    MORPHOLOGY = "morphology"
    NEITHER = "neither"


DISTRIBUTIONS: tuple[Distribution, ...] = tuple(Distribution)
MORPHOLOGIES: tuple[Morphology, ...] = tuple(Morphology)
ORIGINS: tuple[Origin, ...] = tuple(Origin)
CONCERNS: tuple[Concern, ...] = tuple(Concern)
STATUSES: tuple[Status, ...] = tuple(Status)
AGREEMENTS: tuple[Agreement, ...] = tuple(Agreement)
ADVICES: tuple[Advice, ...] = tuple(Advice)
COMPARED: tuple[Compared, ...] = tuple(Compared)
SIZE_CLASSES: tuple[SizeClass, ...] = tuple(SizeClass)


@dataclass(frozen=True)
class Axis:
    """An axis on which clusters are read.

    Attributes
    ----------
    name : str
    words : tuple of str
    unread : Status
        Stands in place of a word where what the axis needs is not known.
    needs : tuple of str
        Marks of which at least one must be known for the axis to be read; empty where positions do.
    min_calcifications : int
    """

    name: str
    words: tuple[Distribution, ...] | tuple[Morphology, ...]
    unread: Status
    needs: tuple[str, ...]
    min_calcifications: int

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What a column of the axis may hold: its words, then the statuses; `Readings` codes index it."""
        return (*self.words, *STATUSES)

    @property
    def unread_code(self) -> int:
        """Index of `unread` in `labels`."""
        return self.labels.index(self.unread)


AXES: dict[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis("distribution", DISTRIBUTIONS, Status.INSUFFICIENT, (), MIN_CALCIFICATIONS),
        Axis("morphology", MORPHOLOGIES, Status.UNREAD,
             ("diameter_mm", "aspect_ratio", "solidity", "cnr"), 1),
    )
}  # fmt: skip
"""The axes by name; everything that goes over both axes goes over these."""

DISTRIBUTION_LABELS: tuple[str, ...] = AXES["distribution"].labels
MORPHOLOGY_LABELS: tuple[str, ...] = AXES["morphology"].labels


@dataclass(frozen=True)
class Code:
    """A coded concept: `scheme` is a DICOM coding scheme designator such as SCT or DCM."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Term:
    """One word with its definition and its names elsewhere.

    Attributes
    ----------
    definition : str
        One line, in this project's words.
    article : str or None
        The article's own term, None where the article is silent.
    birads : str or None
        The BI-RADS (5th edition) term, None where it has none.
    dicom : Code or None
        The code of DICOM context group 6010 (type) or 6012 (distribution).
    """

    definition: str
    article: str | None
    birads: str | None
    dicom: Code | None


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


TERMS: dict[Distribution | Morphology, Term] = {
    Distribution.DIFFUSE: Term(
        "Throughout the breast: the hull covers at least half of it, or exceeds 60 mm.",
        "diffuse or scattered",
        "diffuse",
        _sct("129764001", "Diffuse calcification distribution"),
    ),
    Distribution.REGIONAL: Term(
        "Over a region more than 2 cm across that follows no duct and is short of diffuse.",
        "regional",
        "regional",
        _sct("129767008", "Regional calcification distribution"),
    ),
    Distribution.SEGMENTAL: Term(
        "In the wedge-shaped territory of one lobe: several ducts, the apex to the nipple.",
        "segmental",
        "segmental",
        _sct("129768003", "Segmental calcification distribution"),
    ),
    Distribution.GROUPED: Term(
        "A compact group at most 2 cm across with no path running through it.",
        "a single compact cluster",
        "grouped",
        _sct("129766004", "Grouped calcification distribution"),
    ),
    Distribution.LINEAR: Term(
        "Along one path without a junction.",
        "linear",
        "linear",
        _sct("129765000", "Linear calcification distribution"),
    ),
    Distribution.BRANCHING: Term(
        "Along one duct and its side branches, with at least one junction to be seen.",
        "branching",
        None,
        # DICOM has no code for a branching distribution; it is written as linear.
        _sct("129765000", "Linear calcification distribution"),
    ),
    Morphology.ROUND: Term(
        "Smooth and round, about 0.5 to 1 mm.",
        "rounded",
        "round",
        _sct("129756007", "Round shaped calcification"),
    ),
    Morphology.PUNCTATE: Term(
        "Round or oval points under 0.5 mm.",
        "pointy",
        "punctate",
        _sct("129755006", "Punctate calcification"),
    ),
    Morphology.POPCORN: Term(
        "Large and lobulated, more than 2 mm across.",
        "popcorn-like",
        'coarse or "popcorn-like"',
        _sct("129749001", 'Coarse ("popcorn-like") calcification'),
    ),
    Morphology.ROD_LIKE: Term(
        "Smooth solid rods, at least 0.5 mm thick, along ducts.",
        None,
        "large rod-like",
        _sct("129752009", "Large rod-like calcification"),
    ),
    Morphology.AMORPHOUS: Term(
        "So small or hazy that no more specific shape can be assigned.",
        "formless, or cloud-like",
        "amorphous",
        _sct("129760005", "Amorphous calcification"),
    ),
    Morphology.COARSE_HETEROGENEOUS: Term(
        "Irregular and conspicuous, 0.5 to 1 mm, tending to coalesce.",
        None,
        "coarse heterogeneous",
        _sct("129763007", "Heterogeneous calcification"),
    ),
    Morphology.FINE_PLEOMORPHIC: Term(
        "Discrete, irregular, differing from one another, usually under 0.5 mm.",
        None,
        "fine pleomorphic",
        Code("111344", "DCM", "Fine pleomorphic calcification"),
    ),
    Morphology.FINE_LINEAR: Term(
        "Thin irregular lines, less than 0.5 mm in calibre.",
        "lines or branching lines in the milk ducts",
        "fine linear or fine-linear branching",
        _sct("129761009", "Fine, linear (casting) calcification"),
    ),
    Morphology.VASCULAR: Term(
        "Along the walls of a vessel: two parallel rails, or one wall of them.",
        "lines in a blood vessel",
        "vascular",
        _sct("129759000", "Vascular calcification"),
    ),
}

_ADMISSIBLE_DISTRIBUTIONS: dict[Morphology, frozenset[Distribution]] = {
    form: frozenset(DISTRIBUTIONS) for form in MORPHOLOGIES
}
# A vessel is a path, and forks at most; an involuting fibroadenoma fills no duct or lobe.
_ADMISSIBLE_DISTRIBUTIONS[Morphology.VASCULAR] = frozenset(
    {Distribution.LINEAR, Distribution.BRANCHING}
)
_ADMISSIBLE_DISTRIBUTIONS[Morphology.POPCORN] = frozenset(
    {Distribution.DIFFUSE, Distribution.REGIONAL, Distribution.GROUPED}
)

ADMISSIBLE_PAIRS: frozenset[tuple[Distribution, Morphology]] = frozenset(
    (distribution, form)
    for form, distributions in _ADMISSIBLE_DISTRIBUTIONS.items()
    for distribution in distributions
)
"""The (distribution, morphology) pairs that make sense together."""


IMPOSSIBLE_SIZES: frozenset[tuple[SizeClass, Morphology]] = frozenset(
    {
        *((SizeClass.MICRO, form) for form in (
            Morphology.ROUND, Morphology.POPCORN, Morphology.ROD_LIKE, Morphology.COARSE_HETEROGENEOUS,
        )),
        (SizeClass.MACRO, Morphology.PUNCTATE),
        (SizeClass.MACRO, Morphology.FINE_PLEOMORPHIC),
    }
)  # fmt: skip
"""The (size class, morphology) pairs that the definitions rule out."""


def is_admissible(distribution: str, morphology: str) -> bool:
    """Tell whether a distribution and a morphology make sense together.

    Parameters
    ----------
    distribution, morphology : str
        Words of `Distribution` and `Morphology`.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_admissible("linear", "vascular"), is_admissible("grouped", "vascular")
    (True, False)
    """
    return (Distribution(distribution), Morphology(morphology)) in ADMISSIBLE_PAIRS
