"""``calcigram detect`` and ``measure``: marks of calcifications, from the pixels of mammograms."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from calcigram.cli import _options
from calcigram.cli._options import TABLES, WRITTEN, option
from calcigram.cli._output import print_json, progress_bar, say, working
from calcigram.errors import BadInputError
from calcigram.wording import counted

MAX_NOTES = 100


@_options.command(
    "detect",
    "find the calcifications of mammograms (DICOM, PNG, TIFF) and write one row per calcification in a cluster",
    "calcigram detect mammogram.dcm -o marks.csv\n"
    "  calcigram detect folder -o marks.csv --jobs 4 --resume\n"
    "  calcigram detect scan.png --pixel-spacing 0.05 -o marks.csv --labels labels.png",
    _options.source("images, or folders of them", "images", nargs="+"),
    _options.output(
        "CSV or Parquet file to write; of one DICOM image, a DICOM report (.dcm, TID 1500)",
        ".csv",
        ".parquet",
        ".dcm",
        required=True,
    ),
    option(
        "--labels",
        "write all calcifications as a label image too (PNG or TIFF of 16 bits, whose numbers the column label of OUTPUT "
        "gives; .dcm: a DICOM segmentation with a segment per cluster); of several images, a folder",
        _options.Path,
        role=WRITTEN,
    ),
    option(
        "--failures",
        "where images that cannot be read are listed (OUTPUT.failures.csv)",
        _options.Path,
        role=TABLES,
    ),
    option("--resume", "continue a run that was killed or interrupted"),
    _options.JOBS,
    _options.JSON,
    "how to read the images",
    _options.PIXEL_SPACING,
    option("--force", "read pixels of more than 0.15 mm too, which show few calcifications"),
    "what to find",
    _options.source("mask of the region to search: what is not 0", "--roi"),
    option(
        "--threshold --min-z Z",
        "least response of the filter over its local deviation (5.5)",
        _options.positive_float,
    ),
    *_options.linking("by default by the gaps between outlines"),
)
def run_detect(args: argparse.Namespace) -> int | None:
    """Search the images; exit code 2 where one of them could not be read."""
    from calcigram.detect.detection import THRESHOLD_Z

    found = {
        "spacing_mm": args.pixel_spacing,
        "force": args.force,
        "roi": args.roi,
        "threshold_z": args.threshold or THRESHOLD_Z,
        "linking": _options.linking_option(args),
    }
    if args.output.suffix.lower() == ".dcm":
        _to_dicom(args, found)
        return None
    from calcigram.detect.folders import detect_files

    with progress_bar("Images") as progress:
        summary = detect_files(
            args.images,
            args.output,
            **_options.given(args, "labels", "resume", "failures"),
            n_jobs=_options.jobs(args),
            progress=progress,
            **found,
        )
    say(*summary.notes[:MAX_NOTES])
    if len(summary.notes) > MAX_NOTES:
        say(f"... and {len(summary.notes) - MAX_NOTES} more notes (--json lists them all)")
    if summary.n_resumed:
        say(f"{counted(summary.n_resumed, 'image')} taken over from the interrupted run")
    if summary.n_passed_over:
        what = "not an image" if summary.n_passed_over == 1 else "not images"
        say(f"{counted(summary.n_passed_over, 'file')} skipped: {what}")
    images = counted(summary.n_images, "image")
    marks = counted(summary.n_calcifications, "calcification")
    clusters = counted(summary.n_clusters, "cluster")
    loose = f" (not listed: {summary.n_loose} in no cluster)" if summary.n_loose else ""
    say(f"{images}: {marks} in {clusters}{loose} -> {args.output}")
    if summary.n_failed:
        say(*(f"calcigram: error: {message}" for message in summary.messages[:MAX_NOTES]))
        place = f" -> {summary.failures}" if summary.failures else ""
        say(f"{counted(summary.n_failed, 'image')} could not be read{place}")
    if args.json:
        print_json(asdict(summary))
    return 2 if summary.n_failed else None


def _to_dicom(args: argparse.Namespace, found: dict[str, Any]) -> None:
    """Answer one DICOM image with a report, which holds what the model reads too."""
    from calcigram.replies import reply_to_image

    if len(args.images) != 1 or args.images[0].is_dir() or args.resume or args.failures:
        raise BadInputError("one image, without --resume and --failures, for a DICOM report")
    with working("Searching the image"):
        reply = reply_to_image(args.images[0], args.output, labels=args.labels, **found)
    say(
        *(f"{args.images[0]}: {note}" for note in reply.notes),
        f"{counted(len(reply.clusters), 'cluster')} -> {args.output} (tid1500)",
    )
    if args.json:
        print_json(reply.verdicts)


@_options.command(
    "measure",
    "grow points of a table to their outlines in the image, so that marks from anywhere are comparable",
    "calcigram measure points.csv --image mammogram.dcm -o marks.csv",
    _options.source("table of points (columns x_mm, y_mm), report, annotation or mask"),
    _options.output("CSV, Parquet or JSON file to write", *_options.TABLES, required=True),
    _options.option("--force", "read pixels of more than 0.15 mm too"),
    _options.JSON,
    *_options.READING,
)
def run_measure(args: argparse.Namespace) -> None:
    """Measure and write."""
    from dataclasses import replace

    from calcigram.detect.points import measure_file
    from calcigram.formats import write_table

    if len(args.image or ()) != 1:
        raise BadInputError("one --image FILE, the mammogram that the points lie on")
    options = replace(_options.reading_options(args), images=())
    with working("Measuring"):
        table, notes = measure_file(args.file, args.image[0], options, force=args.force)
    write_table(table, args.output)
    n_measured = int(table["diameter_mm"].notna().sum())
    say(*notes)
    if "cluster_id" not in table:
        say("the table has no column cluster_id: read it with --single-cluster ID, or add one")
    say(f"{n_measured} of {counted(len(table), 'point')} measured -> {args.output}")
    if args.json:
        print_json(table)
