"""What moved one head of the model from one word to another, feature by feature and by family.

Log-odds throughout: a contribution of 0.7 doubles the odds of the word read against the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.features.catalogue import (
    CATALOGUE,
    FAMILIES,
    FeatureSpec,
    feature_words,
    with_unit,
)
from calcigram.model.attribution import attribute, node_cover

if TYPE_CHECKING:
    from calcigram.model.exemplars import Exemplars
    from calcigram.model.reader import Head


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
        _contribution(specs[f], values[f], moved[f], medians[0][f], medians[1][f])
        for f in np.argsort(-np.abs(moved), kind="stable")
        if moved[f] != 0
    ]
    words = [str(AXES[head.axis].words[code]) for code in codes]
    return WhyThisWord(
        head.axis, words[0], words[1], float(start + moved.sum()), float(start), tuple(parts)
    )


def _contribution(
    spec: FeatureSpec, value: Any, log_odds: Any, median_read: Any, median_other: Any
) -> Contribution:
    numbers = map(float, (value, log_odds, median_read, median_other))
    return Contribution(spec.name, spec.family, spec.unit, *numbers)


def _medians(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    known = np.isfinite(values)
    medians = np.full(values.shape[1], np.nan)
    for f in np.flatnonzero(known.any(axis=0)):
        medians[f] = np.median(values[known[:, f], f])
    return medians
