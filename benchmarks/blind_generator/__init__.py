"""Simulate labelled calcification clusters from the published definitions alone.

A second opinion: written from the BI-RADS words and breast anatomy without sight of the
project's own simulator, features or models, and meant for one last test. A breast is outlined
(`breast`), ducts, lobules, lobes or vessels are laid in it (`areas`, `paths`), calcifications are
drawn as polygons and measured (`outlines`), and an imperfect detector has the last word
(`detector`). The label is that of the pattern before the detector. Points are complex numbers
x + iy in mm, y down; angles are radians.
"""

from .generator import generate

__all__ = ["generate"]
