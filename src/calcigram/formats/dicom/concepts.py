"""Coded concepts: the codes of mammography reports, their older spellings, and our words.

A concept is known by its code, in whichever scheme a vendor still writes it (SNOMED CT, the
retired SNOMED RT, retired DICOM codes), and by its meaning where the code is foreign. The codes
are those of PS3.16 context groups 6010, 6012, 6014, 4014, 4015, 6022 and 7021.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from calcigram.lexicon import TERMS, Distribution, Morphology

PRIVATE_PREFIX, NOT_PRIVATE = "99", "99SDM"
"""Schemes of this prefix are a vendor's own (PS3.16, 8), but for one by which SNOMED once went."""

PUBLIC_SCHEMES = frozenset({"DCM", "SCT", "SRT", "SNM3", "99SDM", "SNOMED", "LN", "RADLEX", "UMLS", "BI", "FMA", "NCIT"})  # fmt: skip
"""Schemes whose codes are known by their values, as PS3.16, 8 names them."""

PRIVATE_SCHEME = "99CALCIGRAM"
"""Our own scheme, for words DICOM has no code for."""


@dataclass(frozen=True)
class Concept:
    """A concept: the code it is written with, and what else it has been called.

    Attributes
    ----------
    value, scheme, meaning : str
        The code to write.
    also : tuple of str
        Older code values and other meanings, to be read.
    """

    value: str
    scheme: str
    meaning: str
    also: tuple[str, ...] = ()

    def matches(self, coded: Coded | None) -> bool:
        """Tell whether a code of a file stands for this concept."""
        if coded is None:
            return False
        values, meanings = self._spellings
        if coded.value in values and (not coded.is_private or coded.scheme == self.scheme):
            return True
        return not coded.is_known and plain(coded.meaning) in meanings

    @cached_property
    def _spellings(self) -> tuple[frozenset[str], frozenset[str]]:
        """All values, and all meanings as `plain` has them."""
        meanings = frozenset(plain(meaning) for meaning in (self.meaning, *self.also))
        return frozenset((self.value, *self.also)), meanings


@dataclass(frozen=True)
class Coded:
    """A code as it stands in a file."""

    value: str
    scheme: str
    meaning: str

    @property
    def is_private(self) -> bool:
        """Whether the scheme is a vendor's own, whose values may be anything."""
        scheme = self.scheme.upper()
        return scheme.startswith(PRIVATE_PREFIX) and scheme != NOT_PRIVATE

    @property
    def is_known(self) -> bool:
        """Whether the code stands for a concept of this module, so that its meaning does not matter."""
        return not self.is_private and self.value in _ALL_VALUES

    @property
    def tells(self) -> bool:
        """Whether the code says anything to others than its maker: by its meaning, or its scheme."""
        return bool(plain(self.meaning)) or self.scheme.upper() in PUBLIC_SCHEMES


def plain(meaning: str) -> str:
    """Return a meaning without case, spaces and signs.

    Examples
    --------
    >>> plain('Coarse ("popcorn-like") calcification') == plain("coarse (popcorn-like) Calcification")
    True
    """
    return "".join(sign for sign in meaning.casefold() if sign.isalnum())


def key_of(coded: Coded | None, table: Mapping[str, Concept]) -> str:
    """Return the key of the concept that a code stands for; empty where it is none."""
    return next((key for key, concept in table.items() if concept.matches(coded)), "")


def _dcm(value: str, meaning: str, *also: str) -> Concept:
    return Concept(value, "DCM", meaning, also)


def _sct(value: str, meaning: str, *also: str) -> Concept:
    return Concept(value, "SCT", meaning, also)


CAD_REPORT = _dcm("111036", "Mammography CAD Report")
IMAGE_LIBRARY = _dcm("111028", "Image Library")
LANGUAGE = _dcm("121049", "Language of Content Item and Descendants")
SUMMARY = _dcm("111017", "CAD Processing and Findings Summary")
IMPRESSION = _dcm("111034", "Individual Impression/Recommendation")
RENDERING_INTENT = _dcm("111056", "Rendering Intent")
NOT_FOR_PRESENTATION = _dcm(
    "111152", "Not for Presentation: Rendering device expected not to present"
)
FINDING_IN_IMAGE = _dcm("111059", "Single Image Finding")
COMPOSITE_FEATURE = _dcm("111015", "Composite Feature")
ALGORITHM_NAME = _dcm("111001", "Algorithm Name")
ALGORITHM_VERSION = _dcm("111003", "Algorithm Version")
ALGORITHM_PARAMETERS = _dcm("111002", "Algorithm Parameters")
TRACKING_ID = _dcm("112039", "Tracking Identifier")
TRACKING_UID = _dcm("112040", "Tracking Unique Identifier")
CENTER = _dcm("111010", "Center", "Centre")
OUTLINE = _dcm("111041", "Outline")
BREAST_OUTLINE = _dcm("111007", "Breast Outline including Pectoral Muscle Tissue", "Breast outline")
PECTORAL_OUTLINE = _dcm("111045", "Pectoral Muscle Outline")
CALCIFICATION_TYPE = _dcm("111009", "Calcification Type")
CALCIFICATION_DISTRIBUTION = _dcm("111008", "Calcification Distribution")
NUMBER = _dcm("111038", "Number of calcifications")
DETECTIONS = _dcm("111064", "Summary of Detections")
ANALYSES = _dcm("111065", "Summary of Analyses")
DETECTION = _dcm("111022", "Detection Performed")
FAILED_DETECTIONS = _dcm("111025", "Failed Detections")
FAILED_ANALYSES = _dcm("111024", "Failed Analyses")
SUCCESSFUL_ANALYSES = _dcm("111062", "Successful Analyses")
ANALYSIS = _dcm("111004", "Analysis Performed")
COMMENT = _dcm("121106", "Comment")

LATERALITY = _dcm("111027", "Image Laterality")
VIEW = _dcm("111031", "Image View")
VIEW_MODIFIER = _dcm("111032", "Image View Modifier")
ORIENTATION_ROW = _dcm("111044", "Patient Orientation Row")
ORIENTATION_COLUMN = _dcm("111043", "Patient Orientation Column")
SPACING_X = _dcm("111026", "Horizontal Pixel Spacing")
SPACING_Y = _dcm("111066", "Vertical Pixel Spacing")
ROWS = _dcm("110910", "Pixel Data Rows")
COLUMNS = _dcm("110911", "Pixel Data Columns")

MEASUREMENT_REPORT = _dcm("126000", "Imaging Measurement Report")
MEASUREMENT_TITLES = (
    MEASUREMENT_REPORT,
    _dcm("126001", "Oncology Measurement Report"),
    _dcm("126002", "Dynamic Contrast MR Measurement Report"),
    _dcm("126003", "PET Measurement Report"),
)
MEASUREMENT_GROUP = _dcm("125007", "Measurement Group")
FINDING = _dcm("121071", "Finding")
IMAGE_REGION = _dcm("111030", "Image Region")

CLUSTER = _sct("129769006", "Calcification Cluster", "F-01775", "111105")
SINGLE = _sct(
    "129770007",
    "Individual Calcification",
    "F-01776",
    "111104",
    "Calcification",
    "Microcalcification",
    "Single calcification",
)
NIPPLE = _sct("24142002", "Nipple", "T-04100")
BREAST_GEOMETRY = _dcm("111100", "Breast geometry")

_CALCIFIED = re.compile(r"calcif|\bcalcs?\b|microcalc", re.IGNORECASE)
_DENIED = re.compile(r"^(no|not|non|without|absence)\b|\bnon-?calc", re.IGNORECASE)
_ADJECTIVE = re.compile(r"calcified (?!spot|speck|particle|deposit|foc)", re.IGNORECASE)
_SOMETHING_ELSE = re.compile(
    r"\b(mass|lymph|node|nodule|cyst|implant|density|asymmetr|distortion|fibroadenoma)",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"cluster|group", re.IGNORECASE)
_A_GROUP = re.compile(r"\b(cluster|group)s?\b", re.IGNORECASE)
_PLURAL = re.compile(r"calcifications|calcs", re.IGNORECASE)


def kind_of_finding(code: Coded | None) -> str:
    """Say what a finding is: ``cluster``, ``single``, ``nipple``, ``breast`` or ``other``.

    A code that is not one of ours is known by its meaning.

    Examples
    --------
    >>> kind_of_finding(Coded("F-01776", "SNM3", "")), kind_of_finding(Coded("7", "99V", "Mass"))
    ('single', 'other')
    >>> kind_of_finding(Coded("8", "99V", "Group of microcalcifications"))
    'cluster'
    """
    for kind, concept in _FINDINGS.items():
        if concept.matches(code):
            return kind
    if any(concept.matches(code) for concept in PLURALS):
        return "cluster"
    if code is None or code.is_known:
        return "other"
    return _kind_by_meaning(code.meaning)


def _kind_by_meaning(meaning: str) -> str:
    """Say what a finding is by its words; a mass with calcifications is a mass.

    Examples
    --------
    >>> [_kind_by_meaning(f"{thing} calcification") for thing in ("Vascular", "No", "Lymph node with")]
    ['single', 'other', 'other']
    """
    calcified = _CALCIFIED.search(meaning)
    if calcified is None or _DENIED.search(meaning) or _ADJECTIVE.search(meaning):
        return "other"
    if _SOMETHING_ELSE.search(meaning[: calcified.start()]):
        return "other"
    several = _GROUPED.search(meaning) or _PLURAL.search(meaning)
    return "cluster" if several else "single"


def is_plural(code: Coded) -> bool:
    """Tell whether a finding is known by words alone, which say calcifications and neither cluster nor group.

    Examples
    --------
    >>> is_plural(Coded("1", "99V", "Microcalcifications")), is_plural(Coded("1", "99V", "Cluster"))
    (True, False)
    >>> is_plural(Coded("1", "99V", "Clustered calcifications"))
    True
    """
    if CLUSTER.matches(code):
        return False
    if any(concept.matches(code) for concept in PLURALS):
        return True
    return bool(_PLURAL.search(code.meaning)) and not _A_GROUP.search(code.meaning)


PLURALS = (
    _dcm("111345", "Macrocalcifications"),
    _sct("44771000", "Microcalcifications of the breast", "D7-90435"),
)
"""Types that also occur as the finding: calcifications, more than one."""

_FINDINGS = {"cluster": CLUSTER, "single": SINGLE, "nipple": NIPPLE, "breast": BREAST_GEOMETRY}

LATERALITIES = {
    "R": _sct("73056007", "Right breast", "T-04020", "24028007", "G-A100", "Right", "R"),
    "L": _sct("80248007", "Left breast", "T-04030", "7771000", "G-A101", "Left", "L"),
    "B": _sct("63762007", "Both breasts", "T-04080", "51440002", "G-A102", "Bilateral", "B"),
}
SIDES = {
    "R": _sct("24028007", "Right"),
    "L": _sct("7771000", "Left"),
    "B": _sct("51440002", "Bilateral"),
}
"""Laterality as TID 1602 wants it (CID 244), not as TID 4020 does (CID 6022)."""

VIEWS = {
    "CC": _sct("399162004", "cranio-caudal", "R-10242", "CC"),
    "MLO": _sct("399368009", "medio-lateral oblique", "R-10226", "MLO"),
    "ML": _sct("399260004", "medial-lateral", "R-10224", "medio-lateral", "ML"),
    "LM": _sct("399352003", "latero-medial", "R-10228", "LM"),
    "LMO": _sct("399099002", "latero-medial oblique", "R-10230", "LMO"),
    "FB": _sct("399196006", "caudo-cranial", "R-10244", "FB"),
    "XCCL": _sct("399192008", "cranio-caudal exaggerated laterally", "R-1024A", "XCCL"),
    "XCCM": _sct("399101009", "cranio-caudal exaggerated medially", "R-1024B", "XCCM"),
}
MAGNIFICATION = _sct("399163009", "Magnification", "R-102D6", "Magnified", "M")

_LEGACY: dict[Distribution | Morphology, tuple[str, ...]] = {
    Morphology.AMORPHOUS: ("F-0176C",),
    Morphology.COARSE_HETEROGENEOUS: ("F-0176F", "Coarse heterogeneous calcification"),
    Morphology.FINE_PLEOMORPHIC: ("Pleomorphic calcification",),
    Morphology.FINE_LINEAR: ("F-0176D", "Fine linear calcification"),
    Morphology.ROUND: ("F-01768", "Round calcification"),
    Morphology.PUNCTATE: ("F-01767",),
    Morphology.POPCORN: ("F-01761", "Coarse calcification"),
    Morphology.ROD_LIKE: ("F-01764",),
    Morphology.VASCULAR: ("F-0176B",),
    Distribution.DIFFUSE: ("F-01770",),
    Distribution.REGIONAL: ("F-01773",),
    Distribution.GROUPED: ("F-01772", "Clustered calcification distribution"),
    Distribution.LINEAR: ("F-01771",),
    Distribution.SEGMENTAL: ("F-01774",),
}

FINE_LINEAR_BRANCHING = _sct(
    "129762002", "Fine linear, branching (casting) calcification", "F-0176E"
)


def concept_of(word: Distribution | Morphology) -> Concept:
    """Return the concept DICOM has for a word; a branching distribution has that of linear.

    Examples
    --------
    >>> concept_of(Morphology.ROUND).value, concept_of(Distribution.BRANCHING).meaning
    ('129756007', 'Linear calcification distribution')
    """
    code = TERMS[word].dicom
    assert code is not None  # the lexicon has a code for every word
    also = _LEGACY.get(word, ())
    return Concept(code.value, code.scheme, code.meaning, also)


def private_concept(word: Distribution | Morphology) -> Concept:
    """Return a word in our own coding scheme.

    Examples
    --------
    >>> private_concept(Distribution.BRANCHING).scheme
    '99CALCIGRAM'
    """
    return Concept(str(word), PRIVATE_SCHEME, f"{str(word).capitalize()} distribution")


TYPE_CONCEPTS: tuple[tuple[Morphology, Concept], ...] = (
    *((word, concept_of(word)) for word in Morphology),
    (Morphology.FINE_LINEAR, FINE_LINEAR_BRANCHING),
)
DISTRIBUTION_CONCEPTS: tuple[tuple[Distribution, Concept], ...] = (
    (Distribution.BRANCHING, private_concept(Distribution.BRANCHING)),
    *((word, concept_of(word)) for word in Distribution if word is not Distribution.BRANCHING),
)

OUTSIDE_CONCEPTS: tuple[Concept, ...] = (
    _sct("129754005", "Lucent-centered calcification", "F-01766", "Lucent-centred calcification"),
    _sct("129751002", "Eggshell calcification", "F-01763", "Rim calcification"),
    _sct("129750001", "Dystrophic calcification", "F-01762"),
    _sct("129753004", "Milk of calcium calcification", "F-01765"),
    _sct("129757003", "Calcified skin of breast", "F-01769", "Skin calcification"),
    _sct("129758008", "Calcified suture material", "F-0176A", "Suture calcification"),
    *PLURALS,
    _dcm("111346", "Calcifications within a mass"),
    _dcm("111347", "Calcifications outside of a mass"),
)
"""Types and modifiers without a word in the lexicon; they are kept unchanged."""


_BARE_WORDS: dict[str, Distribution | Morphology] = {
    **{plain(word): word for word in (*Distribution, *Morphology)},
    "scattered": Distribution.DIFFUSE,
    "clustered": Distribution.GROUPED,
    "cluster": Distribution.GROUPED,
    "heterogeneous": Morphology.COARSE_HETEROGENEOUS,
    "pleomorphic": Morphology.FINE_PLEOMORPHIC,
    "finelinearbranching": Morphology.FINE_LINEAR,
    "casting": Morphology.FINE_LINEAR,
    "coarse": Morphology.POPCORN,
    "coarsepopcorn": Morphology.POPCORN,
    "coarsepopcornlike": Morphology.POPCORN,
    "popcornlike": Morphology.POPCORN,
    "largerodlike": Morphology.ROD_LIKE,
    "indistinct": Morphology.AMORPHOUS,
}
"""What vendors and readers say for short -> our word."""

_FILLING = re.compile(
    r"\b(micro)?calcifications?\b|\bdistribution\b|\bshaped?\b|\btype\b", re.IGNORECASE
)


def words_of(codes: Iterable[Coded | None]) -> tuple[str, ...]:
    """Return codes of type or distribution as our words, each once, in order.

    A code no word stands for is kept by its meaning.

    Examples
    --------
    >>> words_of([Coded("F-01768", "SRT", "Round"), Coded("1", "99X", "Punctate calcification")])
    ('round', 'punctate')
    >>> words_of([Coded("2", "99X", "Clustered distribution"), Coded("F-01762", "SRT", "")])
    ('grouped', 'Dystrophic calcification')
    """
    return tuple(dict.fromkeys(_word_of(coded) for coded in codes if coded is not None))


def _word_of(coded: Coded) -> str:
    for word, concept in (*TYPE_CONCEPTS, *DISTRIBUTION_CONCEPTS):
        if concept.matches(coded):
            return str(word)
    for concept in OUTSIDE_CONCEPTS:
        if concept.matches(coded):
            return concept.meaning
    told = None if coded.is_known else _BARE_WORDS.get(plain(_FILLING.sub("", coded.meaning)))
    return str(told or coded.meaning.strip() or f"{coded.scheme} {coded.value}")


_ALL_VALUES = frozenset(
    value
    for concept in (
        *(value for value in list(globals().values()) if isinstance(value, Concept)),
        *LATERALITIES.values(),
        *VIEWS.values(),
        *OUTSIDE_CONCEPTS,
        *(concept for _, concept in TYPE_CONCEPTS),
        *(concept for _, concept in DISTRIBUTION_CONCEPTS),
    )
    for value in (concept.value, *concept.also)
)
