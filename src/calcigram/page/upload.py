"""A file that was dropped on the page."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.options import ReadOptions
from calcigram.page.sketch import check_number
from calcigram.wording import without_options

MAX_BYTES = 10_000_000
MAX_CLUSTERS = 2_000
MAX_PAIRS = 500_000_000

SPACING = "the field 'Pixel size'"
"""What the page has in place of an option of the command line."""


def read_file(content: bytes, **options: Any) -> ClusterSet:
    """Read a file that was dropped, of any kind that `read_clusters` takes.

    Parameters
    ----------
    content : bytes
        At most `MAX_BYTES`.
    **options
        As `read_clusters` takes them; what is empty says nothing.

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
            given = {name: value for name, value in options.items() if value not in (None, "")}
            clusters = read_clusters(path, ReadOptions(**given))
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
