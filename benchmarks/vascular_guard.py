"""What the guard on ``vascular`` changes on the four generators for development: `model.head`.

python benchmarks/vascular_guard.py [--model models/default] [--n 4000]
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

from validation import GENERATORS, RESULTS

from calcigram.features.extract import extract_features
from calcigram.lexicon import MORPHOLOGIES
from calcigram.model import head, load_model
from calcigram.validate import evaluate_reader
from calcigram.validate.trust import known_truth

LIMITS = (0.0, 0.6, 0.7, 0.8)
"""Probabilities from which the word needs no rails; 0 is no guard."""


def main() -> None:
    """Read every generator's clusters with each limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--n", type=int, default=4000)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    thin, vascular = MORPHOLOGIES.index("fine_linear"), MORPHOLOGIES.index("vascular")
    rows: list[dict[str, Any]] = []
    for name, (seed, _) in GENERATORS.items():
        clusters = import_module(name).generate(arguments.n, seed=seed)
        features = extract_features(clusters)
        truth = known_truth(clusters, features)["morphology"]
        for limit in LIMITS:
            head.MIN_PROBABILITY = limit
            found = evaluate_reader(model, clusters, features=features, n_boot=0)
            read = model.read(features).morphology
            rows.append(
                {
                    "clusters of": name,
                    "limit": limit,
                    "form, macro-F1": found.axes["morphology"].macro_f1,
                    "concern, macro-F1": found.axes["concern"].macro_f1,
                    "fine linear read vascular": float((read[truth == thin] == vascular).mean()),
                    "vascular, recall": float((read[truth == vascular] == vascular).mean()),
                }
            )
    found = {"model": model.version, "rows": rows}
    (RESULTS / "vascular_guard.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
