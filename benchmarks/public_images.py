"""Mammograms of public data sets with what was annotated on them, for people who hold the files.

Nothing of these data sets is part of the project. Layouts as published:

* INbreast (Moreira et al., Academic Radiology 19(2), 2012): ``AllDICOMs/<number>_..._MG_R_CC_ANON.dcm`` and
  ``AllXML/<number>.xml``, property lists whose points and outlines are in pixels of 0.07 mm.
* BMCD (Loizidou et al., doi 10.5281/zenodo.5036062): ``{Normal_cases,Suspicious_cases}/<number>/``, in each
  ``CC_prior.dcm, CC_recent.dcm, MLO_prior.dcm, MLO_recent.dcm`` and a JPEG beside each, ``CC_recent_GT.jpg``, a picture of
  the mammogram with each calcification marked in red. This layout is taken from published code that reads the set,
  not from the set itself; the suffix may be in capitals.
* CBIS-DDSM (Lee et al., Scientific Data 4:170177, 2017): ``calc_case_description_*_set.csv``, and a folder per
  image (``Calc-Test_P_00038_LEFT_CC``) and per lesion on it (the same with ``_1``) with DICOM files somewhere below. The
  mask of a lesion has the size of the image, the cropped image beside it has not; which of the two is which
  is told by that, since the tables exchange them in places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from calcigram.errors import BadInputError
from calcigram.formats.mammograms import read_mammogram
from calcigram.formats.outlines import inside, polygon_area
from calcigram.formats.rois import PIXEL_MM, Region, load_regions
from calcigram.linking import Linking, link
from calcigram.mammogram import Mammogram
from calcigram.validate.cbis_ddsm import DISTRIBUTION_WORDS, TYPE_WORDS

TRUTH = ("x_mm", "y_mm", "diameter_mm", "mark", "cluster")
CBIS_MM = 0.05
"""CBIS-DDSM states no pixel size; films of DDSM were scanned at 0.042 to 0.05 mm."""

GROUP = Linking()
"""Calcifications drawn one by one are clusters where five lie within 1 cm."""


@dataclass(frozen=True)
class Sample:
    """One image and its annotation.

    Attributes
    ----------
    name, patient : str
    read : callable
        Returns the mammogram.
    truth : callable
        Of the mammogram; returns a table of calcifications with the columns `TRUTH`, and an image of their
        marks (0 for none) or None.
    """

    name: str
    patient: str
    read: Callable[[], Mammogram]
    truth: Callable[[Mammogram], tuple[pd.DataFrame, np.ndarray | None]]


def _table(rows: list[tuple[float, float, float]]) -> pd.DataFrame:
    """Return calcifications as a table, grouped by distance; -1 where too few are together."""
    places = np.array(rows, float).reshape(-1, 3)
    found = pd.DataFrame(places, columns=list(TRUTH[:3]))
    found["mark"] = np.arange(1, len(places) + 1)
    found["cluster"] = link(places[:, 0], places[:, 1], GROUP)
    return found


def _one(files: list[Path], what: str, where: Path) -> Path:
    if len(files) != 1:
        raise BadInputError(f"one {what}", source=str(where), value=f"{len(files)} files")
    return files[0]


def _files(folder: Path, pattern: str) -> list[Path]:
    """Return files whose name matches a regular expression, whatever the case."""
    return sorted(
        f for f in folder.rglob("*") if f.is_file() and re.fullmatch(pattern, f.name, re.IGNORECASE)
    )


def inbreast(folder: Path) -> Iterator[Sample]:
    """Yield the images of INbreast; those without an annotation of calcifications are normals."""
    images = _files(folder / "AllDICOMs", r"\d+_.*\.dcm")
    if not images:
        raise BadInputError(
            "AllDICOMs/<number>_..._ANON.dcm and AllXML/<number>.xml", source=str(folder)
        )
    for image in images:
        number, patient, *_ = image.stem.split("_")
        notes = folder / "AllXML" / f"{number}.xml"
        regions = [r for one in load_regions(notes) for r in one] if notes.exists() else []
        drawn = [r for r in regions if r.is_calcification and len(r.points)]

        def read(path: Path = image) -> Mammogram:
            return read_mammogram(path, spacing_mm=PIXEL_MM)

        def truth(
            mammogram: Mammogram, drawn: list[Region] = drawn
        ) -> tuple[pd.DataFrame, np.ndarray]:
            return _drawn(drawn, mammogram)

        yield Sample(number, patient, read, truth)


def _drawn(regions: list[Region], mammogram: Mammogram) -> tuple[pd.DataFrame, np.ndarray]:
    """Return points and outlines as calcifications; an outline around several others is none itself."""
    from skimage.draw import polygon

    middles = np.array([r.points.mean(axis=0) for r in regions]).reshape(-1, 2)
    size = np.array(mammogram.spacing_mm[::-1])
    labels = np.zeros(mammogram.pixels.shape, np.int32)
    rows: list[tuple[float, float, float]] = []
    for index, region in enumerate(regions):
        is_outline = len(region.points) >= 3
        if is_outline and inside(np.delete(middles, index, axis=0), region.points).sum() >= 2:
            continue
        x, y = middles[index] * size
        area = polygon_area(region.points * size) if is_outline else np.nan
        rows.append((x, y, 2 * np.sqrt(area / np.pi)))
        if is_outline:
            within = polygon(region.points[:, 1] - 0.5, region.points[:, 0] - 0.5, labels.shape)
            labels[within] = len(rows)
    return _table(rows), labels


def red_marks(picture: np.ndarray) -> np.ndarray:
    """Tell which pixels of a colour picture are red; JPEG makes their rims paler.

    Examples
    --------
    >>> red_marks(np.array([[[250, 20, 30], [120, 120, 120], [200, 110, 90]]], np.uint8))
    array([[ True, False,  True]])
    """
    red, green, blue = (picture[..., k].astype(int) for k in range(3))
    other = np.maximum(green, blue)
    return (red > 60) & (red - other > 0.35 * red)


def bmcd(folder: Path) -> Iterator[Sample]:
    """Yield the images of BMCD; those without a red mark are normals."""
    images = _files(folder, r"(CC|MLO)_(prior|recent)\.dcm")
    if not images:
        raise BadInputError(
            "{Normal_cases,Suspicious_cases}/<number>/CC_recent.dcm ...", source=str(folder)
        )
    for image in images:
        case = f"{image.parent.parent.name}/{image.parent.name}"
        wanted = re.escape(image.stem) + r"_GT\.jpe?g"
        picture = _one(_files(image.parent, wanted), "JPEG of the marks", image)

        def read(path: Path = image) -> Mammogram:
            return read_mammogram(path)

        def truth(mammogram: Mammogram, path: Path = picture) -> tuple[pd.DataFrame, np.ndarray]:
            return _painted(path, mammogram)

        yield Sample(f"{case}/{image.stem}", case, read, truth)


def _painted(path: Path, mammogram: Mammogram) -> tuple[pd.DataFrame, np.ndarray]:
    """Return connected red marks of a picture, scaled to the mammogram."""
    from PIL import Image
    from scipy.ndimage import binary_fill_holes
    from skimage.measure import label, regionprops

    with Image.open(path) as picture:
        is_red = red_marks(np.asarray(picture.convert("RGB")))
    is_red = binary_fill_holes(is_red)
    shape = mammogram.pixels.shape
    rows, columns = (
        np.minimum(np.arange(n) * m // n, m - 1) for n, m in zip(shape, is_red.shape, strict=True)
    )
    labels = label(is_red[np.ix_(rows, columns)], connectivity=2).astype(np.int32)
    height, width = mammogram.spacing_mm
    found = [
        (
            (r.centroid[1] + 0.5) * width,
            (r.centroid[0] + 0.5) * height,
            2 * np.sqrt(r.area * width * height / np.pi),
        )
        for r in regionprops(labels)
    ]
    return _table(found), labels


@dataclass(frozen=True)
class Lesion:
    """A lesion of CBIS-DDSM on one image.

    Attributes
    ----------
    name, patient : str
        Of the image.
    image, mask : pathlib.Path
    forms, distributions : frozenset of str
        The radiologists' words in the lexicon's terms; empty where none is a word of it.
    pathology : str
    """

    name: str
    patient: str
    image: Path
    mask: Path
    forms: frozenset[str]
    distributions: frozenset[str]
    pathology: str


def cbis(folder: Path) -> Iterator[Lesion]:
    """Yield the calcification lesions of CBIS-DDSM whose image and mask are there."""
    tables = sorted(folder.glob("calc_case_description_*_set.csv"))
    if not tables:
        raise BadInputError("calc_case_description_{train,test}_set.csv", source=str(folder))
    views = pd.concat([pd.read_csv(path, keep_default_na=False, dtype=str) for path in tables])
    below = {path.name: path for path in folder.rglob("Calc-*") if path.is_dir()}
    for row in views.to_dict("records"):
        name = row["image file path"].split("/")[0]
        lesion = f"{name}_{row['abnormality id']}"
        if name not in below or lesion not in below:
            continue
        image = _one(_files(below[name], r".*\.dcm"), "full image", below[name])
        yield Lesion(
            lesion, row["patient_id"], image, _mask(below[lesion], image),
            _words(row["calc type"], TYPE_WORDS), _words(row["calc distribution"], DISTRIBUTION_WORDS), row["pathology"],
        )  # fmt: skip


def _mask(folder: Path, image: Path) -> Path:
    """Return the file of a lesion's folder that has the shape of the image."""
    from pydicom import dcmread

    def shape(path: Path) -> tuple[int, int]:
        header = dcmread(path, stop_before_pixels=True)
        return header.Rows, header.Columns

    whole = shape(image)
    return _one(
        [f for f in _files(folder, r".*\.dcm") if shape(f) == whole],
        "mask of the image's size",
        folder,
    )


def _words(terms: str, known: dict) -> frozenset[str]:
    from calcigram.validate.cbis_ddsm import OUTSIDE

    words = {known.get(term.strip()) for term in terms.split("-")}
    return frozenset(str(word) for word in words if word not in (None, OUTSIDE))


def read_lesion(lesion: Lesion, spacing_mm: float = CBIS_MM) -> tuple[Mammogram, np.ndarray]:
    """Return the image of a lesion and the mask of where it lies."""
    from pydicom import dcmread

    return read_mammogram(lesion.image, spacing_mm=spacing_mm), dcmread(lesion.mask).pixel_array > 0
