"""Pictures of the simulator: what they cost, what the detector finds in them, and how it measures.

    python benchmarks/rendering.py [--patches 600] [--write] [--picture]

Patches as `calcigram train --measured` makes them, of a fixed seed. Marks are compared with those
that the simulator's own acquisition measures of the same calcifications (convention of pixel
moments, without misses, jitter or response). ``--write`` puts the tables into docs/simulator.md,
``--picture`` draws docs/img/rendered.png.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from timing import processor, seconds

from calcigram.detect import detect_calcifications
from calcigram.lexicon import MIN_CALCIFICATIONS, MORPHOLOGIES, Morphology
from calcigram.simulate import load_preset, mechanism_ids, simulate
from calcigram.simulate._detector import CNR
from calcigram.simulate.acquisition import acquire
from calcigram.simulate.measured import marks_of, patch_of
from calcigram.wording import markdown_table

DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURE = DOCS / "simulator.md", DOCS / "img" / "rendered.png"
BEGIN, END = "<!-- rendering: begin -->\n", "<!-- rendering: end -->\n"
SEED = 20_261
BOUNDS_MM = (0.0, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0, np.inf)
NEAR_MM = 0.3
SHOWN_MM = 16.0
MARKS = ("diameter", "aspect", "solidity", "cnr")
COLUMNS = (2, 3, 5, CNR)


def own_marks(patch, rng):
    """Return what the simulator's acquisition lists of a patch's cluster, in the patch's frame."""
    preset = load_preset("train")
    device = preset.draw("acquisition", rng)
    device |= {"convention": 0.0, "rounded": 0.0, "pixel_mm": patch.image.spacing_mm[0]}
    grade = preset.draw("grade.easy", rng)
    for name in grade:
        if name != "edge_noise":
            grade[name] = 0.0
    return acquire(rng, patch.cluster.truth, np.zeros((1, 2)), device, grade)


def nearest(points, others):
    """Return, for each point, the index of the nearest of the others, and how far it is."""
    away = np.hypot(*(points[:, None] - others[None]).transpose(2, 0, 1))
    return away.argmin(axis=1), away.min(axis=1)


def measure(n_patches: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row per calcification, and a row per patch."""
    simulate(300, grade="mixed")  # compiles
    marks_of(patch_of(0, seed=SEED))
    rows, patches = [], []
    for index in range(n_patches):
        start = time.process_time()
        patch = patch_of(index, seed=SEED)
        rendered = time.process_time()
        marks, detection = marks_of(patch)
        done = time.process_time()
        truth, form = patch.cluster.truth, str(patch.cluster.particle.label)
        n_false = len(detection.table)
        own = own_marks(patch, np.random.default_rng((SEED, index)))
        at, away = nearest(truth.xy, own[:, :2])
        found = detection.labels[patch.labels > 0]
        hit = patch.labels[patch.labels > 0][found > 0]
        here, hit = np.zeros(len(truth.xy), bool), hit - 1
        here[hit] = True
        if len(marks):
            mark, mark_away = nearest(truth.xy, marks[:, :2])
            here |= mark_away <= NEAR_MM
            n_false = int(
                (nearest(detection.table[["x_mm", "y_mm"]].to_numpy(), patch.moved)[1] > 1.0).sum()
            )
        for i in range(len(truth.xy)):
            row = {"form": form, "diameter_mm": truth.table[i, 0], "found": bool(here[i])}
            if here[i] and away[i] < 0.1 and mark_away[i] <= NEAR_MM:
                ratio = marks[mark[i]][list(COLUMNS)] / own[at[i]][list(COLUMNS)]
                row |= dict(zip(MARKS, ratio, strict=True))
                row["diameter to true"] = marks[mark[i], 2] / truth.table[i, 0]
            rows.append(row)
        patches.append(
            {
                "form": form,
                "rendering_ms": 1e3 * (rendered - start),
                "measuring_ms": 1e3 * (done - rendered),
                "kept": len(marks) >= MIN_CALCIFICATIONS,
                "false": n_false,
                "cm2": patch.image.pixels.size * np.prod(patch.image.spacing_mm) / 100,
            }
        )
    return pd.DataFrame(rows), pd.DataFrame(patches)


def gaussian_ms() -> float:
    """Return the time of one `scipy.ndimage.gaussian_filter`: what figures of two machines differ by."""
    image = np.random.default_rng(0).random((1000, 1000), np.float32)
    return 1e3 * seconds(lambda: ndimage.gaussian_filter(image, 2), 5)


def tables(marks: pd.DataFrame, patches: pd.DataFrame) -> str:
    """Return the figures as Markdown."""
    cost = patches[["rendering_ms", "measuring_ms"]].mean()
    both = cost.sum()
    lines = [
        f"{len(patches)} patches, {len(marks)} calcifications; {processor()}. Rendering takes "
        f"{cost['rendering_ms']:.0f} ms of processor time per patch, measuring {cost['measuring_ms']:.0f} ms: "
        f"100,000 patches in {1e5 * both / 1e3 / 3600 / 2:.1f} hours on two processors. (In the same run a Gaussian "
        f"filter of a million pixels, sigma 2, takes {gaussian_ms():.0f} ms.) "
        f"{patches['false'].sum() / patches['cm2'].sum():.2f} false marks per cm2 (more than 1 mm from any "
        "calcification).",
        "",
    ]
    bins = pd.cut(marks["diameter_mm"], BOUNDS_MM)
    by_size = marks.groupby(bins, observed=True)["found"].agg(["size", "mean"]).reset_index()
    by_size["diameter_mm"] = [
        f"{b.left:g} to {b.right:g}" if np.isfinite(b.right) else f"over {b.left:g}"
        for b in by_size["diameter_mm"]
    ]
    by_size.columns = ["diameter (mm)", "calcifications", "share found"]
    lines += [markdown_table(by_size.round(2)), ""]
    forms = marks.groupby("form", sort=False)
    by_form = forms["found"].mean().rename("share found").to_frame()
    by_form.insert(0, "clusters kept", patches.groupby("form")["kept"].mean())
    by_form = by_form.join(forms[[*MARKS, "diameter to true"]].median()).sort_index().reset_index()
    by_form["form"] = by_form["form"].str.replace("_", " ")
    lines += [
        "Median ratio of a mark as the detector measures it to the simulator's own, by form; last, of the "
        "measured diameter to the true one:",
        "",
        markdown_table(by_form.round(2)),
    ]
    return "\n".join(lines)


def draw(path: Path) -> None:
    """Draw a picture of each form: of six clusters the one in which the detector finds most, its middle."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(3, 3, figsize=(9, 9.6), layout="compressed")
    for k, (form, axis) in enumerate(zip(MORPHOLOGIES, axes.flat, strict=True)):
        ids = [i for i in mechanism_ids("train") if i.startswith((f"{form}.", "grouped."))]
        ids += ["linear.vessel_rails"] if form is Morphology.VASCULAR else []
        clusters, images, _ = simulate(6, seed=SEED + k, render=True, only_mechanisms=ids)
        found = [len(detect_calcifications(i, find_outline=False).table) for i in images]
        best = int(np.argmax(found))
        cluster, image = clusters[best], images[best]
        pixel = image.spacing_mm[0]
        # The cut is centred on the calcification nearest to the middle of the cluster.
        x, y = cluster.x_mm, cluster.y_mm
        nearest_one = np.hypot(x - np.median(x), y - np.median(y)).argmin()
        cuts = []
        for at, size in ((y, image.pixels.shape[0]), (x, image.pixels.shape[1])):
            first = int((at[nearest_one] - SHOWN_MM / 2) / pixel)
            first = max(0, min(first, size - int(SHOWN_MM / pixel)))
            cuts.append(slice(first, first + int(SHOWN_MM / pixel)))
        shown = image.pixels[tuple(cuts)]
        low, high = np.percentile(shown, [0.5, 99.8])
        axis.imshow(shown, cmap="gray", vmin=low, vmax=max(high, low + 150))
        axis.set_title(str(form).replace("_", " "))
        axis.set_axis_off()
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--patches", type=int, default=600)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--picture", action="store_true")
    arguments = parser.parse_args()
    if arguments.picture:
        draw(PICTURE)
        return
    text = tables(*measure(arguments.patches))
    print(text)
    if arguments.write:
        page = PAGE.read_text()
        before, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
