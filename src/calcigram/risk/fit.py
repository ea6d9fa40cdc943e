"""Fit a `RiskTable` to counts of lesions: logistic regression with partial pooling.

The log-odds of malignancy of a lesion described by morphology m and distribution d are
``mu + class[m] + morphology[m] + distribution[d] + pair[m, d]``; every group of effects is drawn
towards 0 by a normal law whose spread is itself estimated. A cell of three lesions so leans
on its row and column, one of three hundred speaks for itself. A morphology the cohort never names
gets the mean of its class (what BI-RADS says of the morphology alone) and a wide interval.

Sources: Gelman and Hill, "Data Analysis Using Regression and Multilevel/Hierarchical Models"
(2007), chapters 12 and 14; Browne, Goldstein and Rasbash (2001) for lesions described by
several terms (a multiple-membership model); Tierney and Kadane (1986) for the Laplace
approximation by which the spreads are estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calcigram.consequences import load_rulebook
from calcigram.lexicon import (
    ADMISSIBLE_PAIRS,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    Distribution,
    Status,
)
from calcigram.risk.table import COLUMNS, ROWS, TAILS, RiskTable

Floats = npt.NDArray[np.float64]

_LIKE = {Distribution.BRANCHING: Distribution.LINEAR}
# BI-RADS and DICOM have no branching distribution: both count it as linear.
_COHORT_DISTRIBUTIONS = tuple(d for d in DISTRIBUTIONS if d not in _LIKE)
_N_M, _N_D = len(MORPHOLOGIES), len(_COHORT_DISTRIBUTIONS)
_GROUPS = ("form", "distribution", "pair")
_SIZES = {
    "mean": 1,
    "class": len(CONCERNS),
    "form": _N_M,
    "distribution": _N_D,
    "pair": _N_M * _N_D,
}
_STARTS = dict(zip(_SIZES, np.cumsum([0, *_SIZES.values()]).tolist(), strict=False))
_KEPT_VARIANCE = 0.999
_NEWTON_STEPS = 100


@dataclass(frozen=True)
class Priors:
    """What is believed before the counts, on the log-odds scale.

    Attributes
    ----------
    mean_sd, class_sd : float
        Spread of the overall level and of the three classes of morphologies about 0: weak.
    spread_sd : float
        Scale of the half-normal law of the three estimated spreads: an effect beyond four or
        so is not expected (Gelman 2006).
    mixing_lesions : float
        By how many lesions of average description the make-up of a row is smoothed where an
        axis is summed over.
    """

    mean_sd: float = 2.0
    class_sd: float = 1.5
    spread_sd: float = 1.0
    mixing_lesions: float = 5.0


@dataclass(frozen=True)
class Lesions:
    """Counts of lesions, one row a description and outcome.

    Attributes
    ----------
    distributions, morphologies : sequence of tuple of str
        Words of the lexicon by which they are described; empty where the axis has no term.
    malignant : ndarray of bool, shape (R,)
    count : ndarray of int64, shape (R,)
    """

    distributions: Sequence[tuple[str, ...]]
    morphologies: Sequence[tuple[str, ...]]
    malignant: npt.NDArray[np.bool_]
    count: npt.NDArray[np.int64]


def fit_risk(
    lesions: Lesions,
    *,
    priors: Priors | None = None,
    n_draws: int = 20_000,
    seed: int = 0,
    about: str = "",
) -> RiskTable:
    """Fit the table.

    Parameters
    ----------
    lesions : Lesions
        An empty description of an axis is no evidence of its own: the lesion then stands for a
        distribution (or morphology) of average risk.
    priors : Priors, optional
    n_draws, seed : int
        Draws of the posterior by which it is carried to the probability scale.
    about : str
        For `RiskTable.about`; the spreads estimated are added.

    Returns
    -------
    RiskTable

    Examples
    --------
    >>> found = fit_risk(Lesions([("grouped",)] * 2, [("round",)] * 2,
    ...                          np.array([False, True]), np.array([90, 10])), n_draws=500)
    >>> bool(0.05 < found.p[3, 0] < 0.25), int(found.lesions[3, 0])
    (True, 100)
    """
    priors = priors or Priors()
    design = _design(lesions)
    spreads = _estimate_spreads(design, lesions, priors)
    centre, covariance = _posterior(design, lesions, _precision(spreads, priors))
    rng = np.random.default_rng(seed)
    effects = rng.multivariate_normal(centre, covariance, size=n_draws, method="cholesky")
    draws = _all_patterns(effects, _make_up(lesions, priors))
    flat = draws.reshape(n_draws, -1)
    known = np.isfinite(flat[0])
    columns = _factor(np.cov(flat[:, known], rowvar=False))
    factor = np.zeros((flat.shape[1], columns.shape[1]))
    factor[known] = columns
    low, high = np.quantile(draws, TAILS, axis=0)
    n_lesions, n_malignant = _cell_counts(lesions)
    words = ", ".join(f"{name} {sd:.2f}" for name, sd in zip(_GROUPS, spreads, strict=True))
    return RiskTable(
        draws.mean(axis=0), low, high, n_lesions, n_malignant,
        factor.reshape(*draws.shape[1:], -1),
        f"{about}\nEstimated spreads (log-odds): {words}. Draws: {n_draws}, seed {seed}.".strip(),
    )  # fmt: skip


def _places(words: Sequence[str], axis: tuple[str, ...]) -> list[int]:
    return [axis.index(_LIKE.get(word, word)) for word in words]  # type: ignore[call-overload]


def _design(lesions: Lesions) -> Floats:
    """Return the weight of each effect in each row; several terms share a weight of 1."""
    class_of = _form_classes()
    design = np.zeros((len(lesions.count), sum(_SIZES.values())))
    design[:, 0] = 1
    for row, (d_words, m_words) in enumerate(
        zip(lesions.distributions, lesions.morphologies, strict=True)
    ):
        ds, ms = _places(d_words, _COHORT_DISTRIBUTIONS), _places(m_words, MORPHOLOGIES)
        for m in ms:
            design[row, _STARTS["class"] + class_of[m]] += 1 / len(ms)
            design[row, _STARTS["form"] + m] += 1 / len(ms)
        for d in ds:
            design[row, _STARTS["distribution"] + d] += 1 / len(ds)
            for m in ms:
                design[row, _STARTS["pair"] + m * _N_D + d] += 1 / (len(ds) * len(ms))
    return design


def _form_classes() -> npt.NDArray[np.int8]:
    """Return what BI-RADS says of each morphology alone, as indices of `lexicon.CONCERNS`."""
    unread = DISTRIBUTION_LABELS.index(Status.UNREAD)
    return load_rulebook("birads").concern_codes[unread, :_N_M]


def _precision(spreads: npt.ArrayLike, priors: Priors) -> Floats:
    sds = (priors.mean_sd, priors.class_sd, *np.asarray(spreads, float))
    return np.repeat(np.array(sds) ** -2.0, list(_SIZES.values()))


def _posterior(design: Floats, lesions: Lesions, precision: Floats) -> tuple[Floats, Floats]:
    """Return mode and covariance of the effects: Newton's method on the penalised likelihood."""
    effects = np.zeros(design.shape[1])
    hit = lesions.malignant.astype(float)
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-design @ effects))
        gradient = design.T @ (lesions.count * (hit - p)) - precision * effects
        curvature = (design.T * (lesions.count * p * (1 - p))) @ design + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        effects = effects + step
        if np.abs(step).max() < 1e-10:
            break
    return effects, np.asarray(np.linalg.inv(curvature))


def _estimate_spreads(design: Floats, lesions: Lesions, priors: Priors) -> Floats:
    """Maximise the Laplace approximation of the spreads' posterior."""
    from scipy.optimize import minimize

    def loss(log_spreads: Floats) -> float:
        spreads = np.exp(log_spreads)
        precision = _precision(spreads, priors)
        effects, covariance = _posterior(design, lesions, precision)
        score = design @ effects
        sign = np.where(lesions.malignant, 1.0, -1.0)
        fit = -(lesions.count * np.logaddexp(0, -sign * score)).sum()
        prior = 0.5 * (np.log(precision) - precision * effects**2).sum()
        volume = 0.5 * np.linalg.slogdet(covariance)[1]
        # The half-normal law of a spread, and the logarithm's own measure.
        hyper = (log_spreads - 0.5 * (spreads / priors.spread_sd) ** 2).sum()
        return -float(fit + prior + volume + hyper)

    found = minimize(loss, np.log([0.5] * len(_GROUPS)), method="Nelder-Mead")
    result: Floats = np.exp(found.x)
    return result


def _make_up(lesions: Lesions, priors: Priors) -> Floats:
    """Return the share of each admissible pair in the cohort, shape (6, 9), smoothed."""
    share = np.zeros((len(DISTRIBUTIONS), _N_M))
    forms = np.zeros(_N_M)
    for d_words, m_words, count in zip(
        lesions.distributions, lesions.morphologies, lesions.count, strict=True
    ):
        for m in _places(m_words, MORPHOLOGIES):
            forms[m] += count / len(m_words)
            for d in d_words:
                share[DISTRIBUTIONS.index(d), m] += count / (len(m_words) * len(d_words))
    if not forms.any():  # no morphology named at all: none is left out, all are of average risk
        forms += 1
    for word, like in _LIKE.items():
        share[DISTRIBUTIONS.index(word)] = share[DISTRIBUTIONS.index(like)]
    distributions = share.sum(axis=1) + 0.5
    share += (
        priors.mixing_lesions * np.outer(distributions, forms) / distributions.sum() / forms.sum()
    )
    admissible = [[(d, m) in ADMISSIBLE_PAIRS for m in MORPHOLOGIES] for d in DISTRIBUTIONS]
    result: Floats = share * np.array(admissible) / share.sum()
    return result


def _all_patterns(effects: Floats, make_up: Floats) -> Floats:
    """Return the probability of every pattern under each draw of the effects: (draws, 7, 10)."""
    parts = {name: effects[:, start : start + _SIZES[name]] for name, start in _STARTS.items()}
    form = parts["mean"] + parts["class"][:, _form_classes()] + parts["form"]
    place = _places(DISTRIBUTIONS, _COHORT_DISTRIBUTIONS)
    pair = parts["pair"].reshape(-1, _N_M, _N_D)[:, :, place].transpose(0, 2, 1)
    log_odds = form[:, None, :] + parts["distribution"][:, place, None] + pair
    p = np.full((len(effects), len(ROWS), len(COLUMNS)), np.nan)
    words = 1 / (1 + np.exp(-log_odds))
    of_form = make_up.sum(axis=0)
    named = np.append(of_form > 0, [False])
    p[:, :-1, :-1] = words
    p[:, :-1, -1] = (words * make_up).sum(axis=2) / make_up.sum(axis=1)
    p[:, -1, named] = (words * make_up).sum(axis=1)[:, named[:-1]] / of_form[named[:-1]]
    p[:, :, np.append(of_form == 0, [False])] = np.nan
    return p


def _factor(covariance: Floats) -> Floats:
    """Return the narrowest factor that holds nearly all of the variance."""
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1].clip(min=0), vectors[:, ::-1]
    n = int(np.searchsorted(np.cumsum(values) / values.sum(), _KEPT_VARIANCE)) + 1
    return np.asarray(vectors[:, :n] * np.sqrt(values[:n]))


def _cell_counts(lesions: Lesions) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the lesions of each exact pair; no term on an axis is the last row or column."""
    counts = np.zeros((2, len(ROWS), len(COLUMNS)), np.int64)
    for d_words, m_words, malignant, count in zip(
        lesions.distributions, lesions.morphologies, lesions.malignant, lesions.count, strict=True
    ):
        if len(d_words) <= 1 and len(m_words) <= 1:
            place = (
                ROWS.index((*d_words, Status.UNREAD)[0]),
                COLUMNS.index((*m_words, Status.UNREAD)[0]),
            )
            counts[0][place] += count
            counts[1][place] += count * bool(malignant)
    return counts[0], counts[1]
