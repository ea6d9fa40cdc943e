"""Writes a `Mammogram` as a DICOM file or a PNG of 16 bits: what the simulator has made, no patient's image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram._version import __version__
from calcigram.errors import BadInputError
from calcigram.formats.dicom.answer import ALGORITHM, MANUFACTURER, derived_uid
from calcigram.formats.dicom.datasets import describe, new_dataset, save_dataset, text_of
from calcigram.formats.dicom.images import open_dicom
from calcigram.formats.dicom.writing import REQUIRED
from calcigram.formats.extras import load_extra
from calcigram.formats.files import PathLike, atomic_path, first_bytes, looks_like_dicom, suffix_of
from calcigram.formats.mammograms import MG, MG_RAW
from calcigram.mammogram import Mammogram
from calcigram.wording import printable

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES = (".dcm", ".png")

_MM_PER_INCH = 25.4


def write_mammogram(mammogram: Mammogram, path: PathLike) -> str:
    """Write a simulated image, whole or not at all.

    Parameters
    ----------
    mammogram : Mammogram
        Of whole grey values from 0 to 65535.
    path : path-like
        ``.dcm``: Digital Mammography X-Ray Image, for presentation, or for processing where it is
        raw; it names no patient. ``.png``: 16 bits, the pixel size as dots per inch.

    Returns
    -------
    str
        What a reader calls the image: the SOP Instance UID, or the name of the file without suffix.

    Raises
    ------
    BadInputError
        Another suffix, or other grey values.
    MissingExtraError
        A DICOM file is asked for, and pydicom is not installed.

    Examples
    --------
    >>> import tempfile
    >>> image = Mammogram(np.full((2, 3), 7, np.float32), (0.07, 0.07))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_mammogram(image, f"{folder}/a.png")
    'a'
    """
    suffix = suffix_of(path, SUFFIXES)
    stored = mammogram.pixels.astype(np.uint16)
    if not np.array_equal(stored, mammogram.pixels):
        raise BadInputError("whole grey values from 0 to 65535", source=mammogram.image_id)
    if suffix == ".png":
        from PIL import Image

        dots = tuple(_MM_PER_INCH / size for size in mammogram.spacing_mm[::-1])
        with atomic_path(path) as temporary:
            Image.fromarray(stored).save(temporary, "PNG", dpi=dots)
        return Path(path).stem
    load_extra("pydicom", "A DICOM file")
    dataset = _dataset(mammogram, stored)
    with atomic_path(path) as temporary:
        save_dataset(dataset, temporary)
    return str(dataset.SOPInstanceUID)


def _dataset(mammogram: Mammogram, stored: npt.NDArray[np.uint16]) -> Dataset:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    raw = mammogram.raw
    seed = hashlib.sha256(stored.tobytes()).hexdigest()
    uids = {
        f"{level}InstanceUID": derived_uid(level, mammogram.image_id, seed)
        for level in ("Study", "Series", "SOP")
    }
    n_bits = max(12, int(stored.max(initial=0)).bit_length())
    data = new_dataset(
        **dict.fromkeys((*REQUIRED, "PatientOrientation")),  # type 2: there, and empty
        **uids,
        SOPClassUID=MG_RAW if raw else MG,
        Modality="MG",
        PresentationIntentType="FOR PROCESSING" if raw else "FOR PRESENTATION",
        ImageType=["DERIVED", "PRIMARY"],
        Manufacturer=MANUFACTURER,
        ManufacturerModelName=ALGORITHM,
        SoftwareVersions=__version__,
        ImageComments=f"simulated, {mammogram.image_id}",
        SeriesNumber=1,
        InstanceNumber=1,
        ImageLaterality=mammogram.laterality or None,
        ViewPosition=mammogram.view or None,
        BodyPartExamined="BREAST",
        OrganExposed="BREAST",
        ImagerPixelSpacing=[f"{size:.10g}" for size in mammogram.spacing_mm],
        BurnedInAnnotation="NO",
        LossyImageCompression="00",
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=stored.shape[0],
        Columns=stored.shape[1],
        BitsAllocated=16,
        BitsStored=n_bits,
        HighBit=n_bits - 1,
        PixelRepresentation=0,
        PixelIntensityRelationship="LIN" if raw else "LOG",
        PixelIntensityRelationshipSign=-1,  # greater values are less exposure
        RescaleIntercept=0,
        RescaleSlope=1,
        RescaleType="US",
        PixelData=np.ascontiguousarray(stored, "<u2").tobytes(),
        file_meta=describe(FileMetaDataset(), TransferSyntaxUID=ExplicitVRLittleEndian),
    )
    if not raw:
        low, high = np.percentile(stored, [0.1, 99.99])
        centre, width = f"{(low + high) / 2:.6g}", f"{max(high - low, 1):.6g}"
        describe(data, PresentationLUTShape="IDENTITY", WindowCenter=centre, WindowWidth=width)
    return data


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
