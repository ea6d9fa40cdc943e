"""Write data/sample_clusters.csv: 24 simulated clusters that cover every distribution and form.

Run from anywhere: ``python data/make_sample_clusters.py``. The same code writes the same file.
Two clusters test the edges: one has only 2 calcifications, one has positions alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from calcigram import ClusterSet, simulate, write_clusters
from calcigram.lexicon import DISTRIBUTIONS

SEED = 24
N_DRAWN = 1500
A_DISTRIBUTION = 4
N_CALCIFICATIONS = (6, 70)
OUTPUT = Path(__file__).with_name("sample_clusters.csv")


def choose(clusters: ClusterSet) -> list[int]:
    """Return indices of four clusters a distribution, the rarest form first each time."""
    truth = clusters.meta
    low, high = N_CALCIFICATIONS
    small = (clusters.n_calcifications >= low) & (clusters.n_calcifications <= high)
    chosen: list[int] = []
    forms: Counter[str] = Counter()
    patterns: Counter[str] = Counter()
    for _ in range(A_DISTRIBUTION):
        for word in DISTRIBUTIONS:
            candidates = [
                int(i)
                for i in np.flatnonzero(small & (truth["true_distribution"] == word).to_numpy())
                if i not in chosen
            ]
            best = min(
                candidates,
                key=lambda i: (
                    forms[truth["true_morphology"][i]],
                    patterns[truth["mechanism"][i]],
                    i,
                ),
            )
            forms[truth["true_morphology"][best]] += 1
            patterns[truth["mechanism"][best]] += 1
            chosen.append(best)
    return chosen


def sample_clusters() -> ClusterSet:
    """Return the sample: simulated, chosen, named S01 to S24, two of them cut down."""
    drawn = simulate(N_DRAWN, seed=SEED)
    clusters = drawn[choose(drawn)]
    names = np.array([f"S{k:02d}" for k in range(1, len(clusters) + 1)], dtype=object)
    parts = [replace(clusters, cluster_id=names)[i] for i in range(len(clusters))]
    parts[-1] = parts[-1].positions_only()
    parts[-2] = ClusterSet.from_dataframe(parts[-2].to_dataframe().head(2))
    return ClusterSet.concat(parts)


if __name__ == "__main__":
    write_clusters(sample_clusters(), OUTPUT)
    print(f"{OUTPUT}: {OUTPUT.stat().st_size / 1000:.0f} kB")
