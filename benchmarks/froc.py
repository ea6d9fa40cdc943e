"""Free-response scoring: marks and clusters of a detector against those known to be there.

Pure counting on arrays. A mark hits a calcification if it lies within `REACH_MM` of its centre, or
inside its outline, where that reaches further. Marks take calcifications in the
order of their confidence, each the nearest that is still free, so that a calcification counts as
found only by a mark of its own; `Scored.near_at` is the more lenient count that one mark may serve
several. A mark that hits nothing is false. Further marks on a calcification already found are
neither found nor false.

A cluster counts as found if one detected cluster has marks on at least `SHARED` of its
calcifications; a detected cluster without so many on any true cluster is false.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

REACH_MM = 0.6
SHARED = 2
NEVER = -np.inf

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """The marks of one image, held against its calcifications.

    Attributes
    ----------
    patient : str
    confidence : ndarray, shape (M,)
        Of the marks.
    is_false : ndarray of bool, shape (M,)
    hits : ndarray of int64, shape (H, 2)
        Pairs (mark, calcification).
    found_at, near_at : ndarray, shape (N,)
        Greatest threshold at which each calcification is found; minus infinity for never.
    facts : dict
        Of the image, for tables by part.
    """

    patient: str
    confidence: Floats
    is_false: npt.NDArray[np.bool_]
    hits: Ints
    found_at: Floats
    near_at: Floats
    facts: dict = field(default_factory=dict)


def score(
    marks_mm: Floats,
    confidence: Floats,
    truth_mm: Floats,
    *,
    inside: Sequence[Ints] | None = None,
    reach_mm: float = REACH_MM,
    patient: str = "",
    facts: dict | None = None,
) -> Scored:
    """Hold the marks of one image against its calcifications.

    Parameters
    ----------
    marks_mm, truth_mm : ndarray, shape (M, 2) and (N, 2)
    confidence : ndarray, shape (M,)
    inside : sequence of ndarray of int, optional
        By mark, the calcifications in whose outlines it lies, wherever their centres are.
    reach_mm : float
    patient : str
    facts : dict, optional

    Examples
    --------
    >>> truth = np.array([[0.0, 0.0], [10.0, 0.0]])
    >>> one = score(np.array([[0.1, 0.0], [0.2, 0.0], [5.0, 5.0]]), np.array([9.0, 8.0, 7.0]), truth)
    >>> one.found_at, one.is_false
    (array([  9., -inf]), array([False, False,  True]))
    """
    marks_mm, truth_mm = np.reshape(marks_mm, (-1, 2)), np.reshape(truth_mm, (-1, 2))
    away = np.hypot(*(marks_mm[:, None] - truth_mm[None]).transpose(2, 0, 1))
    hit = away <= reach_mm
    for mark, calcifications in enumerate(inside if inside is not None else ()):
        hit[mark, calcifications] = True
    found_at = np.full(len(truth_mm), NEVER)
    for mark in np.argsort(-confidence, kind="stable"):
        free = np.flatnonzero(hit[mark] & (found_at == NEVER))
        if free.size:
            found_at[free[away[mark, free].argmin()]] = confidence[mark]
    near_at = np.where(hit, confidence[:, None], NEVER).max(axis=0, initial=NEVER)
    return Scored(
        patient, np.asarray(confidence, float), ~hit.any(axis=1), np.argwhere(hit), found_at, near_at, facts or {}
    )  # fmt: skip


@dataclass(frozen=True)
class Overlap:
    """Detected clusters of one image against the true ones.

    Attributes
    ----------
    n_false : int
    partner : dict of int to int
        By true cluster that was found, the detected one that has marks on most of its calcifications.
    """

    n_false: int
    partner: dict[int, int]


def overlap(groups: Ints, hits: Ints, cluster_of: Ints, shared: int = SHARED) -> Overlap:
    """Hold clusters of marks against clusters of calcifications.

    Parameters
    ----------
    groups : ndarray of int, shape (M,)
        Detected cluster of each mark; -1 for none.
    hits : ndarray of int, shape (H, 2)
        Pairs (mark, calcification).
    cluster_of : ndarray of int, shape (N,)
        True cluster of each calcification; -1 for none.
    shared : int

    Examples
    --------
    >>> overlap(np.array([0, 0, 1, 1]), np.array([[0, 0], [1, 1]]), np.array([4, 4]))
    Overlap(n_false=1, partner={4: 0})
    """
    hits = np.reshape(hits, (-1, 2))
    triples = np.column_stack([groups[hits[:, 0]], cluster_of[hits[:, 1]], hits[:, 1]])
    triples = np.unique(triples[(triples[:, :2] >= 0).all(axis=1)], axis=0)
    pairs, counts = np.unique(triples[:, :2], axis=0, return_counts=True)
    enough = counts >= shared
    partner: dict[int, int] = {}
    for pair, _ in sorted(
        zip(pairs[enough].tolist(), counts[enough], strict=True), key=lambda p: p[1]
    ):
        partner[pair[1]] = pair[0]
    detected = set(groups[groups >= 0].tolist())
    return Overlap(len(detected - set(pairs[enough, 0].tolist())), partner)


def threshold_for(normals: Sequence[Scored], false_per_image: float) -> float:
    """Return the least confidence at which images without calcium have at most so many marks.

    Examples
    --------
    >>> none = np.empty((0, 2))
    >>> normal = score(np.zeros((3, 2)), np.array([3.0, 2.0, 1.0]), none)
    >>> threshold_for([normal, score(none, np.empty(0), none)], 0.5) > 2.0
    True
    """
    rates = np.sort(np.concatenate([n.confidence[n.is_false] for n in normals]))[::-1]
    allowed = int(np.floor(false_per_image * len(normals) + 1e-9))
    return float(np.nextafter(rates[allowed], np.inf)) if len(rates) > allowed else 0.0


def sensitivity(
    images: Sequence[Scored], threshold: float, chosen: Callable[[Scored], npt.NDArray[np.bool_]] | None = None, lenient: bool = False
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return, by image, how many calcifications are found at a threshold, and how many there are.

    Parameters
    ----------
    images : sequence of Scored
    threshold : float
    chosen : callable, optional
        Says which calcifications of an image count.
    lenient : bool
        Count those that share a mark.
    """
    found, there = [], []
    for image in images:
        at = image.near_at if lenient else image.found_at
        counted = np.ones(len(at), bool) if chosen is None else chosen(image)
        found.append((at[counted] >= threshold).sum())
        there.append(counted.sum())
    return np.array(found, float), np.array(there, float)


def false_marks(images: Sequence[Scored], threshold: float) -> Floats:
    """Return the number of false marks of each image at a threshold."""
    return np.array([(i.is_false & (i.confidence >= threshold)).sum() for i in images], float)


def ratio_interval(
    numerator: Floats,
    denominator: Floats,
    patients: Sequence[str],
    n_boot: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """Return a ratio of sums and its 95 % interval, with patients drawn anew.

    Where all is 0 or all is 1, drawing patients anew shows no spread: the limit is then the exact binomial one of as
    many patients (Clopper and Pearson 1934).

    Returns
    -------
    dict
        ``value, low, high, n`` (the sum of the denominator); null where that is 0.

    Examples
    --------
    >>> ratio_interval(np.array([3.0, 1.0]), np.array([4.0, 4.0]), ["a", "b"])["value"]
    0.5
    """
    names, of = np.unique(np.asarray(patients), return_inverse=True)
    above = np.bincount(of, numerator, minlength=len(names))
    below = np.bincount(of, denominator, minlength=len(names))
    total = float(below.sum())
    if not total:
        return {"value": None, "low": None, "high": None, "n": 0}
    drawn = np.random.default_rng(seed).integers(0, len(names), (n_boot, len(names)))
    sums = below[drawn].sum(axis=1)
    ratios = above[drawn].sum(axis=1)[sums > 0] / sums[sums > 0]
    low, high = np.percentile(ratios, [2.5, 97.5])
    if low == high == 0:
        high = 1 - 0.025 ** (1 / len(names))
    elif low == high == 1:
        low = 0.025 ** (1 / len(names))
    return {"value": float(above.sum() / total), "low": float(low), "high": float(high), "n": total}


def curve(
    images: Sequence[Scored],
    normals: Sequence[Scored],
    rates: Sequence[float],
    lowest: float = 0.0,
    **chosen,
) -> list[dict]:
    """Return sensitivity at rates of false marks per normal image.

    The thresholds come from those normals; none is less than `lowest`, from which marks were kept.
    """
    rows = []
    for rate in rates:
        threshold = max(threshold_for(normals, rate), lowest)
        found, there = sensitivity(images, threshold, **chosen)
        rows.append(
            {
                "false_per_normal": rate,
                "threshold": threshold,
                "sensitivity": float(found.sum() / there.sum()) if there.sum() else None,
                "false_per_image": float(false_marks(images, threshold).mean()),
            }
        )
    return rows


def per_image(counts: np.ndarray, images: list[Scored]) -> dict:
    """Return a mean per image, and its interval by patients."""
    return ratio_interval(counts, np.ones(len(counts)), [image.patient for image in images])
