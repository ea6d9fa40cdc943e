"""How far the marks of a set of clusters lie from those that a model was trained on.

Another detector or another X-ray unit gives other diameters, outlines and contrasts, and a model
reads forms by them. No label is needed to see it: the medians of a user's clusters are compared with
those of the training clusters that the model keeps (`exemplars`), which hold every pattern in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from calcigram.features.extract import Features
    from calcigram.model.reader import Model

MARKS: dict[str, str] = {
    "diameter_median_mm": "diameter (mm)",
    "aspect_median": "aspect ratio",
    "solidity_median": "solidity",
    "cnr_median": "contrast-to-noise ratio",
}
"""Features compared, and the mark that each is the median of over a cluster."""

LARGE = 0.35
"""From this distance on a shift is large: the generators for development reach 0.32, sets of a single
form 0.1 to 0.7, and marks three times as large as in the training 0.4 to 1."""

MIN_CLUSTERS = 30
"""A mark known in fewer clusters is not compared."""


@dataclass(frozen=True)
class MarkShift:
    """One mark of a set of clusters against the training.

    Attributes
    ----------
    mark : str
        A value of `MARKS`.
    clusters : int
        Of the set, with this mark.
    median, trained_median : float
        Over clusters of the set, and over training clusters.
    distance : float
        Kolmogorov-Smirnov: the greatest difference of the two cumulative shares, 0 to 1.
    """

    mark: str
    clusters: int
    median: float
    trained_median: float
    distance: float

    @property
    def is_large(self) -> bool:
        """Whether the distance reaches `LARGE`."""
        return self.distance >= LARGE

    def __str__(self) -> str:
        return (
            f"{self.mark} {self.median:.3g}, in training {self.trained_median:.3g} "
            f"(distance {self.distance:.2f})"
        )


def mark_shifts(model: Model, features: Features) -> list[MarkShift]:
    """Compare the marks of clusters with those of the model's training clusters.

    Parameters
    ----------
    model : Model
    features : Features

    Returns
    -------
    list of MarkShift
        In the order of `MARKS`; without those known in fewer than `MIN_CLUSTERS` clusters of either,
        and empty where the model keeps no training clusters.
    """
    found: list[MarkShift] = []
    exemplars = getattr(model, "exemplars", None)  # a reader of the user's own has none
    if exemplars is None:
        return found
    for name, mark in MARKS.items():
        given = features.column(name)
        trained = exemplars.values[:, features.names.index(name)]
        given, trained = given[np.isfinite(given)], trained[np.isfinite(trained)]
        if min(len(given), len(trained)) < MIN_CLUSTERS:
            continue
        medians = float(np.median(given)), float(np.median(trained))
        found.append(MarkShift(mark, len(given), *medians, _distance(given, trained)))
    return found


def _distance(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    at = np.concatenate([one, other])
    shares = [np.searchsorted(np.sort(x), at, "right") / len(x) for x in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def shift_notice(shifts: list[MarkShift]) -> str:
    """Return one sentence on the large shifts, and what to do; empty where none is large.

    Examples
    --------
    >>> print(shift_notice([MarkShift("solidity", 40, 0.5, 0.9, 0.8)]))
    These clusters differ from the training in: solidity 0.5, in training 0.9 (distance 0.80). Another
    detector or another mix of forms does that, and forms may be misread; `calcigram train --start-from
    default` adapts the model to some hundred labelled clusters.
    """
    large = [str(shift) for shift in shifts if shift.is_large]
    if not large:
        return ""
    return (
        f"These clusters differ from the training in: {'; '.join(large)}. Another detector or another "
        "mix of forms does that, and forms may be misread; `calcigram train --start-from default` "
        "adapts the model to some hundred labelled clusters."
    )
