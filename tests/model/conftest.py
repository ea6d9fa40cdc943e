import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from calcigram.clusters import ClusterSet
from calcigram.features.extract import extract_features
from calcigram.model.train import train_model


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


SHAPES = {
    "grouped": lambda rng, n: rng.normal(size=(n, 2)) * 3,
    "linear": lambda rng, n: np.c_[
        np.linspace(0, rng.uniform(20, 40), n), rng.normal(size=n) * 0.3
    ],
    "diffuse": lambda rng, n: rng.uniform(0, 90, (n, 2)),
}
FORMS = {  # diameter in mm, aspect ratio
    "punctate": (0.25, 1.1),
    "round": (0.7, 1.1),
    "fine_linear": (0.3, 4.0),
}


@pytest.fixture(scope="session")
def labelled_clusters():
    """Clusters that are easy to tell apart, of three distributions and three forms; no simulator."""

    def make(n, seed=0):
        rng = np.random.default_rng(seed)
        counts = rng.integers(5, 40, n)
        distribution = rng.choice(list(SHAPES), n)
        form = rng.choice(list(FORMS), n)
        xy = np.concatenate([SHAPES[d](rng, c) for d, c in zip(distribution, counts, strict=True)])
        size, aspect = np.repeat([FORMS[f] for f in form], counts, axis=0).T
        spread = np.exp(rng.normal(size=(2, len(xy))) * 0.2)
        return ClusterSet.from_arrays(
            np.r_[0, counts.cumsum()],
            *xy.T,
            diameter_mm=size * spread[0],
            aspect_ratio=np.maximum(aspect * spread[1], 1),
            orientation_deg=rng.uniform(0, 179, len(xy)),
            solidity=rng.uniform(0.7, 1, len(xy)),
            cnr=rng.uniform(3, 20, len(xy)),
            nipple_x_mm=rng.normal(size=n) * 50,
            nipple_y_mm=np.full(n, 80.0),
            breast_area_mm2=rng.uniform(8e3, 2e4, n),
            meta={
                "true_distribution": distribution,
                "true_morphology": form,
                "group_id": [f"p{i // 2}" for i in range(n)],
            },
        )

    return make


@pytest.fixture(scope="session")
def clusters(labelled_clusters):
    return labelled_clusters(360)


@pytest.fixture(scope="session")
def features(clusters):
    return extract_features(clusters)


@pytest.fixture(scope="session")
def model(clusters, features):
    with pytest.warns(UserWarning, match="the model will give probability 0"):
        return train_model(clusters, features=features, n_iterations=8, n_jobs=1, seed=3)
