"""Which arrangements there are, and the draw of one that obeys its definition."""

from __future__ import annotations

from calcigram.lexicon import (
    DIFFUSE_MIN_BREAST_SHARE,
    DIFFUSE_MIN_MM,
    GROUPED_MAX_MM,
    Distribution,
    Morphology,
)

from .areas import (
    Arrangement,
    diffuse_even,
    diffuse_gland,
    diffuse_lobules,
    placed,
    shape_angular,
    shape_ball,
    shape_blob,
    shape_drift,
    shape_ellipse,
    shape_islands,
    shape_lobules,
    shape_nodule,
)
from .breast import Array, Breast, Rng
from .ducts import (
    branching_fork,
    branching_sides,
    branching_tree,
    linear_beads,
    linear_cord,
    linear_duct,
    segmental_fan,
    segmental_lobules,
    segmental_powder,
    vessel_fork,
    vessel_offshoot,
    vessel_rails,
    vessel_uneven,
    vessel_wall,
)
from .geometry import (
    CLOSEST_MM,
    Pattern,
    are_apart,
    greatest_distance,
    hull_area,
    slimness_of,
    wedge_widths,
)

_TRIES_EACH = 40
_TRIES_ALL = 25
_D = Distribution
ARRANGEMENTS: dict[Distribution, dict[str, Arrangement]] = {
    _D.DIFFUSE: {"even": diffuse_even, "gland": diffuse_gland, "lobules": diffuse_lobules},
    _D.REGIONAL: {
        "patch": placed(shape_blob, _D.REGIONAL),
        "drift": placed(shape_drift, _D.REGIONAL),
        "islands": placed(shape_islands, _D.REGIONAL),
    },
    _D.SEGMENTAL: {"fan": segmental_fan, "powder": segmental_powder, "lobules": segmental_lobules},
    _D.GROUPED: {
        "ball": placed(shape_ball, _D.GROUPED),
        "ellipse": placed(shape_ellipse, _D.GROUPED),
        "nodule": placed(shape_nodule, _D.GROUPED),
        "angular": placed(shape_angular, _D.GROUPED),
        "lobules": placed(shape_lobules, _D.GROUPED),
    },
    _D.LINEAR: {"duct": linear_duct, "cord": linear_cord, "beads": linear_beads},
    _D.BRANCHING: {"fork": branching_fork, "sides": branching_sides, "tree": branching_tree},
}
VESSELS: dict[Distribution, dict[str, Arrangement]] = {
    _D.LINEAR: {"rails": vessel_rails, "uneven": vessel_uneven, "one_wall": vessel_wall},
    _D.BRANCHING: {"vessel_fork": vessel_fork, "vessel_offshoot": vessel_offshoot},
}


def _obeys(xy: Array, breast: Breast, distribution: Distribution, name: Morphology) -> bool:
    """Check noise-free positions against the definition of their distribution."""
    fewest = 3 if name is Morphology.POPCORN else 5
    if len(xy) < fewest or len(xy) > 220 or not breast.holds(xy).all():
        return False
    extent = greatest_distance(xy)
    if distribution is Distribution.GROUPED:
        slim = 0.2 if name is Morphology.POPCORN else 0.42
        return 2.5 <= extent <= GROUPED_MAX_MM and slimness_of(xy) >= slim
    if distribution is Distribution.LINEAR:
        return extent >= 7.0
    if distribution is Distribution.BRANCHING:
        return extent >= 6.0 and len(xy) >= 9 and slimness_of(xy) >= 0.1
    share = hull_area(xy) / breast.area
    if distribution is Distribution.DIFFUSE:
        if breast.area_known:
            return share >= DIFFUSE_MIN_BREAST_SHARE + 0.02
        return share >= 0.4 and extent > DIFFUSE_MIN_MM + 3
    if share >= DIFFUSE_MIN_BREAST_SHARE - 0.04:
        return False
    if not breast.area_known and extent > DIFFUSE_MIN_MM:
        return False
    ratio, along, width = wedge_widths(xy, breast.nipple)
    if distribution is Distribution.SEGMENTAL:
        return len(xy) >= 12 and ratio < 0.75 and along >= 20 and width >= 6
    return extent > GROUPED_MAX_MM + 2 and slimness_of(xy) >= 0.5 and (ratio > 0.7 or len(xy) < 10)


def draw_pattern(
    rng: Rng, breast: Breast, distribution: Distribution, name: Morphology
) -> tuple[Pattern, str]:
    """Draw arrangements until one obeys its definition."""
    vessel = name is Morphology.VASCULAR
    choices = (VESSELS if vessel else ARRANGEMENTS)[distribution]
    names = list(choices)
    for _ in range(_TRIES_ALL):
        chosen = names[rng.integers(len(names))]
        for _ in range(_TRIES_EACH):
            pattern = choices[chosen](rng, breast, name)
            keep = are_apart(pattern.xy, max(pattern.gap, CLOSEST_MM))
            xy = pattern.xy[keep]
            if _obeys(xy, breast, distribution, name):
                return Pattern(xy, pattern.direction[keep]), chosen
    raise RuntimeError(f"no {distribution} arrangement of {name} fits the breast")
