"""How a set of clusters compares with another, and how it is shown: nothing of what it holds."""

from __future__ import annotations

from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.errors import UnknownClusterError

if TYPE_CHECKING:
    import pandas as pd

N_SHOWN = 10
"""Clusters that a notebook lists."""


class Alike:
    """Equality by value, choice by id, and short forms for people; base of `ClusterSet`."""

    cluster_id: Any

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same; a missing value equals a missing value."""
        if type(other) is not type(self):
            return NotImplemented
        names = [field.name for field in fields(self) if field.name != "meta"]  # type: ignore[arg-type]
        pairs = [(getattr(self, name), getattr(other, name)) for name in names]
        return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs) and (
            _values(self.meta).equals(_values(other.meta))  # type: ignore[attr-defined]
        )

    def __hash__(self) -> int:
        return hash((self.offsets.tobytes(), tuple(self.cluster_id)))  # type: ignore[attr-defined]

    def __contains__(self, cluster_id: object) -> bool:
        return bool((self.cluster_id == cluster_id).any())

    def __repr__(self) -> str:
        columns = ("diameter_mm", "aspect_ratio", "orientation_deg", "solidity", "cnr")
        known = [name for name in columns if not np.isnan(getattr(self, name)).all()]
        noun = "cluster" if len(self.cluster_id) == 1 else "clusters"
        return (
            f"<ClusterSet: {len(self.cluster_id)} {noun}, {self.x_mm.size} calcifications; "  # type: ignore[attr-defined]
            f"{', '.join(known) or 'positions only'}>"
        )

    def _repr_html_(self) -> str:
        """Return a table of the first clusters, for notebooks."""
        import pandas as pd

        shown: Any = self[:N_SHOWN]  # type: ignore[index]
        counts = pd.DataFrame({"n_calcifications": shown.n_calcifications})
        table = pd.concat([counts, shown.meta], axis=1).set_axis(shown.cluster_id)
        left = len(self.cluster_id) - len(shown)
        more = f"<p>and {left} more</p>" if left else ""
        return f"<p>{escape(repr(self))}</p>{table.to_html(na_rep='')}{more}"

    def _places(self, key: Any) -> Any:
        """Return a key as numpy takes it: an id becomes a mask, a list of ids becomes indices."""
        if isinstance(key, str):
            if key not in self:
                raise UnknownClusterError(key, self.cluster_id)
            return self.cluster_id == key
        if isinstance(key, list) and key and all(isinstance(one, str) for one in key):
            return np.concatenate([np.flatnonzero(self._places(one)) for one in key])
        return key[0] if isinstance(key, tuple) else key  # scikit-learn asks for ``X[rows, ...]``


def _values(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the values alone: how a column stores them, and what a missing one is, go."""
    return frame.astype(object).where(frame.notna(), None)
