"""DICOM files and images: opened safely, found by UID; what headers say of them, and their pixels; simulated images written."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram._version import __version__
from calcigram.errors import MAX_SHOWN, BadInputError, naming
from calcigram.formats.dicom import concepts
from calcigram.formats.dicom.answer import ALGORITHM, MANUFACTURER, REQUIRED, derived_uid
from calcigram.formats.dicom.datasets import (
    check_budget,
    check_size,
    coded,
    describe,
    first_of,
    items_of,
    new_dataset,
    numbers_of,
    save_dataset,
    text_of,
    values_of,
    whole_of,
)
from calcigram.formats.dicom.report import ImageEntry
from calcigram.formats.extras import MissingExtraError, load_extra, refusing_damaged
from calcigram.formats.files import (
    DICOM_MAGIC,
    DICOM_PREAMBLE,
    PathLike,
    first_bytes,
    looks_like_dicom,
    suffix_of,
)
from calcigram.formats.temporary import atomic_path
from calcigram.limits import MAX_PIXELS
from calcigram.longtable import Notice
from calcigram.mammogram import Mammogram

if TYPE_CHECKING:
    from pydicom import Dataset

MG, MG_RAW = "1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.5.1.4.1.1.1.2.1"

NO_IMAGES = (
    "1.2.840.10008.5.1.4.1.1.66.",
    "1.2.840.10008.5.1.4.1.1.88.",
    "1.2.840.10008.5.1.4.1.1.11.",
)
"""SOP classes of segmentations, reports and presentation states begin so; they too name images as sources."""

MAX_NEIGHBOURS = 2_000
"""Files of a folder looked at for a referenced image."""

FindImages = Callable[[Iterable[str]], "dict[str, Dataset]"]


@contextmanager
def quietly() -> Iterator[None]:
    """Keep what pydicom warns of and logs to itself: it quotes values, among them names of patients."""
    logger = logging.getLogger("pydicom")
    was_disabled = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = was_disabled


def told(error: BaseException) -> str:
    """Return what a library says of a file, without the values it quotes: one may name a patient.

    Examples
    --------
    >>> told(ValueError("Invalid value for VR DA: 'DOE^JANE'"))
    "ValueError: Invalid value for VR DA: '...'"
    """
    text = re.sub(r"(value\b[^']*)'[^']*'", r"\1'...'", str(error)[:MAX_SHOWN])
    return f"{type(error).__name__}: {text[:200]}"


def open_dicom(path: PathLike, *, pixels: bool = False) -> Dataset:
    """Open a DICOM file.

    Parameters
    ----------
    path : path-like
    pixels : bool
        Read pixel data too.

    Returns
    -------
    pydicom.Dataset

    Raises
    ------
    BadInputError
        The file cannot be read as DICOM.
    """
    first_bytes(path, 1)  # what cannot be read is told in our own words
    with naming(path), open(path, "rb") as file:
        return parse_dicom(file, pixels=pixels)


def parse_dicom(file: Any, *, pixels: bool = False) -> Dataset:
    """Parse DICOM from an open binary file."""
    pydicom = load_extra("pydicom", "A DICOM file")
    with refusing_damaged("a complete DICOM file", said=told), quietly():
        check_budget(file)
        dataset: Dataset = pydicom.dcmread(file, force=True, stop_before_pixels=not pixels)
        if "SOPClassUID" not in dataset or not str(dataset.SOPClassUID):
            raise BadInputError("a SOP Class UID (0008,0016)")
        for element in dataset.iterall():  # converted now, so that damage shows here
            _ = element.value
    return dataset


def find_in_folder(
    path: PathLike, given: Sequence[PathLike] = (), notes: list[str] | None = None
) -> FindImages:
    """Return a function that finds images by UID among the given files and beside a report.

    Parameters
    ----------
    path : path-like
        The report.
    given : sequence of path-like
        Image files, or folders of them, that the user named.
    notes : list of str, optional
        Where to say that none of those is an image that was looked for.

    Returns
    -------
    callable
        Takes SOP instance UIDs, returns the headers of those found; where one is missing, of an
        image that names it as its source.
    """

    images = [Path(image) for image in given]

    def find(uids: Iterable[str]) -> dict[str, Dataset]:
        missing = set(uids)
        found: dict[str, Path] = {}
        made_of: dict[str, Path] = {}
        for candidate in _candidates(Path(path), images):
            if missing <= set(found):
                break
            uid, sources = _glance(candidate)
            if uid in missing:
                found.setdefault(uid, candidate)
            for source in sources:
                made_of.setdefault(source, candidate)
        chosen = {uid: made_of[uid] for uid in missing if uid in made_of} | found
        if images and notes is not None and missing:
            named = {image.resolve() for image in images}
            if not any({c.resolve(), *c.resolve().parents} & named for c in chosen.values()):
                notes.append(Notice("none of the given images belongs to the file: not used"))
        return {uid: open_dicom(candidate) for uid, candidate in chosen.items()}

    return find


def _glance(path: Path) -> tuple[str, list[str]]:
    """Return a file's SOP instance UID and those of its source images; empty where it is no DICOM."""
    pydicom = load_extra("pydicom", "A DICOM file")
    tags = ["SOPClassUID", "SOPInstanceUID", "SourceImageSequence"]
    # What damaged bytes make pydicom raise is not documented.
    try:
        with open(path, "rb") as file, quietly():
            if not looks_like_dicom(file.read(DICOM_PREAMBLE + len(DICOM_MAGIC))):
                return "", []
            check_budget(file)
            header = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=tags)
            uid, sources = text_of(header, "SOPInstanceUID"), []
            if not text_of(header, "SOPClassUID").startswith(NO_IMAGES):
                sources = items_of(header, "SourceImageSequence")
            return uid, [text_of(source, "ReferencedSOPInstanceUID") for source in sources]
    except Exception:
        return "", []


def is_of_same_pixels(header: Dataset, entry: ImageEntry) -> bool:
    """Tell whether a header is that of an image, or of one made of it that has as many pixels.

    CAD reports speak of the image "for processing"; archives often keep that "for presentation"
    alone, which names the other as its source. Its pixels are the same where their number is.
    """
    if text_of(header, "SOPInstanceUID") == entry.uid:
        return True
    size = (whole_of(header, "Rows"), whole_of(header, "Columns"))
    return entry.n_rows > 0 and size == (entry.n_rows, entry.n_columns)


def _candidates(report: Path, given: list[Path]) -> Iterable[Path]:
    for image in given:
        if image.is_dir():
            yield from sorted(file for file in image.rglob("*") if file.is_file())[:MAX_NEIGHBOURS]
        else:
            yield image
    folder = report.resolve().parent
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_file())
    yield from (folder / n for n in names[:MAX_NEIGHBOURS] if folder / n != report.resolve())


def open_image(path: PathLike, *, pixels: bool = False) -> ImageEntry:
    """Open a DICOM image and return what its header says of it.

    Parameters
    ----------
    path : path-like
    pixels : bool
        Read pixel data too.

    Returns
    -------
    ImageEntry
        With its header.

    Raises
    ------
    BadInputError
        The file cannot be read as DICOM.
    """
    header = open_dicom(path, pixels=pixels)
    entry = ImageEntry(text_of(header, "SOPInstanceUID"), header=header)
    describe_from_header(entry)
    return entry


def is_image(dataset: Dataset) -> bool:
    """Tell whether a dataset is that of an image: no report, segmentation or presentation state."""
    return "Rows" in dataset and not text_of(dataset, "SOPClassUID").startswith(NO_IMAGES)


def describe_from_header(entry: ImageEntry) -> None:
    """Fill what the report does not say of an image from the image's own header."""
    header = entry.header
    if header is None:
        return
    if text_of(header, "SOPInstanceUID") == entry.uid:
        entry.class_uid = entry.class_uid or text_of(header, "SOPClassUID")
    laterality = text_of(header, "ImageLaterality") or text_of(header, "Laterality")
    entry.laterality = entry.laterality or laterality.strip()
    entry.n_rows = entry.n_rows or whole_of(header, "Rows")
    entry.n_columns = entry.n_columns or whole_of(header, "Columns")
    orientation = values_of(header, "PatientOrientation")
    if not any(entry.orientation) and len(orientation) == 2:
        entry.orientation = (str(orientation[0]), str(orientation[1]))
    view = first_of(header, "ViewCodeSequence")
    known = concepts.key_of(coded(view), concepts.VIEWS)
    entry.view = entry.view or known or text_of(header, "ViewPosition").strip()
    modifiers = [m for of in (view, header) for m in items_of(of, "ViewModifierCodeSequence")]
    entry.magnified |= any(concepts.MAGNIFICATION.matches(coded(code)) for code in modifiers)


MAX_FRAMES = 1_000

MAX_VALUES = 4 * MAX_PIXELS
"""Of all frames together."""


def frames(dataset: Dataset, index: int | None = None) -> npt.NDArray[Any]:
    """Return the pixels of a DICOM image as they are stored, shape (frames, rows, columns).

    Parameters
    ----------
    dataset : pydicom.Dataset
        With its pixel data.
    index : int, optional
        Of the one frame to read.

    Raises
    ------
    BadInputError
        They are damaged, compressed in a way that cannot be undone here, in colours, or too large.
    """
    size = [whole_of(dataset, name, 1) for name in ("NumberOfFrames", "Rows", "Columns")]
    size[0] = size[0] if index is None else 1
    if size[0] > MAX_FRAMES or size[1] * size[2] > MAX_PIXELS or np.prod(size) > MAX_VALUES:
        raise BadInputError(f"at most {MAX_PIXELS} pixels per frame", value=size)
    if (n_samples := whole_of(dataset, "SamplesPerPixel", 1)) > 1:
        raise BadInputError("a greyscale image", value=f"{n_samples} colours")
    # What damaged pixel data make pydicom raise is not documented.
    try:
        from pydicom.pixels import pixel_array

        with quietly():
            _check_compressed(dataset, (size[1], size[2]), index)
            pixels = np.asarray(pixel_array(dataset, index=index))
    except (BadInputError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a decoder in Rust panics with what is no Exception
        name = _compressed_by(dataset)
        if name and find_spec("pylibjpeg") is None:
            what_for = f"{dataset.filename}: pixel data in {name}"
            raise MissingExtraError("pylibjpeg", what_for, "images") from None
        raise BadInputError(f"pixel data that can be read ({told(error)})") from None
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3:
        raise BadInputError("a greyscale image", value=f"shape {pixels.shape}")
    return pixels


def _check_compressed(dataset: Dataset, size: tuple[int, int], index: int | None) -> None:
    """Refuse compressed frames that state another size than the image, before they are unpacked."""
    from pydicom.encaps import generate_frames

    if not _compressed_by(dataset) or "PixelData" not in dataset:
        return
    number = whole_of(dataset, "NumberOfFrames", 1) or 1
    for at, frame in enumerate(generate_frames(dataset.PixelData, number_of_frames=number)):
        if index is None or at == index:
            check_size(frame, size)
        if at == index:
            return


def _compressed_by(dataset: Dataset) -> str:
    """Return the name of the transfer syntax where it compresses pixels; empty for others and for damaged ones."""
    syntax: Any = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is None or not syntax.is_transfer_syntax or not syntax.is_encapsulated:
        return ""
    return str(syntax.name)


def modality_values(dataset: Dataset, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return stored pixels after rescaling or the modality look-up table of their header."""
    from pydicom.pixels import apply_modality_lut

    with refusing_damaged("a modality look-up table that can be read", said=told), quietly():
        return np.asarray(apply_modality_lut(pixels, dataset))


def displayed(dataset: Dataset) -> npt.NDArray[Any]:
    """Return the pixels of a mammogram's first frame such that what is displayed brighter is greater.

    Notes
    -----
    A negative rescale slope turns the values round, and so does a modality look-up table that falls.
    Photometric interpretation MONOCHROME1 and presentation LUT shape INVERSE say the same thing, that the
    least value is displayed white (PS3.3, C.8.11.3.1.2): together they turn the values round once.
    """
    pixels: npt.NDArray[Any] = frames(dataset, 0)[0]
    if "ModalityLUTSequence" in dataset:
        pixels = modality_values(dataset, pixels)
    slope = numbers_of(dataset, "RescaleSlope")
    turned = bool(slope) and slope[0] < 0 and "ModalityLUTSequence" not in dataset
    shape = text_of(dataset, "PresentationLUTShape").strip().upper()
    colours = text_of(dataset, "PhotometricInterpretation").strip().upper()
    turned ^= shape == "INVERSE" or colours == "MONOCHROME1"
    if not turned:
        return pixels
    wide = pixels.astype(np.int64 if pixels.dtype.itemsize > 2 else np.int32) if pixels.dtype.kind in "iu" else pixels  # fmt: skip
    return np.asarray(wide.max(initial=0) - wide)


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
