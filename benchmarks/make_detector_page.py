"""Write docs/detector.md from the measured results.

    python benchmarks/make_detector_page.py

Reads ``benchmarks/results/detection*.json``, which `detection` writes; states no figure of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from calcigram.detect.grouping import RULE
from calcigram.wording import markdown_table

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "detector.md"
MISSING = "Not measured yet on this checkout."

TEXT = """# The detector

<!-- Written by benchmarks/make_detector_page.py; edit that. -->

`calcigram detect` finds calcifications in the pixels of a mammogram: a small classical detector for research, explainable and
without trained weights. **It is no clinical detector**: no figure on this page is a clinical performance, and
finding none does not mean that there are none.

## What it does

1. *Breast* (`detect.breast`): the largest bright component over the background. The chest muscle stays in. Letters beside the breast,
   clips, wires, implants, the skin edge and the chest-wall strip are left out and counted. The nipple is given only where it stands in
   profile.
2. *Noise* (`detect.noise`): grey values are transformed so that noise does not depend on them; each filtered image is then divided by its
   own local deviation, estimated robustly.
3. *Spots* (`detect.spots`): differences of Gaussians at several scales, each over its local noise; z is the best of them. What a
   ridge has on both sides of a spot is subtracted, so that vessels and ligaments give few marks. Large calcifications are found at coarser
   scales.
4. *Outline* (`detect.outline`): the region over half of the height between background and peak, grown from the peak; a region that leaks
   is tried at higher levels. All marks are measured as those of any mask are.
5. *Weaker marks*: of up to 1 less than the threshold, kept where three marks of the threshold lie within 5 mm: plaques of vessels and
   amorphous calcifications are often that weak (`formed_by` states it as "z >= 5.5 (4.5 near 3 others)"). On 51 cluster images of the development split: 81 more true marks, 20 more false ones,
   clusters found 49 instead of 47, the model's form .938 instead of .925, its distribution .815 instead of .834 (one or two clusters). On 24 normals: one more mark, no cluster. Pictures that are
   measured for training have them too.
6. *Clusters*: {linking}; marks that lie all over the breast are one diffuse cluster. `formed_by` gives the gap and the least number alone. `confidence` is z: no probability. Where another least number of
   calcifications is asked for, gaps and conspicuous marks count as before, at most as many of them as that number.

## In short

{short}

## How it was measured

The images are rendered by `benchmarks/rendered_images`, which shares no code with the simulator, its renderer or the detector's tests: breast,
skin, chest muscle, power-law tissue, strands, vessels, solids of calcium, scatter, blur, quanta, and processing for presentation, or (a fifth)
none. The detector was run on the development split while it was written; the figures are those of the split `{split}`.
{images}
Three grades differ in dose, density, blur and scatter; most images show a field of 120 x 100 mm.

A mark hits a calcification within 0.6 mm of its centre or inside its outline. Each calcification needs a mark of its own; the lenient count
lets one mark serve several, as touching calcifications have one outline. A cluster is found if a detected cluster has marks on two of
its calcifications; a detected cluster without two such marks is false. Thresholds are frozen on normal images that are not scored: false marks per normal
image, false clusters per normal image. Intervals are 95 %, from resampling patients; here each image is one.

## Marks

{marks}

### By diameter, form and pixel size

Typical grade, at the threshold frozen for {rate:g} false marks per image. By form and pixel size: calcifications of 0.25 mm or more.

{parts}

### Against false marks

Typical grade, 0.25 mm or more.

{curve}

Scored normals have more than the 5 false marks that the threshold was frozen for. That is compatible with chance: the two sets are of one recipe with other random numbers, though nobody counted their ligaments and vessels. On 24 normals of the development split
false marks per image have a deviation of 4.2 (0 to 16), so that two means of 40 images each differ by 0.9 in the deviation. Half of these 24 for
freezing gave 2.7 to 8.3 false marks on the other half (90 % of 400 draws), at thresholds of 4.8 to 5.0. A rate that holds within 10 % takes about 300 normals for freezing.

## Clusters

Of five calcifications or more.

{clusters}

{full}

## Vessels as impostors

{vessels}

On 100 further two-walled vessels of the development split the model read 3 as suspicious with the marks of the threshold alone, and none since weaker ones are kept
(interval of none in 100: 0 to .036; the offset of 1 was chosen among 0, .5, 1 and 1.5 on these same 100). All three were vessels that fork, of which 40 to 60 % of the plaques had been found; of 78 that do not fork none was. `rail_score` is 0 where
a vessel forks, as its two rows are sought along one curve; `wall_unevenness` sees them there too.

## What is read

Macro-F1 of the clusters that were found, typical grade, default threshold, beside the same clusters with their true outlines, measured in the same
way. "Missed ones wrong" counts clusters that were not found as misread.

{words}

{confusion}

## Time and memory

{cost}

## Mammograms of patients

For people who hold the files: `python benchmarks/detection.py --inbreast DIR`, `--bmcd DIR`, `--cbis DIR`. The layouts that are
expected stand in `benchmarks/public_images.py`. Nothing of these data sets is part of the project. Not read are Monte Carlo mammograms of VICTRE's pipeline, which
states centres of inserted clusters and no positions of calcifications, and M-SYNTH, which has masses only.

{patients}

## Limits

* Rendered images are simpler than breasts: no skin folds, no motion, no artefacts of a detector, no scars, no calcified sutures, no skin
  calcifications. Expect more false marks on mammograms.
* Film, and pixels of more than 0.1 mm, are not to be read for form: at such sizes punctate, amorphous and fine pleomorphic calcifications have the
  same outline. Above 0.15 mm images are refused.
* Faint, hazy calcifications are found least: see the row `amorphous`. A cluster of them may be missed altogether.
* Lines that lie close together, and plaques along a vessel, may be measured as one outline.
* Wide distributions (diffuse, regional, segmental) may come apart where the gaps between marks are larger than the linking distance: see the table by distribution.
* A vessel with calcium in one wall is read as a line in a duct: see above.
* Burned-in text, clips and wires in the breast are recognised only where their pixels have the highest value of the image; others may give marks.
* A PNG or TIFF does not say what it shows: a grey photograph is searched like a mammogram, and a notice says so.
* A nipple out of profile is not guessed; segmental is then harder to read.
* `confidence` orders marks of one image; it is no probability, and not comparable between machines.
"""


def load(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def span(figure: dict[str, Any] | None, digits: int = 3) -> str:
    """Return a value with its interval."""
    if not figure or figure["value"] is None:
        return ""
    value, low, high = (f"{figure[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def reached(value: float | None, target: float, at_most: bool = False) -> str:
    if value is None:
        return "not measured"
    return "reached" if (value <= target if at_most else value >= target) else "**not reached**"


def short_table(found: dict[str, Any]) -> str:
    """Return what was asked for and what was measured."""
    rows: list[tuple[str, str, str, str]] = []

    def row(
        name: str, target: float, value: float | None, shown: str, at_most: bool = False
    ) -> None:
        asked = f"{'at most' if at_most else 'at least'} {target:g}"
        rows.append((name, asked, shown, reached(value, target, at_most)))

    if typical := found.get("typical"):
        seen = typical["marks"]["sensitivity, 0.25 mm or more"]
        row(
            "calcifications of 0.25 mm or more found, 5 false marks per image",
            0.8,
            seen["value"],
            span(seen),
        )
        frozen = typical["clusters"]["frozen"]["found"]
        row("clusters found, 0.1 false clusters per image", 0.95, frozen["value"], span(frozen))
        for axis, target in (("distribution", 0.88), ("morphology", 0.75)):
            one = typical["words"]["detected"][f"{axis}, model"]
            name = "form" if axis == "morphology" else axis
            row(
                f"{name} of the clusters found, macro-F1 of the model",
                target,
                one["macro_f1"],
                between(one),
            )
    if vessels := found.get("vessels"):
        plain = vessels["without calcium"]["images without a cluster"]
        row("images with plain vessels and no cluster", 0.95, plain["value"], span(plain))
        walls = vessels["two walls"]
        two, by_rules = (walls[f"read as suspicious, {by}"] for by in ("model", "rules"))
        shown = (
            "" if two is None else f"{two:.3f} of {walls['clusters read']} (rules {by_rules:.3f})"
        )
        row(
            "vessels with two calcified walls read as suspicious by the model, share of those found",
            0.05,
            two,
            shown,
            True,
        )
    if cost := found.get("cost"):
        row("time over one Gaussian filter", 20, cost["ratio"], f"{cost['ratio']:.1f}", True)
        row(
            "memory over the image as float32",
            12,
            cost["peak_over_image"],
            f"{cost['peak_over_image']:.1f}",
            True,
        )
    return markdown_table(
        pd.DataFrame(rows, columns=["typical grade", "asked for", "measured", ""])
    )


def between(figure: dict[str, Any]) -> str:
    return f"{figure['macro_f1']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def grades(found: dict[str, Any]) -> list[str]:
    return [grade for grade in ("typical", "easy", "hard") if grade in found]


def marks_table(found: dict[str, Any]) -> str:
    names = (
        "sensitivity, 0.25 mm or more", "lenient, 0.25 mm or more", "sensitivity", "false marks per normal",
        "false marks per image with clusters",
    )  # fmt: skip
    rows = []
    for grade in grades(found):
        marks = found[grade]["marks"]
        at = marks["at the default threshold"]
        rows.append(
            {
                "grade": grade, "images": marks["images"], "threshold": f"{marks['threshold']:.1f} (frozen)",
                **{name: span(marks[name], 3 if k < 3 else 1) for k, name in enumerate(names)},
            }
        )  # fmt: skip
        rows.append(
            {
                "grade": grade, "images": marks["images"], "threshold": f"{at['threshold']:g} (default)",
                "sensitivity, 0.25 mm or more": span(at["sensitivity, 0.25 mm or more"]),
                "false marks per normal": span(at["false marks per normal"], 1),
            }
        )  # fmt: skip
    return markdown_table(pd.DataFrame(rows))


def parts_tables(marks: dict[str, Any]) -> str:
    tables = []
    for name in ("diameter", "form", "spacing_mm", "distribution"):
        rows = [
            (part, int(figure["n"]), span(figure))
            for part, figure in marks[f"by {name}"].items()
            if figure["n"]
        ]
        title = {"spacing_mm": "mm per pixel"}.get(name, name)
        tables.append(
            markdown_table(pd.DataFrame(rows, columns=[title, "calcifications", "found"]))
        )
    return "\n\n".join(tables)


def curve_table(marks: dict[str, Any]) -> str:
    rows = [
        {
            "false marks per normal image": f"{row['false_per_normal']:g}",
            "z from": f"{row['threshold']:.2f}",
            "found": row["sensitivity"],
            "false marks per image with clusters": f"{row['false_per_image']:.1f}",
        }
        for row in marks["curve"]
    ]
    return (
        markdown_table(pd.DataFrame(rows))
        + f"\n\nMarks of less than z {LOWEST} were not kept: where the rate is not reached there, the row shows that z."
    )


LOWEST = 4


LINKED = {"default, linked over 10 mm": "default, linked by centres within 10 mm (DBSCAN)"}
"""Names of ways in the results -> in the table."""


def clusters_table(found: dict[str, Any]) -> str:
    rows = []
    for grade in grades(found):
        for name, one in found[grade]["clusters"].items():
            rows.append(
                {
                    "grade": grade,
                    "threshold": f"{one['threshold']:.1f} ({LINKED.get(name, name)})",
                    "clusters": int(one["found"]["n"]),
                    "found": span(one["found"]),
                    "false per normal": span(one["false clusters per normal"], 2),
                    "false per image with clusters": span(
                        one["false clusters per image with clusters"], 2
                    ),
                }
            )
    tables = [markdown_table(pd.DataFrame(rows))]
    typical = found["typical"]["clusters"]["default"]
    for name in ("distribution", "form"):
        parts = [(part, int(f["n"]), span(f)) for part, f in typical[f"by {name}"].items()]
        tables.append(
            markdown_table(
                pd.DataFrame(parts, columns=[f"{name}, default threshold", "clusters", "found"])
            )
        )
    return "\n\n".join(tables)


def full_line(found: dict[str, Any]) -> str:
    marks, clusters = found["full size"]["marks"], found["full size"]["clusters"]
    return (
        f"Images of a detector's full size (a third each of 1664 x 1280, 2048 x 1664 and 3328 x 2560 pixels), default threshold: "
        f"{span(marks['sensitivity, 0.25 mm or more'])} of calcifications of 0.25 mm or more, {span(marks['false marks per normal'], 1)} false marks "
        f"and {span(clusters['false clusters per normal'], 2)} false clusters per normal, {span(clusters['found'])} of clusters."
    )


def vessels_table(vessels: dict[str, Any]) -> str:
    plain = vessels["without calcium"]
    rows = [
        {
            "vessel": f"{name.replace('walls', 'calcified walls').replace('one wall', 'one calcified wall')}",
            "found as a cluster": span(vessels[name]["found"], 2),
            "suspicious, model": vessels[name]["read as suspicious, model"],
            "suspicious, rules": vessels[name]["read as suspicious, rules"],
            "read as": ", ".join(f"{word} {n}" for word, n in vessels[name]["forms"].items()),
        }
        for name in ("two walls", "one wall")
    ]
    return (
        f"Three to six plain vessels more per image, without calcium: {span(plain['images without a cluster'], 2)} of images have no cluster, "
        f"{span(plain['false marks per image'], 1)} false marks per image. Shares of vessels read are of those found.\n\n"
        + markdown_table(pd.DataFrame(rows))
    )


def words_table(words: dict[str, Any]) -> str:
    rows = []
    for axis, title in (("distribution", "distribution"), ("morphology", "form")):
        for reader in ("model", "rules"):
            key = f"{axis}, {reader}"
            row = {"axis": title, "reader": reader}
            for name in ("detected", "true outlines"):
                one = words[name][key]
                row[name] = between(one)
            row["detected, missed ones wrong"] = (
                f"{words['detected, missed ones counted as wrong'][key]:.3f}"
            )
            rows.append(row)
    return f"{words['clusters']} clusters found, {words['missed']} missed.\n\n" + markdown_table(
        pd.DataFrame(rows)
    )


def confusion_tables(words: dict[str, Any]) -> str:
    tables = []
    for axis, title in (("distribution", "distribution"), ("morphology", "form")):
        rows = [
            (
                word,
                sum(read.values()),
                ", ".join(f"{said} {n}" for said, n in sorted(read.items(), key=lambda p: -p[1])),
            )
            for word, read in words["detected"][f"{axis}, model"]["confusion"].items()
        ]
        tables.append(
            markdown_table(
                pd.DataFrame(
                    rows, columns=[f"true {title}", "clusters", "read by the model, as detected"]
                )
            )
        )
    return "\n\n".join(tables)


def cost_line(cost: dict[str, Any]) -> str:
    rows, columns = cost["shape"]
    return (
        f"An image of {rows} x {columns} pixels: {cost['seconds']:.1f} s of processor time on one thread, {cost['ratio']:.1f} "
        f"({cost['ratio_low']:.1f} to {cost['ratio_high']:.1f}) times `scipy.ndimage.gaussian_filter(sigma=2)` of it in the same run. Memory grows "
        f"by {cost['peak_over_image']:.1f} times the image as float32, which is held beforehand."
    )


def patients_section() -> str:
    parts = []
    for name, title in (("inbreast", "INbreast"), ("bmcd", "BMCD"), ("cbis", "CBIS-DDSM")):
        found = load(f"detection_{name}")
        if found is None:
            parts.append(f"* {title}: not measured here; it takes the files.")
        else:
            figures = [
                f"{key}: {span(value)}"
                for key, value in found.items()
                if isinstance(value, dict) and "low" in value
            ]
            parts.append(
                f"* {title}: "
                + "; ".join(figures)
                + (f". {found['credit']}" if "credit" in found else "")
            )
    return "\n".join(parts)


def measured_line(stages: dict[str, dict[str, str]]) -> str:
    """Return with which commit and model the stages were measured."""
    by_state: dict[str, list[str]] = {}
    for stage, state in stages.items():
        text = f"commit `{state['commit'] or 'not noted'}`, model `{state['model']}`"
        by_state.setdefault(text, []).append(stage)
    if len(by_state) == 1:
        return f"All at {next(iter(by_state))}."
    return "; ".join(f"{', '.join(names)} at {text}" for text, names in by_state.items()) + "."


def images_line(found: dict[str, Any]) -> str:
    """Return how many images were made."""
    plan = found["plan"]
    sealed = (
        ""
        if found["split"] == "acceptance"
        else (
            " **The acceptance split has not been opened**: the figures are those of images that the detector was written on."
        )
    )
    return (
        f"Images: {plan['clusters']} of typical grade with a cluster, {plan['normals']} normals and {plan['frozen']} on which thresholds are frozen; "
        f"{plan['other_grades']} of either other grade, with normals in proportion; {plan['vessels']} of each kind of vessel. {measured_line(found['measured'])}{sealed}"
    )


SECTIONS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "marks": ("typical", marks_table),
    "parts": ("typical", lambda found: parts_tables(found["typical"]["marks"])),
    "curve": ("typical", lambda found: curve_table(found["typical"]["marks"])),
    "clusters": ("typical", clusters_table),
    "full": ("full size", full_line),
    "vessels": ("vessels", lambda found: vessels_table(found["vessels"])),
    "words": ("typical", lambda found: words_table(found["typical"]["words"])),
    "confusion": ("typical", lambda found: confusion_tables(found["typical"]["words"])),
    "cost": ("cost", lambda found: cost_line(found["cost"])),
    "short": ("plan", short_table),
    "images": ("plan", images_line),
}
"""Part of the page: the stage whose figures it needs, and what writes it."""


def page() -> str:
    """Return docs/detector.md."""
    found = load("detection") or {}
    parts = {
        name: write(found) if needs in found else MISSING
        for name, (needs, write) in SECTIONS.items()
    }
    about = {"linking": RULE, "split": found.get("split", "development"), "rate": 5}
    return TEXT.format(**parts, **about, patients=patients_section())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
