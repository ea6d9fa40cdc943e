"""DICOM segmentations: read as clusters, each segment of each image being a mask; and written from masks of clusters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram._version import __version__
from calcigram.errors import BadInputError
from calcigram.formats.annotations import Cluster, ImageMarks, gather
from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.answer import ALGORITHM, MANUFACTURER, REQUIRED, derived_uid
from calcigram.formats.dicom.concepts import Coded, kind_of_finding, plain
from calcigram.formats.dicom.datasets import (
    coded,
    first_of,
    items_of,
    save_dataset,
    text_of,
    whole_of,
)
from calcigram.formats.dicom.images import (
    MAX_VALUES,
    FindImages,
    describe_from_header,
    frames,
    open_dicom,
)
from calcigram.formats.dicom.report import (
    IN_MASK,
    ImageEntry,
    measures,
    pixel_spacing,
    unread_spacing,
)
from calcigram.formats.extras import load_extra
from calcigram.formats.files import PathLike, first_bytes, looks_like_dicom
from calcigram.formats.masks import fill_from_labels
from calcigram.formats.temporary import atomic_path
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions
from calcigram.wording import counted, printable

if TYPE_CHECKING:
    from pydicom import Dataset

_Crop = tuple[int, int, "npt.NDArray[np.bool_]"]


def read_segmentation(path: PathLike, find_images: FindImages, options: ReadOptions) -> Intake:
    """Read the clusters of a segmentation.

    Parameters
    ----------
    path : path-like
    find_images : callable
        Gives the headers of images by SOP instance UID.
    options : ReadOptions

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged, too large, or the size of a pixel is not known.

    Notes
    -----
    A segment is a cluster where its property type says so, or where it has several parts; each
    part is a calcification. Segments of one part are calcifications, linked by distance. Segments of
    anything but calcifications are left out. Frames of one segment on one image, as the slices of a
    tomosynthesis are, are laid over each other.
    """
    dataset = open_dicom(path, pixels=True)
    segments = {
        whole_of(item, "SegmentNumber"): item for item in items_of(dataset, "SegmentSequence")
    }
    notes = [f"DICOM segmentation of {counted(len(segments), 'segment')}"]
    names = {number: text_of(item, "SegmentLabel") for number, item in segments.items()}
    labels = _chosen(names, options.labels, "--label")
    regions = _chosen(names, options.regions, "--regions")
    is_map = text_of(dataset, "SegmentationType").upper() == "FRACTIONAL"
    threshold = options.least_probability
    if options.threshold is not None and not is_map:
        expected, kind = "a fractional segmentation, or no threshold", "SegmentationType"
        raise BadInputError(expected, column="--threshold", value=text_of(dataset, kind))
    if is_map:
        text = (
            f"fractional segmentation: fractions of at least {threshold:g} (--threshold) are marked"
        )
        notes.append(Notice(text))
    left_out = {
        number
        for number, item in segments.items()
        if number not in regions and (number not in labels if labels else _is_other(item))
    }
    reason = "not named with --label" if labels else "of no calcification"
    notes += [Notice(f"segment {n} ({names[n]}) is {reason}, left out") for n in sorted(left_out)]
    gathered: dict[str, ImageMarks] = {}
    spacings: dict[str, Any] = {}
    masks: dict[tuple[str, int], _Crop] = {}
    n_frames: Counter[tuple[str, int]] = Counter()
    for uid, number, crop in _masks(dataset, threshold):
        if number not in left_out:
            masks[uid, number] = _united(masks.get((uid, number), crop), crop)
            n_frames[uid, number] += 1
    if not masks:
        notes.append("no pixel is marked as a calcification")
    headers = find_images(dict.fromkeys(uid for uid, _ in masks if uid))
    for (uid, number), (top, left, crop_mask) in masks.items():
        if n_frames[uid, number] > 1:
            text = f"segment {number}: {n_frames[uid, number]} frames are read as one plane"
            notes.append(Notice(text))
        if uid not in gathered:
            entry = segmented_image(dataset, uid, headers.get(uid))
            spacings[uid] = pixel_spacing(entry, options.pixel_spacing, elsewhere=IN_MASK)
            notes.append(spacings[uid].note(f"image {uid or '?'}: "))
            patient = text_of(dataset, "PatientID")
            gathered[uid] = ImageMarks(uid, patient, entry.laterality, entry.view)
        part, size = ImageMarks(), (spacings[uid].x_mm, spacings[uid].y_mm)
        if number in regions:
            fill_from_labels(part, crop_mask, size, regions=(1,), corner=(top, left))
            gathered[uid].clusters += part.clusters
            continue
        chosen = (1,) if labels else ()
        said = fill_from_labels(part, crop_mask, size, chosen=chosen, corner=(top, left))
        notes += [Notice(f"segment {number}: {n}") for n in said if isinstance(n, Notice)]
        _take_over(part, gathered[uid], segments.get(number), number)
    return gather(gathered.values(), notes, options.linking)


def _chosen(names: dict[int, str], labels: tuple[int | str, ...], option: str) -> set[int]:
    """Return the numbers of the segments that are named, by number or label."""
    for label in labels:
        if label not in (*names, *names.values()):
            expected = f"a segment: {', '.join(map(str, sorted(names)[:10]))}, or its label"
            raise BadInputError(expected, column=option, value=label)
    return {n for n, name in names.items() if {n, name} & {*labels}}


def _crop(mask: npt.NDArray[np.bool_]) -> _Crop:
    """Return the part of a mask that is not empty, and its top and left."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return int(rows[0]), int(columns[0]), part.copy()


def _united(one: _Crop, other: _Crop) -> _Crop:
    """Return two parts of one plane as one: a thing seen in several slices is one thing."""
    if one is other:
        return one
    top, left = min(one[0], other[0]), min(one[1], other[1])
    bottom = max(part.shape[0] + at for at, _, part in (one, other))
    right = max(part.shape[1] + at for _, at, part in (one, other))
    whole = np.zeros((bottom - top, right - left), bool)
    for row, column, part in (one, other):
        at = (row - top, column - left)
        whole[at[0] : at[0] + part.shape[0], at[1] : at[1] + part.shape[1]] |= part
    return top, left, whole


def _masks(dataset: Dataset, threshold: float) -> Iterator[tuple[str, int, _Crop]]:
    """Yield image UID, segment number and what is marked, frame by frame; empty masks are skipped."""
    pixels = frames(dataset)
    kind = text_of(dataset, "SegmentationType").upper()
    per_frame = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    shared = first_of(dataset, "SharedFunctionalGroupsSequence")
    named = list(referenced_images(dataset))
    for index, frame in enumerate(pixels):
        own = per_frame[index] if index < len(per_frame) else None
        uid = _source_image(own) or _source_image(shared) or (named[0] if len(named) == 1 else "")
        if kind == "LABELMAP":
            yield from ((uid, *labelled) for labelled in _labelled(frame))
            continue
        if kind == "FRACTIONAL":
            greatest = max(1, whole_of(dataset, "MaximumFractionalValue", 255))
            frame = frame >= threshold * greatest
        name = "SegmentIdentificationSequence"
        identified = first_of(own, name) or first_of(shared, name)
        if frame.any():
            yield uid, whole_of(identified, "ReferencedSegmentNumber", 1), _crop(frame > 0)


def _labelled(frame: npt.NDArray[Any]) -> Iterator[tuple[int, _Crop]]:
    """Yield each label of a frame, in one pass, with what it marks."""
    from scipy.ndimage import find_objects

    boxes = find_objects(frame.astype(np.int32))
    found = [(number, box) for number, box in enumerate(boxes, start=1) if box is not None]
    n_pixels = sum(math.prod(span.stop - span.start for span in box) for _, box in found)
    if n_pixels > MAX_VALUES:
        expected = f"segments in boxes of at most {MAX_VALUES} pixels together"
        raise BadInputError(expected, value=n_pixels)
    for number, box in found:
        yield number, (box[0].start, box[1].start, frame[box] == number)


def _source_image(groups: Dataset | None) -> str:
    for derivation in items_of(groups, "DerivationImageSequence"):
        for image in items_of(derivation, "SourceImageSequence"):
            uid = text_of(image, "ReferencedSOPInstanceUID")
            if uid:
                return uid
    return ""


def referenced_images(dataset: Dataset) -> dict[str, tuple[str, str, str]]:
    """Return SOP instance UID -> (study, series, SOP class) of the images a segmentation is of.

    Series and class are empty of images that only single frames refer to.
    """
    study = text_of(dataset, "StudyInstanceUID")
    found: dict[str, tuple[str, str, str]] = {}
    for series in items_of(dataset, "ReferencedSeriesSequence"):
        within = (study, text_of(series, "SeriesInstanceUID"))
        for instance in items_of(series, "ReferencedInstanceSequence"):
            place = (*within, text_of(instance, "ReferencedSOPClassUID"))
            found[text_of(instance, "ReferencedSOPInstanceUID")] = place
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for frame in items_of(dataset, name):
            found.setdefault(_source_image(frame), (study, "", ""))
    return {uid: place for uid, place in found.items() if uid}


def segmented_image(dataset: Dataset, uid: str, header: Dataset | None) -> ImageEntry:
    """Return what is known of the image a mask lies on, and what the mask states of its pixels.

    Raises
    ------
    BadInputError
        The image has other pixels than the mask, which does not state the size of its own.
    """
    entry = ImageEntry(uid, header=header)
    describe_from_header(entry)
    stated = measures(dataset)
    size = (whole_of(dataset, "Rows"), whole_of(dataset, "Columns"))
    is_other_size = entry.header is not None and (entry.n_rows, entry.n_columns) != size
    entry.is_segmented, entry.spacing_unread = True, unread_spacing(dataset)
    if stated is not None:
        entry.spacing_y_mm, entry.spacing_x_mm = stated  # DICOM has rows first
        entry.header = None if is_other_size else entry.header
    elif is_other_size:
        raise BadInputError(
            f"a mask of the image's {entry.n_rows} x {entry.n_columns} pixels, or the size of its own "
            "(Pixel Measures Sequence), or the option --pixel-spacing MM",
            value=f"{size[0]} x {size[1]}",
        )
    entry.n_rows, entry.n_columns = size
    return entry


def _is_other(segment: Dataset) -> bool:
    """Tell whether a segment is of something that is no calcification, by its type and its label."""
    code = coded(first_of(segment, "SegmentedPropertyTypeCodeSequence"))
    label = text_of(segment, "SegmentLabel")
    named = (code, Coded("", "", label))
    if any(kind_of_finding(name) in ("cluster", "single") for name in named):
        return False
    words = plain(" ".join((code.meaning if code else "", label)))
    # what is named so generally may be anything
    is_untold = any(word in words for word in ("lesion", "finding", "segment", "mask", "abnormal"))
    return bool(words) and not is_untold


def _take_over(part: ImageMarks, image: ImageMarks, segment: Dataset | None, number: int) -> None:
    """Add the marks of one mask: as a cluster of its own, or as loose calcifications."""
    code = coded(first_of(segment, "SegmentedPropertyTypeCodeSequence"))
    name = text_of(segment, "TrackingID") or f"segment {number}"
    single = concepts.SINGLE.matches(code)
    if kind_of_finding(code) == "cluster" or (len(part.loose) >= 3 and not single):
        image.clusters.append(Cluster(part.loose, name=name, formed_by="one segment"))
    else:
        image.loose += part.loose


SERIES_NUMBER = 9112

MAX_SEGMENTS = 500
"""Each has a plane of its own."""


def write_segmentation(
    masks: Sequence[npt.NDArray[np.bool_]],
    names: Sequence[str],
    image: PathLike,
    spacing_mm: tuple[float, float],
    path: PathLike,
) -> None:
    """Write masks of clusters as one segmentation, which names patient and study as the image does.

    Parameters
    ----------
    masks : sequence of ndarray of bool, shape (rows, columns)
    names : sequence of str
        Of the clusters; the labels of the segments.
    image : path-like
        The DICOM image.
    spacing_mm : (float, float)
        Size of a pixel in the breast, (row, column).
    path : path-like
        Written whole or not at all. The same masks of the same image make the same UIDs.

    Raises
    ------
    BadInputError
        The image is no DICOM file, lacks what a segmentation refers to, or there is no cluster.
    """
    highdicom = load_extra("highdicom", "A DICOM segmentation")
    if not looks_like_dicom(first_bytes(image, 4096)):
        expected = "a DICOM image for a DICOM segmentation; write labels as PNG"
        raise BadInputError(expected, source=str(image))
    if not 0 < len(masks) <= MAX_SEGMENTS:
        expected = f"1 to {MAX_SEGMENTS} clusters for a segmentation"
        raise BadInputError(expected, source=str(image), value=len(masks))
    header = open_dicom(image, pixels=True)
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if not text_of(header, name):
            raise BadInputError(f"an image with a {name}", source=str(image))
    for name in REQUIRED:  # may be empty, but highdicom asks for them
        if name not in header:
            setattr(header, name, None)
    drawn = (np.packbits(mask).tobytes().hex() for mask in masks)
    seed = [text_of(header, "SOPInstanceUID"), *names, *drawn]
    try:
        made = highdicom.seg.Segmentation(
            source_images=[header],
            pixel_array=np.stack(masks, axis=-1)[None],
            segmentation_type="BINARY",
            segment_descriptions=[_described(n, name, seed) for n, name in enumerate(names, 1)],
            series_instance_uid=derived_uid("series", "segmentation", *seed),
            series_number=SERIES_NUMBER,
            sop_instance_uid=derived_uid("instance", "segmentation", *seed),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=ALGORITHM,
            software_versions=__version__,
            device_serial_number="0",
            content_label="CALCIFICATIONS",
            content_description="Calcification clusters, detected",
            pixel_measures=highdicom.PixelMeasuresSequence(spacing_mm, slice_thickness=1.0),
        )
    except (AttributeError, KeyError, ValueError, TypeError) as error:  # of incomplete headers
        expected = f"an image whose header a segmentation can refer to ({type(error).__name__})"
        raise BadInputError(expected, source=str(image)) from None
    if "FrameOfReferenceUID" not in header and "PatientOrientation" not in made:
        made.PatientOrientation = header.get("PatientOrientation")
    with atomic_path(path) as temporary:
        save_dataset(made, temporary)


def _described(number: int, name: str, seed: Sequence[str]) -> Any:
    import highdicom

    coded_as = highdicom.sr.CodedConcept
    label = printable(name).replace("\\", "?")[:64]  # a backslash would separate two values
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=coded_as(
            "49755003", "SCT", "Morphologically Abnormal Structure"
        ),
        segmented_property_type=coded_as("129769006", "SCT", "Calcification Cluster"),
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=ALGORITHM,
            version=__version__,
            family=coded_as("123106", "DCM", "Multi-Scale/Resolution Filtering"),
        ),
        tracking_id=label,
        tracking_uid=derived_uid("segment", str(number), *seed),
    )
