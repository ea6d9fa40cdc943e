"""The risk table held against outcomes it was not fitted to, beside the other scores.

Fitted on CBIS-DDSM's official training lesions, judged on its test lesions (other patients),
next to both rulebooks' concern and the radiologists' own assessment. Like `outcomes` it takes
the radiologists' words as given and says nothing of how well calcigram reads a pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.consequences import load_rulebook
from calcigram.errors import BadInputError
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES
from calcigram.risk.fit import Lesions, fit_risk
from calcigram.risk.table import COLUMNS, ROWS, RiskTable
from calcigram.validate.cbis_ddsm import (
    ASSESSMENTS,
    CREDIT,
    DISTRIBUTION_WORDS,
    NOT_GIVEN,
    OUTSIDE,
    TYPE_WORDS,
    read_cbis_ddsm,
    read_counts,
)
from calcigram.validate.outcomes import (
    MALIGNANT,
    WITHOUT_CALLBACK,
    auc_of_counts,
    counts_path,
    lesion_codes,
    plain_fields,
    readable_figures,
    with_interval,
)
from calcigram.wording import markdown_table

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

RISK = "risk, fitted on train"
ASSESSMENT = "radiologist's assessment"
RULEBOOKS: tuple[str, ...] = ("article", "birads")
N_BANDS = 5


@dataclass(frozen=True, eq=False)
class RiskCheck:
    """What `check_risk` found.

    Attributes
    ----------
    n_train, n_test : int
        Lesions with a type of the lexicon (or with none).
    figures : pandas.DataFrame
        ``score, without_callback, lesions, malignant, auc, auc_low, auc_high`` on the test
        lesions; the interval is NaN without patients.
    bands : pandas.DataFrame
        Test lesions in at most `N_BANDS` bands of about equal size by predicted risk (lesions of the
        same risk share one): ``without_callback, lesions, predicted, observed`` (mean probability,
        share malignant).
    n_boot, seed : int
        Of the resampling of patients.
    """

    n_train: int
    n_test: int
    figures: pd.DataFrame
    bands: pd.DataFrame
    n_boot: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, texts and numbers, fit for JSON; NaN becomes None."""
        return plain_fields(self)

    def to_markdown(self) -> str:
        """Return the tables as Markdown."""
        shown = readable_figures(self.figures, "score").rename(columns={"auc": "AUC"})
        callback = np.where(self.bands["without_callback"], "with", "left out")
        bands = self.bands.assign(without_callback=callback).round(3)
        interval = (
            f" In brackets: 95 % percentile interval, {self.n_boot:,} resamplings of patients, "
            f"seed {self.seed}."
            if self.n_boot
            else ""
        )
        return (
            f"Risk fitted to {self.n_train:,} training lesions; all scores on the {self.n_test:,} "
            f"lesions of the official test set, of other patients.{interval}\n\n"
            f"{markdown_table(shown)}\n\n"
            "Predicted risk and share malignant, test lesions in bands:\n\n"
            f"{markdown_table(bands.rename(columns={'without_callback': 'without callback'}))}\n\n"
            "The cohort is enriched with cancers: these probabilities are neither a prevalence nor a "
            f"diagnosis.\n\nData: {CREDIT}\n"
        )


def check_risk(
    files: Sequence[str | Path] | None = None, *, n_boot: int = 2000, seed: int = 0
) -> RiskCheck:
    """Fit the risk on the training lesions and judge it on the test lesions.

    Parameters
    ----------
    files : sequence of str or Path, optional
        The official case description files, both. Without them the counts that ship are used:
        the same AUC without intervals, and without the radiologists' assessment.
    n_boot, seed : int
        Of the resampling of patients, and of the fit.

    Returns
    -------
    RiskCheck

    Raises
    ------
    BadInputError
        A file is not as expected.

    Notes
    -----
    A lesion of several terms is looked up like an unsure reading: each axis spreads its
    probability evenly over the terms given.

    Examples
    --------
    >>> found = check_risk()
    >>> found.figures["score"].unique().tolist()
    ['risk, fitted on train', 'article', 'birads']
    """
    import pandas as pd

    if files:
        table = read_cbis_ddsm(*files, assessment=True).assign(lesions=1)
        patient = table["patient_id"].factorize()[0]
    else:
        table, n_boot = read_counts(counts_path()), 0
        patient = np.zeros(len(table), np.intp)
    described = is_described(table)
    test = described & (table["split"] == "test").to_numpy()
    train = described & (table["split"] == "train").to_numpy()
    if not (train.any() and test.any()):
        raise BadInputError("lesions of both splits, to fit on the one and judge on the other")
    risk = fit_risk(described_lesions(table[train]), seed=seed)
    judged, patient = table[test], patient[test]
    scores: dict[str, Floats] = {RISK: lesion_risks(judged, risk)}
    for book in map(load_rulebook, RULEBOOKS):
        scores[book.name] = lesion_codes(judged, book).astype(float)
    if "assessment" in judged:
        scores[ASSESSMENT] = judged["assessment"].map(ASSESSMENTS.index).to_numpy(float)
    malignant = (judged["pathology"] == MALIGNANT).to_numpy()
    count = judged["lesions"].to_numpy()
    whole = np.ones(len(judged), bool)
    called = (judged["pathology"] != WITHOUT_CALLBACK).to_numpy()
    figures, bands = [], []
    for with_callback, rows in ((True, whole), (False, called)):
        for name, score in scores.items():
            auc = auc_with_interval(
                score[rows], malignant[rows], patient[rows], count[rows], n_boot=n_boot, seed=seed
            )
            figures.append(
                {"score": name, "without_callback": with_callback}
                | {"lesions": int(count[rows].sum()), "malignant": int(count[rows & malignant].sum())}
                | dict(zip(("auc", "auc_low", "auc_high"), auc, strict=True))
            )  # fmt: skip
        bands += _bands(scores[RISK][rows], malignant[rows], count[rows], with_callback)
    n_train = int(table["lesions"][train].sum())
    return RiskCheck(
        n_train, int(count.sum()), pd.DataFrame(figures), pd.DataFrame(bands), n_boot, seed
    )


def _bands(
    predicted: Floats, malignant: npt.NDArray[np.bool_], count: Any, with_callback: bool
) -> list[dict[str, Any]]:
    predicted, malignant = np.repeat(predicted, count), np.repeat(malignant, count)
    rank = np.searchsorted(np.sort(predicted), predicted, side="left")
    band = rank * N_BANDS // len(predicted)
    return [
        {
            "without_callback": with_callback,
            "lesions": int((band == k).sum()),
            "predicted": float(predicted[band == k].mean()),
            "observed": float(malignant[band == k].mean()),
        }
        for k in np.unique(band)
    ]


def _terms(text: str, words: dict[str, Any]) -> tuple[str, ...]:
    found = [words[term] for term in text.split("-") if term != NOT_GIVEN]
    return tuple(word for word in found if word != OUTSIDE)


def is_described(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which lesions have a type of the lexicon, or none given."""
    return np.array([t == NOT_GIVEN or bool(_terms(t, TYPE_WORDS)) for t in table["type"]], bool)


def described_lesions(table: pd.DataFrame) -> Lesions:
    """Turn rows of CBIS-DDSM (lesions, or counts of them) into words and counts.

    Terms outside the lexicon are passed over; see `is_described` for lesions with no others.
    """
    return Lesions(
        [_terms(text, DISTRIBUTION_WORDS) for text in table["distribution"]],
        [_terms(text, TYPE_WORDS) for text in table["type"]],
        (table["pathology"] == MALIGNANT).to_numpy(),
        table["lesions"].to_numpy(np.int64),
    )


def lesion_risks(table: pd.DataFrame, risk: RiskTable) -> Floats:
    """Return the risk of each row's description; NaN where neither axis is described."""
    lesions = described_lesions(table)
    p_d = _even(lesions.distributions, ROWS, len(DISTRIBUTIONS))
    p_m = _even(lesions.morphologies, COLUMNS, len(MORPHOLOGIES))
    return risk.carry(p_d, p_m)[:, 0]


def _even(described: Sequence[tuple[str, ...]], axis: tuple[str, ...], n_words: int) -> Floats:
    """Spread probability evenly over the terms given; NaN where there are none."""
    p = np.full((len(described), n_words), np.nan)
    for row, words in enumerate(described):
        if words:
            p[row] = 0
            p[row, [axis.index(word) for word in words]] = 1 / len(words)
    return p


def auc_with_interval(
    score: npt.ArrayLike,
    malignant: npt.ArrayLike,
    patient: npt.ArrayLike,
    count: npt.ArrayLike | None = None,
    *,
    n_boot: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return the AUC of a score and its 95 % percentile interval by resampling patients.

    Parameters
    ----------
    score : array_like, shape (R,)
        Higher is worse.
    malignant : array_like of bool, shape (R,)
    patient : array_like of int, shape (R,)
    count : array_like of int, shape (R,), optional
        Lesions a row; by default one.
    n_boot, seed : int
        Without resamplings the interval is NaN.

    Notes
    -----
    Ties count half (Hanley and McNeil 1982).

    Examples
    --------
    >>> auc_with_interval([1, 2, 2, 3], [0, 0, 1, 1], [0, 1, 2, 3], n_boot=0)[0]
    0.875
    """
    _, level = np.unique(np.asarray(score, float), return_inverse=True)
    _, group = np.unique(np.asarray(patient), return_inverse=True)
    counts = np.zeros((group.max() + 1, level.max() + 1, 2))
    number = np.ones(len(level)) if count is None else np.asarray(count, float)
    np.add.at(counts, (group, level, np.asarray(malignant, np.intp)), number)
    auc, low, high = with_interval(
        counts, lambda some: auc_of_counts(some)[..., None], n_boot, seed
    )
    return float(auc[0]), float(low[0]), float(high[0])
