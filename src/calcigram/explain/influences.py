"""What moved the model from one word to another, and the smallest changes of the cluster that would change its concern.

What moved it is summed feature by feature and by family, in log-odds: a contribution of 0.7 doubles the odds of the
word read against the other.

Changes are searched among clusters that could be: some calcifications taken away, all distances stretched, all sizes
or elongations multiplied. Every changed cluster is measured and read anew. Single features are not turned one by one,
because no cluster could have such features; adding calcifications is not searched, for it would need to say where.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.clusters import ClusterSet
from calcigram.features.catalogue import (
    CATALOGUE,
    FAMILIES,
    FeatureSpec,
    feature_words,
    with_unit,
)
from calcigram.lexicon import CONCERNS, DISTRIBUTION_LABELS, MIN_CALCIFICATIONS, MORPHOLOGY_LABELS
from calcigram.limits import CLUSTER_NAMES, MARK_NAMES
from calcigram.model.attribution import attribute, node_cover
from calcigram.wording import counted

if TYPE_CHECKING:
    from calcigram.model.exemplars import Exemplars
    from calcigram.model.reader import Head
    from calcigram.readings import Readings


@dataclass(frozen=True)
class Contribution:
    """What one feature added.

    Attributes
    ----------
    feature, family, unit : str
    value : float
        Of this cluster; NaN where unknown, which moves a reading too.
    log_odds : float
        For the word read, against the other.
    median_read, median_other : float
        Median among the exemplars that bear the word read, and the other; NaN where there are
        none.
    """

    feature: str
    family: str
    unit: str
    value: float
    log_odds: float
    median_read: float
    median_other: float

    @property
    def words(self) -> str:
        """The feature and its value in words with the unit."""
        return f"{feature_words(self.feature)} = {with_unit(self.value, self.unit)}"


@dataclass(frozen=True)
class WhyThisWord:
    """Why one axis was read as one word rather than as the next most probable.

    Attributes
    ----------
    axis, word, other : str
    log_odds : float
        Of the word read against the other: ``start`` and all contributions add up to it.
    start : float
        Before anything is known of the cluster.
    contributions : tuple of Contribution
        Those that are not 0, the greatest first.
    """

    axis: str
    word: str
    other: str
    log_odds: float
    start: float
    contributions: tuple[Contribution, ...]

    @property
    def families(self) -> dict[str, float]:
        """The contributions summed by family, in the catalogue's order."""
        sums = dict.fromkeys(FAMILIES, 0.0)
        for one in self.contributions:
            sums[one.family] = sums.get(one.family, 0.0) + one.log_odds
        return sums

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        fields = {k: v for k, v in vars(self).items() if k != "contributions"}
        return fields | {
            "families": self.families,
            "features": [vars(one) for one in self.contributions],
        }


def why_this_word(
    head: Head,
    values: npt.NDArray[np.float32],
    probabilities: npt.ArrayLike,
    case: str,
    exemplars: Exemplars,
    extra: tuple[str, ...] = (),
) -> WhyThisWord:
    """Take one reading apart.

    Parameters
    ----------
    head : Head
    values : ndarray of float32, shape (F,)
        Features of one cluster.
    probabilities : array_like, shape (K,)
        Of the axis' words, as they were read; they name the two words compared.
    case : str
        Of the head's calibration.
    exemplars : Exemplars
        Tell what is ordinary.
    extra : tuple of str
        Names of the features after those of the catalogue: they are the family ``own``.

    Returns
    -------
    WhyThisWord
    """
    from calcigram.lexicon import AXES
    from calcigram.model.head import fewness_of

    p = np.asarray(probabilities, float)[list(head.classes)]
    read, other = np.argsort(-p, kind="stable")[:2]
    found = attribute(head.forest, values[None], node_cover(head.forest, exemplars.values))
    phi, base = found.values[0], found.base
    if len(base) == 1:  # a two-class forest scores its second class only
        phi, base = np.vstack([np.zeros_like(phi), phi]), np.append(0.0, base)
    scaling = head.scalings[case]
    sharpness = float(scaling.sharpness(fewness_of(values[None]))[0])
    moved = sharpness * (phi[read] - phi[other])
    bias = scaling.bias[read] - scaling.bias[other]
    start = sharpness * (base[read] - base[other]) + bias
    labels = exemplars.codes(head.axis)
    codes = head.classes[read], head.classes[other]
    medians = [_medians(exemplars.values[labels == code]) for code in codes]
    own = (FeatureSpec(name, "own", "1", -inf, inf, "", "", "", ()) for name in extra)
    specs = [*CATALOGUE, *own]
    parts = [
        Contribution(
            specs[f].name,
            specs[f].family,
            specs[f].unit,
            *map(float, (values[f], moved[f], medians[0][f], medians[1][f])),
        )
        for f in np.argsort(-np.abs(moved), kind="stable")
        if moved[f] != 0
    ]
    words = [str(AXES[head.axis].words[code]) for code in codes]
    return WhyThisWord(
        head.axis, words[0], words[1], float(start + moved.sum()), float(start), tuple(parts)
    )


def _medians(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    known = np.isfinite(values)
    medians = np.full(values.shape[1], np.nan)
    for f in np.flatnonzero(known.any(axis=0)):
        medians[f] = np.median(values[known[:, f], f])
    return medians


Read = Callable[[ClusterSet], "Readings"]

MAX_REMOVED = 6
MAX_CANDIDATES = 120
"""Calcifications tried for removal at each step; of more, an even choice."""

_MOST = 4.0  # no factor beyond four either way is tried
_N_FACTORS = 24
_N_REFINED = 12


@dataclass(frozen=True)
class Change:
    """One change that turns the concern.

    Attributes
    ----------
    kind : str
        ``"remove"``, ``"distances"``, ``"sizes"`` or ``"elongation"``.
    amount : float
        Number taken away, or the factor nearest 1 that is enough.
    calcifications : tuple of int
        Which were taken away, from 0 in the order of the cluster.
    distribution, morphology, concern : str
        What the model then reads.
    """

    kind: str
    amount: float
    calcifications: tuple[int, ...]
    distribution: str
    morphology: str
    concern: str

    @property
    def words(self) -> str:
        """The change as a phrase."""
        if self.kind == "remove":
            places = ", ".join(str(i + 1) for i in self.calcifications)
            return f"without {counted(len(self.calcifications), 'calcification')} (no. {places})"
        return f"{_SCALED[self.kind][0]} times {self.amount:.2f}"


def smallest_changes(cluster: ClusterSet, read: Read) -> list[Change]:
    """Search each kind of change for the smallest that turns the concern.

    Parameters
    ----------
    cluster : ClusterSet
        One cluster.
    read : callable
        From clusters to the model's readings.

    Returns
    -------
    list of Change
        At most one of each kind; empty where nothing within reach turns it, or where there is
        no concern to turn.

    Notes
    -----
    Calcifications are taken away greedily, at each step the one whose loss lowers the probability of
    the concern most, so a smaller choice may exist. Factors are tried on a grid from 1/4 to 4
    in the logarithm, then more finely next to the nearest that turns it.
    """
    concern = int(read(cluster).concern[0])
    if concern < 0:
        return []
    found = [_removal(cluster, read, concern)]
    found += [_factor(cluster, read, concern, kind) for kind in _SCALED]
    return [change for change in found if change is not None]


def _removal(cluster: ClusterSet, read: Read, concern: int) -> Change | None:
    n = len(cluster.x_mm)
    kept = np.arange(n)
    for _ in range(min(MAX_REMOVED, n - MIN_CALCIFICATIONS)):
        tried = np.unique(np.linspace(0, len(kept) - 1, min(len(kept), MAX_CANDIDATES)).astype(int))
        rows = np.array([np.delete(kept, place) for place in tried])
        readings = read(_copies(cluster, rows))
        turned = (readings.concern != concern) & (readings.concern >= 0)
        p = np.nan_to_num(readings.p_concern[:, concern], nan=1.0) - turned
        best = int(p.argmin())
        kept = np.delete(kept, tried[best])
        if turned[best]:
            gone = np.setdiff1d(np.arange(n), kept)
            return _change("remove", float(len(gone)), tuple(map(int, gone)), readings, best)
    return None


def _copies(cluster: ClusterSet, rows: npt.NDArray[np.int64]) -> ClusterSet:
    """Return a cluster for each line of `rows`, made of those calcifications."""
    n = len(rows)
    columns: dict[str, Any] = {name: getattr(cluster, name)[rows.ravel()] for name in MARK_NAMES}
    columns |= {name: np.repeat(getattr(cluster, name), n) for name in CLUSTER_NAMES}
    return ClusterSet.from_arrays(np.arange(n + 1) * rows.shape[1], **columns)


def _stretch(copies: ClusterSet, factors: Any) -> ClusterSet:
    """Multiply the distances about each cluster's centre."""
    each = np.repeat(factors, copies.n_calcifications)
    columns = {}
    for name in ("x_mm", "y_mm"):
        at = getattr(copies, name)
        centre = at.reshape(len(factors), -1).mean(axis=1)
        middle = np.repeat(centre, copies.n_calcifications)
        columns[name] = (middle + (at - middle) * each).astype(np.float32)
    return replace(copies, **columns)


def _resize(copies: ClusterSet, factors: Any) -> ClusterSet:
    each = np.repeat(factors, copies.n_calcifications)
    return replace(copies, diameter_mm=(copies.diameter_mm * each).astype(np.float32))


def _elongate(copies: ClusterSet, factors: Any) -> ClusterSet:
    each = np.repeat(factors, copies.n_calcifications)
    aspect = np.where(
        np.isnan(copies.aspect_ratio), np.nan, np.maximum(copies.aspect_ratio * each, 1)
    )
    return replace(copies, aspect_ratio=aspect.astype(np.float32))


_SCALED: dict[str, tuple[str, Callable[[ClusterSet, Any], ClusterSet], str]] = {
    "distances": ("all distances", _stretch, "x_mm"),
    "sizes": ("all diameters", _resize, "diameter_mm"),
    "elongation": ("all aspect ratios", _elongate, "aspect_ratio"),
}
"""What is multiplied: its words, how, and the mark without which it cannot be."""


def _factor(cluster: ClusterSet, read: Read, concern: int, kind: str) -> Change | None:
    _, scale, needs = _SCALED[kind]
    if not np.isfinite(getattr(cluster, needs)).any():
        return None

    def turned(factors: Any) -> tuple[Readings, npt.NDArray[np.bool_]]:
        rows = np.tile(np.arange(len(cluster.x_mm)), (len(factors), 1))
        readings = read(scale(_copies(cluster, rows), factors))
        return readings, (readings.concern != concern) & (readings.concern >= 0)

    grid = np.geomspace(1, _MOST, _N_FACTORS + 1)[1:]
    factors = np.column_stack([grid, 1 / grid]).ravel()  # the nearest to 1 first, either way
    _, hit = turned(factors)
    if not hit.any():
        return None
    first = float(factors[hit.argmax()])
    step = grid[0] if first > 1 else 1 / grid[0]
    finer = first / step * step ** np.linspace(0, 1, _N_REFINED + 1)[1:]
    readings, hit = turned(finer)
    best = int(hit.argmax())
    return _change(kind, float(finer[best]), (), readings, best)


def _change(
    kind: str, amount: float, gone: tuple[int, ...], readings: Readings, row: int
) -> Change:
    return Change(
        kind,
        amount,
        gone,
        str(DISTRIBUTION_LABELS[readings.distribution[row]]),
        str(MORPHOLOGY_LABELS[readings.morphology[row]]),
        str(CONCERNS[readings.concern[row]]),
    )
