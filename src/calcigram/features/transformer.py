"""`ClusterFeatures`: the feature step as a scikit-learn transformer.

It holds no numbers of its own: `extract_features` does the work, and there is nothing
to fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.features.catalogue import FEATURE_NAMES

if TYPE_CHECKING:
    from sklearn.utils import Tags


class ClusterFeatures(TransformerMixin, BaseEstimator):
    """Turn a `ClusterSet` into the matrix of its features.

    Parameters
    ----------
    n_threads : int, optional
        As for `extract_features`.
    columns : sequence of str, optional
        Features to keep, in this order; all by default.

    Examples
    --------
    >>> clusters = ClusterSet.from_arrays([0, 4], [0, 2, 2, 0], [0, 0, 2, 2])
    >>> ClusterFeatures(columns=["hull_area_mm2", "max_distance_mm"]).fit_transform(clusters)
    array([[4.      , 2.828427]], dtype=float32)
    """

    def __init__(self, *, n_threads: int | None = None, columns: Any = None) -> None:
        self.n_threads = n_threads
        self.columns = columns

    def fit(self, X: ClusterSet, y: Any = None) -> ClusterFeatures:  # noqa: N803
        """Check the parameters; there is nothing to learn.

        Raises
        ------
        BadInputError
            A name in `columns` is no feature, or `X` no `ClusterSet`.
        """
        _check_is_clusters(X)
        for name in self.columns or ():
            if name not in FEATURE_NAMES:
                raise BadInputError("the name of a feature", column="columns", value=name)
        return self

    def transform(self, X: ClusterSet) -> npt.NDArray[np.float32]:  # noqa: N803
        """Return the features, float32, shape (C, F); NaN where undefined."""
        from calcigram.features.extract import extract_features

        _check_is_clusters(X)
        values = extract_features(X, n_threads=self.n_threads).values
        if self.columns is None:
            return values
        return values[:, [FEATURE_NAMES.index(name) for name in self.columns]]

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the column names; `input_features` is ignored."""
        return np.array(FEATURE_NAMES if self.columns is None else list(self.columns), dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Say that input is no array, and that no fit is needed."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        return tags


def _check_is_clusters(value: Any) -> None:
    if not isinstance(value, ClusterSet):
        raise BadInputError("a ClusterSet", value=type(value).__name__)
