"""Hold a noise-free cluster against the lexicon's definition of its label.

A simulated cluster is kept only where it does; degradation comes later and never relabels.
The tests are generous on purpose: they remove clusters that another label would fit better,
and must not cut away legitimate variety. What reads clusters (features, rules, model) shares
no code with this module.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcigram.lexicon import (
    DIFFUSE_MIN_BREAST_SHARE,
    DIFFUSE_MIN_MM,
    GROUPED_MAX_MM,
    MICRO_MACRO_LIMIT_MM,
    MIN_CALCIFICATIONS,
    Distribution,
    Morphology,
)
from calcigram.simulate._paths import distance_to_path
from calcigram.simulate._shape import (
    count_junctions,
    extent_of,
    tree_path_share,
    wedge_seen_from_nipple,
)
from calcigram.simulate.arrangements import Placement

Floats = npt.NDArray[np.float64]

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
WEDGE_MIN_WIDENING = 1.2
"""A wedge is an acute angle at the nipple, hardly broader than long, near the nipple at one end,
and filled: a forked duct is not several ducts. What fills a wedge and widens away from the
nipple, its farther half this many times as broad as the nearer, is no region."""

POINTING_MAX_DEG = 30.0
POINTING_MIN_ELONGATION = 1.5
"""An area drawn out by this factor, within this angle of the nipple, would pass for a segment."""

LINEAR_MIN_LENGTH_MM = 4.5
LINEAR_MAX_OFF_PATH_RATIO = 0.07
LINEAR_MIN_CHORD_RATIO = 0.5
LINEAR_MIN_PATH_SHARE = 0.75
SPARSE_LINE_MAX_SAG = (0.05, 0.025)
"""A line of n points may bulge by 0.05 + 0.025 (n - 4) of its length: few points show no curve."""

BRANCH_MIN_REACH_MM = 3.0
BRANCH_PAIR_MIN_REACH_MM = 5.0
BRANCH_MIN_ANGLE_DEG = 20.0
BRANCH_MIN_REACH_SPACINGS = 2.0
BRANCH_MAX_THICKNESS = 0.2
"""An arm is seen with 3 calcifications over 3 mm, or 2 over 5 mm, apart from the other arms,
twice as long as the typical gap between neighbours, and thin for its length."""


@dataclass(frozen=True)
class Truth:
    """A noise-free cluster as the definitions see it.

    Attributes
    ----------
    placement : Placement
        Centres in the projection; the nipple is the origin.
    breast_area_mm2 : float
        NaN where the cluster will be handed over without it: it then decides nothing.
    vessel : bool
        The arrangement follows a vessel.
    """

    placement: Placement
    breast_area_mm2: float
    vessel: bool


def _is_diffuse_in_size(extent: float, area: float, breast_area: float) -> bool:
    if math.isnan(breast_area):
        return extent > DIFFUSE_MIN_MM
    return area >= DIFFUSE_MIN_BREAST_SHARE * breast_area


def _could_be_a_line(xy: Floats) -> bool:
    """Tell whether points are so drawn out that a path through them would be seen."""
    extent, width, _, _ = extent_of(xy)
    if width >= NOT_A_LINE_MIN_WIDTH_RATIO * extent:
        return False
    few = len(xy) <= 5
    return (
        few
        or width < 0.5 * NOT_A_LINE_MIN_WIDTH_RATIO * extent
        or (tree_path_share(xy) > THREADED_MIN_PATH_SHARE)
    )


def _fills_a_wedge(xy: Floats) -> bool:
    span, length, distance, filled = wedge_seen_from_nipple(xy)
    farthest = float(np.hypot(*xy.T).max())
    return (
        SEGMENTAL_SPAN_DEG[0] <= math.degrees(span) <= SEGMENTAL_SPAN_DEG[1]
        and length > GROUPED_MAX_MM
        and length >= SEGMENTAL_MIN_LENGTH_TO_WIDTH * span * distance
        and farthest - length <= SEGMENTAL_MAX_NEAREST_TO_FARTHEST * farthest
        and filled >= SEGMENTAL_MIN_FILLED
    )


def _widening(xy: Floats) -> float:
    """Return how many times as broad the half farther from the nipple is as the nearer half."""
    centre = xy.mean(axis=0)
    along = xy @ (centre / np.hypot(*centre))
    across = np.abs(xy @ (np.array([-centre[1], centre[0]]) / np.hypot(*centre)))
    far = along > np.median(along)
    return float(across[far].mean() / (across[~far].mean() + 1e-9))


def _grouped(truth: Truth) -> bool:
    extent, _, _, _ = extent_of(truth.placement.xy)
    return 0.5 < extent <= GROUPED_MAX_MM and not _could_be_a_line(truth.placement.xy)


def _regional(truth: Truth) -> bool:
    xy = truth.placement.xy
    extent, width, area, axis = extent_of(xy)
    if len(xy) < REGIONAL_MIN_COUNT or extent <= GROUPED_MAX_MM:
        return False
    if width < NOT_A_LINE_MIN_WIDTH_RATIO * extent:
        return False
    if _is_diffuse_in_size(extent, area, truth.breast_area_mm2):
        return False
    centre = xy.mean(axis=0)
    off_axis = abs(math.remainder(math.atan2(centre[1], centre[0]) - axis, math.pi))
    pointing = math.degrees(off_axis) < POINTING_MAX_DEG
    drawn_out = extent > POINTING_MIN_ELONGATION * width
    return not (pointing and drawn_out) and not (
        _fills_a_wedge(xy) and _widening(xy) >= WEDGE_MIN_WIDENING
    )


def _diffuse(truth: Truth) -> bool:
    extent, width, area, _ = extent_of(truth.placement.xy)
    spread = width >= NOT_A_LINE_MIN_WIDTH_RATIO * extent
    return spread and _is_diffuse_in_size(extent, area, truth.breast_area_mm2)


def _segmental(truth: Truth) -> bool:
    xy = truth.placement.xy
    extent, width, area, _ = extent_of(xy)
    if len(xy) < SEGMENTAL_MIN_COUNT or extent <= GROUPED_MAX_MM or width < 5.0:
        return False
    if not math.isnan(truth.breast_area_mm2) and area >= DIFFUSE_MIN_BREAST_SHARE * (
        truth.breast_area_mm2
    ):
        return False
    return _fills_a_wedge(xy)


def _linear(truth: Truth) -> bool:
    xy, path = truth.placement.xy, truth.placement.path
    if path is None or len(xy) < 4:
        return False
    extent, width, _, _ = extent_of(xy)
    chord = float(np.hypot(*(path[-1] - path[0])))
    length = float(np.hypot(*np.diff(path, axis=0).T).sum())
    if extent < LINEAR_MIN_LENGTH_MM or chord < LINEAR_MIN_CHORD_RATIO * length:
        return False
    if distance_to_path(xy, path).max() > LINEAR_MAX_OFF_PATH_RATIO * extent:
        return False
    base, per_point = SPARSE_LINE_MAX_SAG
    if width > (base + per_point * (len(xy) - 4)) * extent + 0.3:
        return False
    return truth.vessel or tree_path_share(xy) >= LINEAR_MIN_PATH_SHARE


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
    seen = count_junctions(
        placement.xy,
        branch,
        parent,
        ends,
        BRANCH_PAIR_MIN_REACH_MM,
        BRANCH_MIN_REACH_MM,
        BRANCH_MIN_REACH_SPACINGS,
        BRANCH_MAX_THICKNESS,
        math.radians(BRANCH_MIN_ANGLE_DEG),
    )
    return int(seen)


def _branching(truth: Truth) -> bool:
    return visible_junctions(truth.placement) >= 1


DISTRIBUTION_TESTS: dict[Distribution, Callable[[Truth], bool]] = {
    Distribution.GROUPED: _grouped,
    Distribution.REGIONAL: _regional,
    Distribution.DIFFUSE: _diffuse,
    Distribution.SEGMENTAL: _segmental,
    Distribution.LINEAR: _linear,
    Distribution.BRANCHING: _branching,
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
    return len(truth.placement.xy) >= MIN_CALCIFICATIONS and DISTRIBUTION_TESTS[distribution](truth)


ELONGATED_MIN_ASPECT = 2.0
HAZY_MAX_CONTRAST = 0.5
"""Hazy is little contrast: half that of a dense calcification at most."""

_NO_LIMIT = math.inf


def _median(values: Floats) -> float:
    return float(np.partition(values, values.size // 2)[values.size // 2])


FORM_MEASURES: dict[str, Callable[[Floats, Floats, Floats], float]] = {
    "median_diameter_mm": lambda d, a, c: _median(d),
    "median_calibre_mm": lambda d, a, c: _median(d / np.sqrt(a)),
    "median_aspect": lambda d, a, c: _median(a),
    "greatest_length_mm": lambda d, a, c: float((d * np.sqrt(a)).max()),
    # A standard deviation of fewer than 5 says little, so it decides nothing.
    "log_sd": lambda d, a, c: float(np.log(d).std()) if d.size >= 5 else 1.0,
    "median_contrast": lambda d, a, c: _median(c),
    "elongated_share": lambda d, a, c: float((a >= ELONGATED_MIN_ASPECT).mean()),
}
"""Measures of the noise-free diameters, aspect ratios and contrasts of a cluster."""

FORM_RULES: dict[Morphology, dict[str, tuple[float, float]]] = {
    # BI-RADS: round is under 1 mm and over what makes it punctate; 1.2 allows for pooling.
    Morphology.ROUND: {
        "median_diameter_mm": (MICRO_MACRO_LIMIT_MM, 1.2),
        "median_aspect": (1.0, 1.4),
        "greatest_length_mm": (0.0, 2.0),
    },
    Morphology.PUNCTATE: {
        "median_diameter_mm": (0.0, MICRO_MACRO_LIMIT_MM),
        "median_aspect": (1.0, 1.5),
        "greatest_length_mm": (0.0, 0.8),
    },
    Morphology.POPCORN: {"greatest_length_mm": (2.0, _NO_LIMIT), "median_aspect": (1.0, 2.0)},
    Morphology.ROD_LIKE: {
        "median_calibre_mm": (0.95 * MICRO_MACRO_LIMIT_MM, _NO_LIMIT),
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
    },
    Morphology.FINE_PLEOMORPHIC: {
        "median_diameter_mm": (0.0, MICRO_MACRO_LIMIT_MM),
        "log_sd": (0.2, _NO_LIMIT),
        "elongated_share": (0.0, 0.5),
    },
    Morphology.FINE_LINEAR: {
        "median_calibre_mm": (0.0, MICRO_MACRO_LIMIT_MM),
        "elongated_share": (0.4, 1.0),
    },
    Morphology.VASCULAR: {"median_calibre_mm": (0.0, 1.0)},
}
"""Thresholds of the lexicon (BI-RADS 5th ed. and DICOM PS3.16, paraphrased) as ranges, ends included.

Calibre is diameter / sqrt(aspect ratio), length is diameter x sqrt(aspect ratio)."""


def meets_form(
    morphology: Morphology, diameter_mm: Floats, aspect: Floats, contrast: Floats
) -> bool:
    """Tell whether noise-free sizes meet the definition of a form.

    Parameters
    ----------
    morphology : Morphology
    diameter_mm, aspect, contrast : ndarray of float64, shape (n,)
        Noise-free, one value a calcification.

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> d, one = np.array([0.3, 0.35, 0.4]), np.ones(3)
    >>> meets_form(Morphology.PUNCTATE, d, one, one), meets_form(Morphology.ROUND, d, one, one)
    (True, False)
    """
    return all(
        low <= FORM_MEASURES[name](diameter_mm, aspect, contrast) <= high
        for name, (low, high) in FORM_RULES[morphology].items()
    )
