"""From the pixels of a mammogram to the marks of its calcifications.

A classical detector without trained weights: breast mask, noise made equal, differences of Gaussians over their
local noise, outlines at half of the height. `detection` joins these steps.
"""

from calcigram.detect.detection import (
    THRESHOLD_Z,
    Detection,
    detect_calcifications,
    measure_points,
)
from calcigram.detect.images import detect

__all__ = [
    "THRESHOLD_Z",
    "Detection",
    "detect",
    "detect_calcifications",
    "measure_points",
]
