"""Writes a `Mammogram` as a DICOM file or a PNG of 16 bits: what the simulator has made, no patient's image."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calcigram._version import __version__
from calcigram.errors import BadInputError
from calcigram.formats.extras import load_extra
from calcigram.formats.files import PathLike, atomic_path, suffix_of
from calcigram.mammogram import Mammogram

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
    from calcigram.formats.dicom.datasets import save_dataset

    dataset = _dataset(mammogram, stored)
    with atomic_path(path) as temporary:
        save_dataset(dataset, temporary)
    return str(dataset.SOPInstanceUID)


def _dataset(mammogram: Mammogram, stored: npt.NDArray[np.uint16]) -> Any:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import (
        DigitalMammographyXRayImageStorageForPresentation,
        DigitalMammographyXRayImageStorageForProcessing,
        ExplicitVRLittleEndian,
    )

    from calcigram.formats.dicom.answer import ALGORITHM, MANUFACTURER, derived_uid

    raw = mammogram.raw
    seed = hashlib.sha256(stored.tobytes()).hexdigest()
    data = Dataset()
    data.SOPClassUID = (
        DigitalMammographyXRayImageStorageForProcessing
        if raw
        else DigitalMammographyXRayImageStorageForPresentation
    )
    for level in ("Study", "Series", "SOP"):
        uid = derived_uid(level, mammogram.image_id, seed)
        setattr(data, f"{level}InstanceUID", uid)
    # Type 2: there, and empty.
    for name in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
        "StudyID", "AccessionNumber", "ReferringPhysicianName", "PatientOrientation",
    ):  # fmt: skip
        setattr(data, name, None)
    data.Modality = "MG"
    data.PresentationIntentType = "FOR PROCESSING" if raw else "FOR PRESENTATION"
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.Manufacturer, data.ManufacturerModelName = MANUFACTURER, ALGORITHM
    data.SoftwareVersions = __version__
    data.ImageComments = f"simulated, {mammogram.image_id}"
    data.SeriesNumber = data.InstanceNumber = 1
    data.ImageLaterality = mammogram.laterality or None
    data.ViewPosition = mammogram.view or None
    data.BodyPartExamined = data.OrganExposed = "BREAST"
    data.ImagerPixelSpacing = [f"{size:.10g}" for size in mammogram.spacing_mm]
    data.BurnedInAnnotation, data.LossyImageCompression = "NO", "00"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated, data.PixelRepresentation = 16, 0
    data.BitsStored = max(12, int(stored.max(initial=0)).bit_length())
    data.HighBit = data.BitsStored - 1
    data.PixelIntensityRelationship = "LIN" if raw else "LOG"
    data.PixelIntensityRelationshipSign = -1  # greater values are less exposure
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "US"
    if not raw:
        data.PresentationLUTShape = "IDENTITY"
        low, high = np.percentile(stored, [0.1, 99.99])
        data.WindowCenter = f"{(low + high) / 2:.6g}"
        data.WindowWidth = f"{max(high - low, 1):.6g}"
    data.PixelData = np.ascontiguousarray(stored, "<u2").tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data
