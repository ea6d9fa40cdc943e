"""What some hundred labels of another detector's clusters are worth: `train_model(..., start_from=)`.

    python benchmarks/own_labels.py [--model models/default] [--n 4000]

Clusters of `second_blind`, whose amorphous and coarse heterogeneous are defined otherwise than the
simulator's: the model that ships reads them as it is, and adapted to some of them; all others are read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from calcigram.features.extract import extract_features
from calcigram.lexicon import AXES
from calcigram.model import load_model, train_model
from calcigram.validate import evaluate_reader
from calcigram.validate.trust import coverage_by_word, known_truth

HERE = Path(__file__).parent
RESULT = HERE / "results" / "own_labels.json"
SIZES = (100, 200)
SEED, N_SPLITS = 81, 2

sys.path.insert(0, str(HERE))


def figures(model: Any, clusters: Any, features: Any) -> dict[str, dict[str, float]]:
    """Return macro-F1, calibration error, coverage and size of the sets, by axis."""
    found = evaluate_reader(model, clusters, features=features, n_boot=0)
    sets = coverage_by_word(
        model.read(features), known_truth(clusters, features), clusters.n_calcifications
    ).set_index(["axis", "word"])
    return {
        axis: {
            "macro_f1": found.axes[axis].macro_f1,
            "calibration_error": found.axes[axis].calibration_error,
            "coverage": float(sets.loc[(axis, "all"), "coverage"]),
            "set_size": float(sets.loc[(axis, "all"), "set_size"]),
        }
        for axis in AXES
    }


def main() -> None:
    """Adapt, read the others, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--n", type=int, default=4000)
    arguments = parser.parse_args()
    from second_blind import generate

    base, clusters = load_model(arguments.model), generate(arguments.n, seed=SEED)
    features = extract_features(clusters)
    readable = (known_truth(clusters, features)["morphology"] >= 0).nonzero()[0]
    found: dict[str, Any] = {"model": base.version, "seed": SEED, "splits": []}
    for split in range(N_SPLITS):
        order = np.random.default_rng([SEED, split]).permutation(readable)
        rest = np.sort(order[max(SIZES) :])
        one = {"0": figures(base, clusters[rest], features[rest])}
        for size in SIZES:
            own = np.sort(order[:size])
            adapted = train_model(
                clusters[own], start_from=base, features=features[own], seed=split, name="own"
            )
            one[str(size)] = figures(adapted, clusters[rest], features[rest])
            print(split, size, one[str(size)], flush=True)
        found["splits"].append(one)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
