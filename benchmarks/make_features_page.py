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

`python benchmarks/selection.py --leave-out` trains small models ({clusters:,} simulated clusters) with all
features and without each group, and reads {panel:,} clusters of each of four generators that share no code
with the simulator. A cost is macro-F1 with all features less macro-F1 without the group, the mean over the
four: distribution / form / distribution from positions alone. Two training sets differ by
.004 / .013 / .004, so less than that cannot be told from chance. Groups were then dropped one at a time,
the cheapest first, as long as the cost of all dropped so far stayed below that. `bench_v1` decides nothing.
Features that a rule, an artefact check, a guard of the model or the page reads are in no group.

The 42 features that could go by these small models were then left out of a model trained in full (200,000
clusters, the row of 79 features in [validation.md](validation.md)). It lost .006 / .002 / .003 on the four
generators and .012 of the form on `bench_v1`: more than chance for the distribution. So all 121 stay until a
selection with models of full size shows which can go.

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


def _choice(found: dict[str, Any]) -> str:
    after = {step["group"]: step["cost"] for step in found["steps"]}
    rows = []
    for name, group in found["groups"].items():
        cost = group["cost"]
        rows.append(
            {
                "group": name,
                "features": len(group["features"]),
                "cost": _costs(cost["mean"]),
                **{one: _costs(cost[one]) for one in cost if one != "mean"},
                "with all dropped before": _costs(after[name]) if name in after else "-",
            }
        )
    clusters, panel = found["clusters"], leave_out.N_PANEL
    return CHOICE.format(clusters=clusters, panel=panel) + markdown_table(pd.DataFrame(rows)) + "\n"


def page() -> str:
    """Return the page as Markdown."""
    found = json.loads(leave_out.RESULTS.read_text(encoding="utf-8"))
    return "\n".join([HEAD, _catalogue(), OWN, _choice(found)])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
