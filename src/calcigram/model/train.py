"""`train_model`: labelled clusters -> two boosted heads, calibrated on clusters held out.

Clusters come from the simulator or are the user's own; the labels are the columns
``true_distribution`` and ``true_morphology`` of ``clusters.meta``. Nothing here looks at
rules, nor at any benchmark set.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram._version import __version__
from calcigram.clusters import ClusterSet
from calcigram.concerns import CONCERN_CASES
from calcigram.errors import BadInputError
from calcigram.features.catalogue import FEATURE_NAMES, catalogue_hash
from calcigram.features.extra import Extra, check_extra
from calcigram.lexicon import AXES, CONCERNS
from calcigram.model.calibrate import Scaling
from calcigram.model.exemplars import Exemplars
from calcigram.model.fitting import (
    adapted,
    calibrated,
    cross_fitted_figures,
    with_conformal_scores,
)
from calcigram.model.forest import flatten_forest, no_forest
from calcigram.model.head import HEAD_CASES, Head
from calcigram.model.labels import (
    Labelled,
    axes_to_learn,
    fewer_left,
    forgetful_copy,
    group_codes,
    hold_out,
    label_codes,
)
from calcigram.model.novelty import Novelty
from calcigram.model.reader import Model, load_model
from calcigram.threads import check_workers

if TYPE_CHECKING:
    from calcigram.features.extract import Features


@dataclass(frozen=True)
class TreeOptions:
    """How a head is boosted; see `sklearn.ensemble.HistGradientBoostingClassifier`."""

    n_iterations: int = 150
    learning_rate: float = 0.1
    max_leaf_nodes: int = 15
    min_samples_leaf: int = 20
    l2_regularization: float = 1.0
    max_features: float = 0.3


def train_model(
    clusters: ClusterSet,
    *,
    start_from: Model | str | Path | None = None,
    features: Features | None = None,
    extra: Extra | None = None,
    seed: int = 0,
    n_iterations: int = TreeOptions.n_iterations,
    learning_rate: float = TreeOptions.learning_rate,
    max_leaf_nodes: int = TreeOptions.max_leaf_nodes,
    min_samples_leaf: int = TreeOptions.min_samples_leaf,
    l2_regularization: float = TreeOptions.l2_regularization,
    max_features: float = TreeOptions.max_features,
    form_iterations: int | None = None,
    calibration_share: float = 0.2,
    forgetful_copies: bool = True,
    drop_rare: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
    cache: str | Path | None = None,
    keep_estimators: bool = False,
    name: str = "trained",
    description: Mapping[str, Any] | None = None,
) -> Model:
    """Train a model on labelled clusters.

    Parameters
    ----------
    clusters : ClusterSet
        Its ``meta`` holds the words in ``true_distribution`` and ``true_morphology``; a missing
        label (or a status) leaves the cluster out of that head. One axis is enough: a model
        trained without labels of the other never reads that one. ``group_id``, where there,
        keeps all clusters of a patient on one side of the calibration split.
    start_from : Model, str or Path, optional
        A model, its folder, or ``"default"`` for the one that ships: it is adapted to these clusters,
        of which some hundred will do (`calcigram.model.fitting`). The options of the trees, of the
        calibration and of forgetful copies then do not apply.
    features : Features, optional
        Of these clusters, where they have been measured before, with the same `extra`.
    extra : mapping of str or tuple of str to function, optional
        Features of your own, as `extract_features` takes them. The model keeps their names only, so
        the same functions are passed to `classify`.
    seed : int
        Decides the split, the forgotten marks and the trees.
    n_iterations, learning_rate, max_leaf_nodes, min_samples_leaf, l2_regularization, max_features
        As in `sklearn.ensemble.HistGradientBoostingClassifier`; an iteration is one tree per class, and
        `max_features` is the share of the features that each split may use.
    form_iterations : int, optional
        Iterations of the morphology's head, which gains less from more trees. Default: `n_iterations`.
    calibration_share : float
        Share of the clusters held out, by group, for calibration; between 0 and 1.
    forgetful_copies : bool
        Train on each cluster twice, once as it is and once without some marks (`labels.FORGOTTEN`) or
        most calcifications (`labels.FEWER_SHARE`), so that positions alone, clusters without a nipple,
        and clusters of which a detector found few can be read.
    drop_rare : bool
        Leave out labels of a class that has fewer than `labels.MIN_CLUSTERS_A_CLASS` clusters,
        with a warning, instead of refusing them.
    n_jobs : int, optional
        Processes, of which the two heads can use two. Default: all processors.
    progress : bool
        Show a progress bar on standard error.
    cache : str or Path, optional
        Folder in which joblib keeps the features of clusters seen before.
    keep_estimators : bool
        Keep the fitted scikit-learn objects in `Model.estimators`.
    name : str
        Begins `Model.version`.
    description : mapping, optional
        JSON values for the model's card, such as the options of the simulator.

    Returns
    -------
    Model

    Raises
    ------
    BadInputError
        A label is no word of its axis, no axis has labels, an axis has a single class, a class
        has fewer than `labels.MIN_CLUSTERS_A_CLASS` clusters and `drop_rare` is false, or the
        features are of other clusters.

    Warns
    -----
    UserWarning
        Some words of an axis do not occur: the model gives them probability 0; or an axis has no
        labels at all, or rare ones were left out.

    Notes
    -----
    Each head uses one thread: with more, scikit-learn's boosting is several times slower on shared
    processors. The two heads are trained in parallel instead.

    Examples
    --------
    >>> from calcigram.simulate import simulate
    >>> clusters = simulate(300, seed=1, grade="easy")
    >>> model = train_model(clusters, n_iterations=2, n_jobs=1, name="tiny")
    >>> model.version.split("+")[0], len(model.feature_names) == len(FEATURE_NAMES)
    ('tiny', True)
    """
    if not isinstance(clusters, ClusterSet):
        raise BadInputError(
            "a ClusterSet, such as read_clusters(path)",
            source="train_model",
            value=type(clusters).__name__,
        )
    if not 0 < calibration_share < 1:
        raise BadInputError(
            "a number between 0 and 1", column="calibration_share", value=calibration_share
        )
    check_workers(n_jobs, "n_jobs")
    options = TreeOptions(
        n_iterations,
        learning_rate,
        max_leaf_nodes,
        min_samples_leaf,
        l2_regularization,
        max_features,
    )
    of_morphology = replace(options, n_iterations=form_iterations or n_iterations)
    trees = {"distribution": options, "morphology": of_morphology}
    rng = np.random.default_rng(seed)
    measure, groups = _measurer(cache, extra), group_codes(clusters)
    with _steps(progress) as step:
        step("measuring features")
        truth = {axis: label_codes(clusters, axis) for axis in AXES}  # refused before measuring
        labelled = Labelled(_given(features, clusters, extra) or measure(clusters), **truth)
        if start_from is not None:
            step("adapting the model")
            base = start_from
            if not isinstance(base, Model):
                base = load_model(None if str(base) == "default" else Path(base))
            labelled = replace(labelled, features=base.aligned(labelled.features))
            model = adapted(base, labelled, groups, seed=seed)
            return replace(model, name=name, card={**model.card, **dict(description or {})})
        if drop_rare:
            labelled = labelled.without_rare()
        axes = axes_to_learn(labelled)
        held_out = hold_out(groups, calibration_share, rng)
        training, calibration = labelled[~held_out], labelled[held_out]
        few = fewer_left(clusters[held_out], calibration, measure, rng)
        if forgetful_copies:
            copies = forgetful_copy(clusters[~held_out], training, measure, rng)
            training = training.joined(replace(training, features=copies))
        step("growing trees")
        grown = _grow_heads(training, trees, seed, n_jobs)
        step("calibrating")
        distribution, morphology = (_bare_head(training, axis, grown.get(axis)) for axis in AXES)
        uncalibrated = Model(
            distribution,
            morphology,
            concern_scalings={case: Scaling.identity(len(CONCERNS)) for case in CONCERN_CASES},
            name=name,
            feature_names=labelled.features.names,
            catalogue_hash=catalogue_hash(),
            card={},
            estimators=dict(grown) if keep_estimators else None,
        )
        card = {
            "training": _describe(clusters, labelled, held_out),
            "seed": seed,
            "calibration_share": calibration_share,
            "forgetful_copies": forgetful_copies,
            "trees": {**vars(options), "form_iterations": of_morphology.n_iterations},
            "libraries": {
                "calcigram": __version__,
                **{package: version(package) for package in ("numpy", "scikit-learn", "scipy")},
            },
            "held_out": cross_fitted_figures(uncalibrated, calibration, rng),
            "held_out_cut_down": len(few.features),
            **dict(description or {}),
        }
        model = with_conformal_scores(
            calibrated(uncalibrated, calibration.joined(few)), calibration, groups[held_out], rng
        )
        step("learning what is ordinary")
        seen = labelled[~held_out]
        shapes = seen.distribution if "distribution" in axes else np.zeros(len(seen.features))
        novelty = Novelty.fit(seen.features, shapes, calibration.features)
        exemplars = Exemplars.choose(seen, seed=seed)
        return replace(model, novelty=novelty, exemplars=exemplars, card=card)


def _grow_heads(
    training: Labelled, trees: Mapping[str, TreeOptions], seed: int, n_jobs: int | None
) -> dict[str, Any]:
    """Fit the trees of each axis that has labels, side by side."""
    from joblib import Parallel, delayed

    values, labels = training.features.values, {axis: training.codes(axis) for axis in AXES}
    jobs = {
        axis: delayed(grow_trees)(values[codes >= 0], codes[codes >= 0], trees[axis], seed)
        for axis, codes in labels.items()
        if (codes >= 0).any()
    }
    n_workers = min(n_jobs or os.cpu_count() or 1, len(jobs))
    return dict(zip(jobs, Parallel(n_workers)(jobs.values()), strict=True))


def grow_trees(
    values: npt.NDArray[np.float32], codes: npt.NDArray[Any], options: TreeOptions, seed: int
) -> Any:
    """Grow scikit-learn's boosted trees on one thread.

    Parameters
    ----------
    values : ndarray of float32, shape (R, F)
        NaN where missing; a column may lack all values.
    codes : ndarray of int, shape (R,)
    options : TreeOptions
    seed : int

    Returns
    -------
    sklearn.ensemble.HistGradientBoostingClassifier
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    settings = {key: value for key, value in vars(options).items() if key != "n_iterations"}
    # scikit-learn cannot bin a column without a value; a constant one is never split on.
    values = np.where(np.isnan(values).all(axis=0), np.float32(0), values)
    with threadpool_limits(1):
        return HistGradientBoostingClassifier(
            max_iter=options.n_iterations, early_stopping=False, random_state=seed, **settings
        ).fit(values, codes)


def _bare_head(training: Labelled, axis: str, estimator: Any) -> Head:
    if estimator is None:
        nothing = {case: Scaling.identity(0) for case in HEAD_CASES[axis]}
        return Head(axis, (), no_forest(len(training.features.names)), nothing)
    classes = tuple(int(code) for code in estimator.classes_)
    scalings = {case: Scaling.identity(len(classes)) for case in HEAD_CASES[axis]}
    counts = np.bincount(training.codes(axis) + 1, minlength=len(AXES[axis].words) + 1)[1:]
    shares = tuple(float(counts[code] / counts.sum()) for code in classes)
    return Head(axis, classes, flatten_forest(estimator), scalings, shares=shares)


def _given(
    features: Features | None, clusters: ClusterSet, extra: Extra | None = None
) -> Features | None:
    """Return features that somebody else measured, if they are of these clusters."""
    if features is not None and not np.array_equal(features.cluster_id, clusters.cluster_id):
        raise BadInputError("the features of these clusters, in order", source="features")
    own = tuple(name for one in check_extra(extra) for name in one.names)
    if features is not None and features.names != FEATURE_NAMES + own:
        raise BadInputError(
            "the features of the catalogue, then those of extra",
            source="features",
            value=features.names,
        )
    return features


def _measurer(cache: str | Path | None, extra: Extra | None) -> Callable[[ClusterSet], Features]:
    """Return a function that measures clusters, and remembers them where there is a folder for it."""
    from calcigram.features.extract import extract_features, with_extra

    if cache is None:
        return partial(extract_features, extra=extra)
    from joblib import Memory

    remembered = Memory(cache, verbose=0).cache(_measure_as)

    def measure(clusters: ClusterSet) -> Features:
        nothing = clusters.meta.iloc[:, :0]  # features never see it, so it must not part the cached
        features = remembered(replace(clusters, meta=nothing), catalogue_hash())
        return with_extra(features, clusters, check_extra(extra))

    return measure


def _measure_as(clusters: ClusterSet, formulas: str) -> Features:
    """Measure; the hash of the formulas is there to part the cached results of each."""
    from calcigram.features.extract import extract_features

    return extract_features(clusters)


def _describe(
    clusters: ClusterSet, labelled: Labelled, held_out: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    meta = clusters.meta
    grades: Any = meta["grade"].value_counts().sort_index() if "grade" in meta else {}
    return {
        "clusters": len(clusters),
        "held_out_for_calibration": int(held_out.sum()),
        "labels": {
            axis: {
                str(word): int((labelled.codes(axis) == code).sum())
                for code, word in enumerate(AXES[axis].words)
            }
            for axis in AXES
        },
        "grades": {str(grade): int(n) for grade, n in grades.items()},
        "mechanisms": sorted(set(meta["mechanism"].dropna())) if "mechanism" in meta else [],
    }


@contextmanager
def _steps(show: bool) -> Iterator[Callable[[str], None]]:
    """Yield a function that says which step begins."""
    if not show:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda text: bar.update(task, description=text)
