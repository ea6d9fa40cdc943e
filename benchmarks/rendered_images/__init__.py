"""Full-size mammograms with known calcifications, written from first principles to score the detector.

No code is shared with the simulator, its renderer or the detector's own tests. How an image
comes about: a compressed breast with skin, nipple and muscle (`anatomy`); power-law tissue,
strands and vessels in it (`tissue`); sites of a distribution (`sites`) and a solid of a form at
each (`solids`); X-rays through all of it, scatter, blur, quanta, electronics, and what a
vendor's software makes of the signal (`exposure`); an image with its truth (`image`).

Two splits have seeds of their own. The detector may be run on ``development`` while it is being
written; ``acceptance`` is for the figures that are published, and nothing is tuned on it.
"""

from .image import CONTENTS, GRADES, SIZES, SPLITS, Recipe, Rendered, recipes, render

__all__ = ["CONTENTS", "GRADES", "SIZES", "SPLITS", "Recipe", "Rendered", "recipes", "render"]
