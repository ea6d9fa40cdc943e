"""How many calcifications are found at how many false marks, in figures: thresholds, curve, sizes, words."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import froc
import numpy as np
from examined import LOWEST_Z

from calcigram.detect import THRESHOLD_Z

FALSE_MARKS = 5.0
"""Per normal image, at which the detector is judged."""

RATES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
DIAMETERS_MM = (0.0, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0, 10.0)


def _rate(
    images: list[froc.Scored],
    threshold: float,
    chosen: Callable | None = None,
    lenient: bool = False,
) -> dict:
    found, there = froc.sensitivity(images, threshold, chosen, lenient)
    return froc.ratio_interval(found, there, [image.patient for image in images])


def _at_least(mm: float, below: float = np.inf) -> Callable:
    return lambda image: (image.facts["diameter_mm"] >= mm) & (image.facts["diameter_mm"] < below)


def mark_figures(
    images: list[froc.Scored], normals: list[froc.Scored], frozen: list[froc.Scored]
) -> dict:
    """Return FROC figures of the marks of one grade; thresholds come from `frozen`."""
    threshold = max(froc.threshold_for(frozen, FALSE_MARKS), LOWEST_Z)
    visible = _at_least(0.25)
    figures: dict[str, Any] = {
        "threshold": threshold,
        "images": len(images),
        "sensitivity": _rate(images, threshold),
        "sensitivity, 0.25 mm or more": _rate(images, threshold, visible),
        "lenient, 0.25 mm or more": _rate(images, threshold, visible, lenient=True),
        "false marks per normal": froc.per_image(froc.false_marks(normals, threshold), normals),
        "false marks per image with clusters": froc.per_image(
            froc.false_marks(images, threshold), images
        ),
        "curve": froc.curve(images, frozen, RATES, lowest=LOWEST_Z, chosen=visible),
        "at the default threshold": {
            "threshold": THRESHOLD_Z,
            "sensitivity, 0.25 mm or more": _rate(images, THRESHOLD_Z, visible),
            "false marks per normal": froc.per_image(
                froc.false_marks(normals, THRESHOLD_Z), normals
            ),
        },
        "by diameter": {
            f"{low:g} to {high:g} mm": _rate(images, threshold, _at_least(low, high))
            for low, high in pairwise(DIAMETERS_MM)
        },
    }
    for fact in ("spacing_mm", "form", "distribution"):
        words = sorted({image.facts[fact] for image in images if fact in image.facts}, key=str)
        figures[f"by {fact}"] = {
            str(word): _rate([i for i in images if i.facts[fact] == word], threshold, visible)
            for word in words
        }
    return figures
