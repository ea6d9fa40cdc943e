"""Mammograms on the page: detected in, shown as grey levels, and measured where someone clicks.

As `files`, it imports nothing that draws: images are decoded in child processes, which need no Panel.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.clusters import MARK_NAMES, ClusterSet
from calcigram.longtable import Notice
from calcigram.mammogram import Mammogram
from calcigram.wording import without_options

if TYPE_CHECKING:
    from calcigram.detect.images import Found

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in mm."""

MAX_SIDE = 1_600
"""Pixels a side of what is sent to the browser; what is larger is averaged."""

GREY_QUANTILES = (0.03, 0.999)
"""Of the breast, shown as black and white: the rest of the range is air, and bright objects."""

LEAST_Z = 3.0
"""What is grown where someone clicks stands out so far at least: noise reaches less in every few square mm."""

AROUND_MM, AROUND_PIXELS = 12.0, 600
"""What is measured around a point, either way: the largest calcifications are 8 mm long."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One mammogram, and what was found in it beside its clusters.

    Attributes
    ----------
    mammogram : Mammogram
        Its notices are part of `notes`.
    grey : (float, float)
        Values that are shown as black and as white.
    loose : dict of str to list of float
        Marks that were detected and stand in no cluster.
    notes : tuple of str
        What was assumed, found and left out.
    """

    mammogram: Mammogram
    grey: tuple[float, float]
    loose: dict[str, list[float]]
    notes: tuple[str, ...]

    @property
    def box(self) -> Box:
        """The whole image."""
        (rows, columns), (row_mm, column_mm) = (
            self.mammogram.pixels.shape,
            self.mammogram.spacing_mm,
        )
        return 0.0, 0.0, columns * column_mm, rows * row_mm

    def step(self, box: Box) -> int:
        """Return how many pixels a side are averaged to one, to show a part of the image."""
        rows, columns = self._slices(box)
        longest = int(max(rows.stop - rows.start, columns.stop - columns.start))
        return max(1, -(-longest // MAX_SIDE))

    def shown(self, box: Box) -> dict[str, list[Any]]:
        """Return a part of the image as columns of an image glyph: 8 bits, x, y, dw and dh in mm."""
        rows, columns = self._slices(box)
        part = self.mammogram.pixels[rows, columns]
        step = min(self.step(box), *part.shape)
        n_rows, n_columns = part.shape[0] // step * step, part.shape[1] // step * step
        blocks = part[:n_rows, :n_columns].reshape(n_rows // step, step, n_columns // step, step)
        black, white = self.grey
        levels = (blocks.mean(axis=(1, 3)) - black) * (255.0 / (white - black))
        row_mm, column_mm = self.mammogram.spacing_mm
        return {
            "image": [np.clip(levels, 0, 255).astype(np.uint8)],
            "x": [columns.start * column_mm],
            "y": [rows.start * row_mm],
            "dw": [n_columns * column_mm],
            "dh": [n_rows * row_mm],
        }

    def measure(
        self, x_mm: Sequence[float], y_mm: Sequence[float]
    ) -> list[dict[str, float] | None]:
        """Grow points to their outlines, each in the part of the image around it.

        Parameters
        ----------
        x_mm, y_mm : sequence of float

        Returns
        -------
        list of (dict of str to float) or None
            The marks at each point; None outside of the image, where no outline could be grown, and where it is
            one of noise.
        """
        from calcigram.detect.detection import measure_points

        found: list[dict[str, float] | None] = []
        left, top, right, bottom = self.box
        for x, y in zip(x_mm, y_mm, strict=True):
            if not (left <= x < right and top <= y < bottom):
                found.append(None)
                continue
            part, x0, y0 = self._around(x, y)
            row = measure_points(part, [x - x0], [y - y0]).table.iloc[0]
            marks = {name: float(row[name]) for name in MARK_NAMES}
            marks |= {"x_mm": marks["x_mm"] + x0, "y_mm": marks["y_mm"] + y0}
            is_seen = np.isfinite(marks["diameter_mm"]) and row["confidence"] >= LEAST_Z
            found.append(marks if is_seen else None)
        return found

    def _around(self, x: float, y: float) -> tuple[Mammogram, float, float]:
        """Return the part of the image around a point, and its left and top in mm."""
        row_mm, column_mm = self.mammogram.spacing_mm
        reach_x, reach_y = (min(AROUND_MM, AROUND_PIXELS * size) for size in (column_mm, row_mm))
        at = self._slices((x - reach_x, y - reach_y, x + reach_x, y + reach_y))
        valid = self.mammogram.valid
        part = replace(
            self.mammogram,
            pixels=np.ascontiguousarray(self.mammogram.pixels[at]),
            valid=None if valid is None else valid[at],
        )
        return part, at[1].start * column_mm, at[0].start * row_mm

    def _slices(self, box: Box) -> tuple[slice, slice]:
        """Return rows and columns of a part of the image: one pixel or more, and whole ones."""
        sizes, lengths = self.mammogram.spacing_mm, self.mammogram.pixels.shape
        ends = ((box[1], box[3]), (box[0], box[2]))
        slices = []
        for (low, high), size, length in zip(ends, sizes, lengths, strict=True):
            start = int(np.clip(low // size, 0, length - 1))
            slices.append(slice(start, int(np.clip(-(-high // size), start + 1, length))))
        return slices[0], slices[1]

    def to_bytes(self) -> bytes:
        """Return it as bytes that another process reads without running anything of theirs."""
        about = self.mammogram
        texts = {
            "mammogram": {"image_id": about.image_id, "spacing_mm": about.spacing_mm, "raw": about.raw},
            "picture": {"grey": self.grey, "loose": self.loose, "notes": self.notes},
        }  # fmt: skip
        valid = {} if about.valid is None else {"valid": about.valid}
        return packed(texts, pixels=about.pixels, **valid)

    @classmethod
    def from_bytes(cls, content: bytes) -> Picture:
        """Return the picture that `to_bytes` made bytes of."""
        texts, arrays = unpacked(content)
        about, own = texts["mammogram"], texts["picture"]
        mammogram = Mammogram(
            arrays["pixels"], tuple(about.pop("spacing_mm")), arrays.get("valid"), **about
        )
        return cls(mammogram, tuple(own["grey"]), own["loose"], tuple(own["notes"]))


def packed(texts: Any, **arrays: Any) -> bytes:
    """Return plain values and arrays as bytes that another process reads without running anything of theirs."""
    out = io.BytesIO()
    words = np.frombuffer(json.dumps(texts, default=str).encode(), np.uint8)
    np.savez(out, allow_pickle=False, texts=words, **arrays)
    return out.getvalue()


def unpacked(content: bytes) -> tuple[Any, dict[str, npt.NDArray[Any]]]:
    """Return the values and the arrays that `packed` made bytes of.

    Examples
    --------
    >>> unpacked(packed({"a": [1, "b"]}, x=np.arange(2)))
    ({'a': [1, 'b']}, {'x': array([0, 1])})
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays: dict[str, npt.NDArray[Any]] = {name: stored[name] for name in stored.files}
    return json.loads(arrays.pop("texts").tobytes()), arrays


def detected(mammogram: Mammogram, *, spacing: str = "spacing_mm") -> tuple[ClusterSet, Picture]:
    """Return the clusters of a mammogram and the picture; one of no calcifications where none is found.

    Parameters
    ----------
    mammogram : Mammogram
    spacing : str
        What the notes call the option that states the size of a pixel.

    Returns
    -------
    ClusterSet
    Picture

    Examples
    --------
    >>> pixels = np.random.default_rng(0).normal(500, 5, (400, 400)).astype(np.float32)
    >>> for row, column in [(200, 200), (220, 210), (190, 230), (215, 240), (230, 225)]:
    ...     pixels[row : row + 4, column : column + 4] += 80
    >>> pixels[:, 300:] = 0  # the air beside the breast
    >>> clusters, picture = detected(Mammogram(pixels, (0.07, 0.07)))
    >>> clusters.n_calcifications, picture.shown(picture.box)["image"][0].shape
    (array([5]), (400, 400))
    """
    from calcigram.detect.images import search

    found = search(mammogram)
    clusters, notes = found.clusters, list(found.notes)
    if not len(clusters):
        nipple_x, nipple_y = found.detection.nipple_mm or (np.nan, np.nan)
        clusters = ClusterSet.from_arrays(
            [0, 0], [], [], cluster_id=["drawn"], nipple_x_mm=[nipple_x], nipple_y_mm=[nipple_y],
            breast_area_mm2=[found.detection.breast_area_mm2],
        )  # fmt: skip
        notes.append("no cluster was found: click on calcifications to mark them")
    loose = np.setdiff1d(np.arange(len(found.detection.table)), found.rows)
    marks = found.detection.table.iloc[loose]
    columns = {name: marks[name].astype(float).tolist() for name in MARK_NAMES}
    notes.sort(key=lambda note: not isinstance(note, Notice))  # what makes it less reliable first
    said = tuple(without_options(note, spacing) for note in notes)
    return clusters, Picture(mammogram, _grey(found), columns, said)


def _grey(found: Found) -> tuple[float, float]:
    """Return the values that are shown as black and as white."""
    pixels, breast = found.mammogram.pixels, found.detection.breast
    step = max(1, min(pixels.shape) // 500)
    seen = pixels[::step, ::step]
    inside = seen[breast[::step, ::step]]
    black, white = np.nanquantile(inside if inside.size else seen, GREY_QUANTILES)
    return float(black), float(max(white, black + 1e-6 * abs(black) + 1e-6))
