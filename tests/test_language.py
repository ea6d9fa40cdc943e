"""Source and documentation use plain technical English: a short list of words that are not used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = sorted(
    path
    for folder, suffixes in {
        ".": ("md", "toml"),
        ".github": ("md", "yml"),
        "benchmarks": ("py",),
        "data": ("md", "py"),
        "deploy": ("service",),
        "docs": ("md",),
        "notebooks": ("ipynb",),
        "src": ("py", "toml", "j2"),
    }.items()
    for suffix in suffixes
    for path in (ROOT / folder).glob(f"*.{suffix}" if folder == "." else f"**/*.{suffix}")
)
_OF = "one|row|values?|us|µs|arrays?|columns?|page|process|pixels"
_PER = "calcification|case|class|cluster|column|feature|grade|mark|pixel|reader|row|word"
INSTEAD = {
    r"\bbusiness\b": "say what the module does, or where something is done",
    r"\b(houses?|rooms|storeys?)\b": "package, module, layer",
    r"\bwhose own\b": "repeat the noun",
    r"\b(sterner|stern|dearer|dearest)\b": "more serious; slower, costlier",
    r"\b(is|are|was|were|gets?|be) mended\b": "fixed, corrected",
    r"\btold apart\b": "distinguished",
    r"\bunless told otherwise\b": "by default",
    r"\bknows nothing\b": "does not use, does not import",
    r"\bthat (is|are) none\b": "invalid, no image",
    r"\bof other hands\b": "by other authors",
    rf"\b({_OF}) an? ({_PER})\b": "per, for a rate: one row per cluster",
}


def found(text: str) -> list[str]:
    lines = text.splitlines()
    return [
        f"line {number}: {match[0]!r} ({instead})"
        for number, line in enumerate(lines, 1)
        for pattern, instead in INSTEAD.items()
        for match in re.finditer(pattern, line, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_plain_words(path):
    assert not found(path.read_text(encoding="utf-8"))


def test_an_odd_word_would_be_seen():
    assert (
        len(found("Files are `streaming`'s business.\nOne row a cluster, told apart by its id."))
        == 3
    )
