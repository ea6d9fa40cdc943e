"""The figures of `detection` on data sets that people hold: see `public_images` for their layouts."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from typing import Any

import froc
import numpy as np
import public_images
from examined import LOWEST_Z, hold, linked, product_clusters
from mark_figures import mark_figures
from public_images import Lesion, Sample

from calcigram.classify import Classifier
from calcigram.clusters import ClusterSet
from calcigram.detect import THRESHOLD_Z, detect_calcifications
from calcigram.lexicon import AXES
from calcigram.validate.cbis_ddsm import CREDIT


def annotated_figures(samples: Iterable[Sample]) -> dict[str, Any]:
    """Return FROC figures of marks and clusters; thresholds are frozen on the normals of every other patient."""
    scored, overlaps, n_clusters = [], [], []
    for done, sample in enumerate(samples, start=1):
        mammogram = sample.read()
        truth, labels = sample.truth(mammogram)
        detection = detect_calcifications(mammogram, threshold_z=LOWEST_Z)
        table = detection.table
        one = hold(
            mammogram, table, truth, labels, sample.patient, spacing_mm=mammogram.spacing_mm[0],
            is_normal=not len(truth),
        )  # fmt: skip
        scored.append(one)
        cluster_of = truth["cluster"].to_numpy(int)
        overlaps.append(
            froc.overlap(
                linked(table, THRESHOLD_Z, detection.breast_area_mm2), one.hits, cluster_of
            )
        )
        n_clusters.append(len(set(cluster_of[cluster_of >= 0].tolist())))
        print(f"\r{done} images ", end="", file=sys.stderr, flush=True)
    patients = sorted({one.patient for one in scored})
    held = set(patients[::2])
    normals = [one for one in scored if one.facts["is_normal"]]
    frozen = [one for one in normals if one.patient in held] or normals
    others = [one for one in normals if one.patient not in held] or normals
    images = [one for one in scored if not one.facts["is_normal"]]
    figures: dict[str, Any] = {"images": len(images), "normals": len(normals)}
    if not images:
        return figures
    if frozen:
        figures["marks"] = mark_figures(images, others, frozen)
    visible = froc.sensitivity(images, THRESHOLD_Z)
    figures["sensitivity at the default threshold"] = froc.ratio_interval(
        *visible, [one.patient for one in images]
    )
    names = [one.patient for one in scored]
    found = np.array([len(one.partner) for one in overlaps], float)
    false = np.array([one.n_false for one in overlaps], float)
    figures["clusters found"] = froc.ratio_interval(found, np.array(n_clusters, float), names)
    figures["false clusters per image"] = froc.ratio_interval(false, np.ones(len(false)), names)
    return figures


def cbis_figures(
    lesions: Iterable[Lesion], spacing_mm: float = public_images.CBIS_MM
) -> dict[str, Any]:
    """Return what is read of the marks inside each lesion's outline, against radiologists' words and pathology.

    Single calcifications are not annotated, so nothing is said of marks. All marks within the outline
    count as one cluster; form is read from film at an assumed pixel size, and is worth little.
    """
    read = Classifier(None)
    rows, sets, n_marks = [], [], []
    for done, lesion in enumerate(lesions, start=1):
        mammogram, mask = public_images.read_lesion(lesion, spacing_mm)
        found = detect_calcifications(mammogram, roi=mask)
        n_marks.append(len(found.table))
        print(f"\r{done} lesions ", end="", file=sys.stderr, flush=True)
        if len(found.table) >= 3:
            rows.append(lesion)
            sets.append(product_clusters(found, np.zeros(len(found.table), int), lesion.name))
    figures: dict[str, Any] = {
        "credit": CREDIT,
        "spacing_mm": spacing_mm,
        "lesions": len(n_marks),
        "read": len(rows),
        "marks per lesion, median": float(np.median(n_marks)) if n_marks else None,
        "lesions with five marks or more": float(np.mean(np.array(n_marks) >= 5))
        if n_marks
        else None,
    }
    if not rows:
        return figures
    verdicts = read(ClusterSet.concat(sets))
    patients = [lesion.patient for lesion in rows]
    for axis in AXES:
        words = [lesion.forms if axis == "morphology" else lesion.distributions for lesion in rows]
        known = np.array([float(bool(given)) for given in words])
        for reader, column in (("model", axis), ("rules", f"rule_{axis}")):
            right = np.array(
                [
                    float(str(said) in given)
                    for said, given in zip(verdicts[column], words, strict=True)
                ]
            )
            figures[f"{axis}, {reader}, among the radiologist's words"] = froc.ratio_interval(
                right, known, patients
            )
    malignant = np.array([lesion.pathology == "MALIGNANT" for lesion in rows])
    figures["malignant by concern"] = {
        str(word): froc.ratio_interval(
            (malignant & (verdicts["concern"] == word)).to_numpy(float), (verdicts["concern"] == word).to_numpy(float), patients
        )
        for word in sorted(verdicts["concern"].dropna().unique())
    }  # fmt: skip
    known_p = verdicts["p_suspicious"].notna().to_numpy()
    if len(set(malignant[known_p].tolist())) == 2:
        from sklearn.metrics import roc_auc_score

        figures["AUC of the suspicious probability for malignancy"] = float(
            roc_auc_score(malignant[known_p], verdicts["p_suspicious"][known_p])
        )
    return figures


def figures_of(name: str, folder: Any, limit: int | None = None) -> dict[str, Any]:
    """Return the figures of a data set by name: inbreast, bmcd or cbis."""
    things = islice(getattr(public_images, name)(folder), limit)
    return {"data": name, **(cbis_figures(things) if name == "cbis" else annotated_figures(things))}
