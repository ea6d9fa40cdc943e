"""The atlas: each distribution and each morphology as a synthetic example beside a mimic.

What it shows of each word, and the sources, stand in ``atlas.toml``; pictures and figures are
made when it is written. It reads no file of a user and classifies nothing.
"""

from calcigram.atlas.html import write_atlas
from calcigram.atlas.pictures import atlas_entries

__all__ = ["atlas_entries", "write_atlas"]
