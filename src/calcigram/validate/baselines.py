"""Simple readers to compare a model with: if one of them comes near, the clusters are too easy.

The rule reader (`calcigram.rules`) is the third to compare with. None of these is meant for use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.concerns import raw_concern
from calcigram.lexicon import AXES
from calcigram.model.head import is_readable
from calcigram.model.labels import Labelled, label_codes
from calcigram.model.reader import readings_of
from calcigram.readings import Readings

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet
    from calcigram.features.extract import Features

FIVE_FEATURES: dict[str, tuple[str, ...]] = {
    "distribution": (
        "max_distance_mm", "pca_axis_ratio", "curve_residual_ratio", "junctions", "wedge_slope",
    ),
    "morphology": (
        "diameter_median_mm", "aspect_median", "solidity_median", "cnr_median", "diameter_log_sd",
    ),
}  # fmt: skip
"""What the logistic regression sees: for the distribution one feature a clause of the
lexicon's definitions (across, path, elongation, junction, wedge); for the morphology the median of
each morphology mark, and their variety."""


@dataclass(frozen=True, eq=False)
class MajorityReader:
    """Gives every cluster the shares of the classes it was fitted on."""

    shares: dict[str, npt.NDArray[np.float64]]

    @classmethod
    def fit(cls, clusters: ClusterSet) -> MajorityReader:
        """Count the labels of labelled clusters."""
        counts = {
            axis: np.bincount(codes[codes >= 0], minlength=len(AXES[axis].words)).astype(float)
            for axis in AXES
            for codes in [label_codes(clusters, axis)]
        }
        return cls({axis: count / count.sum() for axis, count in counts.items()})

    def read(self, features: Features) -> Readings:
        """Read every cluster alike."""
        return readings_from(
            features,
            *(np.tile(self.shares[axis], (len(features), 1)) for axis in AXES),
            reader="majority class",
        )


@dataclass(frozen=True, eq=False)
class LogisticReader:
    """Logistic regression on the five features per axis of `FIVE_FEATURES`."""

    pipelines: dict[str, Any]

    @classmethod
    def fit(cls, clusters: ClusterSet, features: Features) -> LogisticReader:
        """Fit to labelled clusters and their features.

        A missing feature becomes the median, with a column that says so; sizes and ratios
        enter by ``sign(x) log(1 + |x|)``.
        """
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        labelled = Labelled.of(clusters, features)
        pipelines = {}
        for axis in AXES:
            codes = labelled.codes(axis)
            pipelines[axis] = make_pipeline(
                SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
                StandardScaler(),
                LogisticRegression(max_iter=1000),
            ).fit(_five(features, axis)[codes >= 0], codes[codes >= 0])
        return cls(pipelines)

    def read(self, features: Features) -> Readings:
        """Read clusters."""
        probabilities = []
        for axis, pipeline in self.pipelines.items():
            p = np.zeros((len(features), len(AXES[axis].words)))
            if len(features):
                p[:, pipeline.classes_] = pipeline.predict_proba(_five(features, axis))
            probabilities.append(p)
        return readings_from(features, *probabilities, reader="logistic regression, 5 features")


def _five(features: Features, axis: str) -> npt.NDArray[np.float64]:
    columns = [features.column(name).astype(float) for name in FIVE_FEATURES[axis]]
    values = np.stack(columns, axis=1)
    result: npt.NDArray[np.float64] = np.sign(values) * np.log1p(np.abs(values))
    return result


def readings_from(
    features: Features,
    p_distribution: npt.NDArray[np.float64],
    p_morphology: npt.NDArray[np.float64],
    *,
    reader: str,
) -> Readings:
    """Make readings of probabilities alone: no calibration, no look at admissible pairs."""
    p_d, p_m = p_distribution.copy(), p_morphology.copy()
    for axis, p in zip(AXES, (p_d, p_m), strict=True):
        p[~is_readable(features, axis)] = np.nan
    return readings_of(features.cluster_id, p_d, p_m, raw_concern(p_d, p_m)[0], reader=reader)
