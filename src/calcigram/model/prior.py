"""Priors: the same evidence, another mix of classes than the model was trained on.

A model's probabilities rest on how common each word was among its training clusters. Where the
clusters at hand come in another mix, but each word's clusters look the same (label shift),
Bayes' rule re-weights them. The labels may change with it; conformal sets do not, as they hold
for each word alone. Source: Saerens, Latinne and Decaestecker (Neural Computation 2002).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.lexicon import AXES
from calcigram.model.head import Floats, Head

SHIPPED = ("uniform", "clinical")

HALF_A_CASE = 0.5
"""Added to every word's cases, so that none is impossible (Jeffreys' prior of a multinomial)."""

_COLUMNS = ("axis", "word", "cases")


@dataclass(frozen=True, eq=False)
class Prior:
    """How common each word is believed to be.

    Attributes
    ----------
    name : str
    shares : mapping of str to ndarray of float64
        By axis, one per word, in the lexicon's order; a missing axis is left unchanged. NaN for
        a word of which the source says nothing: it keeps its share of the training, and the others,
        which sum to 1, divide the rest.
    """

    name: str
    shares: Mapping[str, Floats]

    def reweighted(self, p: Floats, head: Head) -> Floats:
        """Return probabilities of the words of a head under this prior.

        Parameters
        ----------
        p : ndarray of float64, shape (R, K)
            As the head gives them, under the shares of its training clusters.
        head : Head

        Returns
        -------
        ndarray of float64, shape (R, K)
            ``p * prior / share of training``, renormalised; a word without a prior keeps its share
            of the training.

        Raises
        ------
        BadInputError
            The model is of an older format, and does not say what it was trained on.
        """
        if head.axis not in self.shares or not head.classes:
            return p
        if not head.shares:
            raise BadInputError(
                "a model that knows the shares of its training clusters: train it again",
                column="prior",
                value=self.name,
            )
        training, target = np.array(head.shares), self.shares[head.axis][list(head.classes)]
        unsaid = np.isnan(target)
        target = np.where(unsaid, training, target * (1 - training[unsaid].sum()))
        ratio = np.zeros(p.shape[1])
        ratio[list(head.classes)] = target / training
        weighted = p * ratio
        result: Floats = weighted / weighted.sum(axis=1, keepdims=True)
        return result


def load_prior(name_or_path: str | Path) -> Prior:
    """Read a prior: ``uniform``, ``clinical``, or a CSV file.

    Parameters
    ----------
    name_or_path : str or Path
        A file has the columns ``axis`` (distribution or morphology), ``word`` and ``cases`` (a
        number or share of clusters; empty for a word of which nothing is known); other columns, such
        as ``source``, are ignored. Every word of an axis must be there, or none.

    Returns
    -------
    Prior
        ``clinical`` holds published counts of biopsied clusters, each with its source.

    Raises
    ------
    BadInputError
        There is no such prior or file, or something in it is not as it should be.

    Examples
    --------
    >>> load_prior("clinical").shares["distribution"].round(3)
    array([0.001, 0.467, 0.125, 0.307, 0.05 , 0.05 ])
    """
    name = str(name_or_path)
    if name == "uniform":
        return Prior(
            name, {axis: np.full(len(a.words), 1 / len(a.words)) for axis, a in AXES.items()}
        )
    shipped = resources.files(__package__) / "clinical_prior.csv"
    try:
        text = (shipped if name == "clinical" else Path(name)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadInputError(
            f"{', '.join(SHIPPED)} or a CSV file", column="prior", value=name
        ) from None
    return Prior(name, _shares(text, name))


def _shares(text: str, source: str) -> dict[str, npt.NDArray[np.float64]]:
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise BadInputError("a column of this name", source=source, column=missing[0])
    cases: dict[str, dict[str, float]] = {}
    for row in reader:
        place: dict[str, Any] = {"source": source, "row": reader.line_num}
        axis, word = row["axis"], row["word"]
        if axis not in AXES:
            raise BadInputError(f"one of {', '.join(AXES)}", column="axis", value=axis, **place)
        if word not in AXES[axis].words or word in cases.get(axis, {}):
            raise BadInputError(
                f"each of {', '.join(AXES[axis].words)} once", column="word", value=word, **place
            )
        cases.setdefault(axis, {})[word] = _number(row["cases"], place)
    shares = {}
    for axis, of_word in cases.items():
        absent = [str(word) for word in AXES[axis].words if word not in of_word]
        counts = np.array([of_word.get(word, np.nan) for word in AXES[axis].words])
        if absent or not np.nansum(counts) > 0:
            raise BadInputError(
                "every word of the axis, and cases of at least one",
                source=source,
                column="word",
                value=", ".join(absent) or "no cases",
            )
        if np.nansum(counts) > len(counts):  # counts, not shares
            counts = counts + HALF_A_CASE
        shares[axis] = counts / np.nansum(counts)
    if not shares:
        raise BadInputError("at least one axis", source=source)
    return shares


def _number(text: str | None, place: dict[str, Any]) -> float:
    """Return the cases of a word, NaN where the cell is empty."""
    if not (text or "").strip():
        return float("nan")
    try:
        number = float(text or "")
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number < float("inf"):
        raise BadInputError(
            "a number of 0 or more, or nothing", column="cases", value=text, **place
        )
    return number
