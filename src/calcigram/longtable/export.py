"""From clusters to the long table: what it can hold, and the table itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.clusters import MARK_NAMES, ClusterSet
from calcigram.errors import BadInputError
from calcigram.longtable.columns import ID_EXPECTED, MISSING_IDS
from calcigram.longtable.headings import NUMERIC_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def frame_from_clusters(
    clusters: ClusterSet, *, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the long table of a set: ids, marks, per-cluster columns repeated, then meta.

    Parameters
    ----------
    clusters : ClusterSet
    columns : sequence of str, optional
        Numeric columns to give; by default those of which the set knows anything.

    Returns
    -------
    pandas.DataFrame, shape (N, any)

    Raises
    ------
    BadInputError
        A cluster has no calcification, or two share an id: a long table cannot hold that.

    Examples
    --------
    >>> clusters = ClusterSet.from_arrays([0, 2], [0, 1], [0, 1], cluster_id=["a"], cnr=[5, 6])
    >>> list(frame_from_clusters(clusters).columns)
    ['cluster_id', 'x_mm', 'y_mm', 'cnr']
    """
    import pandas as pd

    check_long(clusters)
    owner = np.repeat(np.arange(len(clusters)), clusters.n_calcifications)
    table: dict[str, Any] = {"cluster_id": clusters.cluster_id[owner]}
    for name in known_columns(clusters) if columns is None else columns:
        values = getattr(clusters, name)
        table[name] = values if name in MARK_NAMES else values[owner]
    meta = clusters.meta.iloc[owner].reset_index(drop=True)
    return pd.concat([pd.DataFrame(table), meta], axis=1)


def check_long(clusters: ClusterSet) -> None:
    """Raise `BadInputError` where a set cannot be a long table (see `frame_from_clusters`)."""
    import pandas as pd

    check_ids(clusters)
    empty = clusters.n_calcifications == 0
    if empty.any():
        raise BadInputError(
            "at least one calcification in each cluster of a long table",
            cluster_id=clusters.cluster_id[int(empty.argmax())],
        )
    repeated = pd.Series(clusters.cluster_id).duplicated().to_numpy()
    if repeated.any():
        raise BadInputError(
            "each cluster id once in a long table",
            cluster_id=clusters.cluster_id[int(repeated.argmax())],
        )
    clash = sorted(set(map(str, clusters.meta.columns)) & {"cluster_id", *NUMERIC_COLUMNS})
    if clash:
        raise BadInputError("a name in meta that no mark or id has", column=clash[0])


def check_ids(clusters: ClusterSet) -> None:
    """Raise `BadInputError` where an id could not be told from a missing one when it is read."""
    missing = MISSING_IDS.intersection(clusters.cluster_id)
    if missing:
        raise BadInputError(ID_EXPECTED, cluster_id=sorted(missing)[0])


def known_columns(clusters: ClusterSet) -> list[str]:
    """Return the names of the numeric columns of which a set knows at least one value.

    Examples
    --------
    >>> known_columns(ClusterSet.from_arrays([0, 1], [0], [0], nipple_x_mm=[1]))
    ['x_mm', 'y_mm', 'nipple_x_mm']
    """
    return [
        column.name
        for column in NUMERIC_COLUMNS.values()
        if column.required or not np.isnan(getattr(clusters, column.name)).all()
    ]
