"""`CalcigramClassifier`: one head of the model as a scikit-learn classifier.

For pipelines and cross-validation, after `calcigram.features.ClusterFeatures`.
Trees, hold-out and calibration are those of `train_model`; concern, words that cannot be read and
model files are left to `reader.Model`. This module imports scikit-learn at the top: import it only
where that is wanted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from calcigram.errors import BadInputError
from calcigram.lexicon import AXES
from calcigram.model.calibrate import Scaling, fit_scaling, softmax
from calcigram.model.forest import flatten_forest
from calcigram.model.head import two_sided
from calcigram.model.labels import hold_out
from calcigram.model.scoring import raw_scores
from calcigram.model.train import TreeOptions, grow_trees

_MIN_TO_CALIBRATE = 5  # held-out clusters a class


class CalcigramClassifier(ClassifierMixin, BaseEstimator):
    """Boosted trees on the features of clusters, calibrated on a held-out share.

    Parameters
    ----------
    axis : {"distribution", "morphology"}, optional
        Refuse labels that are no words of this axis. Default: take any labels.
    n_iterations, learning_rate, max_leaf_nodes, min_samples_leaf, l2_regularization, max_features
        As in `sklearn.ensemble.HistGradientBoostingClassifier`.
    calibration_share : float
        Share of each class held out to calibrate on; 0 for no calibration. Where a class would
        get fewer than 5 rows, all rows train and none calibrates.
    random_state : int, RandomState instance or None

    Attributes
    ----------
    classes_ : ndarray, shape (K,)
    n_features_in_ : int
    forest_ : calcigram.model.forest.Forest
    scaling_ : calcigram.model.calibrate.Scaling

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from calcigram.clusters import ClusterSet
    >>> from calcigram.features import ClusterFeatures
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2, 600))
    >>> y[:300] *= 0.01
    >>> clusters = ClusterSet.from_arrays(np.arange(0, 601, 10), x, y)
    >>> words = np.repeat(["linear", "grouped"], 30)
    >>> pipeline = make_pipeline(ClusterFeatures(), CalcigramClassifier("distribution", n_iterations=5))
    >>> float(pipeline.fit(clusters, words).score(clusters, words))
    1.0
    """

    def __init__(
        self,
        axis: str | None = None,
        *,
        n_iterations: int = TreeOptions.n_iterations,
        learning_rate: float = TreeOptions.learning_rate,
        max_leaf_nodes: int = TreeOptions.max_leaf_nodes,
        min_samples_leaf: int = TreeOptions.min_samples_leaf,
        l2_regularization: float = TreeOptions.l2_regularization,
        max_features: float = TreeOptions.max_features,
        calibration_share: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.axis = axis
        self.n_iterations = n_iterations
        self.learning_rate = learning_rate
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_features = max_features
        self.calibration_share = calibration_share
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> CalcigramClassifier:  # noqa: N803
        """Train on the features and labels of clusters.

        Parameters
        ----------
        X : array_like, shape (C, F)
            NaN where unknown.
        y : array_like, shape (C,)
            Labels, of at least two classes.

        Returns
        -------
        CalcigramClassifier

        Raises
        ------
        BadInputError
            A label is no word of `axis`.
        """
        from sklearn.utils import check_random_state

        rows, labels = validate_data(
            self, X, y, dtype=np.float32, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._check_words()
        if len(self.classes_) < 2:
            raise ValueError(f"expected at least 2 classes, got 1 class: {self.classes_[0]!r}")
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        held_out = np.zeros(len(codes), bool)
        if self.calibration_share:
            rng = np.random.default_rng(seed)
            for code in range(len(self.classes_)):
                own = np.flatnonzero(codes == code)
                held_out[own] = hold_out(np.arange(len(own)), self.calibration_share, rng)
            held_out &= np.bincount(codes[held_out]).min() >= _MIN_TO_CALIBRATE
        options = TreeOptions(**{name: getattr(self, name) for name in vars(TreeOptions())})
        trees = grow_trees(rows[~held_out], codes[~held_out], options, seed)
        self.forest_ = flatten_forest(trees)
        self.scaling_ = Scaling.identity(len(self.classes_))
        if held_out.any():
            logits = two_sided(raw_scores(self.forest_, rows[held_out]))
            self.scaling_ = fit_scaling(logits, codes[held_out])
        return self

    def decision_function(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:  # noqa: N803
        """Return calibrated scores: one per class, or, of two classes, their difference."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:  # noqa: N803
        """Return calibrated probabilities, shape (C, K), in the order of `classes_`."""
        return softmax(self._logits(X))

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:  # noqa: N803
        """Return the most probable label of each cluster."""
        best = self._logits(X).argmax(axis=1)
        result: npt.NDArray[Any] = self.classes_[best]
        return result

    def _logits(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:  # noqa: N803
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return self.scaling_.scaled(two_sided(raw_scores(self.forest_, rows)))

    def _check_words(self) -> None:
        if self.axis is None:
            return
        if self.axis not in AXES:
            expected = f"one of {', '.join(AXES)}, or None"
            raise BadInputError(expected, column="axis", value=self.axis)
        words = AXES[self.axis].words
        for label in self.classes_:
            if label not in map(str, words):
                raise BadInputError(f"one of {', '.join(words)}", column="y", value=str(label))
