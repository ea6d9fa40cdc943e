"""One projection image of a breast: grey values, spacing, and what its file says of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError

Image = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Mammogram:
    """A mammogram as the detector takes it, whatever kind of file it came from.

    Attributes
    ----------
    pixels : ndarray of float32, shape (rows, columns)
        Grey values; calcium is brighter than the tissue around it. Stored values after the modality look-up
        table, without any display window.
    spacing_mm : tuple of float
        Millimetres per pixel in the breast, (row, column): spacing at the detector divided by the magnification.
    valid : ndarray of bool, shape (rows, columns), or None
        False where a pixel is padding; None where all count.
    raw : bool
        The image is for processing: its noise grows with the square root of the exposure.
    image_id : str
        Name of the image in tables; never a name of the patient.
    laterality, view : str
        "L" or "R" and such as "CC"; empty where unknown.
    notices : tuple of str
        What was guessed, converted or left out on reading.

    Raises
    ------
    BadInputError
        If the pixels are not a plane of float32, or the spacing is not two positive lengths.
    """

    pixels: Image
    spacing_mm: tuple[float, float]
    valid: npt.NDArray[np.bool_] | None = None
    raw: bool = False
    image_id: str = "image"
    laterality: str = ""
    view: str = ""
    notices: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check shape, type and spacing."""
        pixels = self.pixels
        if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.dtype != np.float32:
            raise BadInputError(
                f"{self.image_id}: a mammogram is one plane of float32, got an array of shape "
                f"{getattr(pixels, 'shape', 'unknown')} and type {getattr(pixels, 'dtype', type(pixels).__name__)}"
            )
        if len(self.spacing_mm) != 2 or not all(0.0 < s < np.inf for s in self.spacing_mm):
            raise BadInputError(
                f"{self.image_id}: the spacing is two positive lengths in mm, (row, column), got {self.spacing_mm}"
            )
        if self.valid is not None and getattr(self.valid, "shape", None) != pixels.shape:
            raise BadInputError(
                f"{self.image_id}: the mask of valid pixels has the shape {getattr(self.valid, 'shape', 'unknown')}, "
                f"the image {pixels.shape}"
            )
