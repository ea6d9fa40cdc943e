"""Clusters to the verdict table: features, both readings, cross-check.

All the parts meet here, and nothing is decided here: what a pattern is, the readers say; what
agrees, the cross-check. Files of clusters are `streaming`'s business.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.columns import Column, Words, frame_of
from calcigram.concerns import under_rulebook
from calcigram.consequences import Rulebook, load_rulebook
from calcigram.crosscheck import VERDICT_COLUMNS, compared
from calcigram.crosscheck.reported import REPORTED_AXES, compare_reported, has_reported
from calcigram.formats.files import PathLike
from calcigram.formats.given import as_clusters
from calcigram.lexicon import SIZE_CLASSES
from calcigram.missing import missing_note
from calcigram.model.conformal import COVERAGE

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.features.extra import Extra
    from calcigram.model.reader import Model
    from calcigram.rules.recognition import Recognition


def classify(
    clusters: ClusterSet | pd.DataFrame | PathLike,
    model: Model | PathLike | None = None,
    *,
    coverage: float = COVERAGE,
    prior: str | os.PathLike[str] | None = None,
    rulebook: Rulebook | PathLike | None = None,
    recognition: Recognition | PathLike | None = None,
    extra: Extra | None = None,
    n_threads: int | None = None,
) -> pd.DataFrame:
    """Read clusters by the model and by the rules, and cross-check the two.

    Parameters
    ----------
    clusters : ClusterSet, pandas.DataFrame or path-like
        C clusters, a long table (one row per calcification), or a file of any format that
        `read_clusters` reads.
    model : Model or path-like, optional
        A model, or its folder; by default the model that ships with calcigram.
    coverage : float
        Of the conformal sets: for each word alone, at least this share of the clusters that
        bear it have it in their set, which always holds the word that was read.
    prior : str or path-like, optional
        ``uniform``, ``clinical`` or a CSV file (see `model.prior.load_prior`): the mix of
        classes to which probabilities are re-weighted, named in ``model_version``. By default
        that of the training.
    rulebook : Rulebook or path-like, optional
        In place of the article's, for ``concern``, ``rule_concern`` and ``origin``; its
        probabilities are then not calibrated (docs/rules.md).
    recognition : Recognition or path-like, optional
        In place of the recognition rules that ship.
    extra : mapping of str or tuple of str to function, optional
        The functions of a model's own features, as `train_model` was given them.
    n_threads : int, optional
        By default as many as there are processors this process may use.

    Returns
    -------
    pandas.DataFrame, shape (C, 45)
        The columns of `crosscheck.VERDICT_COLUMNS`, one row per cluster, in order. Labels are
        categories, probabilities float32, what is unknown is missing. Clusters that come of reports,
        annotations or masks have `crosscheck.reported.REPORTED_COLUMNS` after these. Where clusters lack
        marks, ``attrs["notes"]`` says which and what that costs.

    Raises
    ------
    ModelFileError
        The model cannot be opened.
    BadInputError
        The clusters cannot be read, `coverage` is not between 0 and 1, there is no such prior or rule file,
        or the model needs a feature of its own whose function is not in `extra`.

    Warns
    -----
    TableWarning
        Says what was guessed or left out on reading a file.
    UserWarning
        The marks of many clusters differ much from those of the training (`model.shift`).

    Examples
    --------
    >>> import calcigram
    >>> verdicts = calcigram.classify(calcigram.simulate(3, seed=1))
    >>> verdicts.columns[:4].tolist(), len(verdicts)
    (['cluster_id', 'n_calcifications', 'size_class', 'distribution'], 3)
    """
    verdicts_of = Classifier(
        model,
        n_threads,
        coverage=coverage,
        prior=prior,
        rulebook=rulebook,
        recognition=recognition,
        extra=extra,
        warns_of_shift=True,
    )
    return verdicts_of(as_clusters(clusters))


class Classifier:
    """A function from clusters to verdicts, its readers loaded once.

    Attributes
    ----------
    version : str
        Of the model.
    """

    def __init__(
        self,
        model: Model | PathLike | None,
        n_threads: int | None,
        *,
        coverage: float = COVERAGE,
        prior: str | os.PathLike[str] | None = None,
        rulebook: Rulebook | PathLike | None = None,
        recognition: Recognition | PathLike | None = None,
        extra: Extra | None = None,
        reported: bool | None = None,
        warns_of_shift: bool = False,
    ) -> None:
        from calcigram.features.extra import check_extra
        from calcigram.model.conformal import check_coverage
        from calcigram.model.prior import load_prior
        from calcigram.model.store import load_model
        from calcigram.rules.engine import RuleReader
        from calcigram.rules.recognition import load_recognition

        self._model: Any = model
        if model is None or isinstance(model, str | os.PathLike):
            self._model = load_model(None if model is None else Path(model))
        self._extra = extra
        own = [name for one in check_extra(extra) for name in one.names]
        if hasattr(self._model, "check_extra"):  # a reader of the caller's own need not have it
            self._model.check_extra(own)
        if isinstance(recognition, str | os.PathLike):
            recognition = load_recognition(Path(recognition))
        self._rules = RuleReader(recognition)
        if isinstance(rulebook, str | os.PathLike):
            rulebook = load_rulebook(Path(rulebook))
        self._rulebook = rulebook
        self._n_threads = n_threads
        check_coverage(coverage)
        self._how: dict[str, Any] = {"coverage": coverage}
        if prior is not None:
            self._how["prior"] = load_prior(Path(prior))
        self._warns_of_shift = warns_of_shift
        self._reported = reported  # None: where the clusters have words of their own
        self.version: str = self._model.version
        if prior is not None:
            self.version += f", prior {Path(prior).name}"

    def __call__(self, clusters: ClusterSet) -> pd.DataFrame:
        """Return the verdict table of `clusters`; see `classify`."""
        columns = self.columns(clusters)
        verdicts = frame_of(columns)
        verdicts.attrs["notes"] = missing_note(clusters, columns)
        return verdicts

    def columns(self, clusters: ClusterSet) -> dict[str, Column]:
        """Return the columns of the verdict table as arrays.

        Parameters
        ----------
        clusters : ClusterSet

        Returns
        -------
        dict of str to Words or ndarray
            In the order of the table; `calcigram.columns.frame_of` makes it of them.
        """
        from calcigram.features.extract import extract_features
        from calcigram.oddities import find_oddities

        features: Any = extract_features(clusters, extra=self._extra, n_threads=self._n_threads)
        self._warn_of_shift(features)
        readings = self._model.read(features, **self._how, n_threads=self._n_threads)
        odd = find_oddities(clusters, features, n_threads=self._n_threads)
        rule_readings = self._rules.read(features)
        if self._rulebook is not None:
            readings, rule_readings = (
                under_rulebook(one, self._rulebook) for one in (readings, rule_readings)
            )
        sizes = clusters.size_class()
        found = compared(readings, rule_readings, odd, sizes)
        found |= {
            "n_calcifications": clusters.n_calcifications,
            "size_class": Words.of(sizes, SIZE_CLASSES),
            "model_version": np.full(len(clusters), self.version),
        }
        columns = {name: found[name] for name in VERDICT_COLUMNS}
        if has_reported(clusters.meta) if self._reported is None else self._reported:
            read = frame_of({axis: columns[axis] for axis in REPORTED_AXES})
            reported = compare_reported(read, clusters.meta)
            columns |= {str(name): values.to_numpy() for name, values in reported.items()}
        return columns

    def _warn_of_shift(self, features: Any) -> None:
        """Warn, at most once, where marks differ much from the training."""
        from calcigram.model.shift import MIN_CLUSTERS, mark_shifts, shift_notice

        if not self._warns_of_shift or len(features) < MIN_CLUSTERS:
            return
        notice = shift_notice(mark_shifts(self._model, features))
        if notice:
            self._warns_of_shift = False
            warnings.warn(notice, stacklevel=2)
