"""The catalogue: which features there are, in which order, and what each means.

It computes nothing; each family's module holds its rows beside the kernels that compute them.
``python benchmarks/make_features_page.py`` writes docs/features.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from calcigram.features import (
    branching,
    linearity,
    nipple,
    particles,
    regularity,
    roundness,
    spread,
)
from calcigram.features.rows import Rows

if TYPE_CHECKING:
    import pandas as pd

_MODULES = (spread, linearity, branching, roundness, nipple, particles, regularity)
"""The order of the families is that of the columns."""

ROWS: dict[str, Rows] = {module.__name__.rsplit(".", 1)[1]: module.ROWS for module in _MODULES}


@dataclass(frozen=True)
class FeatureSpec:
    """One feature.

    Attributes
    ----------
    name : str
        Carries the unit where there is one.
    family : str
        The module of `calcigram.features` that computes it.
    unit : str
        "1" for pure numbers.
    low, high : float
        Closed range of its values, NaN apart.
    meaning : str
        What it says, in words that a radiologist uses.
    formula : str
        How it is computed; ``n >= k`` says below which count it is NaN.
    source : str
        Paper, standard or section of the domain notes.
    needs : tuple of str
        Marks without which it is NaN, beside the positions.
    """

    name: str
    family: str
    unit: str
    low: float
    high: float
    meaning: str
    formula: str
    source: str
    needs: tuple[str, ...]


CATALOGUE: tuple[FeatureSpec, ...] = tuple(
    FeatureSpec(row[0], family, *row[1:]) for family, rows in ROWS.items() for row in rows
)
FEATURE_NAMES: tuple[str, ...] = tuple(spec.name for spec in CATALOGUE)
FAMILIES: tuple[str, ...] = tuple(ROWS)

_UNIT_SUFFIXES = {"mm": "_mm", "mm2": "_mm2", "deg": "_deg"}


def family_slice(family: str) -> slice:
    """Return where the columns of `family` stand in the matrix.

    Examples
    --------
    >>> FEATURE_NAMES[family_slice("linearity")][0]
    'pca_axis_ratio'
    """
    start = sum(len(ROWS[name]) for name in FAMILIES[: FAMILIES.index(family)])
    return slice(start, start + len(ROWS[family]))


def feature_catalogue() -> pd.DataFrame:
    """Return the catalogue as a table.

    Returns
    -------
    pandas.DataFrame
        One row per feature, in column order; the columns are the fields of `FeatureSpec`.

    Examples
    --------
    >>> feature_catalogue().loc[0, ["name", "family"]].tolist()
    ['n_calcifications', 'spread']
    """
    import pandas as pd

    return pd.DataFrame([asdict(spec) for spec in CATALOGUE])


def catalogue_hash() -> str:
    """Return the SHA-256 of names and units, in order; a model fits the features it was trained on.

    Examples
    --------
    >>> len(catalogue_hash())
    64
    """
    text = "\n".join(f"{spec.name}\t{spec.unit}" for spec in CATALOGUE)
    return hashlib.sha256(text.encode()).hexdigest()


def feature_words(name: str) -> str:
    """Return a feature's name without its unit, as words.

    Examples
    --------
    >>> feature_words("max_distance_mm"), feature_words("ring_gap_deg")
    ('max distance', 'ring gap')
    """
    unit = next((spec.unit for spec in CATALOGUE if spec.name == name), "1")
    return name.removesuffix(_UNIT_SUFFIXES.get(unit, "")).replace("_", " ")


def with_unit(value: float, unit: str) -> str:
    """Return a value to three digits with its unit, ``unknown`` for NaN.

    Examples
    --------
    >>> with_unit(12.345, "mm"), with_unit(0.5, "1"), with_unit(float("nan"), "mm")
    ('12.3 mm', '0.5', 'unknown')
    """
    if value != value:
        return "unknown"
    return f"{value:.3g}" + ("" if unit == "1" else f" {unit}")
