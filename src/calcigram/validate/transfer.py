"""The transfer test: how a model reads mechanisms of the simulator that it never saw.

Fold ``k`` leaves out the k-th arrangement of every distribution (of ducts and of vessels, where
there are both) and the k-th particle model of every morphology; where a class has fewer than there are
folds, they come round again. A model is trained on the rest and reads fresh clusters of three
kinds. Sizes, seeds and options of the trees are given beforehand: nothing is chosen on a
left-out fold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.lexicon import AXES
from calcigram.validate.evaluation import evaluate_reader
from calcigram.wording import json_values, markdown_table

if TYPE_CHECKING:
    import pandas as pd

KINDS: dict[str, str] = {
    "in_domain": "mechanisms trained on, other clusters",
    "left_out": "a mechanism left out on the axis that is scored",
    "left_out_both": "mechanisms left out on both axes",
}
"""The clusters each fold's model reads."""


@dataclass(frozen=True)
class Fold:
    """What one fold leaves out, as ids of arrangements and of particle models."""

    arrangements: tuple[str, ...]
    particles: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Transfer:
    """Scores of every fold.

    Attributes
    ----------
    folds : tuple of Fold
    scores : pandas.DataFrame
        One row per fold, kind (`KINDS`), axis and class: ``fold, kind, axis, label, f1, recall,
        support``; the label ``"macro"`` is the mean F1 over classes.
    options : dict
        Sizes and seeds.
    """

    folds: tuple[Fold, ...]
    scores: pd.DataFrame
    options: dict[str, Any]

    def summary(self) -> pd.DataFrame:
        """Return mean and worst fold of macro-F1, one row per axis and kind."""
        return self._over_folds(self.scores.query("label == 'macro'"), ["axis", "kind"])

    def per_class(self) -> pd.DataFrame:
        """Return mean and worst fold of F1 by class, and the mean in the domain beside it."""
        by_class = self.scores.query("label != 'macro'")
        keys = ["axis", "label"]
        table = self._over_folds(by_class.query("kind == 'left_out'"), keys)
        inside = by_class.query("kind == 'in_domain'").groupby(keys, sort=False)["f1"].mean()
        return table.merge(inside.rename("in_domain").reset_index(), on=keys, how="left")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        result: dict[str, Any] = json_values(
            {
                "options": self.options,
                "folds": [vars(fold) for fold in self.folds],
                "summary": self.summary().to_dict("records"),
                "per_class": self.per_class().to_dict("records"),
                "scores": self.scores.to_dict("records"),
            }
        )
        return result

    def to_markdown(self) -> str:
        """Return the two tables in Markdown."""
        return f"{markdown_table(self.summary())}\n\n{markdown_table(self.per_class())}"

    @staticmethod
    def _over_folds(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
        grouped = rows.groupby(keys, sort=False)["f1"]
        table = grouped.agg(mean="mean", worst="min").reset_index()
        worst = rows.loc[grouped.idxmin().dropna(), [*keys, "fold"]]
        return table.merge(worst.rename(columns={"fold": "worst_fold"}), on=keys, how="left")


def make_folds(preset: str = "train") -> tuple[Fold, ...]:
    """Return all folds; as many as the class with most mechanisms has.

    Parameters
    ----------
    preset : str
        Whose mechanisms: a preset draws those it has ranges for.

    Returns
    -------
    tuple of Fold

    Examples
    --------
    >>> fold = make_folds()[0]
    >>> len({name.split(".")[0] for name in fold.particles})
    9
    """
    from calcigram.simulate import ARRANGEMENTS, PARTICLE_MODELS, mechanism_ids

    drawn = set(mechanism_ids(preset))
    arrangements = [
        [m.id for m in models.values() if m.vessel == vessel and m.id in drawn]
        for models in ARRANGEMENTS.values()
        for vessel in (False, True)
    ]
    particles = [
        [m.id for m in models.values() if m.id in drawn] for models in PARTICLE_MODELS.values()
    ]
    n_folds = max(len(ids) for ids in (*arrangements, *particles))

    def kth(k: int, classes: Iterable[list[str]]) -> tuple[str, ...]:
        return tuple(ids[k % len(ids)] for ids in classes if ids)

    return tuple(Fold(kth(k, arrangements), kth(k, particles)) for k in range(n_folds))


def transfer(
    *,
    n_train: int = 10_000,
    n_test: int = 2_000,
    grade: str = "typical",
    train_grade: str = "mixed",
    preset: str = "train",
    seed: int = 1000,
    n_folds: int | None = None,
    n_jobs: int = 1,
    **training: Any,
) -> Transfer:
    """Train with one mechanism per class left out, each fold, and read what was left out.

    Parameters
    ----------
    n_train, n_test : int
        Clusters to train on, and of each kind to read, a fold.
    grade, train_grade : str
        Grade of the clusters read, and of those trained on.
    preset : str
        Ranges of the simulator for both.
    seed : int
        Fold ``k`` uses seeds from ``seed + 10 k``; keep away from seeds of other sets.
    n_folds : int, optional
        Only the first folds. Default: all.
    n_jobs : int
        Folds side by side, each in a process of its own.
    **training
        Passed on to `calcigram.model.train_model`, such as ``n_iterations``.

    Returns
    -------
    Transfer
    """
    import pandas as pd
    from joblib import Parallel, delayed

    folds = make_folds(preset)[:n_folds]
    sizes = {"n_train": n_train, "n_test": n_test}
    grades = {"grade": grade, "train_grade": train_grade}
    jobs = (
        delayed(_run_fold)(fold, k, seed + 10 * k, preset, sizes, grades, training)
        for k, fold in enumerate(folds)
    )
    rows = [row for part in Parallel(n_jobs=n_jobs)(jobs) for row in part]
    options = {**sizes, **grades, "preset": preset, "seed": seed, "training": training}
    return Transfer(folds, pd.DataFrame(rows), options)


def _run_fold(
    fold: Fold,
    k: int,
    seed: int,
    preset: str,
    sizes: dict[str, int],
    grades: dict[str, str],
    training: dict[str, Any],
) -> list[dict[str, Any]]:
    from calcigram.model.train import train_model
    from calcigram.simulate import simulate

    left_out = (*fold.arrangements, *fold.particles)
    clusters = simulate(
        sizes["n_train"], seed=seed, grade=grades["train_grade"], preset=preset, exclude_mechanisms=left_out
    )  # fmt: skip
    model = train_model(clusters, n_jobs=1, seed=seed, **training)
    places, forms = fold.arrangements, fold.particles
    plans: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
        ("in_domain", tuple(AXES), {"exclude_mechanisms": left_out}),
        ("left_out", ("distribution",), {"only_mechanisms": places, "exclude_mechanisms": forms}),
        ("left_out", ("morphology",), {"only_mechanisms": forms, "exclude_mechanisms": places}),
        ("left_out_both", tuple(AXES), {"only_mechanisms": left_out}),
    ]
    rows = []
    for number, (kind, axes, mechanisms) in enumerate(plans, start=1):
        fresh = simulate(
            sizes["n_test"], seed=seed + number, grade=grades["grade"], preset=preset, **mechanisms
        )
        evaluation = evaluate_reader(model, fresh, n_boot=0)
        for axis in axes:
            scores = evaluation.axes[axis]
            recall = float(np.nanmean(scores.recall))
            macro = {"f1": scores.macro_f1, "recall": recall, "support": scores.n}
            rows += [
                {"fold": k, "kind": kind, "axis": axis, "label": label}
                | {name: numbers[name] for name in macro}
                for label, numbers in {"macro": macro, **scores.per_class()}.items()
            ]
    return rows
