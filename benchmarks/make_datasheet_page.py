"""Write data/DATASHEET.md: what the simulated sets are, after "Datasheets for Datasets".

    python benchmarks/make_datasheet_page.py [--clusters 4000]

The headings are those of Gebru et al. (Communications of the ACM 64(12), 2021), the answers ours; every
figure is counted here, on clusters of a fixed seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from validation_sections import table

from calcigram.clusters import ClusterSet
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES

PAGE = Path(__file__).parents[1] / "data" / "DATASHEET.md"
SEED = 7001
SETS = {
    "training ranges, mixed grades": ("train", "mixed"),
    "bench_v1, typical": ("bench_v1", "typical"),
}
MARKS = ("diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr")
FRAME = ("nipple_x_mm", "breast_area_mm2")


def _owned(clusters: ClusterSet, values: np.ndarray, reduce: Any) -> np.ndarray:
    return reduce.reduceat(values, clusters.offsets[:-1])


def _extent_mm(clusters: ClusterSet) -> np.ndarray:
    sides = [
        _owned(clusters, column, np.maximum) - _owned(clusters, column, np.minimum)
        for column in (clusters.x_mm, clusters.y_mm)
    ]
    return np.hypot(*sides)


def _spread(values: np.ndarray, digits: int = 0) -> str:
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def by_word(clusters: ClusterSet, axis: str, words: tuple[str, ...]) -> list[list[Any]]:
    """Return one row per word: clusters, calcifications, extent, diameter."""
    extent, rows = _extent_mm(clusters), []
    owner = np.repeat(np.arange(len(clusters)), clusters.n_calcifications)
    for word in words:
        chosen = (clusters.meta[f"true_{axis}"] == word).to_numpy()
        diameters = clusters.diameter_mm[chosen[owner]]
        rows.append(
            [str(word), int(chosen.sum()), _spread(clusters.n_calcifications[chosen]),
             _spread(extent[chosen], 1), _spread(diameters[np.isfinite(diameters)], 2)]
        )  # fmt: skip
    return rows


def missing_rows(sets: dict[str, ClusterSet]) -> list[list[Any]]:
    """Return one row per column: share of the clusters in which it is wholly unknown, by set."""
    rows = []
    for name in (*MARKS, *FRAME):
        shares = []
        for clusters in sets.values():
            known = np.isfinite(getattr(clusters, name))
            if name in MARKS:
                known = _owned(clusters, known, np.logical_or)
            shares.append(f"{100 * (1 - known.mean()):.1f} %")
        rows.append([f"`{name}`", *shares])
    return rows


def datasheet(n: int) -> str:
    """Return the page."""
    from calcigram.simulate import simulate

    sets = {
        name: simulate(n, seed=SEED, preset=preset, grade=grade, n_jobs=2)
        for name, (preset, grade) in SETS.items()
    }
    training, bench = sets.values()
    header = ["word", "clusters", "calcifications", "extent, mm", "diameter, mm"]
    groups, images = (training.meta[name].nunique() for name in ("group_id", "image_id"))
    grades = training.meta["grade"].value_counts()
    return f"""# Datasheet of the simulated clusters

After Gebru et al., *Datasheets for Datasets* (Communications of the ACM 64(12), 2021): their headings, our words. Written by
`benchmarks/make_datasheet_page.py`, which counts every figure on {n:,} clusters of each set, seed {SEED}; a median stands with the 5th to
95th percentile. How the clusters are made: [docs/simulator.md](../docs/simulator.md); what each column means: [README.md](README.md).

## Motivation

**For what purpose?** To train and to test readers of the pattern of clustered breast calcifications where the truth is known: no public
set gives the position and outline of each calcification together with a word for distribution and morphology.
**By whom, and who paid?** The developers of calcigram; nobody paid for it.

## Composition

**What is an instance?** One cluster: a list of calcifications with position and, where known, size, shape and contrast, the nipple
and the area of the breast where known, and two words that say by which mechanism it was made. No images, no persons.
**How many?** As many as are asked for; a seed always gives the same ones. The default model saw 120,000 (seed 2026), the benchmark `bench_v1` is
10,000 a grade (seed 20260101). `sample_clusters.csv` holds 24, chosen to cover every word.
**Is it a sample of something larger?** Of the ranges in `src/calcigram/simulate/presets/*.toml`, not of women: distributions
are drawn by the preset's weights (`[mix]`), which are not the clinic's mix.
Clusters share breasts and images: {len(training):,} clusters of the training ranges stand in {images:,} images of {groups:,} breasts
(`group_id`); splits must keep a breast together. Grades: {", ".join(f"{name} {grades[name]:,}" for name in grades.index)}.

By distribution, training ranges:

{table(header, by_word(training, "distribution", DISTRIBUTIONS))}

By morphology, training ranges:

{table(header, by_word(training, "morphology", MORPHOLOGIES))}

By distribution, `bench_v1`, typical grade:

{table(header, by_word(bench, "distribution", DISTRIBUTIONS))}

**Is anything missing?** On purpose, as real lists lack it; share of the clusters in which nothing of a column is known:

{table(["column", *sets], missing_rows(sets))}

**Errors, noise, redundancies?** Missed, merged and invented calcifications, jitter and pixels belong to the grades `easy`, `typical` and
`hard`. A label is that of the mechanism, also where noise has made the cluster look like another word's.
**Splits?** By seed. `bench_v1` reached no training, threshold or calibration. The transfer test leaves whole mechanisms out.
**Anything confidential, offensive or about people?** No.

## Collection process

**How was it acquired?** Computed: breast anatomy, then an arrangement, then particles, then a detector. Every range has a source or is
marked as a design choice in its preset. A placement that does not meet the lexicon's definition of its word is drawn again.
**Over what time, by whom, with whose consent?** In seconds, by a program; nobody was asked because nobody is in it.

## Preprocessing, cleaning, labelling

Particles are drawn on a pixel grid, blurred, cut and measured; part of the training clusters instead get marks as a report would state
them. Labels come with the mechanism; no reader was asked. Nothing is discarded afterwards. The raw form is the code and the seed.

## Uses

**Used for** the default model, its calibration and novelty score, the recognition thresholds' check, and the figures of
[docs/validation.md](../docs/validation.md).
**Could be used for** other readers of point patterns and for tests of software that handles such lists.
**Should not be used** to state how often a pattern or a cancer occurs, how well anything performs on patients, or to guide anybody's
care. Skin, rim, dystrophic, milk-of-calcium and suture calcifications are not in it.
**What might harm?** Ranges are the developers' reading of the literature, mostly of European and American cohorts; density, age, implants
and earlier surgery are not modelled, so that nothing can be said of fairness between groups.

## Distribution

With the source code, under its licence (BSD-3-Clause), as code and seeds; the samples as CSV. `cbis_ddsm_counts.csv` is no part of it: it is derived
from CBIS-DDSM (CC BY 3.0, credit in [README.md](README.md)).

## Maintenance

The developers keep it; errors are reported where the code is. A change of ranges makes a new benchmark with a new name; `bench_v1`'s ranges are
held by a digest. Clusters of a seed may change between versions of calcigram, as the changelog says; older ones come from older versions.
"""


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=4000)
    PAGE.write_text(datasheet(parser.parse_args().clusters), encoding="utf-8")


if __name__ == "__main__":
    main()
