"""`RiskTable`: the probability of malignancy of each pattern, and of a reading that is unsure.

A table of numbers with their uncertainty; `fit` fits it. The interval
speaks of the rate among lesions of the cohort that radiologists described so; it holds
nothing of the errors of the reader of the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError
from calcigram.lexicon import ADMISSIBLE_PAIRS, DISTRIBUTIONS, MORPHOLOGIES, Status
from calcigram.readings import with_unread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROWS: tuple[str, ...] = (*DISTRIBUTIONS, Status.UNREAD)
COLUMNS: tuple[str, ...] = (*MORPHOLOGIES, Status.UNREAD)
"""The patterns of a table: a word of each axis, or the axis summed over."""

_FIXED = ("distribution", "morphology", "lesions", "malignant", "p", "low", "high")
_TABLE = "cbis_ddsm.csv"
_CHUNK_ROWS = 8192
_WORDS = (len(DISTRIBUTIONS), len(MORPHOLOGIES))


@dataclass(frozen=True, eq=False)
class RiskTable:
    """Probability of malignancy of every pattern: 7 rows (distributions), 10 columns (morphologies).

    The last row and the last column stand for an axis that was not read: they are summed over
    the words of that axis, as often as the cohort holds them.

    Attributes
    ----------
    p, low, high : ndarray of float64, shape (7, 10)
        Posterior mean and 95 % interval; NaN where neither axis is read, and for a morphology that no lesion
        of the cohort bears.
    lesions, malignant : ndarray of int64, shape (7, 10)
        Lesions of the cohort described by exactly this pair, and the malignant ones of them.
    factor : ndarray of float64, shape (7, 10, r)
        ``factor @ factor.T`` is the posterior covariance of `p`, patterns against patterns.
    about : str
        Data, their credit and how the table was made.
    """

    p: Floats
    low: Floats
    high: Floats
    lesions: Ints
    malignant: Ints
    factor: Floats
    about: str

    def carry(self, p_distribution: npt.ArrayLike, p_morphology: npt.ArrayLike) -> Floats:
        """Return the probability of malignancy of readings, with its interval.

        Parameters
        ----------
        p_distribution : array_like, shape (C, 6)
            Probability of each distribution; a row of NaN where it was not read.
        p_morphology : array_like, shape (C, 9)
            Probability of each morphology; a row of NaN where it was not read.

        Returns
        -------
        ndarray of float64, shape (C, 3)
            Mean, low and high (95 %) over the patterns that make sense together, renormalised; an
            axis that was not read is summed over. NaN where neither was read, and where the most
            probable morphology is one that the cohort does not name.

        Notes
        -----
        The variance of the weighted sum follows from the posterior covariance; the interval is
        that of the logit-normal law of the same mean and variance, which each pattern's
        posterior is. It is wide where the cohort holds few lesions described so or none, as of
        some twenty patterns that make sense: little is then known of them. Where a share u of
        the weight is on a morphology that the cohort does not name, the mean is over the other patterns, and the
        interval allows that morphology any rate: from ``(1 - u) low`` to ``(1 - u) high + u``.

        Examples
        --------
        >>> sure, unread = np.eye(6)[[4]], np.full((1, 9), np.nan)
        >>> p, low, high = load_risk().carry(sure, unread)[0]
        >>> bool(0 < low < p < high < 1)
        True
        """
        p_d, p_m = np.asarray(p_distribution, float), np.asarray(p_morphology, float)
        out = np.empty((len(p_d), 3))
        for start in range(0, len(p_d), _CHUNK_ROWS):
            rows = slice(start, start + _CHUNK_ROWS)
            out[rows] = self._carry(p_d[rows], p_m[rows])
        return out

    def _carry(self, p_distribution: Floats, p_morphology: Floats) -> Floats:
        weight = with_unread(p_distribution)[:, :, None] * with_unread(p_morphology)[:, None, :]
        weight = weight.reshape(len(weight), -1) * _possible().ravel()
        with np.errstate(invalid="ignore", divide="ignore"):  # neither axis read, or no such pair
            weight /= weight.sum(axis=1, keepdims=True)
            unknown = weight[:, ~self._is_known].sum(axis=1, keepdims=True)
            weight[:, ~self._is_known] = 0
            weight /= 1 - unknown
        form_unknown = ~np.isfinite(self.p[-1, :-1])
        read = np.flatnonzero(np.isfinite(p_morphology[:, 0]))
        weight[read[form_unknown[p_morphology[read].argmax(axis=1)]]] = np.nan
        p = weight @ np.nan_to_num(self.p.ravel())
        variance = ((weight @ self._flat_factor) ** 2).sum(axis=1)
        ends = interval(p, variance) * (1 - unknown) + np.hstack([0 * unknown, unknown])
        return np.column_stack([p, ends])

    @cached_property
    def _is_known(self) -> npt.NDArray[np.bool_]:
        known = np.isfinite(self.p.ravel())
        known[-1] = True  # neither axis read: `_possible` gives it no weight
        return known

    @cached_property
    def _flat_factor(self) -> Floats:
        return self.factor.reshape(-1, self.factor.shape[-1])

    def to_csv(self, path: str | Path) -> None:
        """Write the table, `about` on top as a comment."""
        n_columns = self.factor.shape[-1]
        lines = [f"# {line}" for line in self.about.splitlines()]
        lines.append(",".join([*_FIXED, *(f"factor_{k}" for k in range(n_columns))]))
        for i, j in np.ndindex(self.p.shape):
            numbers = [self.p[i, j], self.low[i, j], self.high[i, j], *self.factor[i, j]]
            cells = [ROWS[i], COLUMNS[j], self.lesions[i, j], self.malignant[i, j]]
            lines.append(",".join([*map(str, cells), *(f"{number:.6g}" for number in numbers)]))
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


@lru_cache(maxsize=4)
def load_risk(path: str | Path | None = None) -> RiskTable:
    """Read a table that `RiskTable.to_csv` wrote.

    Parameters
    ----------
    path : str or Path, optional
        Default: the table that ships, of CBIS-DDSM.

    Returns
    -------
    RiskTable

    Raises
    ------
    BadInputError
        The file is no such table.

    Examples
    --------
    >>> table = load_risk()
    >>> table.p.shape, "CBIS-DDSM" in table.about
    ((7, 10), True)
    """
    file = resources.files("calcigram.risk").joinpath(_TABLE) if path is None else Path(path)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        about = [line.removeprefix("# ") for line in lines if line.startswith("#")]
        header, *rows = [line.split(",") for line in lines if not line.startswith("#")]
        pairs = [(row[0], row[1]) for row in rows]
        numbers = np.array([row[2:] for row in rows], dtype=float)
    except (OSError, ValueError, IndexError) as error:
        raise BadInputError(f"a table of risks ({error})", source=str(file)) from error
    if (
        numbers.ndim != 2
        or tuple(header[: len(_FIXED)]) != _FIXED
        or pairs != [(r, c) for r in ROWS for c in COLUMNS]
    ):
        raise BadInputError("a table of risks of every pattern, in order", source=str(file))
    cells = numbers.reshape(len(ROWS), len(COLUMNS), -1)
    lesions, malignant, p, low, high = np.moveaxis(cells[..., :5], -1, 0)
    return RiskTable(
        p,
        low,
        high,
        lesions.astype(np.int64),
        malignant.astype(np.int64),
        np.nan_to_num(cells[..., 5:]),
        "\n".join(about),
    )


@lru_cache(maxsize=1)
def _possible() -> Floats:
    """Return 1 where a pattern can occur; 0 for inadmissible pairs and where nothing is read."""
    possible = np.ones((len(ROWS), len(COLUMNS)))
    for i, j in np.ndindex(_WORDS):
        possible[i, j] = (ROWS[i], COLUMNS[j]) in ADMISSIBLE_PAIRS
    possible[-1, -1] = 0
    return possible


TAILS: tuple[float, float] = (0.025, 0.975)
"""Quantiles that bound a 95 % interval."""

_LOGITS = np.linspace(-7, 7, 57)
_SPREADS = np.linspace(0, 0.72, 25)  # standard deviation / sqrt(p (1 - p)), which is below 1
_NODES = np.linspace(-6, 6, 97)
_STEPS = 40
_MOST = 40.0  # keeps the corners finite, where next to nothing is known of p


def interval(mean: npt.ArrayLike, variance: npt.ArrayLike) -> Floats:
    """Return both ends of the 95 % interval of a logit-normal probability, shape (C, 2).

    Parameters
    ----------
    mean : array_like, shape (C,)
        Between 0 and 1, or NaN.
    variance : array_like, shape (C,)

    Examples
    --------
    >>> interval([0.5, 0.06, np.nan], [0.0001, 0.008, np.nan]).round(3)
    array([[0.48 , 0.52 ],
           [0.002, 0.328],
           [  nan,   nan]])
    """
    p = np.asarray(mean, float)
    scale = np.sqrt(p * (1 - p))
    logit = np.log(p) - np.log1p(-p)
    spread = np.sqrt(np.asarray(variance, float)) / scale
    stretch, shift = _interpolated(logit, spread)
    sd = stretch * spread / scale
    ends = [logit + shift + NormalDist().inv_cdf(tail) * sd for tail in TAILS]
    return np.asarray(1 / (1 + np.exp(-np.stack(ends, axis=1))))


def _interpolated(logit: Floats, spread: Floats) -> Floats:
    """Return both tabulated quantities at each row, bilinear, shape (2, C)."""
    table = _law_table()
    (i, u), (j, v) = (_place(x, knots) for x, knots in ((logit, _LOGITS), (spread, _SPREADS)))
    near = table[:, i, j] * (1 - v) + table[:, i, j + 1] * v
    far = table[:, i + 1, j] * (1 - v) + table[:, i + 1, j + 1] * v
    return near * (1 - u) + far * u


def _place(x: Floats, knots: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the knot before each value, and the share of the way to the next; NaN stays NaN."""
    last = len(knots) - 1
    at = np.minimum(np.maximum((x - knots[0]) / (knots[1] - knots[0]), 0), last)
    low = np.minimum(np.where(np.isnan(at), 0, at).astype(np.intp), last - 1)
    return low, at - low


@lru_cache(maxsize=1)
def _law_table() -> Floats:
    """Return the normal law's two parameters at each mean and spread, shape (2, means, spreads).

    They are the standard deviation over ``spread / sqrt(p (1 - p))`` and the mean less
    ``logit(p)``: 1 and 0 where the spread is small.
    """
    logit, spread = (grid.ravel() for grid in np.meshgrid(_LOGITS, _SPREADS, indexing="ij"))
    p = 1 / (1 + np.exp(-logit))
    first = sd = spread / np.sqrt(p * (1 - p))
    middle = logit.copy()
    weights = np.exp(-0.5 * _NODES**2)
    weights /= weights.sum()
    for _ in range(_STEPS):
        values = 1 / (1 + np.exp(-(middle[:, None] + sd[:, None] * _NODES)))
        mean = values @ weights
        reached = np.sqrt(np.maximum((values**2) @ weights - mean**2, 0) / (mean * (1 - mean)))
        middle = np.clip(middle + logit - (np.log(mean) - np.log1p(-mean)), -_MOST, _MOST)
        sd = np.minimum(sd * spread / np.maximum(reached, 1e-9), _MOST / 4)
    stretch = np.divide(sd, first, out=np.ones_like(sd), where=first > 0)
    shift = np.where(spread > 0, middle - logit, 0.0)
    return np.stack([stretch, shift]).reshape(2, len(_LOGITS), len(_SPREADS))
