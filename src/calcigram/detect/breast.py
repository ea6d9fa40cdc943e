"""Where the breast is in a mammogram, and which parts of the image are not searched.

The mask is the largest bright component over the background. The pectoral muscle stays in. Everything is
found on an image of block means of about 0.3 mm: an outline of the breast needs no finer one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from calcigram.mammogram import Image, Mammogram

Mask = npt.NDArray[np.bool_]

BLOCK_MM = 0.3
"""Side of the blocks that the image is averaged over."""

FLAT_SHARE = 0.12
"""Background varies by less than this share of its distance from the breast; tissue varies by more."""

LEAST_BACKGROUND = 0.01
"""Share of the image below which no background is assumed."""

LEAST_BREAST = 0.15
"""A bright part that is smaller than this share of the image, and touches no edge, is no breast."""

LEVEL_SHARE = 0.06
"""The outline stands so far from background towards the mean of the breast: the skin is thin and dark."""

SKIN_EDGE_MM = 2.0
"""Strip along the outline where skin folds, hairs and the steep rise of thickness give marks."""

CHEST_WALL_MM = 1.0
"""Strip along the image edge that cuts the breast, where detectors have their own edges."""

PADDING_MM = 1.0
"""Strip around pixels that are no data."""

SATURATED_MM2 = 1.0
"""Smallest plateau at the highest value that is metal, text or an implant; clips are larger."""

SATURATED_SHARE = 0.02
"""Where plateaus are more of the breast than this, the image is saturated and metal cannot be told."""

IMPLANT_MM2 = 200.0
"""A plateau so large is an implant or saturated tissue; nothing can be seen in either."""

NIPPLE_MM = (2.0, 10.0)
"""Least height of a nipple over the outline, and radius of the disc that does not enter it."""

MAX_NIPPLE_MM = 18.0
"""Widest nipple; what is wider is a bulge of the outline."""

REASONS = (
    "",
    "outside the breast",
    "skin edge",
    "chest wall",
    "edge of padding",
    "clip, marker, wire, text or implant",
    "outside the region of interest",
)
"""Why a place is not searched, by the code in `Breast.reason`; 0 is searched."""

OUTSIDE, SKIN, CHEST_WALL, PADDING, FOREIGN, NOT_OF_INTEREST = range(1, 7)


@dataclass(frozen=True, eq=False)
class Breast:
    """The breast in one image.

    Attributes
    ----------
    mask : ndarray of bool, shape (rows, columns)
    reason : ndarray of uint8, shape (rows, columns)
        Index into `REASONS`; 0 where marks are searched.
    area_mm2 : float
    nipple_mm : (float, float) or None
        Tip (x, y) of a nipple in profile; None where none stands out.
    n_labels, n_foreign : int
        Bright objects beside the breast, such as letters of labels; plateaus of the highest value in it.
    notices : tuple of str
    """

    mask: Mask
    reason: npt.NDArray[np.uint8]
    area_mm2: float
    nipple_mm: tuple[float, float] | None = None
    n_labels: int = 0
    n_foreign: int = 0
    notices: tuple[str, ...] = field(default=())


def whole_image(mammogram: Mammogram) -> Breast:
    """Return a breast that fills the image, as in a patch cut out of one."""
    mask = np.ones(mammogram.pixels.shape, bool) if mammogram.valid is None else mammogram.valid
    reason = np.where(mask, 0, OUTSIDE).astype(np.uint8)
    row_mm, column_mm = mammogram.spacing_mm
    return Breast(mask, reason, float(np.count_nonzero(mask)) * row_mm * column_mm)


def find_breast(mammogram: Mammogram) -> Breast:
    """Find the breast, and the parts of it that are not searched.

    Parameters
    ----------
    mammogram : Mammogram

    Returns
    -------
    Breast
        The whole image where no background is found; an empty mask where all is background.

    Notes
    -----
    Threshold between background and breast: Otsu 1979, to find the two levels; the outline is then drawn close to
    the background, since the skin is darker than half of the breast.

    Examples
    --------
    >>> pixels = np.full((400, 300), 10, np.float32)
    >>> pixels[50:350, :200] += np.random.default_rng(0).normal(500, 50, (300, 200))
    >>> bool(abs(find_breast(Mammogram(pixels, (0.1, 0.1))).area_mm2 - 600) < 20)
    True
    """
    pixels, valid = mammogram.pixels, mammogram.valid
    steps = [max(1, round(BLOCK_MM / mm)) for mm in mammogram.spacing_mm]
    block_mm = (steps[0] * mammogram.spacing_mm[0], steps[1] * mammogram.spacing_mm[1])
    small = block_means(pixels, steps)
    small_valid = np.ones(small.shape, bool) if valid is None else block_means(valid, steps) > 0.5
    level = _outline_level(small, small_valid)
    if level is None:
        whole = whole_image(mammogram)
        notice = "no background found: the whole image is taken as breast, its edges are searched"
        return Breast(whole.mask, whole.reason, whole.area_mm2, notices=(notice,))
    mask, n_labels = _largest(small, small_valid, level, block_mm)
    reason = _strips(mask, small_valid, block_mm)
    foreign, n_foreign = _foreign(pixels, mask, steps, block_mm)
    reason[foreign & mask] = FOREIGN
    full_reason = enlarge(reason, steps, pixels.shape)
    full_mask = enlarge(mask, steps, pixels.shape)
    if valid is not None:
        full_mask &= valid
        full_reason[~valid] = OUTSIDE
    area = float(np.count_nonzero(full_mask)) * mammogram.spacing_mm[0] * mammogram.spacing_mm[1]
    notices = ("the pectoral muscle, where it is in the image, is part of the breast mask",)
    return Breast(
        full_mask, full_reason, area, _nipple(mask, block_mm), n_labels, n_foreign, notices
    )


def block_means(values: npt.NDArray[Any], steps: list[int]) -> Image:
    """Return means over blocks of pixels; blocks cut off at the end are means of what there is.

    Examples
    --------
    >>> block_means(np.arange(6, dtype=np.float32).reshape(2, 3), [2, 2]).tolist()
    [[2.0, 3.5]]
    """
    counts = [
        _sums(np.ones((n, 1)), step)[:, 0] for n, step in zip(values.shape, steps, strict=True)
    ]
    return np.asarray(block_sums(values, steps) / np.outer(*counts), np.float32)


def block_sums(values: npt.NDArray[Any], steps: list[int]) -> Image:
    """Return sums over blocks of pixels."""
    return _sums(_sums(values, steps[0]).T, steps[1]).T


def _sums(values: npt.NDArray[Any], step: int) -> Image:
    """Return sums over blocks of rows."""
    result = np.zeros((-(-len(values) // step), values.shape[1]), np.float32)
    for offset in range(step):
        part = values[offset::step]
        result[: len(part)] += part
    return result


def enlarge(blocks: npt.NDArray[Any], steps: list[int], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return an image in which each block has the value of its mean's place."""
    rows = np.repeat(blocks, steps[0], axis=0)[: shape[0]]
    return np.repeat(rows, steps[1], axis=1)[:, : shape[1]]


def _outline_level(small: Image, valid: Mask) -> float | None:
    """Return the grey level of the outline, or None where the image has no background."""
    values = small[valid]
    if not values.size or not values.max() > values.min():
        return np.inf  # nothing but background
    border = otsu(values)
    dark, bright = values[values <= border], values[values > border]
    if len(bright) < LEAST_BREAST * len(values) and not (_rim(small)[_rim(valid)] > border).any():
        return None  # what is bright are calcifications in a patch of tissue
    base = float(np.median(dark))
    height = float(np.median(bright)) - base
    spread = float(np.median(np.abs(dark - base))) / 0.6745
    if len(dark) < LEAST_BACKGROUND * len(values) or spread > FLAT_SHARE * height:
        return None
    return base + max(LEVEL_SHARE * height, 4 * spread)


def _rim(blocks: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate([blocks[0], blocks[-1], blocks[:, 0], blocks[:, -1]])


def otsu(values: npt.NDArray[np.float32], n_bins: int = 256) -> float:
    """Return the threshold that separates two classes best (Otsu 1979).

    Examples
    --------
    >>> 0 < otsu(np.array([0, 0, 0, 10, 10], np.float32)) < 10
    True
    """
    counts, edges = np.histogram(values.astype(float), n_bins)
    middle = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1].astype(float)
    above = counts.sum() - below
    total = np.cumsum(counts * middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total[:-1] / below - (total[-1] - total[:-1]) / above) ** 2
    return float(edges[1 + int(np.nanargmax(between))])


def _largest(
    small: Image, valid: Mask, level: float, block_mm: tuple[float, float]
) -> tuple[Mask, int]:
    """Return the largest component over the level, without what hangs on it by a thread, and the number of others."""
    over = (small > level) & valid
    numbered, count = ndimage.label(over)
    if not count:
        return over, 0
    sizes = np.bincount(numbered.ravel())
    sizes[0] = 0
    largest = numbered == sizes.argmax()
    n_labels = int(np.count_nonzero(sizes * block_mm[0] * block_mm[1] >= 1.0)) - 1
    opened = ndimage.binary_opening(np.pad(largest, 8, mode="edge"), disc(1.5, block_mm))[
        8:-8, 8:-8
    ]
    parts, n_parts = ndimage.label(opened)
    if n_parts:
        areas = np.bincount(parts.ravel())
        areas[0] = 0
        largest = parts == areas.argmax()
    filled: Mask = ndimage.binary_fill_holes(largest) & valid
    return filled, max(0, n_labels)


def disc(radius_mm: float, block_mm: tuple[float, float]) -> Mask:
    """Return a disc as a structuring element."""
    rows, columns = (int(radius_mm / mm) for mm in block_mm)
    y, x = np.ogrid[-rows : rows + 1, -columns : columns + 1]
    result: Mask = np.hypot(y * block_mm[0], x * block_mm[1]) <= radius_mm
    return result


def _strips(mask: Mask, valid: Mask, block_mm: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Return the codes of what lies outside, at the skin, at the chest wall and at padding."""
    reason = np.zeros(mask.shape, np.uint8)
    # beyond the image the breast goes on: an edge of the image is no skin
    air = ~mask & valid
    if air.any():
        far = ndimage.distance_transform_edt(~air, sampling=block_mm)
        reason[far <= SKIN_EDGE_MM] = SKIN
    if not valid.all():
        far = ndimage.distance_transform_edt(valid, sampling=block_mm)
        reason[far <= PADDING_MM] = PADDING
    rows, columns = (max(1, round(CHEST_WALL_MM / mm)) for mm in block_mm)
    for strip, edge in (
        (reason[:, :columns], mask[:, 0]),
        (reason[:, -columns:], mask[:, -1]),
        (reason[:rows], mask[0]),
        (reason[-rows:], mask[-1]),
    ):
        if edge.any():
            strip[:] = CHEST_WALL
    reason[~mask] = OUTSIDE
    return reason


def _foreign(
    pixels: Image, mask: Mask, steps: list[int], block_mm: tuple[float, float]
) -> tuple[Mask, int]:
    """Return blocks of plateaus at the highest value (metal, text, implants), a margin of 1 mm around, their number."""
    none = np.zeros(mask.shape, bool)
    brightest = pixels == pixels.max()
    if np.count_nonzero(brightest) * np.prod(block_mm) < SATURATED_MM2 * np.prod(steps):
        return none, 0
    plateau = block_means(brightest, steps) > 0.5
    numbered, count = ndimage.label(plateau)
    if not count:
        return none, 0
    sizes = np.bincount(numbered.ravel()) * block_mm[0] * block_mm[1]
    sizes[0] = 0
    objects = sizes >= SATURATED_MM2
    n_small = np.bincount(numbered[mask], minlength=count + 1)[sizes < IMPLANT_MM2][1:].sum()
    if n_small > SATURATED_SHARE * np.count_nonzero(mask):
        objects &= sizes >= IMPLANT_MM2
    n_objects = len(np.unique(numbered[objects[numbered] & mask]))
    return ndimage.binary_dilation(objects[numbered], disc(1.0, block_mm)), n_objects


def _nipple(mask: Mask, block_mm: tuple[float, float]) -> tuple[float, float] | None:
    """Return the tip of what stands out of the outline as a nipple does; None if nothing or several things do."""
    if not mask.any():
        return None
    height_mm, radius_mm = NIPPLE_MM
    # an opening on blocks of about 0.5 mm
    step = max(1, round(0.5 / min(block_mm)))
    coarse = mask[::step, ::step]
    coarse_mm = (block_mm[0] * step, block_mm[1] * step)
    pad = int(2 * radius_mm / min(coarse_mm)) + 1
    padded = np.pad(coarse, pad, mode="edge")
    inside = ndimage.distance_transform_edt(padded, sampling=coarse_mm) > radius_mm
    if not inside.any():
        return None
    to_inside = ndimage.distance_transform_edt(~inside, sampling=coarse_mm)
    stands_out = (padded & (to_inside > radius_mm + 0.5))[pad:-pad, pad:-pad]
    numbered, _ = ndimage.label(stands_out, np.ones((3, 3)))
    found = []
    for number, box in enumerate(ndimage.find_objects(numbered), start=1):
        rows, columns = np.nonzero(numbered == number)
        heights = to_inside[rows + pad, columns + pad] - radius_mm
        extent = max(
            (box[0].stop - box[0].start) * coarse_mm[0], (box[1].stop - box[1].start) * coarse_mm[1]
        )
        at_edge = rows.min() == 0 or rows.max() == coarse.shape[0] - 1
        if heights.max() >= height_mm and extent <= MAX_NIPPLE_MM and not at_edge:
            tip = int(heights.argmax())
            place = ((columns[tip] + 0.5) * coarse_mm[1], (rows[tip] + 0.5) * coarse_mm[0])
            found.append(place)
    return (float(found[0][0]), float(found[0][1])) if len(found) == 1 else None
