"""How calcifications come to lie as they do: several mechanisms for each distribution.

One module a distribution. An arrangement places centres in the projection and says which
way the duct or vessel runs there; it knows no form, no size and no detector.
"""

from calcigram.simulate.arrangements import (
    branching,
    diffuse,
    grouped,
    linear,
    regional,
    segmental,
)
from calcigram.simulate.arrangements._common import ARRANGEMENTS, Arrangement, Placement

__all__ = [
    "ARRANGEMENTS",
    "Arrangement",
    "Placement",
    "branching",
    "diffuse",
    "grouped",
    "linear",
    "regional",
    "segmental",
]
