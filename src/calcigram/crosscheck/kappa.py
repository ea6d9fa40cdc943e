"""Cohen's kappa of two columns of labels, with a bootstrap interval.

Agreement beyond what the two readers' habits alone would bring about; no measure of being right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa and its interval.

    Attributes
    ----------
    kappa : float
        1 full agreement, 0 as by chance; NaN where chance alone makes all agree.
    low, high : float
        Percentile bootstrap interval; NaN where no resample gave a kappa.
    level : float
        Share of resamples inside the interval.
    n : int
        Pairs with both labels.
    n_groups : int
        Units that were resampled.
    """

    kappa: float
    low: float
    high: float
    level: float
    n: int
    n_groups: int


def cohen_kappa(
    first: Sequence[Any] | npt.ArrayLike,
    second: Sequence[Any] | npt.ArrayLike,
    *,
    groups: Sequence[Any] | npt.ArrayLike | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Kappa:
    """Return Cohen's kappa of two readers with a percentile bootstrap interval.

    Parameters
    ----------
    first, second : array_like of labels, shape (C,)
        Pairs in which either is missing are left out.
    groups : array_like, shape (C,), optional
        What is resampled as a whole, such as the patient: clusters of one patient are no
        independent cases. Without it every cluster counts as one; a missing group likewise.
    n_boot : int
        Number of resamples.
    seed : int
        Seed of the resampling.
    level : float
        Share of resamples inside the interval, between 0 and 1.

    Returns
    -------
    Kappa

    Raises
    ------
    BadInputError
        The columns differ in length, or `level` or `n_boot` is out of range.

    Notes
    -----
    J. Cohen, A coefficient of agreement for nominal scales, Educ. Psychol. Meas. 20 (1960) 37;
    percentile interval: B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), ch. 13.

    Examples
    --------
    >>> result = cohen_kappa(["a", "a", "b", "b"], ["a", "a", "b", "a"])
    >>> result.kappa, result.n
    (0.5, 4)
    """
    import pandas as pd

    if not 0 < level < 1:
        raise BadInputError("a number between 0 and 1", column="level", value=level)
    if n_boot < 0:
        raise BadInputError("a number of at least 0", column="n_boot", value=n_boot)
    columns = [
        pd.Series(column).reset_index(drop=True).astype(object) for column in (first, second)
    ]
    owners = pd.Series(range(len(columns[0])) if groups is None else groups).reset_index(drop=True)
    if len(columns[0]) != len(columns[1]) or len(owners) != len(columns[0]):
        lengths = [len(column) for column in (*columns, owners)]
        raise BadInputError("columns of one length", value=lengths)
    known = (columns[0].notna() & columns[1].notna()).to_numpy()
    n = int(known.sum())
    codes, labels = pd.factorize(pd.concat([column[known] for column in columns]))
    n_labels = max(len(labels), 1)
    cell = codes[:n] * n_labels + codes[n:]
    owner, n_groups = _group_codes(owners[known])
    counts = np.bincount(cell, minlength=n_labels**2).astype(float)
    resampled = _resampled(cell, owner, n_groups, counts, n_boot, np.random.default_rng(seed))
    kappas = _kappa(resampled.reshape(-1, n_labels, n_labels))
    kappas = kappas[np.isfinite(kappas)]
    tail = (1 - level) / 2
    low, high = np.quantile(kappas, [tail, 1 - tail]) if kappas.size else (np.nan, np.nan)
    kappa = _kappa(counts.reshape(1, n_labels, n_labels))[0]
    return Kappa(float(kappa), float(low), float(high), level, n, n_groups)


def _group_codes(groups: Any) -> tuple[npt.NDArray[np.int64], int]:
    import pandas as pd

    codes, known = pd.factorize(groups)
    alone = np.flatnonzero(codes < 0)
    codes[alone] = len(known) + np.arange(len(alone))
    return codes, len(known) + len(alone)


def _resampled(
    cell: npt.NDArray[np.int64],
    owner: npt.NDArray[np.int64],
    n_groups: int,
    counts: npt.NDArray[np.float64],
    n_boot: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Return the table of counts of each resample, shape (n_boot, cells)."""
    n = len(cell)
    if n == 0:
        return np.zeros((0, counts.size))
    if n_groups == n:  # drawing cases alone is drawing their counts
        return rng.multinomial(n, counts / n, size=n_boot).astype(float)
    tables = np.empty((n_boot, counts.size))
    for table in tables:
        weights = np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)
        table[:] = np.bincount(cell, weights=weights[owner], minlength=counts.size)
    return tables


def _kappa(tables: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the kappa of each table of counts, shape (B,) from (B, K, K)."""
    total = tables.sum(axis=(1, 2))
    observed = np.trace(tables, axis1=1, axis2=2)
    expected = (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: npt.NDArray[np.float64] = (total * observed - expected) / (total**2 - expected)
        return result
