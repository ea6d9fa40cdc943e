"""Answers in DICOM: a report, or clusters and the image they lie on, to the document to store.

Reading, classifying and writing are combined here; `formats.dicom` says what is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from calcigram.classify import Classifier
from calcigram.detect.detection import THRESHOLD_Z
from calcigram.detect.images import search
from calcigram.errors import BadInputError, naming
from calcigram.formats.checkpoint import check_apart
from calcigram.formats.files import PathLike
from calcigram.formats.mammograms import read_mammogram
from calcigram.formats.registry import content_of, is_table, kind_of, read_intake
from calcigram.formats.temporary import plain_file
from calcigram.linking import Linking
from calcigram.options import REPORT, ReadOptions

if TYPE_CHECKING:
    import pandas as pd
    from pydicom import Dataset

    from calcigram.clusters import ClusterSet
    from calcigram.formats.dicom.answer import Source
    from calcigram.formats.dicom.images import FindImages
    from calcigram.model.reader import Model

TEMPLATE_NAMES = ("tid1500", "cad-sr")


@dataclass(frozen=True)
class Reply:
    """An answer: the document, and what it was made of.

    Attributes
    ----------
    document : pydicom.Dataset
    clusters : ClusterSet
    verdicts : pandas.DataFrame
    notes : tuple of str
        What the input is, how clusters were formed of it, and what it lacks.
    """

    document: Dataset
    clusters: ClusterSet
    verdicts: pd.DataFrame
    notes: tuple[str, ...]


def reply_to_report(
    dataset: Dataset,
    name: str,
    find_images: FindImages,
    verdicts_of: Classifier,
    options: ReadOptions | None = None,
    *,
    template: str = TEMPLATE_NAMES[0],
) -> Reply:
    """Classify the clusters of an opened structured report and make the answer.

    Parameters
    ----------
    dataset : pydicom.Dataset
    name : str
        What messages call the report.
    find_images : callable
        Gives the headers of images by SOP instance UID.
    verdicts_of : Classifier
    options : ReadOptions, optional
    template : {"tid1500", "cad-sr"}

    Returns
    -------
    Reply

    Raises
    ------
    BadInputError
        It is no report of calcifications, or lacks what an answer needs.
    """
    from calcigram.formats.dicom.reading import read_report
    from calcigram.formats.dicom.writing import source_of_report

    with naming(name):
        read = read_report(dataset, name, find_images, options)
        source = source_of_report(read)
    return _reply(read.intake.clusters, verdicts_of, source, template, read.intake.notes)


def reply_to_file(
    path: PathLike,
    output: PathLike,
    options: ReadOptions | None = None,
    *,
    template: str = TEMPLATE_NAMES[0],
    model: Model | PathLike | None = None,
    n_threads: int | None = None,
) -> Reply:
    """Classify the clusters of a file and write the answer as a DICOM document.

    Parameters
    ----------
    path : path-like
        Whatever `formats.read_clusters` takes.
    output : path-like
        Written whole or not at all.
    options : ReadOptions, optional
        Its `images` are the DICOM image the clusters lie on; not needed where `path` is a report or a
        segmentation that states the size of its pixels and the series of its images.
    template : {"tid1500", "cad-sr"}
    model, n_threads
        As `classify.classify` takes them.

    Returns
    -------
    Reply

    Raises
    ------
    BadInputError
        The input is bad, or nothing says whose the clusters are.
    """
    from calcigram.formats.dicom.images import find_in_folder, is_image, open_dicom
    from calcigram.formats.dicom.reading import SEGMENTATIONS
    from calcigram.formats.dicom.segmentation import referenced_images
    from calcigram.formats.dicom.writing import source_of_segmentation, write_report_file

    options = options or ReadOptions()
    images = options.images
    check_apart([output], [path], images)
    verdicts_of = Classifier(model, n_threads)
    path = plain_file(path)
    dataset = open_dicom(path) if kind_of(path) == "dicom" else None
    if content_of(path, options) == "mammogram":
        return reply_to_image(
            path,
            output,
            spacing_mm=options.pixel_spacing,
            linking=options.linking,
            model=model,
            template=template,
        )
    if dataset is not None and is_image(dataset):  # a mask that is stored as an image
        dataset = None
    is_mask = dataset is not None and str(dataset.SOPClassUID) in SEGMENTATIONS
    if dataset is None or (is_mask and images and not referenced_images(dataset)):
        source_of = partial(_source_of_images, path, options)
        reply = _reply_to_intake(path, verdicts_of, template, options, source_of)
    elif is_mask:
        find = find_in_folder(path, images)
        source_of = partial(source_of_segmentation, dataset, find, options.pixel_spacing)
        reply = _reply_to_intake(path, verdicts_of, template, options, source_of)
    else:
        options.check_applies(REPORT, str(path))
        notes: list[str] = []
        find = find_in_folder(path, images, notes)
        reply = reply_to_report(dataset, str(path), find, verdicts_of, options, template=template)
        reply = replace(reply, notes=(*reply.notes, *notes))
    write_report_file(reply.document, output)
    return reply


def reply_to_image(
    path: PathLike,
    output: PathLike,
    *,
    labels: PathLike | None = None,
    spacing_mm: float | tuple[float, float] | None = None,
    force: bool = False,
    roi: PathLike | None = None,
    threshold_z: float = THRESHOLD_Z,
    linking: Linking | None = None,
    model: Model | PathLike | None = None,
    template: str = TEMPLATE_NAMES[0],
) -> Reply:
    """Detect the clusters of a DICOM image, classify them, and write the answer as a DICOM document.

    Parameters
    ----------
    path : path-like
    output : path-like
        Written whole or not at all.
    labels : path-like, optional
        As `detect.folders.detect_files` takes it.
    spacing_mm, force, roi, threshold_z, linking
        As `calcigram.detect` takes them.
    model, template
        As `reply_to_file` takes them.

    Returns
    -------
    Reply

    Raises
    ------
    BadInputError
        The image is no DICOM file, is refused, or has no cluster.
    """
    from calcigram.detect.folders import write_labels
    from calcigram.formats.dicom.writing import source_of_images, write_report_file

    outputs = [output] if labels is None else [output, labels]
    check_apart(outputs, [path])
    if kind_of(path) != "dicom":
        raise BadInputError("a DICOM image for a DICOM report", source=str(path))
    found = search(
        read_mammogram(path, spacing_mm=spacing_mm, force=force),
        roi=roi,
        threshold_z=threshold_z,
        linking=linking,
    )
    source = source_of_images([path], spacing_mm)
    reply = _reply(found.clusters, Classifier(model), source, template, found.notes)
    if labels is not None:
        write_labels(found, labels, path)
    write_report_file(reply.document, output)
    return reply


def _reply_to_intake(
    path: PathLike,
    verdicts_of: Classifier,
    template: str,
    options: ReadOptions,
    source_of: Callable[[], Source],
) -> Reply:
    """Answer a file that is no report; `source_of` says whose it is, and on which images it lies."""
    of_table = is_table(path)  # its image says whose it is, and no more
    intake = read_intake(path, replace(options, images=()) if of_table else options)
    with naming(path):
        source = source_of()
    clusters = intake.clusters
    named = set(clusters.meta["image_id"].dropna()) if "image_id" in clusters.meta else set()
    if len(source.images) == 1 and len(named) <= 1:  # one image is the one they lie on
        meta = clusters.meta.assign(image_id=next(iter(source.images)))
        clusters = replace(clusters, meta=meta)
    return _reply(clusters, verdicts_of, source, template, intake.notes)


def _reply(
    clusters: ClusterSet,
    verdicts_of: Classifier,
    source: Source,
    template: str,
    notes: tuple[str, ...],
) -> Reply:
    from calcigram.formats.dicom.writing import make_report

    verdicts = verdicts_of(clusters)
    document = make_report(clusters, verdicts, source, template)
    return Reply(document, clusters, verdicts, (*notes, *verdicts.attrs.get("notes", ())))


def _source_of_images(path: PathLike, options: ReadOptions) -> Source:
    from calcigram.formats.annotated import mammograms_of
    from calcigram.formats.dicom.writing import source_of_images

    images = options.images
    files = mammograms_of(Path(path).stem, images) if kind_of(path) == "plist" else images
    in_mm = is_table(path) and options.units != "px"
    return source_of_images(files, None if in_mm else options.pixel_spacing)
