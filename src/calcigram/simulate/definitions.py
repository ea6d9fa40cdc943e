"""Hold a noise-free cluster against the lexicon's definition of its label.

A simulated cluster is kept only where it does; degradation comes later and never relabels.
The tests are generous on purpose: they remove clusters that another label would fit better,
and must not cut away legitimate variety. What reads clusters (features, rules, model) shares
no code with this module.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from calcigram.lexicon import (
    DIFFUSE_MIN_BREAST_SHARE,
    DIFFUSE_MIN_MM,
    GROUPED_MAX_MM,
    MICRO_MACRO_LIMIT_MM,
    MIN_CALCIFICATIONS,
    Distribution,
    Morphology,
)
from calcigram.simulate._curves import distance_to_path
from calcigram.simulate._shape import (
    Arm,
    count_junctions,
    extent_of,
    form_measures,
    log_widening,
    tree_path_share,
    wedge_seen_from_nipple,
)
from calcigram.simulate.mechanisms import Floats, Placement
from calcigram.simulate.presets import Preset

NOT_A_LINE_MIN_WIDTH_RATIO = 0.28
THREADED_MIN_PATH_SHARE = 0.7
"""Below this least width over greatest distance an area may pass for a line: few points always,
many where the longest path of their spanning tree is more than this share of it, or where the
width is less than half of that."""

REGIONAL_MIN_COUNT = 8
"""Regional calcifications are numerous."""

SEGMENTAL_MIN_COUNT = 10
SEGMENTAL_SPAN_DEG = (15.0, 75.0)
SEGMENTAL_MIN_LENGTH_TO_WIDTH = 0.9
SEGMENTAL_MAX_NEAREST_TO_FARTHEST = 0.6
SEGMENTAL_MIN_FILLED = 0.58
SEGMENTAL_MIN_WIDENING = 1.2
"""A wedge is an acute angle at the nipple, hardly broader than long, near the nipple at one end,
and filled: a forked duct is not several ducts. It widens away from the nipple: its farther half
is this many times as broad as the nearer. What fills such an angle but does not widen, however
it lies, is a region; what lies between the two is neither and is not kept."""

LINEAR_MIN_LENGTH_MM = 4.5
LINEAR_MIN_CHORD_RATIO = 0.5

SEEN_ARM = Arm(
    few_reach_mm=5.0,
    min_reach_mm=3.0,
    min_reach_spacings=2.0,
    max_thickness=0.2,
    min_angle_deg=20.0,
)
"""An arm is seen with 4 calcifications over 3 mm, or 3 over 5 mm, apart from the other arms,
twice as long as the typical gap between neighbours, and thin for its length."""

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

    off_path_ratio: float = 0.07
    path_share: float = 0.75
    sag: float = SPARSE_LINE_MAX_SAG[0]
    rod_calibre_mm: float = 0.95 * MICRO_MACRO_LIMIT_MM
    branching_marks: float = MIN_CALCIFICATIONS
    region_widening: float = 1.1
    region_shaped: float = SHAPED_MIN_WIDENING


LEXICON = Limits()
"""What a preset that says nothing of it means."""


@lru_cache(maxsize=16)
def limits_of(preset: Preset) -> Limits:
    """Return the limits of a preset's section ``definitions``, the lexicon's where it has none."""
    given = preset.sections.get("definitions", {})
    return Limits(**{name: quantity.low for name, quantity in given.items()})


class Truth(NamedTuple):
    """A noise-free cluster as the definitions see it.

    Attributes
    ----------
    placement : Placement
        Centres in the projection; the nipple is the origin.
    breast_area_mm2 : float
        NaN where the cluster will be handed over without it: it then decides nothing.
    vessel : bool
        The arrangement follows a vessel.
    nipple_known : bool
        Whether the cluster will be handed over with the nipple.
    structureless : bool
        The arrangement draws points about a centre by chance: its extent alone decides.
    limits : Limits
    """

    placement: Placement
    breast_area_mm2: float
    vessel: bool
    nipple_known: bool = True
    structureless: bool = False
    limits: Limits = LEXICON


def _is_diffuse_in_size(extent: float, area: float, breast_area: float) -> bool:
    if math.isnan(breast_area):
        return extent > DIFFUSE_MIN_MM
    return area >= DIFFUSE_MIN_BREAST_SHARE * breast_area


def _could_be_a_line(xy: Floats, extent: float, width: float) -> bool:
    """Tell whether points are so drawn out that a path through them would be seen."""
    few, least = len(xy) <= 5, NOT_A_LINE_MIN_WIDTH_RATIO * extent
    return width < least and (
        few or width < 0.5 * least or tree_path_share(xy) > THREADED_MIN_PATH_SHARE
    )


def _fills_a_wedge(xy: Floats) -> bool:
    span, length, distance, filled = wedge_seen_from_nipple(xy)
    farthest = float(np.hypot(*xy.T).max())
    return bool(
        SEGMENTAL_SPAN_DEG[0] <= math.degrees(span) <= SEGMENTAL_SPAN_DEG[1]
        and length > GROUPED_MAX_MM
        and length >= SEGMENTAL_MIN_LENGTH_TO_WIDTH * span * distance
        and filled >= SEGMENTAL_MIN_FILLED
        and farthest - length <= SEGMENTAL_MAX_NEAREST_TO_FARTHEST * farthest
    )


def _widens(xy: Floats) -> float:
    """Return how many times as broad the half farther from the nipple is as the nearer half."""
    centre = xy.sum(axis=0) / len(xy)
    return math.exp(log_widening(xy, math.atan2(centre[1], centre[0])))


def _shaped_widening(xy: Floats) -> float:
    """Return how many times as broad the broader half is, parted along the long axis."""
    # The covariance as `numpy.cov` has it, without its tenfold overhead.
    centred = (xy - xy.sum(axis=0) / len(xy)).T
    (xx, cross), (_, yy) = np.dot(centred, centred.T) * (1.0 / (len(xy) - 1))
    return math.exp(abs(log_widening(xy, 0.5 * math.atan2(2.0 * cross, xx - yy))))


def _grouped(truth: Truth) -> bool:
    xy = truth.placement.xy
    extent, width, _, _ = extent_of(xy)
    if not 0.5 < extent <= GROUPED_MAX_MM:
        return False
    return truth.structureless or not _could_be_a_line(xy, extent, width)


def _regional(truth: Truth) -> bool:
    xy = truth.placement.xy
    extent, width, area, _ = extent_of(xy)
    if extent <= GROUPED_MAX_MM or _is_diffuse_in_size(extent, area, truth.breast_area_mm2):
        return False
    if truth.structureless:
        return True
    if len(xy) < REGIONAL_MIN_COUNT or width < NOT_A_LINE_MIN_WIDTH_RATIO * extent:
        return False
    if not truth.nipple_known and _shaped_widening(xy) > truth.limits.region_shaped:
        return False
    return not _fills_a_wedge(xy) or _widens(xy) <= truth.limits.region_widening


def _diffuse(truth: Truth) -> bool:
    extent, width, area, _ = extent_of(truth.placement.xy)
    spread = truth.structureless or width >= NOT_A_LINE_MIN_WIDTH_RATIO * extent
    return spread and _is_diffuse_in_size(extent, area, truth.breast_area_mm2)


def _segmental(truth: Truth) -> bool:
    xy = truth.placement.xy
    extent, width, area, _ = extent_of(xy)
    if len(xy) < SEGMENTAL_MIN_COUNT or extent <= GROUPED_MAX_MM or width < 5.0:
        return False
    if area >= DIFFUSE_MIN_BREAST_SHARE * truth.breast_area_mm2:  # never where it is NaN
        return False
    if not truth.nipple_known and _shaped_widening(xy) < SHAPED_MIN_WIDENING:
        return False
    return _fills_a_wedge(xy) and _widens(xy) >= SEGMENTAL_MIN_WIDENING


def _linear(truth: Truth) -> bool:
    xy, path = truth.placement.xy, truth.placement.path
    if path is None or len(xy) < 4:
        return False
    extent, width, _, _ = extent_of(xy)
    chord = float(np.hypot(*(path[-1] - path[0])))
    steps = path[1:] - path[:-1]
    length = float(np.hypot(steps[:, 0], steps[:, 1]).sum())
    if extent < LINEAR_MIN_LENGTH_MM or chord < LINEAR_MIN_CHORD_RATIO * length:
        return False
    if distance_to_path(xy, path).max() > truth.limits.off_path_ratio * extent:
        return False
    if width > (truth.limits.sag + SPARSE_LINE_MAX_SAG[1] * (len(xy) - 4)) * extent + 0.3:
        return False
    return truth.vessel or tree_path_share(xy) >= truth.limits.path_share


def visible_junctions(placement: Placement) -> int:
    """Count the junctions of a placement whose three arms can all be seen.

    Parameters
    ----------
    placement : Placement
        With `branch`, `parent` and `branch_end`.

    Returns
    -------
    int
    """
    parent, branch, ends = placement.parent, placement.branch, placement.branch_end
    if parent is None or branch is None or ends is None or len(placement.xy) < 3:
        return 0
    return int(count_junctions(placement.xy, branch, parent, ends, SEEN_ARM))


_TESTS = {
    Distribution.GROUPED: _grouped,
    Distribution.REGIONAL: _regional,
    Distribution.DIFFUSE: _diffuse,
    Distribution.SEGMENTAL: _segmental,
    Distribution.LINEAR: _linear,
    Distribution.BRANCHING: lambda truth: visible_junctions(truth.placement) >= 1,
}


def meets_distribution(distribution: Distribution, truth: Truth) -> bool:
    """Tell whether the noise-free projection meets the definition of a distribution.

    Examples
    --------
    >>> import numpy as np
    >>> truth = Truth(Placement(np.array([[0.0, 0], [3, 0], [0, 3], [2, 2]])), float("nan"), False)
    >>> meets_distribution(Distribution.GROUPED, truth), meets_distribution(Distribution.LINEAR, truth)
    (True, False)
    """
    return len(truth.placement.xy) >= MIN_CALCIFICATIONS and _TESTS[distribution](truth)


ELONGATED_MIN_ASPECT = 2.0
HAZY_MAX_CONTRAST = 0.4
DENSE_MIN_CONTRAST = 0.45
"""Hazy is little contrast, less than half that of a dense calcification; the rest are not hazy."""

SMOOTH_MAX_IRREGULARITY = 0.24
RAGGED_MIN_IRREGULARITY = 0.3
"""Round and punctate are smooth, the heterogeneous are not: log aspect ratio - 2 log solidity is 0
for a disc and 0.29 for an ellipse of 4 to 3, or a disc that lacks an eighth of its hull."""

_NO_LIMIT = math.inf

FORM_RULES: dict[Morphology, dict[str, tuple[float, float]]] = {
    # BI-RADS: round is under 1 mm and over what makes it punctate; 1.2 allows for pooling.
    Morphology.ROUND: {
        "median_diameter_mm": (MICRO_MACRO_LIMIT_MM, 1.2),
        "greatest_length_mm": (0.0, 2.0),
        "median_contrast": (DENSE_MIN_CONTRAST, _NO_LIMIT),
        "median_irregularity": (0.0, SMOOTH_MAX_IRREGULARITY),
    },
    Morphology.PUNCTATE: {
        "median_diameter_mm": (0.0, MICRO_MACRO_LIMIT_MM),
        "greatest_length_mm": (0.0, 0.8),
        "log_sd": (0.0, 0.45),
        "median_contrast": (DENSE_MIN_CONTRAST, _NO_LIMIT),
        "median_irregularity": (0.0, SMOOTH_MAX_IRREGULARITY),
    },
    Morphology.POPCORN: {"greatest_length_mm": (2.0, _NO_LIMIT), "median_aspect": (1.0, 2.0)},
    Morphology.ROD_LIKE: {
        "elongated_share": (0.4, 1.0),
    },
    Morphology.AMORPHOUS: {
        "median_diameter_mm": (0.0, 1.0),
        "median_contrast": (0.0, HAZY_MAX_CONTRAST),
    },
    Morphology.COARSE_HETEROGENEOUS: {
        "median_diameter_mm": (MICRO_MACRO_LIMIT_MM, 1.2),
        "greatest_length_mm": (0.0, 3.5),
        "elongated_share": (0.0, 0.5),
        "median_contrast": (DENSE_MIN_CONTRAST, _NO_LIMIT),
        "median_irregularity": (RAGGED_MIN_IRREGULARITY, _NO_LIMIT),
    },
    Morphology.FINE_PLEOMORPHIC: {
        "median_diameter_mm": (0.0, MICRO_MACRO_LIMIT_MM),
        "log_sd": (0.25, 1.0),
        "elongated_share": (0.0, 0.5),
        "median_contrast": (DENSE_MIN_CONTRAST, _NO_LIMIT),
        "median_irregularity": (RAGGED_MIN_IRREGULARITY, _NO_LIMIT),
    },
    Morphology.FINE_LINEAR: {
        "median_calibre_mm": (0.0, MICRO_MACRO_LIMIT_MM),
        "elongated_share": (0.4, 1.0),
        "median_contrast": (DENSE_MIN_CONTRAST, _NO_LIMIT),
    },
    Morphology.VASCULAR: {
        "median_calibre_mm": (0.0, 0.6),
        "median_contrast": (HAZY_MAX_CONTRAST, _NO_LIMIT),
    },
}
"""Thresholds of the lexicon (BI-RADS 5th ed. and DICOM PS3.16, paraphrased) as ranges, ends included.

The measures are those of `calcigram.simulate._shape.FormMeasures`."""


def meets_form(
    morphology: Morphology, table: Floats, contrast: Floats, limits: Limits = LEXICON
) -> bool:
    """Tell whether noise-free sizes meet the definition of a form.

    Parameters
    ----------
    morphology : Morphology
    table : ndarray of float64, shape (n, 4)
        Diameter (mm), aspect ratio, orientation (degrees) and solidity, noise-free.
    contrast : ndarray of float64, shape (n,)
        Relative to a dense calcification.
    limits : Limits
        Of which the calibre of rods counts.

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> discs = np.array([[0.3, 1.0, 0.0, 1.0], [0.35, 1.0, 0.0, 1.0], [0.4, 1.0, 0.0, 1.0]])
    >>> [meets_form(form, discs, np.ones(3)) for form in (Morphology.PUNCTATE, Morphology.ROUND)]
    [True, False]
    """
    measures = form_measures(table, contrast, ELONGATED_MIN_ASPECT)
    if morphology == Morphology.ROD_LIKE and measures.median_calibre_mm < limits.rod_calibre_mm:
        return False
    # What is NaN decides nothing.
    return not any(
        getattr(measures, name) < low or getattr(measures, name) > high
        for name, (low, high) in FORM_RULES[morphology].items()
    )
