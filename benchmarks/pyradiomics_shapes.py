"""PyRadiomics' shape features in an environment of its own, as a peer of `peers.py`; no benchmark itself.

PyRadiomics 3.0.1 is built from source and needs an older NumPy than calcigram:

    python -m venv radiomics
    radiomics/bin/pip install "numpy<2" "setuptools<70" wheel versioneer cython scipy PyWavelets SimpleITK pykwalify six
    radiomics/bin/pip install --no-build-isolation pyradiomics==3.0.1
    python benchmarks/peers.py --pyradiomics radiomics/bin/python

It is given points (npz: ``x_mm``, ``y_mm``, ``offsets``), and computes all of them once for each line it reads.
"""

from __future__ import annotations

import logging
import sys

import numpy as np
import SimpleITK
from radiomics.shape2D import RadiomicsShape2D

PIXEL_MM = 0.1


def mask_of(points: np.ndarray) -> SimpleITK.Image:
    """Draw the points as pixels, in one slice."""
    pixels = np.round((points - points.min(axis=0)) / PIXEL_MM).astype(int) + 1
    mask = np.zeros((1, *(pixels.max(axis=0) + 2)), np.uint8)
    mask[(0, *pixels.T)] = 1
    image = SimpleITK.GetImageFromArray(mask)
    image.SetSpacing((PIXEL_MM, PIXEL_MM, 1.0))
    return image


def main() -> None:
    """Say ready, then answer each line with done."""
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    with np.load(sys.argv[1]) as file:
        points = np.c_[file["x_mm"], file["y_mm"]].astype(float)
        clusters = np.split(points, file["offsets"][1:-1])
    print("ready", flush=True)
    for _ in sys.stdin:
        for cluster in clusters:
            mask = mask_of(cluster)
            RadiomicsShape2D(mask, mask, force2D=True, force2Ddimension=0).execute()
        print("done", flush=True)


if __name__ == "__main__":
    main()
