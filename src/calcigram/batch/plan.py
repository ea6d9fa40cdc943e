"""What is to be done: one `Job`, and the `Part`s it falls into.

Only the footers of Parquet files are read here. Parts follow from the input and the size of a
partition alone, so that a job that is resumed has the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from calcigram.batch.storage import Storage
from calcigram.errors import BadInputError
from calcigram.formats.checkpoint import code_digest, file_digest
from calcigram.formats.parquet import is_long, opened_parquet, row_group_runs

TASKS = ("classify", "features", "simulate")

PARTITION_CLUSTERS = 50_000
"""Clusters a part, by default: see docs/scaling.md."""


@dataclass(frozen=True)
class Part:
    """A piece of a job.

    Attributes
    ----------
    index : int
        Names the file that is written.
    n_clusters : int
    source : str
        URL of the file to read; empty where clusters are simulated.
    row_groups : tuple of int
        Of `source`.
    start : int
        Number of the first cluster, where clusters are simulated.
    """

    index: int
    n_clusters: int
    source: str = ""
    row_groups: tuple[int, ...] = ()
    start: int = 0

    @property
    def name(self) -> str:
        """Name of the file that is written."""
        return f"part-{self.index:06}.parquet"


@dataclass(frozen=True)
class Job:
    """What is done to every part; small, since it travels with each.

    Attributes
    ----------
    task : str
        One of `TASKS`.
    folder : str
        URL of the work folder, which every worker reaches.
    model : str or None
        Model folder; None for the one that ships.
    model_version : str
        What every worker must find there.
    code : str
        Digest of calcigram's own modules, the same on all workers.
    skip_bad : bool
        Set clusters with bad values aside instead of failing.
    simulation : tuple
        Arguments of `simulate`, as (name, value) pairs.
    digest : str
        Of the manifest; each part notes it, so that parts of two jobs are never mixed.
    """

    task: str
    folder: str
    model: str | None = None
    model_version: str = ""
    code: str = field(default_factory=code_digest)
    skip_bad: bool = False
    simulation: tuple[tuple[str, Any], ...] = ()
    digest: str = ""


def parts_of_files(storage: Storage, partition_clusters: int) -> list[Part]:
    """Cut the Parquet files at a URL into parts of whole row groups.

    Parameters
    ----------
    storage : Storage
        A file, or a folder whose ``.parquet`` files are taken, those in its folders too.
    partition_clusters : int
        A part has as few row groups as hold so many clusters. A long table is one part.

    Raises
    ------
    BadInputError
        There is no file, or one is no sound Parquet file.
    """
    parts: list[Part] = []
    for path in input_files(storage):
        with (
            storage.opened(path) as file,
            opened_parquet(file, storage.url(path), with_pages=False) as parquet,
        ):
            whole = parquet.metadata.num_rows if is_long(parquet.schema_arrow) else 0
            for groups, n_rows in row_group_runs(parquet.metadata, whole or partition_clusters):
                parts.append(Part(len(parts), n_rows, storage.url(path), tuple(groups)))
    if not parts:
        raise BadInputError("clusters in Parquet files", source=storage.url())
    return parts


def parts_of_numbers(n: int, partition_clusters: int) -> list[Part]:
    """Cut the clusters 0 to n - 1 of a simulation into parts.

    Examples
    --------
    >>> [(part.name, part.start, part.n_clusters) for part in parts_of_numbers(5, 3)]
    [('part-000000.parquet', 0, 3), ('part-000001.parquet', 3, 2)]
    """
    starts = range(0, n, partition_clusters)
    return [Part(i, min(partition_clusters, n - a), start=a) for i, a in enumerate(starts)]


def input_files(storage: Storage) -> Iterator[str]:
    """Yield the Parquet files of a file or folder, in the order of their names.

    Files and folders whose names begin with a dot or an underscore are passed over, as other
    readers do.

    Raises
    ------
    BadInputError
        There are none.
    """
    found = 0
    for path in storage.files():
        parts = PurePosixPath(path.removeprefix(storage.path)).parts or (storage.name,)
        hidden = any(part[0] in "._" for part in parts)
        if not hidden and path.endswith((".parquet", ".parq", ".pq")):
            found += 1
            yield path
    if not found:
        raise BadInputError(
            "a Parquet file, or a folder of them, that exists", source=storage.url()
        )


def identities(storage: Storage) -> list[dict[str, str]]:
    """Return the name of each input file, and what tells its content from any other.

    Local files are told by the digest of their content, others by what their store says of
    them (an ETag, a generation, a checksum).
    """
    return [_identity(storage, path) for path in input_files(storage)]


def _identity(storage: Storage, path: str) -> dict[str, str]:
    if storage.is_local:
        return {"name": storage.url(path), "sha256": file_digest(path)}
    return {"name": storage.url(path), "identity": str(storage.fs.ukey(path))}


def manifest_of(
    job: Job, files: list[dict[str, str]], parts: list[Part], partition_clusters: int
) -> dict[str, Any]:
    """Say what a job makes its parts from; a job resumed must say the same."""
    return {
        "format": "calcigram batch",
        "files": files,
        "n_parts": len(parts),
        "n_clusters": sum(part.n_clusters for part in parts),
        "partition_clusters": partition_clusters,
        "task": job.task,
        "model": job.model_version,
        "code": job.code,
        "skip_bad": job.skip_bad,
        "simulation": dict(job.simulation),
    }
