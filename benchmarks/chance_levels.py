"""How often chance makes a pattern that a recognition rule asks for: the thresholds' source.

    python benchmarks/chance_levels.py

Points spread without structure are tried by the rule for wedges without a nipple; points spread evenly
along a line, with scatter, by the conditions on gaps; two groups by all rules. Nothing here is simulated
by calcigram's simulator, and no threshold follows from how well the rules read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from clouds import SHAPES, clouds, share_right

from calcigram.clusters import ClusterSet
from calcigram.features.extract import Features, extract_features
from calcigram.rules.engine import RuleReader, condition_holds
from calcigram.rules.recognition import load_recognition

SEED = 5
N_DRAWS = 2000
COUNTS = (6, 8, 10, 15, 20, 25, 30, 40)
SCATTER_MM = (0.2, 0.75, 1.5)
GAPS_MM = (8, 12, 15, 20, 40)
GROUP_SIZES = (4, 6, 10, 20)
CURVE_GAP_RATIO = 3.0
RESULT = Path(__file__).parent / "results" / "chance_levels.json"


Points = npt.NDArray[np.float64]


def drawn(draw: Callable[..., Points], *args: float) -> Features:
    """Return the features of many draws; `args` are passed on."""
    parts = [draw(*args) for _ in range(N_DRAWS)]
    offsets = np.cumsum([0, *(len(part) for part in parts)])
    return extract_features(ClusterSet.from_arrays(offsets, *np.concatenate(parts).T))


def along_a_line(rng: np.random.Generator, n: int, scatter_mm: float) -> Points:
    """Spread n points evenly along 30 mm, with scatter across."""
    return np.c_[rng.uniform(0, 30, n), rng.normal(0, scatter_mm, n)]


def two_groups(rng: np.random.Generator, n: int, gap_mm: float) -> Points:
    """Draw two round groups of n points, 1.5 mm standard deviation, their centres a gap apart."""
    return np.r_[rng.normal(0, 1.5, (n, 2)), rng.normal(0, 1.5, (n, 2)) + np.array([gap_mm, 0])]


def in_wedge(
    draw: Callable[[np.random.Generator, int], Points], rng: np.random.Generator, n: int
) -> float:
    """Return how often the rule for wedges names n points without structure, its least count aside."""
    cloud = drawn(lambda: 20 * draw(rng, n))
    return float(fires("distribution.segmental.wedge", cloud, ("n_calcifications",)).mean())


def fires(rule_id: str, features: Features, but: tuple[str, ...] = ()) -> npt.NDArray[np.bool_]:
    """Return where a rule's conditions hold, those on the features of `but` left out."""
    rule = next(r for r in load_recognition().distribution if r.id == rule_id)
    held = [condition_holds(c, features) for c in rule.conditions if c.feature not in but]
    return np.logical_and.reduce(held)


def main() -> None:
    """Print and keep every figure."""
    rng = np.random.default_rng(SEED)
    reader = RuleReader()
    wedge, lines, curves, groups = {}, {}, {}, {}
    for n in COUNTS:
        wedge[n] = {name: in_wedge(draw, rng, n) for name, draw in SHAPES.items()}
        for scatter in SCATTER_MM:
            line = drawn(along_a_line, rng, n, scatter)
            straight = fires("distribution.linear.straight", line, ("gap_ratio",))
            ends = ("", "_stray", "_dashed")
            named = np.any(
                [fires(f"distribution.linear.straight{end}", line) for end in ends], axis=0
            )
            name = f"{n} points, scatter {scatter} mm"
            lines[name] = 1 - (named & straight).sum() / straight.sum()
            curves[name] = (line.column("gap_ratio") > CURVE_GAP_RATIO).mean()
    for gap in GAPS_MM:
        for n in GROUP_SIZES:
            words = reader.read(drawn(two_groups, rng, n, gap)).to_dataframe()["distribution"]
            shares = words.astype(str).value_counts(normalize=True)
            groups[f"{n} + {n} points {gap} mm apart"] = shares.to_dict()
    cloud = clouds(4000)
    figures = {
        "seed": SEED,
        "draws": N_DRAWS,
        "rules_version": reader.recognition.version,
        "wedge_by_chance": wedge,
        "straight_lines_refused_for_a_gap": lines,
        "curves_refused_for_a_gap": curves,
        "two_groups": groups,
        "clouds_right": share_right(reader.read(extract_features(cloud)), cloud),
    }
    RESULT.write_text(json.dumps(figures, indent=1, default=float) + "\n")
    print(json.dumps(figures, indent=1, default=float))


if __name__ == "__main__":
    main()
