"""What form each calcification has: three particle models a form, outlines in millimetres.

A particle model knows how many calcifications there are and which way the duct or vessel
runs at each; it knows neither where they are nor how they will be imaged.
"""

from calcigram.simulate.particles import compact, elongated, hollow, strung
from calcigram.simulate.particles._outlines import PARTICLE_MODELS, Outlines, ParticleModel

__all__ = [
    "PARTICLE_MODELS",
    "Outlines",
    "ParticleModel",
    "compact",
    "elongated",
    "hollow",
    "strung",
]
