"""Disease that stays within ducts: along one, in one with its side branches, through a lobe."""

from __future__ import annotations

import numpy as np

from .breast import Breast
from .disease import Junction, Sites, clearance, kept_apart, strung
from .ducts import Branch, Lobe, grow_lobe
from .paths import Array, Path, Rng, frame_about, log_uniform, scattered_about

LINE_MM = (9.0, 50.0)  # length of a linear lesion
ARM_MM = (7.0, 24.0)  # length of a side branch, and of the duct beyond its last junction
TREE_MM = 48.0  # longest calcified stretch of the mother duct
LUMEN_SD_MM = (0.06, 0.4)  # calcium off the middle of a duct that disease has widened
LOBULE_SD_MM = (0.3, 0.7)  # a lobule is 1-2 mm by 0.5-1 mm


def in_one_duct(rng: Rng, breast: Breast, _form: str, lengths_mm: Array) -> Sites | None:
    """Fill a stretch of one duct."""
    span_mm = max(log_uniform(rng, *LINE_MM), lengths_mm.sum() + 0.3 * len(lengths_mm))
    branches = grow_lobe(rng, breast).branches
    duct = branches[int(np.argmax([b.length_mm * rng.uniform(0.4, 1) for b in branches]))]
    if span_mm > min(duct.path.length_mm, LINE_MM[1], _longest_mm(lengths_mm, 3.5)):
        return None
    start_mm = rng.uniform(0, duct.path.length_mm - span_mm)
    stretch = duct.path.cut(start_mm, start_mm + span_mm)
    unevenness = rng.uniform(0.2, 0.9)
    arc_mm = strung(rng, lengths_mm, span_mm, unevenness)
    mechanism = "duct with skips" if unevenness > 0.6 else "duct filled"
    return _within([stretch], np.zeros(len(arc_mm), int), arc_mm, rng, mechanism)


def in_branching_ducts(rng: Rng, breast: Breast, _form: str, lengths_mm: Array) -> Sites | None:
    """Fill a duct and one to four of its side branches."""
    lobe = grow_lobe(rng, breast)
    room_mm = _longest_mm(lengths_mm, 2.4)
    sides = _fork(rng, lobe, most=int(rng.integers(1, np.clip(room_mm / 14, 2, 5))))
    if not sides:
        return None
    arm_mm = ARM_MM[0], float(np.clip(1.4 * room_mm / (len(sides) + 2), ARM_MM[0] + 1, ARM_MM[1]))
    mother = lobe.branches[sides[0].mother].path
    leaves_mm = np.array([lobe.leaves_at_mm(side) for side in sides])
    start_mm = max(leaves_mm.min() - rng.uniform(*arm_mm), 0.0)
    stop_mm = min(leaves_mm.max() + rng.uniform(*arm_mm), mother.length_mm)
    hosts = [mother.cut(start_mm, stop_mm)]
    hosts += [s.path.cut(0.4, min(s.path.length_mm, rng.uniform(*arm_mm))) for s in sides]
    spans_mm = np.array([host.length_mm for host in hosts])
    if not lengths_mm.sum() / 0.85 < spans_mm.sum() < room_mm:
        return None
    counts = _shared_out(len(lengths_mm), spans_mm * rng.uniform(0.8, 1.25, len(spans_mm)))
    if counts.min() < 3 or counts[0] < 5:
        return None
    unevenness = rng.uniform(0.2, 0.6)
    parts = np.split(lengths_mm, np.cumsum(counts)[:-1])
    arcs = [strung(rng, part, span, unevenness) for part, span in zip(parts, spans_mm, strict=True)]
    host = np.repeat(np.arange(len(hosts)), counts)
    junctions = tuple(
        Junction(side, float(at)) for side, at in enumerate(leaves_mm - start_mm, start=1)
    )
    mechanism = "duct forked once" if len(sides) == 1 else "duct with side branches"
    return _within(hosts, host, np.concatenate(arcs), rng, mechanism, junctions)


def in_lobe(rng: Rng, breast: Breast, form: str, lengths_mm: Array) -> Sites | None:
    """Fill the ducts of a whole lobe, its lobules, or both."""
    lobe = grow_lobe(rng, breast)
    hosts = [branch.path for branch in lobe.branches]
    n_offered = 4 * len(lengths_mm)
    lobular_share = float(rng.choice([0.0, 0.4, 0.9]))
    patchiness = rng.uniform(0.6, 3.0)
    weight = np.array([path.length_mm for path in hosts]) * rng.gamma(patchiness, size=len(hosts))
    host = rng.choice(len(hosts), n_offered, p=weight / weight.sum())
    length = np.array([path.length_mm for path in hosts])[host]
    lobular = rng.random(n_offered) < lobular_share
    arc_mm = np.where(lobular, length, rng.uniform(0, length))
    offered = _within(hosts, host, arc_mm, rng, "")
    position = offered.position + lobular[:, None] * rng.normal(
        0, rng.uniform(*LOBULE_SD_MM), (n_offered, 3)
    )
    distance = np.linalg.norm(position, axis=1)
    begins_mm = rng.uniform(0.05, 0.3) * distance.max()
    usable = np.flatnonzero(distance > begins_mm)
    chosen = kept_apart(position[usable], lengths_mm, clearance(form))
    if chosen is None:
        return None
    keep = usable[chosen]
    name = {0.0: "ducts of a lobe", 0.4: "ducts and lobules of a lobe", 0.9: "lobules of a lobe"}
    return Sites(
        position[keep],
        offered.tangent[keep],
        name[lobular_share],
        host=host[keep],
    )


def _within(
    hosts: list[Path],
    host: np.ndarray,
    arc_mm: Array,
    rng: Rng,
    mechanism: str,
    junctions: tuple[Junction, ...] = (),
) -> Sites:
    """Lay grains inside the lumen of their ducts."""
    middle, tangent = np.empty((len(host), 3)), np.empty((len(host), 3))
    for index in np.unique(host):
        here = host == index
        middle[here] = hosts[index].at(arc_mm[here])
        tangent[here] = hosts[index].tangent(arc_mm[here])
    sideways, across = frame_about(tangent)
    out = log_uniform(rng, *LUMEN_SD_MM) * rng.standard_normal((2, len(host), 1))
    position = middle + out[0] * sideways + out[1] * across
    return Sites(
        position,
        scattered_about(rng, tangent, 0.06),
        mechanism,
        tuple(hosts),
        host,
        arc_mm,
        junctions,
    )


def _longest_mm(lengths_mm: Array, mean_gap_mm: float) -> float:
    """Return how far grains reach before the eye no longer joins them into a line."""
    return float(lengths_mm.sum() + mean_gap_mm * len(lengths_mm))


def _fork(rng: Rng, lobe: Lobe, most: int) -> list[Branch]:
    """Choose side branches of one duct, long enough to be seen, near one another."""

    def is_clear(side: Branch) -> bool:
        if side.mother < 0 or side.length_mm < ARM_MM[0]:
            return False
        before_mm = lobe.leaves_at_mm(side)
        beyond_mm = lobe.branches[side.mother].path.length_mm - before_mm
        return before_mm > 6 and beyond_mm > 6

    clear = [side for side in lobe.branches if is_clear(side)]
    if not clear:
        return []
    first = clear[int(rng.integers(len(clear)))]
    beside = [
        side
        for side in clear
        if side.mother == first.mother
        and 2.5 < abs(lobe.leaves_at_mm(side) - lobe.leaves_at_mm(first)) < TREE_MM / 2
    ]
    others = rng.permutation(len(beside))[: most - 1]
    return [first, *(beside[other] for other in others)]


def _shared_out(n: int, weight: Array) -> np.ndarray:
    """Share `n` grains out in proportion to `weight`, in whole numbers."""
    edges = np.round(n * np.cumsum(weight) / weight.sum()).astype(int)
    return np.diff(np.concatenate([[0], edges]))
