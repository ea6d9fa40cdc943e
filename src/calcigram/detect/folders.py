"""Many images to one table of marks: in parallel, resumed where it was broken off, one row per image that fails."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from calcigram.clusters import ClusterSet
from calcigram.detect.detection import THRESHOLD_Z
from calcigram.detect.images import META_NAMES, Found, search, short_name
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.arrays import NUMPY_MAGICS
from calcigram.formats.checkpoint import check_apart, code_digest, kept_parts
from calcigram.formats.extras import load_extra
from calcigram.formats.files import (
    STANDARD_STREAM,
    PathLike,
    first_bytes,
    is_image_file,
    refuse_address,
    stamp_of,
    suffix_of,
)
from calcigram.formats.mammograms import read_mammogram
from calcigram.formats.output import TABLE_SUFFIXES, arrow_table, table_writer, write_table
from calcigram.formats.temporary import atomic_path
from calcigram.limits import CLUSTER_NAMES, POINT_NAMES
from calcigram.linking import Linking
from calcigram.longtable import frame_from_clusters
from calcigram.threads import check_workers
from calcigram.wording import counted

LABEL_SUFFIXES = (".png", ".tif", ".tiff", ".dcm")
FAILURE_COLUMNS = ("source", "error", "message")

LABEL = "label"
"""Column with the number of a calcification in the label image."""

MAX_NAMED = 10


@dataclass
class DetectSummary:
    """The result of searching images.

    Attributes
    ----------
    n_images, n_clusters, n_calcifications : int
        Images searched, and what was found; calcifications in no cluster are not counted.
    n_loose : int
        Calcifications in no cluster, which are not written.
    n_failed : int
        Images that could not be read.
    n_passed_over : int
        Files of folders that are no images of a breast at all: tables, reports, segmentations.
    n_resumed : int
        Images taken over from a run that was broken off.
    failures : pathlib.Path or None
        Where the failures were written to, if there were any.
    notes : list of str
        What was read, left out or should be looked at, by image.
    messages : list of str
        What was wrong with the images that could not be read.
    """

    n_images: int = 0
    n_clusters: int = 0
    n_calcifications: int = 0
    n_loose: int = 0
    n_failed: int = 0
    n_passed_over: int = 0
    n_resumed: int = 0
    failures: Path | None = None
    notes: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Job:
    """One image, and what is to be written of it."""

    path: str
    labels: str | None


def detect_files(
    paths: PathLike | Iterable[PathLike],
    output: PathLike,
    *,
    spacing_mm: float | Sequence[float] | None = None,
    roi: PathLike | None = None,
    threshold_z: float = THRESHOLD_Z,
    linking: Linking | None = None,
    force: bool = False,
    labels: PathLike | None = None,
    n_jobs: int = 1,
    resume: bool = False,
    failures: PathLike | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DetectSummary:
    """Detect the calcifications of images, and write their marks as one long table.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Images as `read_mammogram` takes them, and folders, which are searched for images with all that is in them.
    output : path-like
        ``.csv`` or ``.parquet``, one row per calcification in a cluster, with `labels` as PNG or TIFF also its number there
        (``label``); ``-`` is standard output, in CSV. It appears when all images
        were searched. Where some fail it holds the others; where all fail it is not written.
    spacing_mm, roi, threshold_z, linking, force
        As `detect` takes them.
    labels : path-like, optional
        Of one image, a label image to write (PNG or TIFF of 16 bits: 0, or the number of a calcification, also of those in
        no cluster) or a DICOM segmentation (``.dcm``: a segment per cluster). Of several images, a folder for label
        images as PNG.
    n_jobs : int
        Processes.
    resume : bool
        Take over the images that a run which was killed or interrupted left behind.
    failures : path-like, optional
        Table with one row per image that fails: file, kind of error, message. By default beside `output`, named
        ``<output>.failures.csv``, and only where one of several images fails.
    progress : callable, optional
        Called with (images done, images).

    Returns
    -------
    DetectSummary

    Raises
    ------
    CalcigramError
        There is no image, or outputs overlap inputs, or `resume` meets images or options that were others; or
        no image can be read.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> grey = np.random.default_rng(1).integers(900, 1100, (200, 100)).astype(np.uint16)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.fromarray(grey).save(Path(folder) / "left.png")
    ...     summary = detect_files(Path(folder) / "left.png", Path(folder) / "marks.csv", spacing_mm=0.07)
    >>> summary.n_images, summary.n_failed
    (1, 0)
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    suffix_of(output, (".csv", ".parquet"))
    failures_path = _failures_path(output, failures)
    check_workers(n_jobs, "n_jobs")
    check_apart([path for path in (output, failures_path) if path], [roi] if roi else [], given)
    check_apart([labels] if labels else [], [*([roi] if roi else []), *given])
    files, n_passed_over = _images(given)
    jobs = _jobs(files, labels)
    how: dict[str, Any] = {
        "spacing_mm": spacing_mm,
        "force": force,
        "roi": roi,
        "threshold_z": threshold_z,
        "linking": linking,
    }
    summary = DetectSummary(n_passed_over=n_passed_over)
    failed: list[dict[str, str]] = []
    names: Counter[str] = Counter()

    def manifest() -> dict[str, Any]:
        read = [Path(file) for file in (*files, *([roi] if roi else []))]
        return {
            "format": "calcigram detections, broken off",
            "files": [[str(path), *stamp_of(path)] for path in read],
            "code": code_digest(),
            "labels": None if labels is None else str(labels),
            **{name: None if value is None else str(value) for name, value in how.items()},
        }

    def count(note: dict[str, Any]) -> None:
        summary.notes += note["notes"]
        if note["failure"]:
            failed.append(note["failure"])
        elif note["name"]:
            summary.n_images += 1
            names[note["name"]] += 1
        else:
            summary.n_passed_over += 1
        summary.n_clusters += note["n_clusters"]
        summary.n_calcifications += note["n_calcifications"]
        summary.n_loose += note["n_loose"]
        if progress is not None:
            progress(parts.n_kept, len(jobs))

    with ExitStack() as stack:
        parts = stack.enter_context(kept_parts(output, manifest, resume=resume))
        write = stack.enter_context(table_writer(output))
        for table, note in parts.take_up():
            write(table)
            count(note)
        summary.n_resumed = parts.n_kept
        for frame, note in _results(jobs[parts.n_kept :], how, n_jobs):
            table = arrow_table(_told_apart(frame, note["name"], names))
            parts.add(table, note)
            write(table)
            count(note)
        summary.messages = [failure["message"] for failure in failed]
        summary.n_failed = len(failed)
        if failed and failures_path and (len(jobs) > 1 or failures is not None):
            write_table(pd.DataFrame(failed, columns=list(FAILURE_COLUMNS)), failures_path)
            summary.failures = failures_path
        if not summary.n_images:
            raise CalcigramError(_nothing_read(summary, files))
    return summary


def _failures_path(output: PathLike, failures: PathLike | None) -> Path | None:
    if failures is not None:
        suffix_of(failures, TABLE_SUFFIXES)
        return Path(failures)
    return None if str(output) == STANDARD_STREAM else Path(output).with_suffix(".failures.csv")


def _nothing_read(summary: DetectSummary, files: Sequence[str]) -> str:
    """Return what is said where no image could be searched."""
    if len(files) == 1 and summary.messages:
        return summary.messages[0]
    shown = summary.messages[:MAX_NAMED]
    more = summary.n_failed - len(shown)
    said = "\n  ".join([*shown, *([f"... and {more} more"] if more > 0 else [])])
    return f"no mammogram among {counted(len(files), 'image')}:\n  {said}"


def _images(given: Sequence[PathLike]) -> tuple[list[str], int]:
    """Return the images that are named, and those in folders, and how many other files these hold."""
    files: dict[str, None] = {}
    n_others = 0
    for path in given:
        refuse_address(path)
        if not Path(path).is_dir():
            files[os.fspath(path)] = None
            continue
        inside = sorted(file for file in Path(path).rglob("*") if file.is_file())
        images = [file for file in inside if is_image_file(file) and not _is_numpy(file)]
        files |= dict.fromkeys(map(str, images))
        n_others += len(inside) - len(images)
    if not files:
        raise BadInputError(
            "at least one image: DICOM, PNG or TIFF", value=[str(path) for path in given]
        )
    return list(files), n_others


def _is_numpy(path: Path) -> bool:
    return first_bytes(path, 8).startswith(NUMPY_MAGICS)


def _jobs(files: Sequence[str], labels: PathLike | None) -> list[_Job]:
    """Return what to do for each image: labels are named after the files."""
    if labels is None:
        return [_Job(file, None) for file in files]
    suffix = Path(labels).suffix.lower()
    if len(files) == 1 and not Path(labels).is_dir():
        if suffix not in LABEL_SUFFIXES:
            raise BadInputError(
                f"a name that ends in {', '.join(LABEL_SUFFIXES)}",
                column="labels",
                value=str(labels),
            )
        return [_Job(files[0], str(labels))]
    if suffix in LABEL_SUFFIXES:
        raise BadInputError(
            f"a folder for the labels of {len(files)} images", column="labels", value=str(labels)
        )
    Path(labels).mkdir(exist_ok=True)
    taken: Counter[str] = Counter()
    jobs = []
    for file in files:
        stem = Path(file).stem
        taken[stem] += 1
        name = stem if taken[stem] == 1 else f"{stem}~{taken[stem]}"
        jobs.append(_Job(file, str(Path(labels) / f"{name}.png")))
    return jobs


def _results(
    jobs: Sequence[_Job], how: dict[str, Any], n_jobs: int
) -> Iterator[tuple[pd.DataFrame, dict[str, Any]]]:
    """Yield what is found in each image, in order."""
    if min(n_jobs, len(jobs)) <= 1:
        yield from (_searched(job, how) for job in jobs)
        return
    from joblib import Parallel, delayed

    yield from Parallel(min(n_jobs, len(jobs)), return_as="generator")(
        delayed(_searched)(job, how) for job in jobs
    )


def _searched(job: _Job, how: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Search one image; return the long table of its marks, and a note of JSON values."""
    note: dict[str, Any] = {"name": "", "n_clusters": 0, "n_calcifications": 0, "n_loose": 0, "notes": [], "failure": None}  # fmt: skip
    found = None
    is_numbered = job.labels is not None and Path(job.labels).suffix.lower() != ".dcm"
    chosen = dict(how)
    reading = {name: chosen.pop(name) for name in ("spacing_mm", "force")}
    try:
        mammogram = read_mammogram(job.path, **reading)
        found = search(mammogram, **chosen)
        if job.labels is not None:
            write_labels(found, job.labels, job.path)
    except CalcigramError as error:
        note["failure"] = _failure(job, type(error).__name__, str(error))
    except MemoryError:
        note["failure"] = _failure(
            job, "MemoryError", f"{job.path}: not enough memory; use fewer --jobs"
        )
    except OSError as error:
        note["failure"] = _failure(
            job, "OSError", f"{job.path}: {error.strerror or 'cannot be read'}"
        )
    except (
        Exception
    ) as error:  # one image must not end a run of many; what a bug says may name a patient
        message = f"{job.path}: internal error ({type(error).__name__}); please report it"
        note["failure"] = _failure(job, type(error).__name__, message)
    if found is None or note["failure"]:
        return _table(None, is_numbered), note
    note["name"] = short_name(found.mammogram.image_id)
    note["n_clusters"] = len(found.clusters)
    note["n_calcifications"] = len(found.rows)
    note["n_loose"] = len(found.detection.table) - len(found.rows)
    note["notes"] = [f"{job.path}: {text}" for text in found.notes]
    return _table(found, is_numbered), note


def write_labels(found: Found, path: PathLike, image: PathLike) -> None:
    """Write the labels of a detection: a PNG or TIFF of 16 bits, or a DICOM segmentation of its clusters.

    Parameters
    ----------
    found : Found
    path : path-like
        By its suffix, one of `LABEL_SUFFIXES`.
    image : path-like
        The image that was searched; a segmentation needs it to be DICOM.

    Raises
    ------
    BadInputError
        A segmentation is asked for of an image that is no DICOM file, or that has no cluster.
    """
    if Path(path).suffix.lower() == ".dcm":
        from calcigram.formats.dicom.segmentation import write_segmentation

        labels, table = found.detection.labels, found.rows + 1
        masks = [np.isin(labels, own) for own in np.split(table, found.clusters.offsets[1:-1])]
        write_segmentation(
            masks if len(found.rows) else [],
            list(found.clusters.cluster_id),
            image,
            found.mammogram.spacing_mm,
            path,
        )
        return
    image_module = load_extra("PIL.Image", "A label image")
    kind = "PNG" if Path(path).suffix.lower() == ".png" else "TIFF"
    with atomic_path(path) as temporary:
        image_module.fromarray(found.detection.labels.astype(np.uint16)).save(temporary, kind)


def _failure(job: _Job, error: str, message: str) -> dict[str, str]:
    return {"source": job.path, "error": error, "message": message}


def _table(found: Found | None, is_numbered: bool) -> pd.DataFrame:
    """Return the marks as a long table, of the same columns for every image; `LABEL` is the number in the label image."""
    clusters = ClusterSet.concat([]) if found is None else found.clusters
    frame = frame_from_clusters(clusters, columns=(*POINT_NAMES, *CLUSTER_NAMES))
    texts = dict.fromkeys(("cluster_id", *META_NAMES), object)
    columns = ["cluster_id", *POINT_NAMES, *CLUSTER_NAMES, *META_NAMES]
    frame = frame.reindex(columns=columns).astype(texts)
    if is_numbered:
        frame[LABEL] = np.zeros(0, np.int64) if found is None else found.rows + 1
    return frame


def _told_apart(frame: pd.DataFrame, name: str, names: Counter[str]) -> pd.DataFrame:
    """Return the marks with other cluster ids where an image of the same name went before."""
    if not names[name] or frame.empty:
        return frame
    ids = frame["cluster_id"].str.removeprefix(f"{name}-")
    return frame.assign(cluster_id=f"{name}~{names[name] + 1}-" + ids)
