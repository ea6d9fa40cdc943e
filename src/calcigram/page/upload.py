"""A file that was dropped on the page, and what the page says of how it is to be read."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.longtable.columns import column_map
from calcigram.page.sketch import check_number
from calcigram.wording import without_options

MAX_BYTES = 10_000_000
MAX_CLUSTERS = 2_000
MAX_PAIRS = 500_000_000

SPACING = "the field 'Pixel size'"
"""What the page has in place of an option of the command line."""


def reading_options(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the fields say, as `read_clusters` takes it; what is empty says nothing.

    Parameters
    ----------
    fields : mapping
        ``columns`` (text), ``units``, ``pixel_spacing`` and ``single_cluster``.

    Raises
    ------
    BadInputError
        The columns are not written as pairs.

    Examples
    --------
    >>> reading_options({"columns": "x=posX", "units": "px", "pixel_spacing": 0.07})
    {'columns': {'x': 'posX'}, 'units': 'px', 'pixel_spacing': 0.07}
    """
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    if "columns" in given:
        given["columns"] = column_map(given["columns"])
    return given


def read_file(content: bytes, **options: Any) -> ClusterSet:
    """Read a file that was dropped, of any kind that `read_clusters` takes.

    Parameters
    ----------
    content : bytes
        At most `MAX_BYTES`.
    **options
        As `reading_options` returns them.

    Returns
    -------
    ClusterSet
        1 to `MAX_CLUSTERS` clusters.

    Raises
    ------
    CalcigramError
        It cannot be read; no path is named.
    """
    from calcigram.formats import read_clusters

    if len(content) > MAX_BYTES:
        raise BadInputError(f"a file of at most {MAX_BYTES // 1_000_000} MB")
    with tempfile.TemporaryDirectory(prefix="calcigram-") as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        try:
            clusters = read_clusters(path, **options)
        except CalcigramError as error:
            message = without_options(str(error).replace(str(path), "the file"), SPACING)
            raise CalcigramError(message) from None
    if not 0 < len(clusters) <= MAX_CLUSTERS:
        raise BadInputError(f"1 to {MAX_CLUSTERS} clusters on the page", value=len(clusters))
    lengths = clusters.n_calcifications
    check_number(int(lengths.max()))
    if (pairs := int((lengths.astype(np.int64) ** 2).sum())) > MAX_PAIRS:
        expected = (
            f"clusters whose squared numbers of calcifications add up to {MAX_PAIRS:,} at most"
        )
        raise BadInputError(expected, value=pairs)
    return clusters
