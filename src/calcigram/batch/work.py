"""The parts of a job, from rows to a file each, in this process or on the workers of a Dask cluster.

`do_part` runs on any machine that has calcigram and reaches the storage; a part that is done
twice, because a worker was lost, is written twice with the same bytes. Dask is asked for nothing
but tasks, so any cluster serves.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from calcigram.batch.storage import Storage
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.checkpoint import code_digest
from calcigram.formats.extras import how_to_install
from calcigram.formats.registry import BATCH_CLUSTERS
from calcigram.options import ReadOptions

if TYPE_CHECKING:
    from calcigram.classify import Classifier
    from calcigram.clusters import ClusterSet
    from calcigram.longtable import Intake

_NOTE_KEY = "calcigram_part"

CONNECT_S = 10
"""How long a scheduler may take to answer."""

RETRIES = 3
"""How often a part is tried again after a failure that its input did not cause."""


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
        ``"classify"``, ``"features"`` or ``"simulate"``.
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


@dataclass(frozen=True)
class Done:
    """The result of a part.

    Attributes
    ----------
    index : int
        Of the part.
    n_clusters, n_review : int
        Written, and those of them that a person should look at.
    rejects : sequence of dict
        Bad values of clusters set aside, as rows of the table of rejects.
    missing : dict of str to int
        As `calcigram.classify.count_missing` gives it.
    error : str
        Why nothing was written; empty where all went well. Told and not raised, as the same
        input would fail on any other worker.
    digest : str
        Of the job that wrote the part.
    """

    index: int
    n_clusters: int = 0
    n_review: int = 0
    rejects: Sequence[dict[str, Any]] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    error: str = ""
    digest: str = ""


def do_part(job: Job, part: Part, n_threads: int | None = 1) -> Done:
    """Read, compute and write one part, unless its file is there.

    Parameters
    ----------
    job : Job
    part : Part
    n_threads : int, optional
        Threads of this process to use; 1 on a cluster, whose workers have one each.

    Returns
    -------
    Done
    """
    try:
        _check_worker(job)
        folder = Storage(job.folder)
        if not folder.exists(folder.join(part.name)):
            folder.write(part.name, _computed(job, part, n_threads))
        return read_note(folder, part)
    except CalcigramError as error:
        return Done(part.index, error=str(error))


def read_note(folder: Storage, part: Part) -> Done:
    """Return what the file of a finished part tells of itself.

    Raises
    ------
    BadInputError
        It is not there, is damaged, or was not written by `do_part`.
    """
    import pyarrow as pa
    from pyarrow import parquet

    path = folder.join(part.name)
    try:
        with folder.opened(path) as file:
            note = json.loads(parquet.read_metadata(file).metadata[_NOTE_KEY.encode()])
        return Done(part.index, **note)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        raise BadInputError(
            "a part as calcigram batch writes it", source=folder.url(path)
        ) from None


def _check_worker(job: Job) -> None:
    if code_digest() != job.code:
        raise CalcigramError(
            f"the worker {os.uname().nodename} has another calcigram than the one that sent the "
            "job: install the same version on both"
        )


@lru_cache(maxsize=2)
def _classifier(model: str | None, version: str, n_threads: int | None) -> Classifier:
    from calcigram.classify import Classifier

    classifier = Classifier(model, n_threads)
    if classifier.version != version:
        raise CalcigramError(
            f"model {model or 'default'}: the worker {os.uname().nodename} has "
            f"{classifier.version}, the job is for {version}"
        )
    return classifier


def _computed(job: Job, part: Part, n_threads: int | None) -> bytes:
    """Return the bytes of the part's file."""
    if job.task == "simulate":
        return _simulated(job, part)
    import pyarrow.compute as pc

    from calcigram.classify import count_missing
    from calcigram.features.extract import extract_features
    from calcigram.formats.checkpoint import read_ahead
    from calcigram.formats.output import arrow_table, parquet_writer

    buffer, writer = BytesIO(), None
    n_clusters = n_review = 0
    rejects: list[Any] = []
    missing: Counter[str] = Counter()
    for intake, _ in read_ahead(_intakes(part, job.skip_bad)):
        clusters = intake.clusters
        if job.task == "features":
            found: Any = extract_features(clusters, n_threads=n_threads).to_dataframe()
        else:
            found = _classifier(job.model, job.model_version, n_threads).columns(clusters)
            missing.update(count_missing(clusters, found))
        table = arrow_table(found)
        writer = writer or parquet_writer(buffer, table.schema)
        writer.write_table(table.cast(writer.schema))  # a row group
        n_clusters += table.num_rows
        rejects += intake.rejects.to_dict("records")
        if "review" in table.column_names:
            n_review += pc.sum(table["review"]).as_py() or 0
    assert writer is not None  # a part has at least one batch
    done = Done(part.index, n_clusters, n_review, rejects, missing, digest=job.digest)
    writer.add_key_value_metadata(_note(done))
    writer.close()
    return buffer.getvalue()


def _intakes(part: Part, skip_bad: bool) -> Iterator[Intake]:
    from calcigram.formats.parquet import iter_parquet_clusters

    storage = Storage(part.source)
    with storage.opened(storage.path) as file:
        yield from iter_parquet_clusters(
            file,
            BATCH_CLUSTERS,
            ReadOptions(skip_bad=skip_bad),
            row_groups=part.row_groups,
            source=part.source,
        )


def _simulated(job: Job, part: Part) -> bytes:
    from calcigram.formats.parquet import write_parquet_clusters
    from calcigram.simulate import simulate

    def pieces() -> Iterator[ClusterSet]:
        for start in range(0, part.n_clusters, BATCH_CLUSTERS):
            n = min(BATCH_CLUSTERS, part.n_clusters - start)
            yield simulate(n, start=part.start + start, **dict(job.simulation))

    buffer = BytesIO()
    note = _note(Done(part.index, part.n_clusters, digest=job.digest))
    write_parquet_clusters(pieces(), buffer, note=note)
    return buffer.getvalue()


def _note(done: Done) -> dict[str, str]:
    """Return what the file of a part tells of itself, as `read_note` reads it."""
    told = ("digest", "n_clusters", "n_review", "rejects", "missing")
    return {_NOTE_KEY: json.dumps({name: getattr(done, name) for name in told})}


def here(do_part: Callable[..., Done], job: Job, parts: Iterable[Part]) -> Iterator[Done]:
    """Do the parts one after the other, with all threads of this process."""
    for part in parts:
        yield do_part(job, part, None)


def on_workers(
    do_part: Callable[[Job, Part], Done], job: Job, parts: Iterable[Part], *, address: str
) -> Iterator[Done]:
    """Do the parts on the workers of a Dask cluster, and yield them as they are done.

    What a lost worker had begun or held, others do again: files that are there are not written
    anew.

    Parameters
    ----------
    do_part : callable
        Of a job and a part.
    job : Job
        Sent with each part.
    parts : iterable of Part
        In any order.
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Yields
    ------
    Done

    Raises
    ------
    BadInputError
        No scheduler answers there.
    CalcigramError
        The same part was lost with several workers, or failed again and again.
    """
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    with connected(address) as client:
        sent = list(parts)
        futures = client.map(do_part, [job] * len(sent), sent, pure=False, retries=RETRIES)
        try:
            for future in as_completed(futures, loop=client.loop):
                yield future.result()
        except KilledWorker as error:
            raise CalcigramError(
                f"several workers failed on the same part, perhaps for lack of memory: {error}"
            ) from None
        finally:
            client.cancel(futures)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Give a Dask client.

    Raises
    ------
    BadInputError
        No scheduler answers.
    CalcigramError
        Dask is not installed.
    """
    try:
        from distributed import Client
    except ImportError:
        raise CalcigramError(f"no Dask here: {how_to_install('scale')}") from None
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise BadInputError(
            f"the address of a Dask scheduler that answers, like tcp://host:8786 ({reason})",
            column="dask",
            value=address,
        ) from None
    with client:
        yield client


@contextmanager
def on_dask(address: str) -> Iterator[Any]:
    """Let joblib's parallel work, such as cross-validation, go to a Dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler.

    Yields
    ------
    distributed.Client

    Raises
    ------
    BadInputError
        No scheduler answers there.

    Examples
    --------
    >>> with on_dask("tcp://127.0.0.1:1"):  # doctest: +SKIP
    ...     cross_val_score(classifier, clusters, truth, cv=5, n_jobs=-1)
    """
    import joblib

    with connected(address) as client, client.as_current(), joblib.parallel_config("dask"):
        yield client
