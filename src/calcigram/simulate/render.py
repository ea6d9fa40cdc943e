"""Pictures of simulated clusters: the true outlines as X-rays show them, in tissue and noise.

A picture is made when it is asked for, from the cluster's seed and index alone, so that 100,000 of
them need no memory. The marks that go with it are the true ones, in the picture's own millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar, overload

import numpy as np
import numpy.typing as npt

from calcigram.clusters import ClusterSet
from calcigram.mammogram import Mammogram
from calcigram.simulate import _xray
from calcigram.simulate._random import kernel_state
from calcigram.simulate.acquisition import TrueMarks
from calcigram.simulate.mechanisms import Floats, Rng
from calcigram.simulate.presets import Draw, Preset, load_preset

Labels = npt.NDArray[np.int32]
Item = TypeVar("Item")

MARGIN_MM = 10.0
HIGHEST, RAW_HIGHEST, RAW_LEVEL = 4095, 16383, 3000
"""Greatest grey values, and the mean counts of an image for processing."""

SECTIONS = ("detector", "calcium", "tissue", "ligaments", "vessels", "grey")


class Lazy(Sequence[Item]):
    """A sequence whose items are made when they are asked for, the same each time."""

    def __init__(self, make: Callable[[int], Item], n: int) -> None:
        self._make, self._n = make, n

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> list[Item]: ...
    def __getitem__(self, at: int | slice) -> Item | list[Item]:
        if isinstance(at, slice):
            return [self._make(i) for i in range(self._n)[at]]
        return self._make(range(self._n)[at])


class Rendered(NamedTuple):
    """Simulated clusters and their pictures.

    Attributes
    ----------
    clusters : ClusterSet
        True marks, free of noise, in the millimetres of each picture, ``cnr`` missing.
    images : sequence of Mammogram
        One per cluster, made when asked for.
    labels : sequence of ndarray of int32
        Truth per pixel: 0, or 1 + the index of the calcification in its cluster.
    """

    clusters: ClusterSet
    images: Sequence[Mammogram]
    labels: Sequence[Labels]


class Scene(NamedTuple):
    """What a picture shows, before it is taken.

    Attributes
    ----------
    truth : TrueMarks
        In the millimetres of the picture.
    corner : ndarray of float64, shape (2,)
        The picture's outer corner in the image that the cluster was simulated in, mm.
    shape : tuple of int
        Rows and columns.
    drawn : dict of str to Draw
        Values of the preset's ``render.*`` sections.
    per_mm : ndarray of float64, shape (n,)
        Attenuation of each calcification per mm of its width.
    """

    truth: TrueMarks
    corner: Floats
    shape: tuple[int, int]
    drawn: dict[str, Draw]
    per_mm: Floats


def scene_of(rng: Rng, truth: TrueMarks, preset: Preset, margin_mm: float) -> Scene:
    """Draw how a cluster is pictured: pixel, exposure, tissue; and cut out the part around it.

    A preset without ``render.*`` sections gets those of ``"train"``.
    """
    ranges = preset if "render.detector" in preset.sections else load_preset("train")
    drawn = {name: ranges.draw(f"render.{name}", rng) for name in SECTIONS}
    pixel = drawn["detector"].pixel_mm
    placed = truth.outlines.parts + truth.xy[truth.outlines.owner][:, None]
    low = placed.min(axis=(0, 1)) - margin_mm - pixel * rng.random(2)
    columns, rows = np.ceil((placed.max(axis=(0, 1)) + margin_mm - low) / pixel).astype(int)
    moved = TrueMarks(truth.xy - low, truth.outlines, truth.table)
    return Scene(moved, low, (int(rows), int(columns)), drawn, _attenuation(truth, drawn))


def _calibre(truth: TrueMarks) -> Floats:
    calibre: Floats = truth.table[:, 0] / np.sqrt(truth.table[:, 1])
    return calibre


def _attenuation(truth: TrueMarks, drawn: dict[str, Draw]) -> Floats:
    """Return the attenuation per mm of width: that of the material, or what the eye needs if that is more.

    A cluster has a label because somebody saw it. One whose median calcification stands out of noise
    and texture of its own size by less than ``visible_snr`` (Rose 1948) is denser, up to ``solid``.
    """
    detector, calcium, outlines = drawn["detector"], drawn["calcium"], truth.outlines
    per_mm = calcium.attenuation * calcium.depth_ratio * outlines.contrast
    blur = np.hypot(detector.blur_mm, outlines.softness_mm)
    area = 0.25 * np.pi * truth.table[:, 0] ** 2
    left = area / (area + 2.0 * np.pi * blur**2)  # of the peak after a Gaussian blur
    peak = per_mm * _calibre(truth) * left * detector.primary_share
    noise = left / (detector.quanta_per_mm2 * area)
    # Variance of the texture at wavelengths up to twice the diameter, for an exponent of 3.
    texture = drawn["tissue"].contrast ** 2 * 2.0 * truth.table[:, 0] / _xray.REFERENCE_MM
    snr = float(np.median(peak / np.sqrt(noise + texture)))
    most = calcium.solid * calcium.depth_ratio / float(per_mm.max())
    visible: Floats = per_mm * max(1.0, min(calcium.visible_snr / snr, most))
    return visible


def take_picture(
    rng: Rng, scene: Scene, *, raw: bool = False
) -> tuple[npt.NDArray[np.float32], Labels]:
    """Return the grey values of a scene, denser ones brighter, and which calcification is where.

    Parameters
    ----------
    rng : numpy.random.Generator
    scene : Scene
    raw : bool
        An image for processing: linear in the exposure. Otherwise linear in its logarithm.
    """
    state, drawn, outlines = kernel_state(rng), scene.drawn, scene.truth.outlines
    detector, grey = drawn["detector"], drawn["grey"]
    image, labels = np.zeros(scene.shape, np.float32), np.zeros(scene.shape, np.int32)
    _xray.add_tissue(image, detector.pixel_mm, drawn, state)
    _xray.add_calcifications(
        image,
        labels,
        outlines.parts,
        outlines.owner,
        scene.truth.xy,
        scene.per_mm,
        _calibre(scene.truth),
        outlines.softness_mm,
        detector.pixel_mm,
        detector.blur_mm,
        detector.primary_share,
    )
    noise = _xray.quantum_noise(state, *scene.shape, detector.noise_blur)
    quanta = detector.quanta_per_mm2 * detector.pixel_mm**2
    if raw:
        _xray.expose_raw(image, noise, quanta, RAW_LEVEL / quanta, RAW_HIGHEST)
    else:
        _xray.expose(image, noise, quanta, grey.level, grey.slope, HIGHEST)
    return image, labels
