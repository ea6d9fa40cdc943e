"""The catalogue: which features there are, in which order, and what each means.

It computes nothing and imports no compiled code; `entries` holds the text, the family
modules hold the kernels. ``python benchmarks/make_features_page.py`` writes docs/features.md.
"""

from __future__ import annotations

import hashlib
from collections import namedtuple
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from calcigram.features.entries import DROPPED, ROWS

if TYPE_CHECKING:
    import pandas as pd


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
    FeatureSpec(row[0], family, *row[1:])
    for family, rows in ROWS.items()
    for row in rows
    if row[0] not in DROPPED
)
MEASURED = tuple(row[0] for rows in ROWS.values() for row in rows)
FEATURE_NAMES: tuple[str, ...] = tuple(spec.name for spec in CATALOGUE)
FAMILIES: tuple[str, ...] = tuple(ROWS)


def family_columns(family: str) -> Any:
    """Return a named tuple of the columns' places within the row slice of `family`.

    Examples
    --------
    >>> family_columns("roundness").hull_solidity
    1
    """
    names = [row[0] for row in ROWS[family]]
    return namedtuple(f"{family}_columns", names)(*range(len(names)))  # type: ignore[misc]


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
        One row a feature, in column order; the columns are the fields of `FeatureSpec`.

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
