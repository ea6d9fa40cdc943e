"""Does a noise-free cluster meet the lexicon's definition of its label?

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
from calcigram.simulate._shape import distance_to_path, extent_of, tree_path_share
from calcigram.simulate.arrangements import Placement

Floats = npt.NDArray[np.float64]

NOT_A_LINE_MIN_WIDTH_RATIO = 0.3
"""Least width over greatest distance below which a filled area would pass for a line."""

REGIONAL_MIN_COUNT = 8
"""Regional calcifications are numerous."""

SEGMENTAL_MIN_COUNT = 10
SEGMENTAL_SPAN_DEG = (15.0, 80.0)
SEGMENTAL_MIN_LENGTH_TO_WIDTH = 0.75
"""A wedge is an acute angle at the nipple, and not much broader than it is long."""

POINTING_MAX_DEG = 25.0
POINTING_MIN_ELONGATION = 1.5
"""An area drawn out by this factor, within this angle of the nipple, would pass for a segment."""

LINEAR_MIN_LENGTH_MM = 7.0
LINEAR_MAX_OFF_PATH_RATIO = 0.08
LINEAR_MIN_CHORD_RATIO = 0.5
LINEAR_MIN_PATH_SHARE = 0.7
SPARSE_LINE_MAX_SAG = (0.05, 0.025)
"""A line of n points may bulge by 0.05 + 0.025 (n - 4) of its length: few points show no curve."""

BRANCH_MIN_COUNT = 3
BRANCH_MIN_REACH_MM = 2.0
BRANCH_LONG_REACH_MM = 4.0
BRANCH_MIN_ANGLE_DEG = 18.0
"""An arm is seen with 3 calcifications over 2 mm, or 2 over 4 mm, apart from the other arms."""


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


def _grouped(truth: Truth) -> bool:
    extent, width, _, _ = extent_of(truth.placement.xy)
    return 0.5 < extent <= GROUPED_MAX_MM and width >= NOT_A_LINE_MIN_WIDTH_RATIO * extent


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
    return not (pointing and extent > POINTING_MIN_ELONGATION * width)


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
    radius = np.hypot(xy[:, 0], xy[:, 1])
    mean = np.arctan2(xy[:, 1].sum(), xy[:, 0].sum())
    angle = (np.arctan2(xy[:, 1], xy[:, 0]) - mean + math.pi) % (2 * math.pi) - math.pi
    far = radius > 0.3 * radius.max()
    low, high = np.percentile(angle[far], [3, 97])
    span = high - low
    length = float(np.ptp(radius))
    return (
        SEGMENTAL_SPAN_DEG[0] <= math.degrees(span) <= SEGMENTAL_SPAN_DEG[1]
        and length > GROUPED_MAX_MM
        and length >= SEGMENTAL_MIN_LENGTH_TO_WIDTH * span * float(radius[far].mean())
    )


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
    if parent is None or branch is None or ends is None:
        return 0
    n_branches = parent.size
    below = np.eye(n_branches, dtype=bool)
    for b in range(n_branches - 1, 0, -1):
        if parent[b] >= 0:
            below[parent[b]] |= below[b]
    member = below[:, branch]
    seen = 0
    for b in range(n_branches):
        children = np.flatnonzero(parent == b)
        if children.size < 2:
            continue
        arms = [member[c] for c in children]
        arms.append(~np.logical_or.reduce(arms))
        headings = [h for arm in arms if (h := _heading(placement.xy[arm] - ends[b])) is not None]
        if len(headings) >= 3 and _spread(headings) >= BRANCH_MIN_ANGLE_DEG:
            seen += 1
    return seen


def _heading(offset: Floats) -> float | None:
    """Return the direction of an arm from its junction, degrees; None where it is not seen."""
    if len(offset) < 2:
        return None
    distance = np.hypot(offset[:, 0], offset[:, 1])
    reach = distance.max()
    enough = BRANCH_MIN_REACH_MM if len(offset) >= BRANCH_MIN_COUNT else BRANCH_LONG_REACH_MM
    if reach < enough:
        return None
    near = distance <= np.sort(distance)[min(len(offset), 6) - 1]
    x, y = offset[near].sum(axis=0)
    return math.degrees(math.atan2(y, x))


def _spread(headings: list[float]) -> float:
    """Return the least angle between any two of several directions, degrees."""
    ordered = np.sort(np.asarray(headings) % 360.0)
    return float(np.diff(np.append(ordered, ordered[0] + 360.0)).min())


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


@dataclass(frozen=True)
class FormRule:
    """The sizes a form must have; each bound is inclusive, medians over the cluster.

    `diameter_mm` is that of the circle of equal area, calibre is diameter / sqrt(aspect), the
    greatest dimension diameter x sqrt(aspect).
    """

    diameter_mm: tuple[float, float] = (0.0, math.inf)
    calibre_mm: tuple[float, float] = (0.0, math.inf)
    aspect: tuple[float, float] = (1.0, math.inf)
    largest_mm: tuple[float, float] = (0.0, math.inf)
    log_sd: tuple[float, float] = (0.0, math.inf)
    contrast: tuple[float, float] = (0.0, math.inf)
    elongated_share: tuple[float, float] = (0.0, 1.0)


FORM_RULES: dict[Morphology, FormRule] = {
    # BI-RADS: round is under 1 mm and over what makes it punctate; 1.2 allows for pooling.
    Morphology.ROUND: FormRule(
        diameter_mm=(MICRO_MACRO_LIMIT_MM, 1.2), aspect=(1.0, 1.4), largest_mm=(0.0, 2.0)
    ),
    Morphology.PUNCTATE: FormRule(
        diameter_mm=(0.0, MICRO_MACRO_LIMIT_MM), aspect=(1.0, 1.5), largest_mm=(0.0, 0.8)
    ),
    Morphology.POPCORN: FormRule(largest_mm=(2.0, math.inf), aspect=(1.0, 2.0)),
    Morphology.ROD_LIKE: FormRule(
        calibre_mm=(MICRO_MACRO_LIMIT_MM * 0.95, math.inf), elongated_share=(0.4, 1.0)
    ),
    # Hazy is little contrast: half that of a dense calcification at most.
    Morphology.AMORPHOUS: FormRule(diameter_mm=(0.0, 1.0), contrast=(0.0, 0.5)),
    Morphology.COARSE_HETEROGENEOUS: FormRule(
        diameter_mm=(MICRO_MACRO_LIMIT_MM, 1.2), largest_mm=(0.0, 3.5), elongated_share=(0.0, 0.5)
    ),
    Morphology.FINE_PLEOMORPHIC: FormRule(
        diameter_mm=(0.0, MICRO_MACRO_LIMIT_MM), log_sd=(0.2, math.inf), elongated_share=(0.0, 0.5)
    ),
    Morphology.FINE_LINEAR: FormRule(
        calibre_mm=(0.0, MICRO_MACRO_LIMIT_MM), elongated_share=(0.4, 1.0)
    ),
    Morphology.VASCULAR: FormRule(calibre_mm=(0.0, 1.0)),
}
"""Thresholds of the lexicon (BI-RADS 5th ed. and DICOM PS3.16, paraphrased) as ranges."""

ELONGATED_MIN_ASPECT = 2.0


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
    rule = FORM_RULES[morphology]
    stretch = np.sqrt(aspect)
    measured = (
        (np.median(diameter_mm), rule.diameter_mm),
        (np.median(diameter_mm / stretch), rule.calibre_mm),
        (np.median(aspect), rule.aspect),
        ((diameter_mm * stretch).max(), rule.largest_mm),
        # A standard deviation of fewer than 5 says little, so it decides nothing.
        (np.log(diameter_mm).std() if len(aspect) >= 5 else 1.0, rule.log_sd),
        (np.median(contrast), rule.contrast),
        ((aspect >= ELONGATED_MIN_ASPECT).mean(), rule.elongated_share),
    )
    return all(low <= value <= high for value, (low, high) in measured)
