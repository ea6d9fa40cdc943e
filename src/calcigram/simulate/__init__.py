"""Clusters of known label: breast -> arrangement -> particles -> acquisition -> cluster.

Everything random is drawn from ranges that stand as data in ``presets``. The simulator knows
nothing of features, rules or the model that will read what it makes.
"""

from calcigram.simulate.arrangements import ARRANGEMENTS
from calcigram.simulate.generator import simulate
from calcigram.simulate.menu import mechanism_ids
from calcigram.simulate.particles import PARTICLE_MODELS
from calcigram.simulate.presets import load_preset

__all__ = ["ARRANGEMENTS", "PARTICLE_MODELS", "load_preset", "mechanism_ids", "simulate"]
