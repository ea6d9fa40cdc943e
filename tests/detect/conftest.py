"""The phantom, and images of discs of known place, size and contrast."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from calcigram.mammogram import Mammogram


@pytest.fixture(scope="session")
def phantom():
    """The module of phantoms; test folders are no packages."""
    path = Path(__file__).with_name("phantom.py")
    spec = importlib.util.spec_from_file_location("phantom", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["phantom"] = module
    spec.loader.exec_module(module)
    return module


def _discs(discs, *, shape=(200, 200), spacing_mm=(0.07, 0.07), noise=4.0, level=500.0, seed=0):
    """Return an image of discs (x_mm, y_mm, diameter_mm, height), averaged over each pixel."""
    fine = 8
    pixels = np.random.default_rng(seed).normal(level, noise, shape)
    for x, y, diameter, height in discs:
        half = diameter / 2 + 0.2
        top, left = int((y - half) / spacing_mm[0]), int((x - half) / spacing_mm[1])
        n = [int(2 * half / mm) + 2 for mm in spacing_mm]
        at_y = (top + (np.arange(n[0] * fine) + 0.5) / fine) * spacing_mm[0]
        at_x = (left + (np.arange(n[1] * fine) + 0.5) / fine) * spacing_mm[1]
        inside = np.hypot(at_y[:, None] - y, at_x[None] - x) < diameter / 2
        share = inside.reshape(n[0], fine, n[1], fine).mean((1, 3))
        pixels[top : top + n[0], left : left + n[1]] += height * share
    return Mammogram(pixels.astype(np.float32), spacing_mm)


@pytest.fixture(scope="session")
def discs():
    return _discs
