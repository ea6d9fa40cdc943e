"""One rendered image after the detector has run: its marks and clusters, held against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import froc
import numpy as np
import pandas as pd
from rendered_images import Rendered

from calcigram.clusters import ClusterSet
from calcigram.detect import THRESHOLD_Z, Detection, detect_calcifications
from calcigram.detect.grouping import are_kept, group_marks
from calcigram.formats.annotations import Cluster, ImageMarks, Mark, gather
from calcigram.formats.maskparts import measure, pixels_of
from calcigram.formats.outlines import Shape
from calcigram.linking import Linking, link
from calcigram.mammogram import Mammogram

LOWEST_Z = 4.0
"""Marks are kept from here, so that curves can be drawn from one run of the detector."""

MARK_COLUMNS = ("x_mm", "y_mm", "diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr")


@dataclass(frozen=True)
class Case:
    """What was detected in one image, and how it compares with the truth; without the image itself.

    Attributes
    ----------
    marks : pandas.DataFrame
        The detector's table from `LOWEST_Z` on.
    scored : froc.Scored
    truth : pandas.DataFrame
        One row per cluster, as `Rendered.clusters`.
    cluster_of : ndarray
        True cluster of each calcification; -1 for none.
    detected, outlined : ClusterSet
        Clusters as the product makes them; the true ones, their outlines measured as those of any mask.
    """

    marks: pd.DataFrame
    scored: froc.Scored
    truth: pd.DataFrame
    cluster_of: np.ndarray
    detected: ClusterSet
    outlined: ClusterSet
    breast_area_mm2: float

    def groups(self, threshold: float, linking: Linking | None = None) -> np.ndarray:
        """Return the cluster of each mark at a threshold; -1 for none and for weaker marks."""
        return linked(self.marks, threshold, self.breast_area_mm2, linking)

    def overlap(self, threshold: float, linking: Linking | None = None) -> froc.Overlap:
        """Hold the clusters that form at a threshold against the true ones."""
        groups = self.groups(threshold, linking)
        return froc.overlap(groups, self.scored.hits, self.cluster_of)


def linked(
    marks: pd.DataFrame, threshold: float, breast_area_mm2: float, linking: Linking | None = None
) -> np.ndarray:
    """Return the cluster of each mark at a threshold, by default by the detector's own rule."""
    strong = are_kept(
        marks[["x_mm", "y_mm"]].to_numpy(float), marks["confidence"].to_numpy(float), threshold
    )
    groups = np.full(len(marks), -1)
    chosen = marks[strong]
    if linking is None:
        groups[strong] = group_marks(chosen, breast_area_mm2)
    else:
        groups[strong] = link(chosen["x_mm"], chosen["y_mm"], linking)
    return groups


def hold(
    mammogram: Mammogram, marks: pd.DataFrame, truth: pd.DataFrame, labels: np.ndarray | None, patient: str, **facts: Any
) -> froc.Scored:  # fmt: skip
    """Score the marks of an image; `truth` has ``x_mm, y_mm, diameter_mm`` and, with `labels`, ``mark``."""
    inside = None
    if labels is not None and len(marks):
        row, column = (
            np.clip((marks[name].to_numpy() / size).astype(int), 1, n - 2)
            for name, size, n in zip(
                ("y_mm", "x_mm"), mammogram.spacing_mm, labels.shape, strict=True
            )
        )
        around = np.stack([labels[row + i, column + j] for i in (0, -1, 1) for j in (0, -1, 1)])
        inside = [np.flatnonzero(np.isin(truth["mark"], near[near > 0])) for near in around.T]
    return froc.score(
        marks[["x_mm", "y_mm"]].to_numpy(float),
        marks["confidence"].to_numpy(float),
        truth[["x_mm", "y_mm"]].to_numpy(float),
        inside=inside,
        patient=patient,
        facts={"diameter_mm": truth["diameter_mm"].to_numpy(float), **facts},
    )


def examine(made: Rendered) -> Case:
    """Run the detector on an image and score it."""
    found = detect_calcifications(made.mammogram, threshold_z=LOWEST_Z)
    name = made.recipe.name
    words = {
        "form" if axis == "morphology" else axis: made.clusters[axis].iloc[0]
        if len(made.clusters)
        else ""
        for axis in ("distribution", "morphology")
    }
    scored = hold(
        made.mammogram, found.table, made.marks, made.labels, name,
        spacing_mm=made.recipe.spacing_mm, area_mm2=made.breast_area_mm2, **words,
    )  # fmt: skip
    return Case(
        found.table, scored, made.clusters, made.marks["cluster"].to_numpy(), product_clusters(found, linked(found.table, THRESHOLD_Z, found.breast_area_mm2), name), true_set(made), found.breast_area_mm2
    )  # fmt: skip


def product_clusters(found: Detection, groups: np.ndarray, name: str) -> ClusterSet:
    """Return marks with the index of their cluster (-1 for none) as a set."""
    table = found.table[list(MARK_COLUMNS)].astype(float)
    image = ImageMarks(name, nipple=found.nipple_mm, breast_area_mm2=found.breast_area_mm2)
    for group in range(int(groups.max(initial=-1)) + 1):
        rows = table[groups == group].itertuples(index=False)
        image.clusters.append(Cluster([Mark(Shape(*row)) for row in rows], name=f"{name}-{group}"))
    return gather([image]).clusters


def true_set(made: Rendered) -> ClusterSet:
    """Return the true clusters of an image, their outlines measured as those of any mask."""
    pixels = pixels_of(made.labels, np.arange(-1, len(made.marks)))
    seen = np.flatnonzero(np.diff(pixels.offsets))  # one may lie wholly under others
    labels = np.isin(made.labels, seen + 1) * made.labels
    things = np.full(len(made.marks) + 1, -1)
    things[seen + 1] = np.arange(len(seen))
    mammogram, name = made.mammogram, made.recipe.name
    shapes = measure(
        pixels_of(labels, things), mammogram.spacing_mm[::-1], (0, 0), mammogram.pixels, labels > 0
    ).shapes  # fmt: skip
    image = ImageMarks(name, nipple=made.nipple_mm, breast_area_mm2=made.breast_area_mm2)
    cluster_of = made.marks["cluster"].to_numpy()[seen]
    for cluster in made.clusters["cluster"]:
        marks = [Mark(shapes[k]) for k in np.flatnonzero(cluster_of == cluster)]
        image.clusters.append(Cluster(marks, name=f"{name}-{cluster}"))
    return gather([image]).clusters
