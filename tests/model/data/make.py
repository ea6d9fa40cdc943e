"""Write the sample folder of the present format version, and what its heads say.

    python tests/model/data/make.py

Run it once when the format version is raised; the folders of earlier versions stay as they are.
"""

import json
import warnings
from pathlib import Path

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.model.store import FORMAT_VERSION
from calcigram.model.train import train_model


def main() -> None:
    rng = np.random.default_rng(0)
    n = 90
    words = rng.choice(["grouped", "linear", "diffuse"], n)
    forms = rng.choice(["round", "punctate"], n)
    wide = {"grouped": (5, 5), "linear": (30, 0.2), "diffuse": (90, 90)}
    xy = np.concatenate([rng.uniform(size=(8, 2)) * wide[word] for word in words])
    diameter = np.repeat(np.where(forms == "round", 0.7, 0.2), 8)
    clusters = ClusterSet.from_arrays(
        np.arange(n + 1) * 8,
        *xy.T,
        diameter_mm=diameter * rng.uniform(0.8, 1.25, 8 * n),
        meta={"true_distribution": words, "true_morphology": forms},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few words occur: that is meant
        model = train_model(clusters, n_iterations=2, n_jobs=1, name="sample")
    folder = Path(__file__).parent / f"format_{FORMAT_VERSION}"
    model.save(folder)
    rows = np.random.default_rng(1).normal(size=(4, len(model.feature_names))).astype(np.float32)
    logits = {head.axis: head.logits(rows).round(9).tolist() for head in model.heads}
    (folder / "expected_logits.json").write_text(json.dumps(logits, indent=1) + "\n")


if __name__ == "__main__":
    main()
