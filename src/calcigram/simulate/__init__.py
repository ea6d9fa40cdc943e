"""Clusters of known label: breast -> arrangement -> particles -> acquisition -> cluster.

Everything random is drawn from ranges that stand as data in ``presets``. The simulator
does not use features, rules or the model that will read what it makes.
"""

# The modules of mechanisms enter theirs in the tables when they are imported.
from calcigram.simulate import areas, ducts, particles
from calcigram.simulate.generator import simulate
from calcigram.simulate.mechanisms import ARRANGEMENTS, PARTICLE_MODELS, mechanism_ids
from calcigram.simulate.presets import load_preset

__all__ = [
    "ARRANGEMENTS",
    "PARTICLE_MODELS",
    "areas",
    "ducts",
    "load_preset",
    "mechanism_ids",
    "particles",
    "simulate",
]
