import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session")
def random_rows():
    """Rows with missing values, a column of ties and both signs of zero."""

    def make(n_rows, n_features=6, seed=0, missing=0.2):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(n_rows, n_features)).astype(np.float32)
        rows[:, -1] = rng.integers(-2, 3, n_rows) * np.float32(-1)
        rows[rng.random(rows.shape) < missing] = np.nan
        return rows

    return make


@pytest.fixture(scope="session")
def fit_trees(random_rows):
    """Fit a tiny scikit-learn model to labels that follow from the rows and from what is missing."""

    def fit(n_classes, *, n_rows=300, n_features=6, n_iterations=5, seed=0, **options):
        rows = random_rows(n_rows, n_features, seed)
        if n_classes == 2:
            labels = (np.nan_to_num(rows[:, 0]) > 0.3) | np.isnan(rows[:, 1])
        else:
            labels = np.nan_to_num(rows)[:, :n_classes].argmax(axis=1)
        with threadpool_limits(1):
            return HistGradientBoostingClassifier(
                max_iter=n_iterations, early_stopping=False, random_state=seed, **options
            ).fit(rows, labels)

    return fit


@pytest.fixture(scope="session")
def three_class_trees(fit_trees):
    return fit_trees(3)
