"""Limits of the definitions that a preset may move: how far points may lie off what they follow.

`bench_v1` keeps the lexicon's; training allows more, as other generators and readers do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from calcigram.lexicon import MICRO_MACRO_LIMIT_MM, MIN_CALCIFICATIONS
from calcigram.simulate.presets import Preset

LINEAR_MAX_OFF_PATH_RATIO = 0.07
LINEAR_MIN_PATH_SHARE = 0.75
REGIONAL_MAX_WIDENING = 1.1
SHAPED_MIN_WIDENING = 1.45
"""Handed over without the nipple, a wedge must show by its outline: along its long axis one half
is this many times as broad as the other, and in a region less."""

SPARSE_LINE_MAX_SAG = (0.05, 0.025)
"""A line of n points may bulge by 0.05 + 0.025 (n - 4) of its length: few points show no curve."""


class Limits(NamedTuple):
    """How far points may lie off what they are said to follow; a preset may allow more.

    Attributes
    ----------
    off_path_ratio : float
        Greatest distance from the path of a line, as a share of its extent.
    path_share : float
        Least share of the spanning tree that its longest path is.
    sag : float
        Width of a line of 4 points, as a share of its extent.
    rod_calibre_mm : float
        Least median calibre of large rods.
    branching_marks : float
        A detector lists so many marks of a branching cluster at least, or its arms do not show.
    region_widening : float
        How many times as broad the half of a region farther from the nipple may be as the nearer,
        where it fills a wedge.
    region_shaped : float
        How many times as broad one half of a region may be as the other without the nipple.
    """

    off_path_ratio: float = LINEAR_MAX_OFF_PATH_RATIO
    path_share: float = LINEAR_MIN_PATH_SHARE
    sag: float = SPARSE_LINE_MAX_SAG[0]
    rod_calibre_mm: float = 0.95 * MICRO_MACRO_LIMIT_MM
    branching_marks: float = MIN_CALCIFICATIONS
    region_widening: float = REGIONAL_MAX_WIDENING
    region_shaped: float = SHAPED_MIN_WIDENING


LEXICON = Limits()
"""What a preset that says nothing of it means."""


@lru_cache(maxsize=16)
def limits_of(preset: Preset) -> Limits:
    """Return the limits of a preset's section ``definitions``, the lexicon's where it has none."""
    given = preset.sections.get("definitions", {})
    return Limits(**{name: quantity.low for name, quantity in given.items()})
