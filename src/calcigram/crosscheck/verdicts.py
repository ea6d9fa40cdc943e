"""Two readings of the same clusters held against each other: agreement, review, reason.

It knows nothing of models or rules: the first reading is called the model's and the second
the rules' only because the verdict table (`layout`) does. How well two columns of labels agree
over many clusters, `kappa` computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.columns import Column, Words, frame_of
from calcigram.crosscheck.layout import CONCERN_COLUMNS
from calcigram.crosscheck.reasons import WHY
from calcigram.crosscheck.sentences import sentences
from calcigram.errors import BadInputError
from calcigram.lexicon import (
    AGREEMENTS,
    COMPARED,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    IMPOSSIBLE_SIZES,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    ORIGINS,
    SIZE_CLASSES,
    Agreement,
    Compared,
)
from calcigram.oddities import NONE as NOT_ODD
from calcigram.oddities import ODDITIES
from calcigram.readings import RISK_COLUMNS, Readings, joined_words
from calcigram.risk import load_risk

if TYPE_CHECKING:
    import pandas as pd

UNSURE = 0.45
"""A top probability below this is reviewed; what that catches stands in docs/validation.md."""

AXES = {
    "distribution": DISTRIBUTION_LABELS,
    "morphology": MORPHOLOGY_LABELS,
    "concern": CONCERNS,
}
"""The labels of each axis on which two readings are compared."""

WORDS: dict[str, tuple[str, ...]] = {"distribution": DISTRIBUTIONS, "morphology": MORPHOLOGIES}
"""The words of each axis; other labels are statuses."""

COMPARED_CODES = np.array(
    [[COMPARED.index(c) for c in row] for row in (
        (Compared.NEITHER, Compared.MORPHOLOGY), (Compared.DISTRIBUTION, Compared.BOTH),
    )], np.int8,
)  # fmt: skip
"""Where [distribution compared, morphology compared] leads to."""

_IMPOSSIBLE = np.array(
    [
        [(size, form) in IMPOSSIBLE_SIZES for form in MORPHOLOGY_LABELS]
        for size in (*SIZE_CLASSES, None)  # the last where sizes are unknown: code -1
    ]
)

_AGREE, _DIFFER = AGREEMENTS.index(Agreement.AGREE), AGREEMENTS.index(Agreement.DIFFER)

_Codes = npt.NDArray[np.int8]
_Mask = npt.NDArray[np.bool_]


def crosscheck(
    model: Readings,
    rules: Readings,
    oddities: npt.NDArray[np.int8] | None = None,
    sizes: npt.NDArray[np.int8] | None = None,
) -> pd.DataFrame:
    """Compare two readings of the same clusters.

    Parameters
    ----------
    model : Readings
        The reading whose concern and probabilities are shown.
    rules : Readings
        Of the same clusters, in the same order.
    oddities : ndarray of int8, shape (C,), optional
        As `calcigram.oddities.find_oddities` gives them: those found have novelty 1.
    sizes : ndarray of int8, shape (C,), optional
        As `ClusterSet.size_class` gives them: a morphology that does not go with them is reviewed.

    Returns
    -------
    pandas.DataFrame, shape (C, 42)
        The columns of `layout.VERDICT_COLUMNS` but for ``n_calcifications``, ``size_class`` and
        ``model_version``, which no reading holds. Labels are categories (concerns ordered),
        probabilities float32; what is unknown is missing. ``birads_concern`` is of the
        rules' pattern, ``model_birads_concern`` of the model's.

    Raises
    ------
    BadInputError
        The readings are not of the same clusters in the same order.

    Notes
    -----
    ``compared`` says on which axes both readings have a word. On both: ``agreement`` is ``agree``
    where words and concern are equal, ``same_concern`` where a word differs and the concern does
    not, ``opposed`` where one says benign and the other suspicious, else ``differ``; missing where a
    concern is missing. On one axis: ``agree`` or ``differ`` by the words of that axis. On
    neither: missing.

    ``review`` holds where one reading says benign and the other suspicious of what both have read;
    where the model's probability of a word that was
    compared is below `UNSURE`; where its most probable words would lead to another concern than
    the most probable one; where two sources conflict about its words; and where nothing like the
    cluster was among those the model was trained on, or it is an oddity; and where the definition of
    the model's morphology rules the diameters out. An axis that was not
    compared is no reason by itself, and ``p_malignant`` never is.
    ``p_malignant`` and its interval say how often lesions of CBIS-DDSM that radiologists described as
    the model does turned out malignant (`calcigram.risk`): that cohort is enriched with cancers, so
    it is no prevalence, and never a diagnosis. A set is the words joined by ``|``, empty where no word conforms and missing where the axis
    was not read.

    Examples
    --------
    >>> import numpy as np
    >>> def reading(distribution, probability):
    ...     code = np.array([distribution], np.int8)
    ...     return Readings(
    ...         np.array(["a"], object), code, np.array([0], np.int8),
    ...         np.full((1, 6), probability, np.float32), np.full((1, 9), 0.9, np.float32),
    ...         code, np.array([1], np.int8), np.array([0], np.int8),
    ...         np.full((1, 3), 0.3, np.float32), np.array([""], object), "made up")
    >>> verdicts = crosscheck(reading(2, 0.7), reading(1, np.nan))
    >>> print(verdicts.reason[0])
    Model reads segmental, rules read regional; both of intermediate concern.
    """
    return frame_of(compared(model, rules, oddities, sizes))


def compared(
    model: Readings,
    rules: Readings,
    oddities: npt.NDArray[np.int8] | None = None,
    sizes: npt.NDArray[np.int8] | None = None,
    *,
    unsure: float = UNSURE,
) -> dict[str, Column]:
    """Compare as `crosscheck` does, and return its columns as arrays, without a table.

    Parameters
    ----------
    model, rules : Readings
    oddities, sizes : ndarray of int8, shape (C,), optional
    unsure : float
        Words of the model that are less probable are reviewed.

    Returns
    -------
    dict of str to Words or ndarray
        The columns of `crosscheck`, in order.

    Raises
    ------
    BadInputError
        The readings are not of the same clusters in the same order.
    """
    if not np.array_equal(model.cluster_id, rules.cluster_id):
        raise BadInputError(
            "two readings of the same clusters in the same order", column="cluster_id"
        )
    tops = {axis: _top(getattr(model, f"p_{axis}"), getattr(model, axis)) for axis in WORDS}
    known = {axis: _known(model, rules, axis) for axis in WORDS}
    compared_on = COMPARED_CODES[known["distribution"].astype(int), known["morphology"].astype(int)]
    agreement = _agreement(model, rules, known)
    odd = np.full(len(model), NOT_ODD, np.int8) if oddities is None else oddities
    flags = _flags(model, rules, tops, known, unsure)
    unknown = np.full(len(model), -1, np.int8)
    sizes = unknown if sizes is None else sizes
    flags["size"] = _IMPOSSIBLE[sizes, model.morphology]
    flags |= {name: odd == code for code, name in enumerate(ODDITIES)}
    flags["unlike"] &= odd == NOT_ODD
    pattern = unknown if model.pattern_concern is None else model.pattern_concern
    about = {
        "concern": Words.of(pattern, CONCERNS),
        "size": Words.of(sizes, SIZE_CLASSES),
        "conflict": model.source_conflict or Words(unknown, ()),
        **{f"unsure_{axis}": Words(np.zeros_like(unknown), (f"{unsure:g}",)) for axis in WORDS},
    }
    risk = _risk(model)
    return {
        "cluster_id": model.cluster_id,
        "distribution": Words.of(model.distribution, DISTRIBUTION_LABELS),
        "distribution_probability": tops["distribution"],
        "morphology": Words.of(model.morphology, MORPHOLOGY_LABELS),
        "morphology_probability": tops["morphology"],
        "origin": Words.of(model.origin, ORIGINS),
        "concern": Words.of(model.concern, CONCERNS, is_ordered=True),
        **_columns("p", CONCERNS, model.p_concern),
        "rule_distribution": Words.of(rules.distribution, DISTRIBUTION_LABELS),
        "rule_morphology": Words.of(rules.morphology, MORPHOLOGY_LABELS),
        "rule_concern": Words.of(rules.concern, CONCERNS, is_ordered=True),
        "rules_fired": rules.evidence,
        "birads_concern": Words.of(rules.birads_concern, CONCERNS, is_ordered=True),
        "agreement": Words.of(agreement, AGREEMENTS),
        "review": np.logical_or.reduce([flags[name] for name in WHY]),
        "reason": sentences(model, rules, compared_on, flags, about),
        **_columns("p_distribution", DISTRIBUTIONS, model.p_distribution),
        **_columns("p_morphology", MORPHOLOGIES, model.p_morphology),
        "distribution_set": _sets(model.distribution_set, model.p_distribution, DISTRIBUTIONS),
        "morphology_set": _sets(model.morphology_set, model.p_morphology, MORPHOLOGIES),
        "novelty": _novelty(model, odd),
        "unlike_training": flags["unlike"] | (odd != NOT_ODD),
        **dict(zip(RISK_COLUMNS, risk.T, strict=True)),
        "model_birads_concern": Words.of(model.birads_concern, CONCERNS, is_ordered=True),
        "compared": Words.of(compared_on, COMPARED),
    }


def cases_to_review(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts that a person should look at, those in most need first.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        As `crosscheck` gives it, with or without further columns.

    Returns
    -------
    pandas.DataFrame
        The rows with ``review``: opposed before the others, then by the highest concern that
        any of the views gives, then the least probable word first.
    """
    import pandas as pd

    chosen = verdicts[verdicts["review"].to_numpy(dtype=bool)]
    views = [
        pd.Categorical(chosen[name], [str(concern) for concern in CONCERNS]).codes
        for name in CONCERN_COLUMNS
        if name in chosen
    ]
    lowest = chosen[["distribution_probability", "morphology_probability"]].min(axis=1)
    need = pd.DataFrame(
        {
            "opposed": (chosen["agreement"] == str(Agreement.OPPOSED)).to_numpy(dtype=bool),
            "concern": np.max(views, axis=0),
            "doubt": 1 - lowest.fillna(0.0).to_numpy(),
        }
    )
    keys = ["opposed", "concern", "doubt"]
    order = need.sort_values(keys, ascending=False, kind="stable").index
    return chosen.iloc[order].reset_index(drop=True)


def _top(probabilities: npt.NDArray[np.float32], codes: _Codes) -> npt.NDArray[np.float32]:
    """Return the probability of each label; NaN where it is a status."""
    n_words = probabilities.shape[1]
    chosen = np.take_along_axis(
        probabilities, np.clip(codes, 0, n_words - 1)[:, None].astype(np.intp), 1
    )
    return np.where(codes < n_words, chosen[:, 0], np.float32(np.nan)).astype(np.float32)


def _known(model: Readings, rules: Readings, axis: str) -> _Mask:
    """Return where both readings have a word on an axis."""
    n_words = len(WORDS[axis])
    return np.maximum(getattr(model, axis), getattr(rules, axis)) < n_words


def _agreement(model: Readings, rules: Readings, known: dict[str, _Mask]) -> _Codes:
    same = {axis: getattr(model, axis) == getattr(rules, axis) for axis in WORDS}
    apart = np.abs(model.concern.astype(np.int8) - rules.concern)
    of_concern = np.array([Agreement.SAME_CONCERN, Agreement.DIFFER, Agreement.OPPOSED])
    codes = np.array([AGREEMENTS.index(word) for word in of_concern], np.int8)[np.minimum(apart, 2)]
    codes[same["distribution"] & same["morphology"] & (apart == 0)] = _AGREE
    codes[(model.concern < 0) | (rules.concern < 0)] = -1
    for axis, other in (("distribution", "morphology"), ("morphology", "distribution")):
        codes = np.where(known[axis] & ~known[other], np.where(same[axis], _AGREE, _DIFFER), codes)
    return np.where(known["distribution"] | known["morphology"], codes, -1).astype(np.int8)


def _flags(
    model: Readings,
    rules: Readings,
    tops: dict[str, Any],
    known: dict[str, _Mask],
    unsure: float,
) -> dict[str, _Mask]:
    none = np.zeros(len(model), bool)
    concerns_compare = known["distribution"] | known["morphology"]
    for axis in WORDS:  # an axis that one reader alone has read makes two concerns of two patterns
        concerns_compare &= known[axis] | (getattr(model, axis) == getattr(rules, axis))
    opposed = np.abs(model.concern.astype(np.int8) - rules.concern) == len(CONCERNS) - 1
    pattern, conflict = model.pattern_concern, model.source_conflict
    return {
        "opposed": opposed & (model.concern >= 0) & (rules.concern >= 0) & concerns_compare,
        **{f"unsure_{axis}": known[axis] & (tops[axis] < np.float32(unsure)) for axis in WORDS},
        "concern": none if pattern is None else (pattern != model.concern) & (model.concern >= 0),
        "conflict": none if conflict is None else conflict.codes >= 0,
        "unlike": _unlike(model),
    }


def _unlike(model: Readings) -> _Mask:
    alarms = model.unlike_training
    return np.zeros(len(model), bool) if alarms is None else alarms.copy()


def _novelty(model: Readings, odd: _Codes) -> npt.NDArray[np.float32]:
    unknown = np.full(len(model), np.nan, np.float32)
    known = unknown if model.novelty is None else model.novelty
    return np.where(odd == NOT_ODD, known, np.float32(1)).astype(np.float32)


def _sets(
    sets: _Mask | None, probabilities: npt.NDArray[np.float32], words: Sequence[str]
) -> Words:
    if sets is None:
        return Words(np.full(len(probabilities), -1), ())
    return joined_words(sets, np.isfinite(probabilities[:, 0]), words)


def _risk(model: Readings) -> npt.NDArray[np.float32]:
    if model.p_malignant is not None:
        return model.p_malignant
    return load_risk().carry(model.p_distribution, model.p_morphology).astype(np.float32)


def _columns(
    prefix: str, names: Sequence[str], values: npt.NDArray[np.float32]
) -> dict[str, Column]:
    return {f"{prefix}_{name}": values[:, k] for k, name in enumerate(names)}


def agreement_matrix(verdicts: pd.DataFrame, axis: str = "distribution") -> pd.DataFrame:
    """Count how often the model's label meets each of the rules'.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        As `crosscheck` gives it.
    axis : {"distribution", "morphology", "concern"}

    Returns
    -------
    pandas.DataFrame of int64
        A row for each label of the model, a column for each of the rules, in the lexicon's
        order, statuses last. Clusters without a concern are not counted on that axis.

    Raises
    ------
    BadInputError
        `axis` is another.
    """
    import pandas as pd

    labels = AXES.get(axis)
    if labels is None:
        raise BadInputError(f"one of {', '.join(AXES)}", column="axis", value=axis)
    names = [str(label) for label in labels]
    rows = pd.Categorical(verdicts[axis], names).codes
    columns = pd.Categorical(verdicts[f"rule_{axis}"], names).codes
    known = (rows >= 0) & (columns >= 0)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (rows[known], columns[known]), 1)
    return pd.DataFrame(
        counts, index=pd.Index(names, name="model"), columns=pd.Index(names, name="rules")
    )
