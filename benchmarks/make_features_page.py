"""Write docs/features.md: the catalogue, and the table by which the features were chosen.

python benchmarks/make_features_page.py
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import leave_out
import pandas as pd

from calcigram.features.catalogue import CATALOGUE, FAMILIES
from calcigram.wording import markdown_table

PAGE = Path(__file__).parents[1] / "docs" / "features.md"

HEAD = f"""\
# Features

The {len(CATALOGUE)} features of a cluster, in column order. `python benchmarks/make_features_page.py` writes this
page from the catalogue in `calcigram.features`; a test checks that it is current.

A feature is NaN where a mark it needs is unknown for every calcification, where there are
fewer calcifications than its formula asks for, or where it divides by zero.
Where marks are known of some calcifications only, those are used. Standard deviations divide by n.
Quantiles are interpolated linearly.
"""

OWN = """\
## Features of your own

Pass functions with the clusters; no fork and no registration is needed:

```python
import calcigram

def width(x_mm, diameter_mm):
    return x_mm.max() - x_mm.min() + diameter_mm.max()

def spots(x_mm, y_mm):  # two numbers
    return x_mm.std(), y_mm.std()

clusters = calcigram.simulate(400, seed=1)
extra = {"width_mm": width, ("spread_x_mm", "spread_y_mm"): spots}
features = calcigram.extract_features(clusters, extra=extra)
model = calcigram.train_model(clusters, extra=extra, name="mine")
verdicts = calcigram.classify(clusters, model, extra=extra)
```

- A key of `extra` is a name, and the function returns one number; or a tuple of names, and it returns as
  many. Names are identifiers, and none that the catalogue has.
- The parameters of a function say which marks it takes: `x_mm`, `y_mm`, `diameter_mm`, `aspect_ratio`,
  `orientation_deg`, `solidity`, `cnr` are read-only arrays, one value per calcification, NaN where unknown;
  `nipple_x_mm`, `nipple_y_mm`, `breast_area_mm2` are numbers. Where one of them is unknown for a whole
  cluster, the function is not called and its features are NaN; so they are for an empty cluster.
- Numbers are finite or NaN; anything else, an exception or another count is refused with the cluster's id.
- The model stores the names only. `classify` and `explain` refuse a model whose functions they were not
  given, as do the command line, the page and the server, which cannot be given any.
- The functions run in Python, once per cluster: 100,000 clusters take some seconds for a short function.
"""

CHOICE = """\
## How they were chosen

Features that cost nothing on clusters of other generators have gone. The cost of a group is macro-F1 less
macro-F1 where its columns are permuted between clusters (Breiman 2001), the mean over four generators that share
no code with the simulator: distribution / form / distribution from positions alone. Models of
{clusters:,} clusters were then trained without the cheapest groups. Two training sets differ by .004 / .013 / .004,
so less than that cannot be told from chance. `bench_v1` decides nothing. Features that a rule, an
artefact check, a guard of the model or the page reads are in no group.

Of 121 features 37 went; without 13 more the distribution from positions alone lost .007, so these stayed. The permuted model is the one that
shipped until then; the figures are of commit `{commit}`. `wall_unevenness` and
`wall_width_mm` came later, as `rail_score` is blind to walls that fork.

{table}

{trained}
"""

ALONE = """\
Then each feature was permuted alone, `python benchmarks/selection.py --alone --model models/default`, of {model}.
{n} cost less than that spread. Of these six went that nothing else reads and others nearly repeat; 80 are left of 121.

{table}
"""

LEFT = 84
"""Features left when these had gone."""


NOW = """\
### What those that stayed are worth

`python benchmarks/selection.py --leave-out`, {clusters:,} clusters; the same cost, of the features above.

{table}

{trained}
"""


def _bound(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:g}"


def _catalogue() -> str:
    parts = []
    for family in FAMILIES:
        rows = [
            {
                "feature": f"`{spec.name}`",
                "in words": spec.meaning,
                "unit": spec.unit,
                "range": f"[{_bound(spec.low)}, {_bound(spec.high)}]",
                "formula": spec.formula.replace("|", "\\|"),
                "source": spec.source,
                "needs": ", ".join(f"`{name}`" for name in spec.needs) or "positions",
            }
            for spec in CATALOGUE
            if spec.family == family
        ]
        parts.append(f"## {family.capitalize()}\n\n{markdown_table(pd.DataFrame(rows))}\n")
    return "\n".join(parts)


def _costs(cost: dict[str, float]) -> str:
    return " / ".join(f"{cost[key]:+.3f}" for key in leave_out.SPREAD)


def _tables(text: str, found: dict[str, Any], gone: list[str]) -> str:
    rows = [
        {
            "group": name,
            "features": len(group["features"]),
            "cost": _costs(group["cost"]),
            "": "went" if name in gone else "",
        }
        for name, group in found["groups"].items()
    ]
    trained = [
        {
            "features": row["features"],
            "four generators": _scores(row["mean"]),
            "bench_v1": _scores(row["bench_v1"]),
        }
        for row in found["trained"]
    ]
    tables = (markdown_table(pd.DataFrame(part)) for part in (rows, trained))
    return text.format(
        clusters=found["clusters"],
        commit=found.get("commit"),
        **dict(zip(("table", "trained"), tables, strict=True)),
    )


def _alone(found: dict[str, Any]) -> str:
    costs, spread = found["costs"], leave_out.SPREAD
    cheap = sum(all(cost[key] < spread[key] for key in spread) for cost in costs.values())
    names = {spec.name for spec in CATALOGUE}
    rows = [
        {"feature": f"`{name}`", "cost": _costs(cost)}
        for name, cost in costs.items()
        if name not in names
    ]
    return ALONE.format(model=found["model"], n=cheap, table=markdown_table(pd.DataFrame(rows)))


def _scores(row: dict[str, float]) -> str:
    return " / ".join(f"{row[key]:.3f}" for key in leave_out.SPREAD)


def page() -> str:
    """Return the page as Markdown."""
    found = json.loads(leave_out.RESULTS.read_text(encoding="utf-8"))
    before = found.pop("before")
    alone = found.pop("alone")
    gone = next(row["without"] for row in before["trained"] if row["features"] == LEFT)
    parts = [HEAD, _catalogue(), OWN, _tables(CHOICE, before, gone), _alone(alone)]
    return "\n".join(parts + ([_tables(NOW, found, [])] if found else []))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
