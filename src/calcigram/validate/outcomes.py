"""The rulebooks' consequences, given radiologists' words, held against real outcomes.

Answers one question: were every pattern read as the radiologist read it, how would the
concern of each rulebook go with what the pathologist found? It says nothing of how well
calcigram recognises a pattern: no image and no position enters. The data are CBIS-DDSM's
case descriptions (see `cbis_ddsm` for the credit).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.consequences import Rulebook, load_rulebook
from calcigram.lexicon import CONCERNS, DISTRIBUTION_LABELS, MORPHOLOGY_LABELS, Concern, Status
from calcigram.validate.cbis_ddsm import (
    CREDIT,
    DISTRIBUTION_WORDS,
    OUTSIDE,
    PATHOLOGIES,
    SPLITS,
    TYPE_WORDS,
    read_cbis_ddsm,
    read_counts,
)
from calcigram.wording import json_values, markdown_table

if TYPE_CHECKING:
    import pandas as pd

Counts = npt.NDArray[np.float64]

NO_ANSWER = "no answer"
OUTSIDE_LEXICON = "outside the lexicon"
ROWS: tuple[str, ...] = (*CONCERNS, NO_ANSWER, OUTSIDE_LEXICON)
"""Rows of a table concern x pathology."""

MALIGNANT = "MALIGNANT"
WITHOUT_CALLBACK = "BENIGN_WITHOUT_CALLBACK"
FIGURES: tuple[str, ...] = (
    "auc",
    "sensitivity_intermediate",
    "specificity_intermediate",
    "sensitivity_suspicious",
    "specificity_suspicious",
)
"""AUC of the concern as a score; sensitivity and specificity where a lesion counts as
positive at ">= intermediate", and at "suspicious"."""

_OUTSIDE_CODE = -2
_ROW_NAMES = np.array([*map(str, CONCERNS), OUTSIDE_LEXICON, NO_ANSWER], dtype=object)
"""By code: -2 is outside the lexicon, -1 is no answer."""

_COUNTS_FILE = "cbis_ddsm_counts.csv"


@dataclass(frozen=True, eq=False)
class OutcomeCheck:
    """What `check_outcomes` found.

    Attributes
    ----------
    n_lesions : int
    n_patients : int or None
        None where only the table of counts was at hand.
    n_partly_outside : int
        Lesions of which some term, not all, is outside the lexicon; judged by the others.
    tables : pandas.DataFrame
        ``rulebook, split, concern`` (one of `ROWS`), then the number of lesions of each of
        `PATHOLOGIES`.
    figures : pandas.DataFrame
        ``rulebook, split, without_callback`` (are such lesions counted?), ``lesions, malignant``,
        then each of `FIGURES` with its ``_low`` and ``_high`` (95 % percentile interval; NaN
        without patients). Over the lesions for which the rulebook has an answer.
    outside : pandas.DataFrame
        ``type`` and number of lesions of each pathology, for types outside the lexicon alone.
    n_boot, seed : int
        Of the resampling.
    """

    n_lesions: int
    n_patients: int | None
    n_partly_outside: int
    tables: pd.DataFrame
    figures: pd.DataFrame
    outside: pd.DataFrame
    n_boot: int
    seed: int

    @property
    def has_both_splits(self) -> bool:
        """Whether there are lesions of the training and of the test set."""
        lesions = self.tables.groupby("split")[list(PATHOLOGIES)].sum().sum(axis=1)
        return bool((lesions.reindex(list(SPLITS)) > 0).all())

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, texts and numbers, fit for JSON; NaN becomes None."""
        return plain_fields(self)

    def to_markdown(self) -> str:
        """Return the tables as Markdown, the credit below."""
        patients = "" if self.n_patients is None else f" of {self.n_patients:,} patients"
        parts = [f"{self.n_lesions:,} lesions{patients}."]
        for rulebook, table in self.tables[self.tables["split"] == "all"].groupby(
            "rulebook", sort=False
        ):
            shown = table.drop(columns=["rulebook", "split"])
            parts += [f"Concern under `{rulebook}` by pathology:", markdown_table(shown)]
        parts += ["Over the lesions for which the rulebook has an answer:"]
        parts += [
            markdown_table(readable_figures(self.figures, "rulebook", "split", names=FIGURES))
        ]
        if self.n_patients is not None:
            parts.append(
                f"In brackets: 95 % percentile interval, {self.n_boot:,} resamplings of patients, "
                f"seed {self.seed}."
            )
        parts += [
            f"Types outside the lexicon, counted apart ({self.n_partly_outside} more lesions have "
            "such a type beside one of the lexicon and are judged by the latter):",
            markdown_table(self.outside),
            f"Data: {CREDIT}",
        ]
        return "\n\n".join(parts) + "\n"


def readable_figures(
    figures: pd.DataFrame, *keys: str, names: Sequence[str] = ("auc",)
) -> pd.DataFrame:
    """Return figures as texts: lesions with the malignant ones, values with their intervals.

    Parameters
    ----------
    figures : pandas.DataFrame
        As `OutcomeCheck` and `RiskCheck` have them.
    *keys : str
        Columns that stay as they are.
    names : sequence of str
        Columns of figures, each with one of its ``_low`` and one of its ``_high``.
    """
    shown = figures[[*keys]].copy()
    shown["without callback"] = np.where(figures["without_callback"], "with", "left out")
    counts = zip(figures["lesions"], figures["malignant"], strict=True)
    shown["lesions (malignant)"] = [f"{n} ({m})" for n, m in counts]
    for name in names:
        shown[name.replace("_", ", ")] = [
            "unknown"
            if np.isnan(value)
            else f"{value:.3f}" + ("" if np.isnan(low) else f" ({low:.3f} to {high:.3f})")
            for value, low, high in figures[[name, f"{name}_low", f"{name}_high"]].to_numpy()
        ]
    return shown


def plain_fields(result: Any) -> dict[str, Any]:
    """Return the fields of a result and the credit of the data, tables as lists of rows; NaN becomes None."""
    fields: dict[str, Any] = json_values(vars(result))
    return fields | {"credit": CREDIT}


def check_outcomes(
    files: Sequence[str | Path] | None = None,
    *,
    rulebooks: Sequence[str | Path] = ("article", "birads"),
    n_boot: int = 2000,
    seed: int = 0,
) -> OutcomeCheck:
    """Hold the rulebooks' concern for radiologists' words against the pathology.

    Parameters
    ----------
    files : sequence of str or Path, optional
        The official case description files. Without them the counts that ship are used:
        the same figures, without the intervals, since counts know no patients.
    rulebooks : sequence of str or Path
        As `load_rulebook` takes them.
    n_boot : int
        Number of times the patients are resampled.
    seed : int
        Of the resampling.

    Returns
    -------
    OutcomeCheck

    Raises
    ------
    BadInputError
        A file or a rulebook is not as expected.

    Notes
    -----
    One row is a lesion: the union of its views' terms and its worst pathology. With several
    terms the highest concern over all pairs counts. No distribution is ``unread``.
    A lesion whose every type is outside the lexicon is counted apart.

    Examples
    --------
    >>> check = check_outcomes()
    >>> check.n_lesions
    1045
    >>> check.figures.query("split == 'all' and without_callback")["rulebook"].tolist()
    ['article', 'birads']
    """
    import pandas as pd

    if files:
        lesions = read_cbis_ddsm(*files).assign(lesions=1)
        patient, ids = lesions["patient_id"].factorize()
        n_patients: int | None = len(ids)
    else:
        lesions = read_counts(counts_path())
        patient, n_patients, n_boot = np.zeros(len(lesions), np.intp), None, 0
    tables, figures = [], []
    for book in map(load_rulebook, rulebooks):
        codes = lesion_codes(lesions, book)
        for split in ("all", *SPLITS):
            in_split = np.ones(len(lesions), bool) if split == "all" else lesions["split"] == split
            of_split = lesions[in_split].assign(concern=_ROW_NAMES[codes[in_split]])
            table = _by_pathology(of_split, "concern", map(str, ROWS))
            tables.append(pd.DataFrame({"rulebook": book.name, "split": split} | dict(table)))
            for with_callback in (True, False):
                chosen = in_split & (codes >= 0)
                if not with_callback:
                    chosen &= lesions["pathology"] != WITHOUT_CALLBACK
                counts = _patient_counts(lesions[chosen], codes[chosen], patient[chosen])
                head = {"rulebook": book.name, "split": split, "without_callback": with_callback}
                figures.append(head | _figures(counts, n_boot, seed))
    outside_terms = lesions["type"].map(lambda text: [w == OUTSIDE for w in _words(text)])
    fully = outside_terms.map(all).astype(bool)
    partly = outside_terms.map(any).astype(bool) & ~fully
    return OutcomeCheck(
        n_lesions=int(lesions["lesions"].sum()),
        n_patients=n_patients,
        n_partly_outside=int(lesions["lesions"][partly].sum()),
        tables=pd.concat(tables, ignore_index=True),
        figures=pd.DataFrame(figures),
        outside=_by_pathology(lesions[fully], "type"),
        n_boot=n_boot,
        seed=seed,
    )


def counts_path() -> Path:
    """Return the table of counts: inside the installed package, else in the source tree."""
    package = Path(str(resources.files("calcigram")))
    shipped = package / "_shipped" / "data" / _COUNTS_FILE
    return shipped if shipped.is_file() else package.parents[1] / "data" / _COUNTS_FILE


def _words(types: str) -> list[str]:
    return [str(TYPE_WORDS.get(term, Status.UNREAD)) for term in types.split("-")]


def concern_code(types: str, distributions: str, book: Rulebook) -> int:
    """Return the concern of one lesion, given its terms joined by ``-``.

    Parameters
    ----------
    types, distributions : str
        CBIS-DDSM's terms; ``"NA"`` where none was given.
    book : Rulebook

    Returns
    -------
    int
        Index of `lexicon.CONCERNS`, the highest over all pairs of terms; -1 where the rulebook
        has no answer to any; -2 where every type is outside the lexicon.

    Examples
    --------
    >>> book = load_rulebook("birads")
    >>> concern_code("PUNCTATE-PLEOMORPHIC", "CLUSTERED", book)
    1
    >>> concern_code("SKIN", "CLUSTERED", book)
    -2
    """
    forms = [word for word in _words(types) if word != OUTSIDE]
    if not forms:
        return _OUTSIDE_CODE
    rows = [
        DISTRIBUTION_LABELS.index(DISTRIBUTION_WORDS.get(term, Status.UNREAD))
        for term in distributions.split("-")
    ]
    columns = [MORPHOLOGY_LABELS.index(word) for word in forms]
    return int(book.concern_codes[np.ix_(rows, columns)].max())


def lesion_codes(lesions: pd.DataFrame, book: Rulebook) -> npt.NDArray[np.int64]:
    """Return the `concern_code` of each row."""
    terms = zip(lesions["type"], lesions["distribution"], strict=True)
    return np.array([concern_code(*pair, book) for pair in terms], dtype=np.int64)


def _by_pathology(
    lesions: pd.DataFrame, key: str, rows: Iterable[str] | None = None
) -> pd.DataFrame:
    """Count lesions of each pathology by a column, in the order of `rows`."""
    counts = lesions.pivot_table(index=key, columns="pathology", values="lesions", aggfunc="sum")
    whole = (
        counts.reindex(counts.index if rows is None else list(rows), columns=list(PATHOLOGIES))
        .fillna(0)
        .astype(int)
    )
    return whole.rename_axis(index=key, columns=None).reset_index()


def _patient_counts(
    lesions: pd.DataFrame, codes: npt.NDArray[np.int64], patient: npt.NDArray[np.intp]
) -> Counts:
    """Count each patient's lesions by concern and malignancy: shape (patients, 3, 2)."""
    _, index = np.unique(patient, return_inverse=True)
    counts = np.zeros((int(index.max(initial=-1)) + 1, len(CONCERNS), 2))
    malignant = (lesions["pathology"] == MALIGNANT).to_numpy(np.intp)
    np.add.at(counts, (index, codes, malignant), lesions["lesions"].to_numpy())
    return counts


def figures_from_counts(counts: npt.ArrayLike) -> Counts:
    """Work out `FIGURES` from counts of concern by malignancy.

    Parameters
    ----------
    counts : array_like, shape (..., 3, 2)
        Numbers of lesions; last axis not malignant, malignant.

    Returns
    -------
    ndarray of float64, shape (..., 5)
        NaN where one of the two outcomes does not occur.

    Examples
    --------
    >>> figures_from_counts([[8, 1], [4, 1], [0, 6]]).round(3).tolist()
    [0.896, 0.875, 0.667, 0.75, 1.0]
    """
    counts = np.asarray(counts, float)
    benign, malignant = counts[..., 0], counts[..., 1]
    out = [auc_of_counts(counts)]
    with np.errstate(invalid="ignore", divide="ignore"):
        n_benign, n_malignant = benign.sum(-1), malignant.sum(-1)
        for first in (CONCERNS.index(Concern.INTERMEDIATE), CONCERNS.index(Concern.SUSPICIOUS)):
            out.append(malignant[..., first:].sum(-1) / n_malignant)
            out.append(benign[..., :first].sum(-1) / n_benign)
    return np.stack(out, axis=-1)


def auc_of_counts(counts: Counts) -> Counts:
    """Return the AUC of counts of levels, rising, by outcome: shape (...,) from (..., levels, 2).

    The share of (malignant, not malignant) pairs ranked rightly, ties counting half (Hanley and
    McNeil 1982); NaN where one of the two outcomes does not occur.
    """
    benign, malignant = counts[..., 0], counts[..., 1]
    below = np.cumsum(benign, axis=-1) - benign
    with np.errstate(invalid="ignore", divide="ignore"):
        won = (malignant * (below + benign / 2)).sum(-1)
        return np.asarray(won / (benign.sum(-1) * malignant.sum(-1)))


def with_interval(
    counts: Counts, figures: Callable[[Counts], Counts], n_boot: int, seed: int
) -> Counts:
    """Return figures of all counts with their 95 % percentile intervals, by resampling patients.

    Parameters
    ----------
    counts : ndarray, shape (patients, levels, 2)
    figures : callable
        From counts of shape (..., levels, 2) to K figures, shape (..., K).
    n_boot, seed : int
        Without resamplings, an interval is NaN.

    Returns
    -------
    ndarray of float64, shape (3, K)
        Figures, low and high.
    """
    point = figures(counts.sum(axis=0))
    low, high = np.full((2, *point.shape), np.nan)
    known, n = ~np.isnan(point), len(counts)
    if n_boot and n:
        weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_boot)
        resampled = figures(np.tensordot(weights, counts, axes=1))
        # A resampling without one of the outcomes has no figure and is left out.
        low[known], high[known] = np.nanpercentile(resampled[:, known], [2.5, 97.5], axis=0)
    return np.stack([point, low, high])


def _figures(counts: Counts, n_boot: int, seed: int) -> dict[str, Any]:
    """Return the figures of one subset, with intervals where `n_boot` is above 0."""
    total = counts.sum(axis=0)
    row: dict[str, Any] = {"lesions": int(total.sum()), "malignant": int(total[:, 1].sum())}
    found = with_interval(counts, figures_from_counts, n_boot, seed).T.tolist()
    for name, values in zip(FIGURES, found, strict=True):
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
    return row
