"""What was read whole, handed on in parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from calcigram.longtable import Intake


def parted(intake: Intake, batch_size: int, skip: int = 0) -> Iterator[Intake]:
    """Yield an intake in parts of at most `batch_size` clusters, all but the first `skip`.

    What was left out, and how much, is told with the first part.

    Examples
    --------
    >>> import pandas as pd
    >>> from calcigram.clusters import ClusterSet
    >>> whole = Intake(ClusterSet.from_arrays([0, 1, 2, 3], [1, 2, 3], [0, 0, 0]), pd.DataFrame(), 5)
    >>> [(len(part.clusters), part.n_duplicates) for part in parted(whole, 2)]
    [(2, 5), (1, 0)]
    >>> [len(part.clusters) for part in parted(whole, 2, skip=1)]
    [1]
    """
    if len(intake.clusters) <= batch_size:
        yield from [intake][skip:]
        return
    for index, part in enumerate(intake.clusters.batches(batch_size)):
        if index < skip:
            continue
        if index == 0:
            yield replace(intake, clusters=part)
        else:
            yield Intake(part, intake.rejects.iloc[:0])
