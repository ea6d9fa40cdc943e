"""``calcigram simulate``: write simulated clusters, whose truth is known."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.cli import _options
from calcigram.cli._options import option
from calcigram.cli._output import progress_bar, say, working
from calcigram.errors import BadInputError
from calcigram.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from calcigram.mammogram import Mammogram

TRUTH = "truth.csv"


def add(commands: _options.Commands) -> None:
    """Describe the command."""
    _options.add_command(
        commands,
        "simulate",
        run,
        "write simulated clusters, whose distribution and morphology are known",
        "calcigram simulate 1000 -o clusters.parquet --seed 1",
        option("n", "number of clusters", _options.positive_int),
        _options.output("CSV or Parquet file to write", ".csv", ".parquet"),
        _options.GRADE,
        _options.PRESET,
        _options.SEED,
        _options.JOBS,
        "pictures",
        option(
            "--images",
            f"write a picture of each cluster into this folder; the true marks go to -o ({TRUTH} in the folder)",
            Path,
            "DIR",
            role=(),
        ),
        option("--image-format", "of the pictures: DICOM (the default), or PNG of 16 bits", ("dcm", "png")),
        option("--margin-mm", "how far a picture reaches beyond its cluster (10)", _options.positive_float),
        option("--raw", "pictures for processing, linear in the exposure"),
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Simulate and write."""
    from calcigram import simulate, write_clusters
    from calcigram.formats.temporary import fill_folder, unfinished
    from calcigram.simulate.render import MARGIN_MM

    if args.output is None and args.images is None:
        raise BadInputError("-o FILE for the clusters, or --images DIR for pictures of them")
    of_pictures = ("image_format", "margin_mm", "raw")
    if args.images is None and (given := [n for n in of_pictures if getattr(args, n)]):
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise BadInputError(f"--images DIR together with {names}")
    how: dict[str, Any] = {"seed": args.seed, "grade": args.grade, "preset": args.preset}
    jobs = _options.jobs(args)
    with progress_bar("Simulating") as progress:
        if args.images is None:
            clusters = simulate(args.n, **how, n_jobs=jobs, progress=progress)
        else:
            how |= {"margin_mm": args.margin_mm or MARGIN_MM, "raw": args.raw, "n_jobs": jobs}
            clusters, images, _ = simulate(args.n, render=True, **how, progress=progress)
    if args.images is not None:
        folder = Path(os.path.realpath(args.images))
        folder.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(folder, is_folder=True) as fresh:
            written = _write_images(images, fresh, args.image_format or "dcm", jobs)
            clusters.meta["image_id"], clusters.meta["file"] = zip(*written, strict=True)
            if args.output is None:
                write_clusters(clusters, fresh / TRUTH)
            fill_folder(fresh, folder, last=TRUTH)
        say(f"{counted(len(images), 'picture')} -> {args.images}")
    if args.output is not None:
        with working("Writing"):
            write_clusters(clusters, args.output)
    args.output = args.output or args.images / TRUTH
    say(
        f"{counted(len(clusters), 'cluster')}, {len(clusters.x_mm)} calcifications -> {args.output}"
    )


def _write_images(
    images: Sequence[Mammogram], folder: Path, suffix: str, jobs: int
) -> list[tuple[str, str]]:
    """Write pictures; return what a reader calls each, and the name of its file."""
    from joblib import Parallel, delayed

    from calcigram.formats.extras import load_extra

    if suffix == "dcm":
        load_extra("pydicom", "A DICOM file")
    with progress_bar("Rendering") as progress:
        # The first is made here: what it compiles is there for the other processes.
        written = [_write_image(images, 0, folder, suffix)]
        others = (delayed(_write_image)(images, i, folder, suffix) for i in range(1, len(images)))
        for one in Parallel(jobs, return_as="generator")(others):
            written.append(one)
            progress(len(written), len(images))
    return written


def _write_image(images: Sequence[Mammogram], i: int, folder: Path, suffix: str) -> tuple[str, str]:
    from calcigram.formats.dicom.write_images import write_mammogram

    image = images[i]
    file = f"{image.image_id}.{suffix}"
    return write_mammogram(image, folder / file), file
