"""Two readings of the same clusters compared: agreement, review, reason.

A function of two `Readings` and of columns that others found; the first reading is called the
model's and the second the rules' because the verdict table (`layout`) does. How well two columns of
labels agree over many clusters, `kappa` computes. The words that a report or file already had for a cluster are
neither reader's: they are shown beside the verdict and change nothing in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.columns import Column, Words, frame_of
from calcigram.crosscheck.layout import COLUMNS, CONCERN_COLUMNS, REPORTED
from calcigram.crosscheck.reasons import WHY, sentences
from calcigram.errors import BadInputError
from calcigram.lexicon import (
    AGREEMENTS,
    AXES,
    COMPARED,
    CONCERNS,
    IMPOSSIBLE_SIZES,
    SIZE_CLASSES,
    Agreement,
    Compared,
    Distribution,
)
from calcigram.readings import Readings, check_readings

if TYPE_CHECKING:
    import pandas as pd

UNSURE = 0.45
"""A top probability below this is reviewed; docs/validation.md reports its effect."""

LABELS: dict[str, tuple[str, ...]] = {
    **{name: axis.labels for name, axis in AXES.items()},
    "concern": CONCERNS,
}
"""The labels of what two readings are compared on."""

COMPARED_CODES = np.array(
    [[COMPARED.index(c) for c in row] for row in (
        (Compared.NEITHER, Compared.MORPHOLOGY), (Compared.DISTRIBUTION, Compared.BOTH),
    )], np.int8,
)  # fmt: skip
"""Where [distribution compared, morphology compared] leads to."""

_IMPOSSIBLE = np.array(
    [
        [(size, form) in IMPOSSIBLE_SIZES for form in AXES["morphology"].labels]
        for size in (*SIZE_CLASSES, None)  # the last where sizes are unknown: code -1
    ]
)

_AGREE, _DIFFER = AGREEMENTS.index(Agreement.AGREE), AGREEMENTS.index(Agreement.DIFFER)

_Codes = npt.NDArray[np.int8]
_Mask = npt.NDArray[np.bool_]


def crosscheck(
    model: Readings,
    rules: Readings,
    artefacts: Words | None = None,
    sizes: npt.NDArray[np.int8] | None = None,
) -> pd.DataFrame:
    """Compare two readings of the same clusters.

    Parameters
    ----------
    model : Readings
        The reading whose concern and probabilities are shown.
    rules : Readings
        Of the same clusters, in the same order.
    artefacts : Words, length C, optional
        What a cluster looks like instead of one, as `calcigram.oddities.find_oddities` gives it;
        such clusters have novelty 1.
    sizes : ndarray of int8, shape (C,), optional
        As `ClusterSet.size_class` gives them: a morphology that does not go with them is reviewed.

    Returns
    -------
    pandas.DataFrame
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
    where the model's probability of a word that was compared is below `UNSURE`; where its most probable
    words would lead to another concern than the most probable one; where two sources conflict about
    its words; where nothing like the cluster was among those the model was trained on, or it is an
    artefact; and where the definition of the model's morphology rules the diameters out. An axis that
    was not compared is no reason by itself, and ``p_malignant`` never is.

    What each column means, `layout.COLUMNS` says.

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
    return frame_of(compared(model, rules, artefacts, sizes))


def compared(
    model: Readings,
    rules: Readings,
    artefacts: Words | None = None,
    sizes: npt.NDArray[np.int8] | None = None,
    *,
    unsure: float = UNSURE,
) -> dict[str, Column]:
    """Compare as `crosscheck` does, and return its columns as arrays, without a table.

    Parameters
    ----------
    model, rules : Readings
    artefacts, sizes
        As for `crosscheck`.
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
    for given in (model, rules):
        check_readings(given, "crosscheck")
    if not np.array_equal(model.cluster_id, rules.cluster_id):
        raise BadInputError(
            "two readings of the same clusters in the same order", column="cluster_id"
        )
    tops = {axis: _top(getattr(model, f"p_{axis}"), getattr(model, axis)) for axis in AXES}
    known: dict[str, _Mask] = {  # where both readings have a word
        name: np.maximum(getattr(model, name), getattr(rules, name)) < len(axis.words)
        for name, axis in AXES.items()
    }
    compared_on = COMPARED_CODES[known["distribution"].astype(int), known["morphology"].astype(int)]
    unknown = np.full(len(model), -1, np.int8)
    artefacts = Words(unknown, ()) if artefacts is None else artefacts
    sizes = unknown if sizes is None else sizes
    pattern = unknown if model.pattern_concern is None else model.pattern_concern
    is_artefact = artefacts.codes >= 0
    flags = _flags(model, rules, tops, known, unsure)
    flags |= {"size": _IMPOSSIBLE[sizes, model.morphology], "artefact": is_artefact}
    alarm = model.column("unlike_training")
    flags["unlike"] = np.asarray(alarm) & ~is_artefact
    about = {
        "concern": Words.of(pattern, CONCERNS),
        "size": Words.of(sizes, SIZE_CLASSES),
        "conflict": model.source_conflict or Words(unknown, ()),
        "artefact": artefacts,
        **{f"unsure_{axis}": Words(np.zeros_like(unknown), (f"{unsure:g}",)) for axis in AXES},
    }
    computed: dict[str, Column] = {
        **{f"{axis}_probability": top for axis, top in tops.items()},
        "agreement": Words.of(_agreement(model, rules, known), AGREEMENTS),
        "review": np.logical_or.reduce([flags[name] for name in WHY]),
        "reason": sentences(model, rules, compared_on, flags, about),
        "novelty": np.where(is_artefact, np.float32(1), np.asarray(model.column("novelty"))),
        "unlike_training": np.asarray(alarm) | is_artefact,
        "compared": Words.of(compared_on, COMPARED),
    }
    return {
        column.name: (rules if column.step == "rules" else model).column(column.reads)
        if column.reads
        else computed[column.name]
        for column in COLUMNS
        if column.reads or column.name in computed
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


def _agreement(model: Readings, rules: Readings, known: dict[str, _Mask]) -> _Codes:
    same = {axis: getattr(model, axis) == getattr(rules, axis) for axis in AXES}
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
    for axis in AXES:  # an axis that one reader alone has read makes two concerns of two patterns
        concerns_compare &= known[axis] | (getattr(model, axis) == getattr(rules, axis))
    opposed = np.abs(model.concern.astype(np.int8) - rules.concern) == len(CONCERNS) - 1
    pattern, conflict = model.pattern_concern, model.source_conflict
    return {
        "opposed": opposed & (model.concern >= 0) & (rules.concern >= 0) & concerns_compare,
        **{f"unsure_{axis}": known[axis] & (tops[axis] < np.float32(unsure)) for axis in AXES},
        "concern": none if pattern is None else (pattern != model.concern) & (model.concern >= 0),
        "conflict": none if conflict is None else conflict.codes >= 0,
    }


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

    labels = LABELS.get(axis)
    if labels is None:
        raise BadInputError(f"one of {', '.join(LABELS)}", column="axis", value=axis)
    names = [str(label) for label in labels]
    rows = pd.Categorical(verdicts[axis], names).codes
    columns = pd.Categorical(verdicts[f"rule_{axis}"], names).codes
    known = (rows >= 0) & (columns >= 0)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (rows[known], columns[known]), 1)
    return pd.DataFrame(
        counts, index=pd.Index(names, name="model"), columns=pd.Index(names, name="rules")
    )


SEVERAL = "|"

_SAME = {Distribution.BRANCHING: Distribution.LINEAR}
"""Our word -> the one a report must use for it: DICOM and BI-RADS have no branching distribution."""


def has_reported(meta: pd.DataFrame) -> bool:
    """Tell whether clusters come of anything that has words of its own, or formed them.

    Examples
    --------
    >>> import pandas as pd
    >>> has_reported(pd.DataFrame({"reported_distribution": ["linear"]}))
    True
    """
    return bool({"reported_distribution", "reported_morphology", "formed_by"} & set(meta.columns))


def compare_reported(verdicts: pd.DataFrame, meta: pd.DataFrame) -> pd.DataFrame:
    """Compare the words of a file with those of the model's reading.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        With the columns ``distribution`` and ``morphology``.
    meta : pandas.DataFrame
        One row per cluster; columns that are not there are taken as missing.

    Returns
    -------
    pandas.DataFrame
        The columns of `layout.REPORTED`. ``reported_agreement`` is ``agree`` or ``differ``, missing where no
        axis can be compared: nothing reported, a word outside the lexicon, or not read by us.
        ``reported_difference`` says in words where they differ.

    Notes
    -----
    Where a file gives several words, one of them is enough. Reported linear is no difference to
    branching, for which DICOM has no code.

    Examples
    --------
    >>> import pandas as pd
    >>> verdicts = pd.DataFrame({"distribution": ["grouped"], "morphology": ["round"]})
    >>> meta = pd.DataFrame({"reported_distribution": ["linear"], "reported_morphology": ["round"]})
    >>> compare_reported(verdicts, meta).reported_difference[0]
    'distribution: reported linear, read grouped'
    """
    import pandas as pd

    of_file = [column.name for column in REPORTED if column.step == "clusters"]
    table = pd.DataFrame(
        {name: _text(meta.get(name), len(verdicts)) for name in of_file}, dtype=object
    )
    agreements: list[Any] = []
    differences: list[Any] = []
    for index in range(len(verdicts)):
        compared, said = 0, []
        for axis, words in ((name, axis.words) for name, axis in AXES.items()):
            reported, read = table[f"reported_{axis}"][index], verdicts[axis].iloc[index]
            known = {word for word in str(reported).split(SEVERAL) if word in words}
            if reported is None or not known or read not in words:
                continue
            compared += 1
            if not known & {read, _SAME.get(read, read)}:
                shown = " or ".join(sorted(known)).replace("_", " ")
                said.append(f"{axis}: reported {shown}, read {str(read).replace('_', ' ')}")
        differ = Agreement.DIFFER if said else Agreement.AGREE
        agreements.append(str(differ) if compared else None)
        differences.append("; ".join(said) or None)
    table["reported_agreement"], table["reported_difference"] = agreements, differences
    return table.astype(object)


def _text(column: pd.Series | None, length: int) -> list[Any]:
    if column is None:
        return [None] * length
    return [str(value) if isinstance(value, str) and value else None for value in column]
