"""Reads masks as clusters: which labels are calcifications, clusters of them, or neither; and maps of probabilities.

PNG, TIFF, NumPy and NIfTI files are read here by `arrays`, and what is in DICOM ends here. An image file says nothing reliable
of the size of its pixels, so that must come from the user or from the mammogram it was drawn on. A label that cannot be
calcifications (an organ, the rim around all others) is left out, with a note.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError, PixelSizeError, naming
from calcigram.formats.annotations import MAX_CLUSTERS, Cluster, ImageMarks, Mark, gather
from calcigram.formats.arrays import as_labels, read_array, read_nifti_plane
from calcigram.formats.dicom.images import displayed, open_image
from calcigram.formats.dicom.report import (
    Spacing,
    agreed_spacing,
    pixel_spacing,
    states_spacing,
)
from calcigram.formats.maskparts import Ints, MaskParts, Measured, measure, outline_px, pixels_of
from calcigram.formats.outlines import polygon_shape
from calcigram.formats.registry import kind_of
from calcigram.limits import check_most
from calcigram.linking import MAX_LOOSE, Linking, link
from calcigram.longtable import Intake, Notice
from calcigram.options import ReadOptions
from calcigram.wording import counted, listed

if TYPE_CHECKING:
    from calcigram.formats.files import PathLike

LARGEST_MM = 10.0
"""No calcification is larger; what is marked so is an organ, a mass or a whole cluster."""

CLUSTER_PARTS = 3
"""Labels of so many parts each, in the median, are clusters: fewer have no distribution."""

RIM_SHARE = 0.9
"""A rim has this share of the parts of all other labels within."""

MAX_RIMS = 3
"""Labels looked at whether they lie around all others."""

_CHOOSE = "name labels with --label to read them anyway"


def read_mask(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of a label mask or of a map of probabilities.

    Parameters
    ----------
    path : path-like
        PNG, TIFF, ``.npy`` or ``.npz`` (its one array of an image, or that named ``mask`` or
        ``labels``); 0 is background. Of a map of several channels, `labels` names one. See `fill_from_labels` for what the values mean.
    options : ReadOptions
        With the mammogram among its `images`, in DICOM (which also states the pixel size) or an image
        file of the same shape, contrast is measured too, and centres are weighted by it.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It cannot be read, is not a mask, or the size of a pixel is not known.
    """
    array = read_array(path, channels=bool(options.labels))
    if array.ndim == 2:
        return intake_of_plane(array, options)
    channel = options.labels[0]
    if len(options.labels) > 1 or not isinstance(channel, int) or channel >= len(array):
        expected = f"one of {len(array)} channels, counted from 0"
        raise BadInputError(expected, column="--label", value=options.labels)
    notes = [f"channel {channel} of {len(array)}"]
    return intake_of_plane(array[channel], replace(options, labels=()), notes=notes)


def read_nifti(path: PathLike, options: ReadOptions) -> Intake:
    """Read the clusters of a mask or of a map of probabilities in NIfTI.

    Parameters
    ----------
    path : path-like
        NIfTI-1 or -2 in one file. Labels, or floats that are probabilities, of two dimensions, or of more where
        one plane is all there is.
    options : ReadOptions

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is damaged, too large, or has more than one plane; or the size of a pixel is not known.
    """
    plane = read_nifti_plane(path, has_spacing=options.pixel_spacing is None)
    return intake_of_plane(
        plane.array,
        options,
        stated=plane.spacing,
        spacing_in="pixdim in the header (1 x 1 is what programs write that do not know it), ",
        notes=plane.notes,
    )


def intake_of_plane(
    array: npt.NDArray[Any],
    options: ReadOptions,
    *,
    marks: ImageMarks | None = None,
    stated: Spacing | None = None,
    spacing_in: str = "",
    notes: Iterable[str] = (),
) -> Intake:
    """Return the clusters of one plane of pixels, whatever file it is from.

    Parameters
    ----------
    array : ndarray, shape (rows, columns)
        Labels, or floats that are probabilities: `ReadOptions.threshold` parts them.
    options : ReadOptions
    marks : ImageMarks, optional
        What the file says of the image.
    stated : Spacing, optional
        The size of a pixel as the file states it.
    spacing_in : str
        Where the file could state it, for the message where nothing does.
    notes : iterable of str
        Notes to put first.

    Returns
    -------
    Intake

    Raises
    ------
    BadInputError
        It is neither labels nor probabilities, or the size of a pixel is not known.
    """
    marks, notes = marks or ImageMarks(), list(notes)
    mask, probability = as_labels(array, options, notes)
    intensity, spacing = _look_at(options, mask, marks, notes, stated)
    if spacing is None:
        raise PixelSizeError(
            f"the size of a pixel: {spacing_in}the option --pixel-spacing MM, or the DICOM image (--image FILE)"
        )
    notes.append(spacing.note())
    notes += fill_from_labels(
        marks,
        mask,
        (spacing.x_mm, spacing.y_mm),
        intensity,
        chosen=options.labels,
        regions=options.regions,
        probability=probability,
        linking=options.linking,
    )
    if intensity is None:
        notes.append("contrast (cnr) is not known: it takes the image itself (--image FILE)")
    return gather([marks], notes, options.linking)


def _look_at(
    options: ReadOptions,
    labels: npt.NDArray[Any],
    marks: ImageMarks,
    notes: list[str],
    stated: Spacing | None,
) -> tuple[npt.NDArray[Any] | None, Spacing | None]:
    """Return the image's pixels and pixel size, and note in `marks` what it is of."""
    given_mm, images = options.pixel_spacing, options.images
    spacing = stated if given_mm is None else Spacing.given(given_mm)
    if not images:
        return None, spacing
    if len(images) > 1:
        raise BadInputError("one image of a mask", value=f"{len(images)} images")
    image = images[0]
    if kind_of(image) != "dicom":
        pixels = read_array(image)
    else:
        entry = open_image(image, pixels=True)
        marks.describe(entry)
        if spacing is None or states_spacing(entry):
            with naming(image):
                of_image = pixel_spacing(entry, given_mm)
            spacing = agreed_spacing(of_image, spacing)
        assert entry.header is not None
        if "PixelData" not in entry.header:
            return None, spacing
        with naming(image):
            pixels = displayed(entry.header)
    if pixels.shape != labels.shape:
        expected = f"an image of the mask's shape, {labels.shape}"
        raise BadInputError(expected, source=str(image), value=pixels.shape)
    notes.append("contrast measured in the image")
    return pixels, spacing


def fill_from_labels(
    image: ImageMarks,
    labels: npt.NDArray[Any],
    spacing: tuple[float, float],
    intensity: npt.NDArray[Any] | None = None,
    *,
    chosen: Collection[int | str] = (),
    regions: Collection[int | str] = (),
    probability: npt.NDArray[Any] | None = None,
    linking: Linking | None = None,
    corner: tuple[int, int] = (0, 0),
) -> list[str]:
    """Measure a label image and add what it holds to an image's marks.

    Parameters
    ----------
    image : ImageMarks
        Changed in place.
    labels : ndarray of int or bool, shape (rows, columns)
        0 is background. One value else: each connected part is a calcification. Several: each label
        is one, unless labels have many parts; then they are clusters, and the parts calcifications.
    spacing : (float, float)
        Width and height of a pixel in mm.
    intensity : ndarray, optional
        The image itself, of the same shape, calcifications bright; it gives contrast and weighted centres.
    chosen : collection of int, optional
        Labels that are calcifications, whatever they look like; the others are left out.
    regions : collection of int, optional
        Labels that are outlines of clusters: each connected part is one.
    probability : ndarray, optional
        Of the same shape; its peak in each calcification is kept as the confidence.
    linking : Linking, optional
        How far apart the parts of one label may be that is a cluster.
    corner : (int, int)
        Row and column of the first pixel in the whole image, where `labels` is cut out of it.

    Returns
    -------
    list of str
        How the mask was understood; what was left out is a `Notice`.

    Raises
    ------
    BadInputError
        There are more marks than calcifications can be, the values are grey levels, a chosen label
        does not occur, or no mark is brighter in the image than its surroundings.
    """
    parts = MaskParts.of(labels)
    present = () if parts is None else parts.values
    _check_chosen(chosen, present, "--label")
    _check_chosen(regions, present, "--regions")
    if parts is None:
        return ["the mask is empty: no calcification"]
    notes: list[str] = []
    if regions:
        outlines = _take_regions(parts, regions, spacing, corner)
        image.clusters += outlines
        notes.append(f"{_named(regions)}: {counted(len(outlines), 'outline')} of clusters")
    if chosen:
        others = [value for value in parts.values if value not in chosen]
        parts.drop(np.isin(parts.label, others))
        if others:
            notes.append(Notice(f"{_named(others)} left out: not named with --label"))
    else:
        notes += _drop_large(parts, spacing)
        parts.check_grey_levels()
        notes += _drop_rim(parts)
    things, names = _things(parts, spacing, notes)
    if not names:
        return [*notes, Notice("no label that can be calcifications")]
    pixels = pixels_of(parts.numbered, things)
    (rows, columns), (top, left) = parts.numbered.shape, parts.corner
    marked = None if intensity is None else parts.marked()
    if intensity is not None:
        intensity = intensity[top : top + rows, left : left + columns]
    place = (top + corner[0], left + corner[1])
    measured = measure(pixels, spacing, place, intensity, marked)
    notes += _darkness(measured)
    shapes = measured.shapes
    if probability is not None:
        values = probability[pixels.rows + top, pixels.columns + left]
        peaks = np.clip(np.maximum.reduceat(values, pixels.offsets[:-1]), 0, 1).tolist()
        shapes = [replace(one, confidence=p) for one, p in zip(shapes, peaks, strict=True)]
    marks = [Mark(shape) for shape in shapes]
    _take_over(image, marks, names, linking or Linking(), notes)
    return notes


def _take_regions(
    parts: MaskParts,
    regions: Collection[int | str],
    spacing: tuple[float, float],
    corner: tuple[int, int],
) -> list[Cluster]:
    """Return the connected parts of some labels as outlines of clusters, and drop them."""
    from scipy.ndimage import find_objects

    is_region = np.isin(parts.label, list(regions))
    clusters = []
    boxes = find_objects(parts.numbered)
    for number in np.flatnonzero(is_region):
        rows, columns = boxes[number - 1]
        at = (rows.start + parts.corner[0] + corner[0], columns.start + parts.corner[1] + corner[1])
        outline = outline_px(parts.numbered[rows, columns] == number, at) * spacing
        clusters.append(Cluster.drawn(outline, polygon_shape(outline)))
        if len(clusters) > MAX_CLUSTERS:
            break  # which `gather` refuses
    parts.drop(is_region)
    return clusters


def _check_chosen(chosen: Collection[int | str], values: Collection[int], option: str) -> None:
    for label in chosen:
        if label not in values:
            expected = f"a label of the mask: {listed(values) or 'it has none'}"
            raise BadInputError(expected, column=option, value=label)


def _drop_large(parts: MaskParts, spacing: tuple[float, float]) -> list[str]:
    """Drop parts larger than a calcification; where they are most of a label, drop the label."""
    boxes = parts.extents_mm(spacing)
    across = np.maximum(boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2])
    large = (across > LARGEST_MM) & (parts.label > 0)
    if not large.any():
        return []
    values, of_part = np.unique(parts.label, return_inverse=True)
    areas, several = parts.areas(), len(parts.values) > 1
    # of a single value the other parts are still calcifications
    whole = several & (2 * np.bincount(of_part, areas * large) > np.bincount(of_part, areas))
    notes = []
    if whole.any():
        largest = across[large & whole[of_part]].max()
        notes.append(
            f"{_named(values[whole])} left out: up to {largest:.3g} mm across, and no calcification is "
            f"larger than {LARGEST_MM:g} mm; {_CHOOSE}"
        )
    single = large & ~whole[of_part]
    if single.any():
        of_label = f" of {_named(np.unique(parts.label[single]))}" if several else ""
        notes.append(
            f"{counted(int(single.sum()), 'part')}{of_label} left out: "
            f"up to {across[single].max():.3g} mm across, and no calcification is larger than "
            f"{LARGEST_MM:g} mm; {_CHOOSE}"
        )
    parts.drop(large | whole[of_part])
    return [Notice(note) for note in notes]


def _drop_rim(parts: MaskParts) -> list[str]:
    """Drop a label that lies around all others, as a void border does."""
    values = parts.values
    if len(values) < 2:
        return []
    is_part = parts.label > 0
    n_others = is_part.sum() - np.unique(parts.label[is_part], return_counts=True)[1]
    n_touched = np.bincount(parts.touching()[:, 1], minlength=len(values) + 1)[-len(values) :]
    around = (n_touched >= RIM_SHARE * n_others) | parts.spanning()
    around = np.array(values)[around]
    for value in around[:MAX_RIMS].tolist():
        if parts.share_enclosed(value, is_part & (parts.label != value)) >= RIM_SHARE:
            parts.rim = parts.label == value
            parts.drop(parts.rim)
            return [
                Notice(f"label {value} left out: it lies around all others, as a rim; {_CHOOSE}")
            ]
    return []


def _things(
    parts: MaskParts, spacing: tuple[float, float], notes: list[str]
) -> tuple[Ints, list[str]]:
    """Say which parts are one calcification, and of which cluster each is.

    Returns
    -------
    things : ndarray of int64
        Index of the calcification that each part belongs to; -1 for none.
    names : list of str
        Of the cluster of each calcification; empty for those that are loose.
    """
    kept = np.flatnonzero(parts.label)
    things = np.full(len(parts.label), -1, np.int64)
    values, of_label, n_parts = np.unique(
        parts.label[kept], return_inverse=True, return_counts=True
    )
    if not len(kept):
        return things, []
    if len(values) == 1 or float(np.median(n_parts)) >= CLUSTER_PARTS:
        check_most(len(kept), MAX_LOOSE, "marks")
        things[kept] = np.arange(len(kept))
        if len(values) == 1:
            of_one = f"label {values[0]}" if len(parts.first) - 1 > len(kept) else "one value"
            notes.append(f"{of_one}: each of its {len(kept)} connected parts is a calcification")
            return things, [""] * len(kept)
        notes.append(
            f"{counted(len(values), 'label')} of several parts: each is a cluster, its parts calcifications"
        )
        return things, [str(values[k]) for k in of_label]
    boxes = parts.extents_mm(spacing)[kept]
    low, high = np.full((2, len(values)), np.inf), np.full((2, len(values)), -np.inf)
    for axis in (0, 1):
        np.minimum.at(low[axis], of_label, boxes[:, 2 * axis])
        np.maximum.at(high[axis], of_label, boxes[:, 2 * axis + 1])
    scattered = ((high - low).max(axis=0) > LARGEST_MM) & (n_parts > 1)
    # a label whose parts lie far apart is several calcifications: each part gets an index of its own
    own = np.where(scattered[of_label], len(values) + np.arange(len(kept)), of_label)
    things[kept] = np.unique(own, return_inverse=True)[1]
    n_things = int(things.max()) + 1
    check_most(n_things, MAX_LOOSE, "marks")
    if not scattered.all():
        n_whole = len(values) - int(scattered.sum())
        notes.append(f"{counted(n_whole, 'label')}: each is a calcification")
    if scattered.any():
        notes.append(
            f"{_named(values[scattered])}: wider than {LARGEST_MM:g} mm, each connected part is a calcification"
        )
    return things, [""] * n_things


def _darkness(measured: Measured) -> list[str]:
    """Refuse an image in which no mark is brighter than its surroundings."""
    n_darker, n_compared = measured.n_darker, measured.n_compared
    if n_compared and n_darker == n_compared:
        raise BadInputError(
            "an image in which calcifications are bright; no mark is brighter than its surroundings "
            "(is the image inverted, or another one?)",
            value=f"{counted(n_darker, 'darker mark')}",
        )
    if 2 * n_darker > n_compared:
        text = f"{n_darker} of {n_compared} marks are darker than their surroundings"
        return [Notice(f"{text}: is it the right image?")]
    return []


def _take_over(
    image: ImageMarks, marks: list[Mark], names: list[str], linking: Linking, notes: list[str]
) -> None:
    """Add marks as loose ones, or as clusters; parts of one label that lie apart are linked by distance."""
    clusters: dict[str, list[Mark]] = {}
    for mark, name in zip(marks, names, strict=True):
        clusters.setdefault(name, []).append(mark)
    image.loose += clusters.pop("", [])
    near = Linking(linking.reach_mm, 1)
    for name, own in clusters.items():
        groups = link([m.shape.x_mm for m in own], [m.shape.y_mm for m in own], near)
        n_groups = int(groups.max()) + 1
        if n_groups == 1:
            image.clusters.append(Cluster(own, name=name, formed_by="one label of the mask"))
            continue
        n_left = 0
        for group in range(n_groups):
            part = [mark for mark, at in zip(own, groups, strict=True) if at == group]
            if len(part) < linking.min_number:
                n_left += len(part)
                continue
            way = f"one label of the mask, {linking}"
            image.clusters.append(Cluster(part, name=f"{name}-{group + 1}", formed_by=way))
        if n_left:
            text = f"label {name}: {counted(n_left, 'calcification')} in no cluster, left out ({linking})"
            notes.append(Notice(text))


def _named(values: Iterable[int | str]) -> str:
    values = list(values)
    return f"label{'s' if len(values) > 1 else ''} {listed(values)}"
