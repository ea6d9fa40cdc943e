"""What people pass where clusters are wanted: a set, a table, or the path of a file."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.formats.files import PathLike
from calcigram.formats.registry import read_intake
from calcigram.longtable import TableWarning

if TYPE_CHECKING:
    import pandas as pd


def as_clusters(given: ClusterSet | pd.DataFrame | PathLike) -> ClusterSet:
    """Return clusters as they are, of a long table, or of a file of any format.

    Parameters
    ----------
    given : ClusterSet, pandas.DataFrame or path-like

    Raises
    ------
    BadInputError
        It is something else, or cannot be read.

    Warns
    -----
    TableWarning
        Says what was guessed or left out on reading a file.

    Examples
    --------
    >>> import pandas as pd
    >>> len(as_clusters(pd.DataFrame({"cluster_id": ["a", "b"], "x_mm": [0, 1], "y_mm": [0, 1]})))
    2
    """
    if isinstance(given, ClusterSet):
        return given
    if isinstance(given, str | os.PathLike):
        intake = read_intake(given)
        for note in intake.notes:
            warnings.warn(f"{os.fspath(given)}: {note}", TableWarning, stacklevel=3)
        return intake.clusters
    if hasattr(given, "columns"):
        return ClusterSet.from_dataframe(given)
    raise BadInputError(
        "a ClusterSet, a table with one row per calcification, or the path of a file",
        value=type(given).__name__,
    )
