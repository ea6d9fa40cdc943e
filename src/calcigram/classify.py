"""Clusters to the verdict table: features, both readings, artefact checks, cross-check.

The steps are called here; none is decided here. Files of clusters are read by `streaming`.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.clusters import ClusterSet
from calcigram.columns import Column, Words, frame_of
from calcigram.concerns import under_rulebook
from calcigram.consequences import Rulebook, load_rulebook
from calcigram.crosscheck import VERDICT_COLUMNS, compared
from calcigram.crosscheck.verdicts import UNSURE, compare_reported, has_reported
from calcigram.formats.files import PathLike
from calcigram.formats.registry import as_clusters
from calcigram.lexicon import AXES, SIZE_CLASSES, Status
from calcigram.model.calibrate import COVERAGE

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.features.extra import Extra
    from calcigram.features.extract import Features
    from calcigram.model.reader import Model
    from calcigram.readings import Readings
    from calcigram.rules.recognition import Recognition

FORM_MARKS = AXES["morphology"].needs


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
    pandas.DataFrame
        The columns of `crosscheck.VERDICT_COLUMNS`, one row per cluster, in order. Labels are
        categories, probabilities float32, what is unknown is missing. Clusters that come of reports,
        annotations or masks have `crosscheck.layout.REPORTED_COLUMNS` after these. Where clusters lack
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
        The marks of many clusters differ much from those of the training (`model.exemplars.mark_shifts`).

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


@dataclass(frozen=True, eq=False)
class Reading:
    """All that is found out about C clusters before verdicts: made once, by `Classifier.read`.

    Attributes
    ----------
    clusters : ClusterSet
    features : Features
    model, rules : Readings
        By each reader.
    artefacts : Words, length C
        What a cluster looks like instead, as `calcigram.oddities.find_oddities` gives it.
    model_version : str
    """

    clusters: ClusterSet
    features: Features
    model: Readings
    rules: Readings
    artefacts: Words
    model_version: str

    def columns(self, *, unsure: float = UNSURE) -> dict[str, Column]:
        """Return the columns of the verdict table; below `unsure` a word is reviewed."""
        sizes = self.clusters.size_class()
        found = compared(self.model, self.rules, self.artefacts, sizes, unsure=unsure)
        found |= {
            "n_calcifications": self.clusters.n_calcifications,
            "size_class": Words.of(sizes, SIZE_CLASSES),
            "model_version": np.full(len(self.clusters), self.model_version),
        }
        return {name: found[name] for name in VERDICT_COLUMNS}


class Classifier:
    """A function from clusters to verdicts, its readers loaded once.

    Attributes
    ----------
    model : Model
        Or a reader of the user's own.
    rules : RuleReader
    version : str
        Of the model.
    """

    def __init__(
        self,
        model: Model | PathLike | None,
        n_threads: int | None = None,
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
        from calcigram.model.calibrate import check_coverage
        from calcigram.model.prior import load_prior
        from calcigram.model.reader import load_model
        from calcigram.rules.engine import RuleReader
        from calcigram.rules.recognition import load_recognition

        self.model: Any = model
        if model is None or isinstance(model, str | os.PathLike):
            self.model = load_model(model)
        self._extra = extra
        own = [name for one in check_extra(extra) for name in one.names]
        if hasattr(self.model, "check_extra"):  # a reader of the caller's own need not have it
            self.model.check_extra(own)
        if isinstance(recognition, str | os.PathLike):
            recognition = load_recognition(Path(recognition))
        self.rules = RuleReader(recognition)
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
        self.version: str = self.model.version
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
        columns = self.read(clusters).columns()
        if has_reported(clusters.meta) if self._reported is None else self._reported:
            read = frame_of({axis: columns[axis] for axis in AXES})
            reported = compare_reported(read, clusters.meta)
            columns |= {str(name): values.to_numpy() for name, values in reported.items()}
        return columns

    def read(self, clusters: ClusterSet) -> Reading:
        """Measure clusters, read them by the model and by the rules, and check for artefacts."""
        from calcigram.features.extract import extract_features
        from calcigram.oddities import find_oddities
        from calcigram.risk import load_risk

        features: Any = extract_features(clusters, extra=self._extra, n_threads=self._n_threads)
        self._warn_of_shift(features)
        model = self.model.read(features, **self._how, n_threads=self._n_threads)
        if model.p_malignant is None:
            risk = load_risk().carry(model.p_distribution, model.p_morphology)
            model = replace(model, p_malignant=risk.astype(np.float32))
        rules = self.rules.read(features)
        if self._rulebook is not None:
            model, rules = (under_rulebook(one, self._rulebook) for one in (model, rules))
        artefacts = find_oddities(clusters, features, n_threads=self._n_threads)
        return Reading(clusters, features, model, rules, artefacts, self.version)

    def _warn_of_shift(self, features: Any) -> None:
        """Warn, at most once, where marks differ much from the training."""
        from calcigram.model.exemplars import MIN_CLUSTERS, mark_shifts, shift_notice

        if not self._warns_of_shift or len(features) < MIN_CLUSTERS:
            return
        notice = shift_notice(mark_shifts(self.model, features))
        if notice:
            self._warns_of_shift = False
            warnings.warn(notice, stacklevel=2)


def count_missing(clusters: ClusterSet, verdicts: Any) -> Counter[str]:
    """Count the clusters whose morphology a reader could not read, and the marks they lack.

    Parameters
    ----------
    clusters : ClusterSet
        C clusters.
    verdicts : mapping of str to Words or array_like
        Their verdicts, as a DataFrame or as columns; ``morphology`` and ``rule_morphology`` are
        looked at.

    Returns
    -------
    collections.Counter
        ``clusters``; ``uncompared``: those whose morphology a reader left unread; ``model``: those
        whose morphology the model left unread; and, by mark, the uncompared ones that lack it. Counts
        of several parts are added.
    """
    by_model, by_rules = (_is_unread(verdicts[name]) for name in ("morphology", "rule_morphology"))
    lacks = {}
    for mark in FORM_MARKS:
        n_known = np.concatenate([[0], np.cumsum(np.isfinite(getattr(clusters, mark)))])
        lacks[mark] = n_known[clusters.offsets[1:]] == n_known[clusters.offsets[:-1]]
    # A model without a morphology leaves it unread where no mark is missing.
    uncompared = by_rules | (by_model & np.logical_or.reduce([*lacks.values()]))
    uncompared &= clusters.n_calcifications > 0
    counts = Counter(
        clusters=len(clusters),
        uncompared=int(uncompared.sum()),
        model=int((uncompared & by_model).sum()),
    )
    counts.update({mark: int((lacks[mark] & uncompared).sum()) for mark in FORM_MARKS})
    return counts


def missing_words(counts: Mapping[str, int]) -> str:
    """Return the sentence; empty where every morphology could be compared.

    Parameters
    ----------
    counts : mapping of str to int
        As `count_missing` gives them.

    Examples
    --------
    >>> missing_words({"clusters": 9, "uncompared": 9, "model": 0, "aspect_ratio": 9, "solidity": 9})
    '9 of 9 clusters lack aspect_ratio and solidity: the rules cannot read their morphology, so the
    two readings are compared on the distribution alone, and nothing checks the morphology that the
    model reads.'
    """
    n, n_model = counts.get("uncompared", 0), counts.get("model", 0)
    if not n:
        return ""
    marks = [mark for mark in FORM_MARKS if 2 * counts.get(mark, 0) > n]
    lacked = " and ".join(filter(None, [", ".join(marks[:-1]), *marks[-1:]])) or "marks"
    who = "neither the model nor the rules can" if n_model == n else "the rules cannot"
    cost = "and nothing checks the morphology that the model reads"
    if n_model == n:
        cost = "and its concern rests on that" if n == 1 else "and every concern rests on that"
    elif n_model:
        cost += f" (in {n_model} of them it reads none)"
    one = counts["clusters"] == 1
    what = (
        f"This cluster lacks {lacked}"
        if one
        else f"{n} of {counts['clusters']} clusters {'lacks' if n == 1 else 'lack'} {lacked}"
    )
    return (
        f"{what}: {who} read {'its' if n == 1 else 'their'} morphology, so the two "
        f"readings are compared on the distribution alone, {cost}."
    )


def missing_note(clusters: ClusterSet, verdicts: Any) -> list[str]:
    """Return the sentence on some clusters in a list, which is empty where there is none to say."""
    return [text] if (text := missing_words(count_missing(clusters, verdicts))) else []


def _is_unread(column: Any) -> npt.NDArray[np.bool_]:
    if isinstance(column, Words):
        result: npt.NDArray[np.bool_] = column.codes == column.words.index(Status.UNREAD)
        return result
    return np.asarray(column == Status.UNREAD, bool)
