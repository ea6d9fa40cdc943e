"""Writes clusters as a DICOM segmentation of the image they lie on, one segment per cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram._version import __version__
from calcigram.errors import BadInputError
from calcigram.formats.dicom.answer import ALGORITHM, MANUFACTURER, derived_uid
from calcigram.formats.dicom.datasets import save_dataset, text_of
from calcigram.formats.dicom.images import open_dicom
from calcigram.formats.dicom.writing import REQUIRED
from calcigram.formats.extras import load_extra
from calcigram.formats.files import PathLike, atomic_path, first_bytes, looks_like_dicom
from calcigram.wording import printable

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
        raise BadInputError(
            "a DICOM image for a DICOM segmentation; write labels as PNG", source=str(image)
        )
    if not 0 < len(masks) <= MAX_SEGMENTS:
        raise BadInputError(
            f"1 to {MAX_SEGMENTS} clusters for a segmentation", source=str(image), value=len(masks)
        )
    header = open_dicom(image, pixels=True)
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        if not text_of(header, name):
            raise BadInputError(f"an image with a {name}", source=str(image))
    for name in REQUIRED:  # may be empty, but highdicom asks for them
        if name not in header:
            setattr(header, name, None)
    seed = [
        text_of(header, "SOPInstanceUID"),
        *names,
        *(np.packbits(m).tobytes().hex() for m in masks),
    ]
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
            pixel_measures=_measures(highdicom, spacing_mm),
        )
    except (AttributeError, KeyError, ValueError, TypeError) as error:  # of incomplete headers
        raise BadInputError(
            f"an image whose header a segmentation can refer to ({type(error).__name__})",
            source=str(image),
        ) from None
    if "FrameOfReferenceUID" not in header and "PatientOrientation" not in made:
        made.PatientOrientation = header.get("PatientOrientation")
    with atomic_path(path) as temporary:
        save_dataset(made, temporary)


def _measures(highdicom: Any, spacing_mm: tuple[float, float]) -> Any:
    row, column = spacing_mm
    return highdicom.PixelMeasuresSequence(
        pixel_spacing=(row, column), slice_thickness=1.0, spacing_between_slices=None
    )


def _described(number: int, name: str, seed: Sequence[str]) -> Any:
    import highdicom
    from highdicom.sr.coding import CodedConcept

    label = printable(name).replace("\\", "?")[:64]  # a backslash would separate two values
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=CodedConcept(
            "49755003", "SCT", "Morphologically Abnormal Structure"
        ),
        segmented_property_type=CodedConcept("129769006", "SCT", "Calcification Cluster"),
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=ALGORITHM,
            version=__version__,
            family=CodedConcept("123106", "DCM", "Multi-Scale/Resolution Filtering"),
        ),
        tracking_id=label,
        tracking_uid=derived_uid("segment", str(number), *seed),
    )
