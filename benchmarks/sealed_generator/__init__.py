"""A generator of clusters that was opened once, after the default model had been trained.

It was written from published figures (sizes, extents, counts, anatomy and detectors) and
from the definitions of the lexicon, without sight of the features, of the simulator that
makes the training clusters, or of any other generator. No model read its clusters before the
one that ships was trained; what it said then stands in docs/validation.md. Whoever tunes anything
on its clusters ends its use.

How a cluster comes about: a compressed breast with a nipple, lobes, ducts and vessels
(`anatomy`); sites of calcium on or off these (`scattered`, `ductal`); solids at the sites
(`forms`, `solids`); their shadows on a detector with blur and noise (`optics`); marks by threshold
and measurement, with misses, merges and false marks (`marks`); a check of what is left to
be seen against the definitions of the distributions (`definitions`); a new draw where that
fails (`assemble`); a set of clusters of many breasts (`generate`).
"""

from .generate import generate

__all__ = ["generate"]
