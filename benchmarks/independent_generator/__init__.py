"""A second generator of calcification clusters, sharing nothing with `calcigram.simulate`.

A classifier trained on one simulator may learn that simulator's habits instead of the
patterns. This package draws labelled clusters in another way: its own breast outline (`breast`),
its own ducts, vessels and lobules (`areas`, `ducts`), its own particles
(`forms`) and its own detector (`detector`). It was written without sight of the simulator, and the
simulator without sight of it, so a score on its clusters says how far a reading generalises. It is
meant to be used once, at the end; tuning anything on it would spend it.

Labels follow the definitions of `calcigram.lexicon`. Every cluster is checked against them on its
noise-free positions (`arrangements`: extent, share of the breast, elongation, wedge, arms of a
junction) and drawn again if it breaks them; only then are calcifications missed, added and moved.
Lengths are in mm. The working frame is the breast's own: ``u`` from the chest wall to the nipple,
``v`` along the chest wall; `breast.to_image` turns it into an image.
"""

from .generator import generate

__all__ = ["generate"]
