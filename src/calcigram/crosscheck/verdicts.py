"""Two readings of the same clusters held against each other: agreement, review, reason.

It knows nothing of models or rules: the first reading is called the model's and the second
the rules' only because the verdict table (`VERDICT_COLUMNS`) does. How well two columns of
labels agree over many clusters is `kappa`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.crosscheck.reasons import WHY, Pattern, reason
from calcigram.errors import BadInputError
from calcigram.lexicon import (
    AGREEMENTS,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    ORIGINS,
    Agreement,
)
from calcigram.readings import Readings

if TYPE_CHECKING:
    import pandas as pd

SURE = 0.8
"""Readers that differ are reviewed where both top probabilities of the model reach this."""

UNSURE = 0.5
"""A top probability below this is reviewed: the word is less likely than all others together."""

VERDICT_COLUMNS: tuple[str, ...] = (
    "cluster_id",
    "n_calcifications",
    "size_class",
    "distribution",
    "distribution_probability",
    "morphology",
    "morphology_probability",
    "origin",
    "concern",
    *(f"p_{concern}" for concern in CONCERNS),
    "rule_distribution",
    "rule_morphology",
    "rule_concern",
    "rules_fired",
    "birads_concern",
    "agreement",
    "review",
    "reason",
    "model_version",
    *(f"p_distribution_{name}" for name in DISTRIBUTIONS),
    *(f"p_morphology_{name}" for name in MORPHOLOGIES),
)
"""The columns of a verdict table, in order; `crosscheck` gives those that follow from readings."""

AXES = {
    "distribution": DISTRIBUTION_LABELS,
    "morphology": MORPHOLOGY_LABELS,
    "concern": CONCERNS,
}
"""The labels of each axis on which two readings are compared."""

_Codes = npt.NDArray[np.int8]
_Mask = npt.NDArray[np.bool_]


def crosscheck(model: Readings, rules: Readings) -> pd.DataFrame:
    """Compare two readings of the same clusters.

    Parameters
    ----------
    model : Readings
        The reading whose concern and probabilities are shown.
    rules : Readings
        Of the same clusters, in the same order.

    Returns
    -------
    pandas.DataFrame, shape (C, 33)
        The columns of `VERDICT_COLUMNS` but for ``n_calcifications``, ``size_class`` and
        ``model_version``, which no reading holds. Labels are categories (concerns ordered),
        probabilities float32; what is unknown is missing. ``birads_concern`` is the rules'.

    Raises
    ------
    BadInputError
        The readings are not of the same clusters in the same order.

    Notes
    -----
    ``agreement`` is ``agree`` where both axes bear the same label (the same status counts),
    ``same_concern`` where an axis differs and the concern does not, ``opposed`` where one says
    benign and the other suspicious, else ``differ``; missing where a concern is missing.
    ``review`` holds where the readings are opposed; where they differ although both top
    probabilities reach `SURE`; where either is below `UNSURE`; and where any of the four labels
    is a status.

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
    import pandas as pd

    if not np.array_equal(model.cluster_id, rules.cluster_id):
        raise BadInputError(
            "two readings of the same clusters in the same order", column="cluster_id"
        )
    top_distribution = _top(model.p_distribution, model.distribution)
    top_morphology = _top(model.p_morphology, model.morphology)
    agreement = _agreement(model, rules)
    flags = _flags(model, rules, agreement, top_distribution, top_morphology)
    columns: dict[str, Any] = {
        "cluster_id": model.cluster_id,
        "distribution": _words(model.distribution, DISTRIBUTION_LABELS),
        "distribution_probability": top_distribution,
        "morphology": _words(model.morphology, MORPHOLOGY_LABELS),
        "morphology_probability": top_morphology,
        "origin": _words(model.origin, ORIGINS),
        "concern": _words(model.concern, CONCERNS, ordered=True),
        **_columns("p", CONCERNS, model.p_concern),
        "rule_distribution": _words(rules.distribution, DISTRIBUTION_LABELS),
        "rule_morphology": _words(rules.morphology, MORPHOLOGY_LABELS),
        "rule_concern": _words(rules.concern, CONCERNS, ordered=True),
        "rules_fired": rules.evidence,
        "birads_concern": _words(rules.birads_concern, CONCERNS, ordered=True),
        "agreement": _words(agreement, AGREEMENTS),
        "review": np.logical_or.reduce([flags[name] for name in WHY]),
        "reason": _reasons(model, rules, flags),
        **_columns("p_distribution", DISTRIBUTIONS, model.p_distribution),
        **_columns("p_morphology", MORPHOLOGIES, model.p_morphology),
    }
    return pd.DataFrame(columns)


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
        any of the three views gives, then the least probable word first.
    """
    import pandas as pd

    chosen = verdicts[verdicts["review"].to_numpy(dtype=bool)]
    views = [
        pd.Categorical(chosen[name], [str(concern) for concern in CONCERNS]).codes
        for name in ("concern", "rule_concern", "birads_concern")
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


def _agreement(model: Readings, rules: Readings) -> _Codes:
    same = (model.distribution == rules.distribution) & (model.morphology == rules.morphology)
    apart = np.abs(model.concern.astype(np.int8) - rules.concern)
    of_concern = np.array([Agreement.SAME_CONCERN, Agreement.DIFFER, Agreement.OPPOSED])
    codes = np.array([AGREEMENTS.index(word) for word in of_concern], np.int8)[np.minimum(apart, 2)]
    codes[same] = AGREEMENTS.index(Agreement.AGREE)
    codes[(model.concern < 0) | (rules.concern < 0)] = -1
    return codes


def _flags(
    model: Readings,
    rules: Readings,
    agreement: _Codes,
    top_distribution: npt.NDArray[np.float32],
    top_morphology: npt.NDArray[np.float32],
) -> dict[str, _Mask]:
    status = np.zeros(len(model), bool)
    for reading in (model, rules):
        status |= reading.distribution >= len(DISTRIBUTIONS)
        status |= reading.morphology >= len(MORPHOLOGIES)
    sure = np.minimum(top_distribution, top_morphology) >= np.float32(SURE)
    return {
        "opposed": agreement == AGREEMENTS.index(Agreement.OPPOSED),
        "sure": (agreement == AGREEMENTS.index(Agreement.DIFFER)) & sure,
        "unsure_distribution": top_distribution < np.float32(UNSURE),
        "unsure_morphology": top_morphology < np.float32(UNSURE),
        "status": status,
    }


def _words(codes: npt.ArrayLike, labels: Iterable[str], *, ordered: bool = False) -> Any:
    import pandas as pd

    names = pd.Index([str(label) for label in labels])
    return pd.Categorical.from_codes(np.asarray(codes), names, ordered=ordered)


def _columns(prefix: str, names: Sequence[str], values: npt.NDArray[np.float32]) -> dict[str, Any]:
    return {f"{prefix}_{name}": values[:, k] for k, name in enumerate(names)}


def _reasons(model: Readings, rules: Readings, flags: dict[str, _Mask]) -> Any:
    """Return a sentence for each cluster, written once for each combination that occurs."""
    import pandas as pd

    parts = [
        (model.distribution, len(DISTRIBUTION_LABELS)),
        (model.morphology, len(MORPHOLOGY_LABELS)),
        (rules.distribution, len(DISTRIBUTION_LABELS)),
        (rules.morphology, len(MORPHOLOGY_LABELS)),
        (model.concern + 1, len(CONCERNS) + 1),
        (rules.concern + 1, len(CONCERNS) + 1),
        *((flags[name], 2) for name in WHY),
    ]
    sizes = [size for _, size in parts]
    key = np.ravel_multi_index([np.asarray(part, np.intp) for part, _ in parts], sizes)
    combinations, which = np.unique(key, return_inverse=True)
    sentences = []
    for values in zip(*np.unravel_index(combinations, sizes), strict=True):
        d1, m1, d2, m2, c1, c2, *raised = map(int, values)
        sentences.append(
            reason(
                Pattern.from_codes(d1, m1, c1 - 1),
                Pattern.from_codes(d2, m2, c2 - 1),
                [name for name, is_raised in zip(WHY, raised, strict=True) if is_raised],
            )
        )
    codes, distinct = pd.factorize(np.array(sentences, dtype=object))
    return _words(codes[which], distinct)


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
