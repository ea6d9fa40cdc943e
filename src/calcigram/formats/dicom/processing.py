"""What a CAD report says of its own making: what failed, and what it found besides calcifications."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.concepts import Concept
from calcigram.formats.dicom.tree import Item, Tree
from calcigram.longtable import Notice

WITHOUT_FAILURE = (
    Concept("111242", "DCM", "All algorithms succeeded; with findings"),
    Concept("111222", "DCM", "Succeeded"),
    Concept("111225", "DCM", "Not Attempted"),
)
"""Results (context groups 6047 and 6042) that need not be told."""

_INTENTS = (
    (Concept("111151", "DCM", "Presentation Optional"), "for optional presentation (111151)"),
    (Concept("111152", "DCM", "Not for Presentation"), "not for presentation (111152)"),
)

_RESULTS = (
    (concepts.SUMMARY, "CAD processing"),
    (concepts.DETECTIONS, "detections"),
    (concepts.ANALYSES, "analyses"),
)


def remarks(tree: Tree, findings: Sequence[tuple[Item, str]]) -> list[str]:
    """Return what a reader should know of a report besides its calcifications.

    Parameters
    ----------
    tree : Tree
    findings : sequence of (Item, str)
        Each finding, and its kind as `concepts.kind_of_finding` says it.

    Returns
    -------
    list of str
        Failures of the CAD, and which findings were left out, in sentences.
    """
    said = []
    for item in tree.top.walk():
        for concept, what in _RESULTS:
            if item.is_(concept) and item.code is not None:
                fine = any(result.matches(item.code) for result in WITHOUT_FAILURE)
                said += [] if fine else [f"{what} of the report: {item.code.meaning}"]
        if item.is_(concepts.FAILED_DETECTIONS) or item.is_(concepts.FAILED_ANALYSES):
            named = [child.code.meaning for child in item.related() if child.code is not None]
            said.append(f"the report says what failed: {', '.join(named) or 'nothing by name'}")
    others = Counter(
        item.code.meaning if item.code is not None else "no name"
        for item, kind in findings
        if kind == "other"
    )
    said += [f"{count} findings of {meaning!r} left out" for meaning, count in others.items()]
    withheld = _withheld(item for item, kind in findings if kind in ("cluster", "single"))
    return [*map(Notice, said), *withheld]


def _withheld(findings: Iterable[Item]) -> list[str]:
    """Say how many calcifications and clusters the CAD would not show to every reader."""
    intents = Counter(
        text
        for item in findings
        for concept, text in _INTENTS
        if (intent := item.first(concepts.RENDERING_INTENT)) is not None
        and concept.matches(intent.code)
    )
    return [f"{count} findings of calcifications are {text}" for text, count in intents.items()]
