"""The picture of the stress curves in docs/validation.md: one panel a nuisance."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure

from calcigram.charts import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY


def draw_stress(found: dict[str, Any]) -> Any:
    """Draw the curves, one panel a nuisance."""
    lines = {
        "distribution, model": (lambda f: f["distribution"]["accuracy"], BLUE, "-", "o"),
        "form, model": (lambda f: f["morphology"]["accuracy"], ORANGE, "-", "s"),
        "distribution, rules": (lambda f: f["distribution"]["rules_accuracy"], SKY, "--", "^"),
        "form, rules": (lambda f: f["morphology"]["rules_accuracy"], PURPLE, "--", "v"),
        "coverage of both sets, mean": (lambda f: _mean(f[a]["coverage"] for a in ("distribution", "morphology")), GREEN, ":", "D"),
        "readers agree on both": (lambda f: f["agree_both"], BLACK, "-.", "x"),
    }  # fmt: skip
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    axes = figure.subplots(2, -(-len(found["curves"]) // 2), sharey=True).ravel()
    for ax, (curve, entry) in zip(axes, found["curves"].items(), strict=False):
        levels = entry["levels"]
        numeric = all(isinstance(level, int | float) for level in levels)
        places = range(len(levels))
        for name, (figure_of, colour, style, mark) in lines.items():
            values = [figure_of(figures) for figures in entry["figures"]]
            ax.plot(
                places, [math.nan if v is None else v for v in values], label=name,
                color=colour, linestyle=style, marker=mark, markersize=4, linewidth=1.3,
            )  # fmt: skip
        names = [f"{level:g}" if numeric else str(level) for level in levels]
        ax.set_xticks(places, names, fontsize=7, rotation=0 if numeric else 30)
        ax.set_title(curve + (f" ({entry['unit']})" if numeric else ""), fontsize=9, loc="left")
        ax.set_ylim(0, 1)
        ax.tick_params(axis="y", labelsize=7)
        ax.grid(axis="y", linewidth=0.4, alpha=0.6)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    for ax in axes[len(found["curves"]) :]:
        ax.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    return figure


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
