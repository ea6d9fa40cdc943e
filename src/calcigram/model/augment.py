"""Forgetting marks: what the features of a cluster are when some marks are unknown.

The catalogue says which marks each feature needs, so forgetting a mark is setting the
features that need it to NaN; nothing is measured again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcigram.features.catalogue import CATALOGUE

if TYPE_CHECKING:
    from calcigram.features.extract import Features

_NIPPLE = ("nipple_x_mm", "nipple_y_mm")
_FRAME = (*_NIPPLE, "breast_area_mm2")
_OUTLINE = ("aspect_ratio", "orientation_deg", "solidity")
_FORM = ("diameter_mm", *_OUTLINE, "cnr")

ALL_MARKS: tuple[str, ...] = (*_FORM, *_FRAME)
"""All that a cluster may lack: positions alone are left."""

FORGOTTEN: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.28, ALL_MARKS),
    (0.09, _FORM),
    (0.15, _NIPPLE),
    (0.07, ("breast_area_mm2",)),
    (0.11, _FRAME),
    (0.07, ("cnr",)),
    (0.06, ("solidity",)),
    (0.06, _OUTLINE),
    (0.05, ("diameter_mm",)),
    (0.06, (*_OUTLINE, "cnr")),
)
"""Share of the forgetful copies of training clusters, and the marks they lack."""


def hide_marks(features: Features, marks: Iterable[str]) -> Features:
    """Return the features as they are where `marks` are unknown.

    Examples
    --------
    >>> from calcigram.clusters import ClusterSet
    >>> from calcigram.features.extract import extract_features
    >>> features = extract_features(ClusterSet.from_arrays([0, 3], [0, 1, 0], [0, 0, 1], cnr=[5, 6, 7]))
    >>> hide_marks(features, ["cnr"]).column("cnr_median")
    array([nan], dtype=float32)
    """
    values = features.values.copy()
    values[:, _resting_on(marks)] = np.nan
    return replace(features, values=values)


def forget_marks(features: Features, rng: np.random.Generator) -> Features:
    """Return a forgetful copy of every cluster: some marks are lacking, chosen by `FORGOTTEN`."""
    values = features.values.copy()
    chosen = rng.choice(len(FORGOTTEN), len(values), p=[share for share, _ in FORGOTTEN])
    for pattern, (_, marks) in enumerate(FORGOTTEN):
        values[np.ix_(chosen == pattern, _resting_on(marks))] = np.nan
    return replace(features, values=values)


def _resting_on(marks: Iterable[str]) -> npt.NDArray[np.bool_]:
    hidden = set(marks)
    return np.array([bool(hidden & set(spec.needs)) for spec in CATALOGUE])
