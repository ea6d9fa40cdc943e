"""Write docs/misread.md: the clusters of the development generators that the model misreads, with pictures.

    python benchmarks/make_misread_page.py [--n 1000]

It counts the pairs of truth and reading on each axis, and draws the most confident error of the most common pairs.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from validation import GENERATORS

from calcigram.clusters import ClusterSet
from calcigram.features.extract import extract_features
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES
from calcigram.model import load_model
from calcigram.plots import plot_gallery
from calcigram.wording import markdown_table

ROOT = Path(__file__).parents[1]
PICTURE = "img/misread.png"
AXES = {"distribution": DISTRIBUTIONS, "morphology": MORPHOLOGIES}
MOST_PAIRS, MOST_PICTURES = 10, 6


def misread(model: Any, clusters: ClusterSet, generator: str) -> pd.DataFrame:
    """Return one row a misread axis: generator, axis, truth, reading, confidence, count and place."""
    features = extract_features(clusters)
    readings = model.read(features)
    parts = []
    for axis, words in AXES.items():
        p = getattr(readings, f"p_{axis}")
        read = np.array([str(word) for word in words])[p.argmax(axis=1)]
        truth = clusters.meta[f"true_{axis}"].to_numpy(str)
        rows = np.flatnonzero(np.isfinite(p[:, 0]) & (read != truth))
        parts.append(
            pd.DataFrame(
                {
                    "generator": generator,
                    "axis": axis,
                    "truth": truth[rows],
                    "read": read[rows],
                    "confidence": p.max(axis=1)[rows],
                    "calcifications": features.n_calcifications[rows],
                    "nipple known": np.isfinite(clusters.nipple_x_mm[rows]),
                    "place": rows,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def pairs_of(errors: pd.DataFrame, n_clusters: int) -> pd.DataFrame:
    """Return the most common pairs of an axis, with what their clusters have in common."""
    grouped = errors.groupby(["truth", "read"])
    frame = grouped.agg(
        clusters=("place", "size"),
        confidence=("confidence", "mean"),
        calcifications=("calcifications", "median"),
        nipple_known=("nipple known", "mean"),
    )
    frame.insert(1, "share", frame["clusters"] / n_clusters)
    return frame.sort_values("clusters", ascending=False).head(MOST_PAIRS).reset_index()


def main() -> None:
    """Write the page and its picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000, help="clusters of each generator")
    n = parser.parse_args().n
    model = load_model()
    drawn = {k: import_module(k).generate(n, seed=seed) for k, (seed, _) in GENERATORS.items()}
    errors = pd.concat([misread(model, clusters, k) for k, clusters in drawn.items()])
    sections, shown, titles = [], [], []
    for axis in AXES:
        own = errors[errors["axis"] == axis]
        pairs = pairs_of(own, n * len(drawn))
        sections.append(f"## {axis.capitalize()}\n\n{markdown_table(pairs)}")
        for truth, read in pairs[["truth", "read"]].head(MOST_PICTURES).to_numpy():
            surest = own[(own["truth"] == truth) & (own["read"] == read)].nlargest(1, "confidence")
            row = surest.iloc[0]
            shown.append(drawn[row["generator"]][[row["place"]]])
            titles.append(f"{truth}, read as {read} ({row['confidence']:.2f})\n{row['generator']}")
    figure = plot_gallery(ClusterSet.concat(shown), n_columns=4, titles=titles, panel_inches=3.2)
    figure.savefig(ROOT / "docs" / PICTURE, dpi=80)
    tables = "\n\n".join(sections)
    (ROOT / "docs" / "misread.md").write_text(f"""# Misread clusters

Errors of model `{model.version}` on {n:,} clusters of each of the four development generators
([validation](validation.md)), the most common pairs of truth and reading first: number and share of clusters, mean
confidence, median number of calcifications, and share with a known nipple. Changes to the simulator start from
such clusters, not from totals. Some labels cannot be inferred from the points alone: a branching cluster without a visible
fork, or a segment where the nipple is unknown. Written by `benchmarks/make_misread_page.py`.

{tables}

## The most confident error of the most common pairs

![Misread clusters, each with its truth, its reading and the confidence]({PICTURE})
""")


if __name__ == "__main__":
    main()
