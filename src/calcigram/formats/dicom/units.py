"""Units of length and area as reports write them: UCUM, spelt out, or a pixel."""

from __future__ import annotations

import re
from math import nan

MM_OF = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimetre": 1.0,
    "um": 1e-3,
    "µm": 1e-3,  # micro sign
    "μm": 1e-3,  # Greek mu
    "micrometer": 1e-3,
    "micrometre": 1e-3,
    "micron": 1e-3,
    "cm": 10.0,
    "centimeter": 10.0,
    "centimetre": 10.0,
    "m": 1000.0,
    "meter": 1000.0,
    "metre": 1000.0,
}
"""Units of length, and their length in mm."""

_A_PIXEL = re.compile(r"(/| per )\{?(pixels?|px)\}?$")
_SQUARED = re.compile(r"^(?:square (?P<named>\w+)|(?P<symbol>\w+?)(?:2|\^2|²))$")


def mm_of(unit: str) -> float:
    """Return a unit of length, or of length a pixel, in mm; NaN for any other.

    Examples
    --------
    >>> mm_of("um"), mm_of("mm/{pixel}"), mm_of("Micrometers"), mm_of("ms")
    (0.001, 1.0, 0.001, nan)
    """
    plain = _A_PIXEL.sub("", unit.strip().casefold())
    if plain.endswith("s") and len(plain) > 4:  # spelt out; "ms" is no length
        plain = plain.removesuffix("s")
    return MM_OF.get(plain, nan)


def mm2_of(unit: str) -> float:
    """Return a unit of area in mm2; NaN for any other.

    Examples
    --------
    >>> mm2_of("mm2"), mm2_of("square centimeter"), mm2_of("mm")
    (1.0, 100.0, nan)
    """
    squared = _SQUARED.match(unit.strip().casefold())
    if squared is None:
        return nan
    return mm_of(squared["named"] or squared["symbol"]) ** 2
