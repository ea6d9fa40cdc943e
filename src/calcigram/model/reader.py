"""`Model`: two boosted heads that read a cluster's distribution and form from its features.

It is one of the two readers; it knows nothing of the rules. Reading is array work only:
no scikit-learn is imported. Training is `train`'s business, files are `store`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.consequences import load_rulebook
from calcigram.errors import BadInputError
from calcigram.features.catalogue import CATALOGUE, FEATURE_NAMES
from calcigram.lexicon import (
    ADMISSIBLE_PAIRS,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MIN_CALCIFICATIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    Status,
)
from calcigram.model import describe
from calcigram.model.calibrate import Scaling, log_probabilities
from calcigram.model.conformal import COVERAGE, check_coverage
from calcigram.model.head import Floats, Head
from calcigram.model.novelty import Novelty
from calcigram.model.prior import Prior
from calcigram.readings import Readings
from calcigram.risk import load_risk
from calcigram.threads import in_chunks

if TYPE_CHECKING:
    from calcigram.features.extract import Features
    from calcigram.model.exemplars import Exemplars

FORM_MARKS: tuple[str, ...] = ("diameter_mm", "aspect_ratio", "solidity", "cnr")
"""A form is read only where at least one calcification of the cluster has one of these."""

CONCERN_CASES: tuple[str, ...] = ("both_read", "form_unread", "distribution_insufficient")
"""The cases in which the concern is calibrated by itself."""

_UNREAD_FORM = MORPHOLOGY_LABELS.index(Status.UNREAD)
_NO_DISTRIBUTION = DISTRIBUTION_LABELS.index(Status.INSUFFICIENT)
_ADMISSIBLE = np.array([[(d, m) in ADMISSIBLE_PAIRS for m in MORPHOLOGIES] for d in DISTRIBUTIONS])
_CHUNK_ROWS = 4096


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A trained model. Make one with `train_model` or `load_model`.

    Attributes
    ----------
    distribution, morphology : Head
    concern_scalings : mapping of str to Scaling
        One for each of `CONCERN_CASES`.
    name : str
        Such as ``default-1``; `version` adds a digest.
    feature_names : tuple of str
        Columns the heads were trained on, in order.
    catalogue_hash : str
        `calcigram.features.catalogue.catalogue_hash` at training.
    card : dict
        How it was trained and what it reached on held-out clusters; JSON values only.
    novelty : Novelty or None
        Tells the unlike; None in a model of an older format.
    exemplars : Exemplars or None
        Labelled training clusters by which it explains itself; None in a model of an older format.
    estimators : dict or None
        The fitted scikit-learn objects by axis, where they were kept.
    """

    distribution: Head
    morphology: Head
    concern_scalings: Mapping[str, Scaling]
    name: str
    feature_names: tuple[str, ...]
    catalogue_hash: str
    card: dict[str, Any] = field(repr=False)
    novelty: Novelty | None = field(default=None, repr=False)
    exemplars: Exemplars | None = field(default=None, repr=False)
    estimators: dict[str, Any] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return describe.model_line(self)

    def _repr_html_(self) -> str:
        return describe.model_html(self)

    @property
    def heads(self) -> tuple[Head, Head]:
        """Both heads, the distribution's first."""
        return self.distribution, self.morphology

    @cached_property
    def version(self) -> str:
        """Name and the first 8 hexadecimal digits of the digest of all that decides a reading."""
        from calcigram.model.store import model_digest

        return f"{self.name}+{model_digest(self)[:8]}"

    def save(self, folder: str | Path) -> None:
        """Write the model folder; see `calcigram.model.store.save_model`."""
        from calcigram.model.store import save_model

        save_model(self, folder)

    def read(
        self,
        features: Features,
        *,
        coverage: float = COVERAGE,
        prior: Prior | None = None,
        n_threads: int | None = None,
    ) -> Readings:
        """Read both axes of each cluster.

        Parameters
        ----------
        features : Features
            C clusters.
        coverage : float
            Of the conformal sets, between 0 and 1.
        prior : Prior, optional
            Re-weights the probabilities to another mix of classes; the sets stay.
        n_threads : int, optional
            Default: all processors.

        Returns
        -------
        Readings
            With fewer than 3 calcifications the distribution is ``insufficient``; with no
            diameter, aspect ratio, solidity or contrast the form is ``unread``; their
            probabilities are then NaN. `concern` is the article's, of the pattern read; where
            both axes were read, `p_concern` sums over all admissible patterns. The sets are
            empty where the axis was not read; a model of an older format gives none.

        Raises
        ------
        BadInputError
            The features are others than those the model was trained on, or `coverage` is not
            between 0 and 1.
        """
        if features.names != self.feature_names:
            raise BadInputError(
                f"the {len(self.feature_names)} features the model was trained on",
                source="features",
                value=_difference(features.names, self.feature_names),
            )
        check_coverage(coverage)
        p_distribution, p_morphology, risk, p_concern, set_d, set_m, novelty = self._in_chunks(
            features, n_threads, coverage, prior
        )
        has_sets = any(head.conformal for head in self.heads)
        return readings_of(
            features.cluster_id,
            p_distribution,
            p_morphology,
            p_concern,
            reader=f"model {self.version}",
            distribution_set=set_d if has_sets else None,
            morphology_set=set_m if has_sets else None,
            novelty=None if self.novelty is None else novelty,
            unlike_training=None if self.novelty is None else self.novelty.is_alarm(novelty),
            p_malignant=risk.astype(np.float32),
        )

    def _in_chunks(
        self, features: Features, n_threads: int | None, coverage: float, prior: Prior | None
    ) -> list[npt.NDArray[Any]]:
        """Return the columns of `_read_chunk` for all clusters, chunks of rows side by side."""
        if len(features) <= _CHUNK_ROWS:
            return self._read_chunk(features, coverage, prior)
        parts = in_chunks(
            lambda rows: self._read_chunk(features[rows], coverage, prior),
            len(features), _CHUNK_ROWS, n_threads,
        )  # fmt: skip
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]

    def _read_chunk(
        self, features: Features, coverage: float, prior: Prior | None
    ) -> list[npt.NDArray[Any]]:
        """Return both axes' probabilities, the risk, the concern's, both sets, the novelty."""
        form_known = form_is_known(features)
        p_d, p_m = (head.probabilities(features.values, form_known) for head in self.heads)
        p_d[features.n_calcifications < MIN_CALCIFICATIONS] = np.nan
        sets = [
            head.sets(p, form_known, coverage)
            for head, p in zip(self.heads, (p_d, p_m), strict=True)
        ]
        if prior is not None:
            p_d, p_m = (
                prior.reweighted(p, head) for head, p in zip(self.heads, (p_d, p_m), strict=True)
            )
        p_concern = self._concern_probabilities(p_d, p_m)
        novelty = np.empty(len(features)) if self.novelty is None else self.novelty(features)
        p_d, p_m = make_admissible(p_d, p_m)
        return [p_d, p_m, load_risk().carry(p_d, p_m), p_concern, *sets, novelty]

    def _concern_probabilities(self, p_distribution: Floats, p_morphology: Floats) -> Floats:
        """Return calibrated probabilities of the concerns, shape (C, 3); NaN with neither axis."""
        raw, case = raw_concern(p_distribution, p_morphology)
        p = np.full_like(raw, np.nan)
        for code, name in enumerate(CONCERN_CASES):
            rows = case == code
            if not rows.any():
                continue
            p[rows] = self.concern_scalings[name](log_probabilities(raw[rows]))
        return p


def form_is_known(features: Features) -> npt.NDArray[np.bool_]:
    """Return where any feature that rests on a form mark has a value, bool, shape (C,)."""
    return np.asarray(np.isfinite(features.values[:, _form_columns()]).any(axis=1))


@lru_cache(maxsize=1)
def _form_columns() -> npt.NDArray[np.int64]:
    rests_on_form = {spec.name for spec in CATALOGUE if set(spec.needs) & set(FORM_MARKS)}
    return np.flatnonzero([name in rests_on_form for name in FEATURE_NAMES])


@lru_cache(maxsize=1)
def _rulebooks() -> tuple[Any, Any]:
    return load_rulebook("article"), load_rulebook("birads")


def raw_concern(
    p_distribution: npt.ArrayLike, p_morphology: npt.ArrayLike
) -> tuple[Floats, npt.NDArray[np.int8]]:
    """Sum the probabilities of the patterns that lead to each concern under the article.

    Parameters
    ----------
    p_distribution : array_like, shape (C, 6)
        Rows of NaN where the distribution is insufficient.
    p_morphology : array_like, shape (C, 9)
        Rows of NaN where the form is unread.

    Returns
    -------
    p_concern : ndarray of float64, shape (C, 3)
        Over admissible patterns that have a concern, renormalised; not yet calibrated.
    case : ndarray of int8, shape (C,)
        Index of `CONCERN_CASES`; -1 where neither axis was read, and `p_concern` is NaN.
    """
    p_d, p_m = np.asarray(p_distribution, float), np.asarray(p_morphology, float)
    has_d, has_m = np.isfinite(p_d[:, 0]), np.isfinite(p_m[:, 0])
    by_pair, by_distribution, by_form = _patterns_by_concern()
    n_m = p_m.shape[1]
    p = np.full((len(p_d), len(CONCERNS)), np.nan)
    case = np.full(len(p_d), -1, np.int8)
    masses: tuple[Callable[[Any], Floats], ...] = (
        lambda rows: np.einsum(
            "rcm,rm->rc", (p_d[rows] @ by_pair).reshape(-1, len(CONCERNS), n_m), p_m[rows]
        ),
        lambda rows: p_d[rows] @ by_distribution,
        lambda rows: p_m[rows] @ by_form,
    )
    for code, rows in enumerate((has_d & has_m, has_d & ~has_m, has_m & ~has_d)):
        if rows.any():
            case[rows] = code
            p[rows] = masses[code](rows)
    with np.errstate(invalid="ignore"):  # no mass on any concern: no answer
        return p / p.sum(axis=1, keepdims=True), case


@lru_cache(maxsize=1)
def _patterns_by_concern() -> tuple[Floats, Floats, Floats]:
    """Return 1 where a pattern leads to a concern: by pair, by distribution and by form alone.

    Shapes (6, 3 * 9), (6, 3) and (9, 3); an inadmissible pair leads to none.
    """
    codes = _rulebooks()[0].concern_codes
    leads_to = (codes[..., None] == np.arange(len(CONCERNS))).astype(float)
    n_d, n_m = _ADMISSIBLE.shape
    return (
        (leads_to[:n_d, :n_m] * _ADMISSIBLE[..., None]).transpose(0, 2, 1).reshape(n_d, -1),
        leads_to[:n_d, _UNREAD_FORM],
        leads_to[_NO_DISTRIBUTION, :n_m],
    )


def make_admissible(p_distribution: Floats, p_morphology: Floats) -> tuple[Floats, Floats]:
    """Give way, on one axis, where the two most probable words make no sense together.

    Of the two ways out, keep the first word or the second, the more probable pattern is
    taken, and the other axis' probabilities become those given the word that was kept.

    Examples
    --------
    >>> grouped_or_linear = np.array([[0, 0, 0, 0.5, 0.4, 0.1]])
    >>> vascular = np.array([[0, 0.1, 0, 0, 0, 0, 0, 0, 0.9]])
    >>> make_admissible(grouped_or_linear, vascular)[0].round(2)
    array([[0. , 0. , 0. , 0. , 0.8, 0.2]])
    """
    rows = np.flatnonzero(np.isfinite(p_distribution[:, 0]) & np.isfinite(p_morphology[:, 0]))
    top_d, top_m = p_distribution[rows].argmax(axis=1), p_morphology[rows].argmax(axis=1)
    clash = ~_ADMISSIBLE[top_d, top_m]
    if not clash.any():
        return p_distribution, p_morphology
    rows, top_d, top_m = rows[clash], top_d[clash], top_m[clash]
    p_d, p_m = p_distribution.copy(), p_morphology.copy()
    given_m = p_d[rows] * _ADMISSIBLE[:, top_m].T
    given_d = p_m[rows] * _ADMISSIBLE[top_d]
    best_given_m = given_m.max(axis=1) * p_m[rows, top_m]
    best_given_d = given_d.max(axis=1) * p_d[rows, top_d]
    keep_form = best_given_m >= best_given_d
    for p, chosen, given in ((p_d, keep_form, given_m), (p_m, ~keep_form, given_d)):
        total = given.sum(axis=1, keepdims=True)
        possible = chosen & (total[:, 0] > 0)  # a model of few classes may know no way out
        p[rows[possible]] = given[possible] / total[possible]
    return p_d, p_m


def readings_of(
    cluster_id: npt.NDArray[np.object_],
    p_distribution: Floats,
    p_morphology: Floats,
    p_concern: Floats,
    *,
    reader: str,
    **more: Any,
) -> Readings:
    """Make readings of probabilities: the most probable words, and what follows from them.

    Parameters
    ----------
    cluster_id : ndarray of object (str), shape (C,)
    p_distribution, p_morphology : ndarray of float64, shape (C, 6) and (C, 9)
        A row of NaN where the axis was not read.
    p_concern : ndarray of float64, shape (C, 3)
        Becomes NaN where the article has no answer.
    reader : str
    **more
        Of `Readings`.
    """
    distribution = _labels(p_distribution, _NO_DISTRIBUTION)
    morphology = _labels(p_morphology, _UNREAD_FORM)
    article, birads = _rulebooks()
    concern = article.concern_of(distribution, morphology)
    return Readings(
        cluster_id,
        distribution,
        morphology,
        p_distribution.astype(np.float32),
        p_morphology.astype(np.float32),
        article.origin_of(distribution, morphology),
        concern,
        birads.concern_of(distribution, morphology),
        np.where(concern[:, None] >= 0, p_concern, np.nan).astype(np.float32),
        np.full(len(cluster_id), "", dtype=object),
        reader,
        **more,
    )


def _labels(p: Floats, otherwise: int) -> npt.NDArray[np.int8]:
    read = np.isfinite(p[:, 0])
    return np.where(read, p.argmax(axis=1), otherwise).astype(np.int8)


def _difference(got: tuple[str, ...], expected: tuple[str, ...]) -> str:
    missing = [name for name in expected if name not in got]
    extra = [name for name in got if name not in expected]
    if missing or extra:
        return f"{len(got)} features: missing {missing[:3]}, unknown {extra[:3]}"
    return "the same features in another order"
