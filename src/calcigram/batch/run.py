"""`run_batch`: a whole job, from the plan to a folder that is there whole or not at all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from calcigram.batch.engines import here, on_workers
from calcigram.batch.plan import (
    PARTITION_CLUSTERS,
    TASKS,
    Job,
    Part,
    manifest_of,
    parts_of_files,
    parts_of_numbers,
)
from calcigram.batch.storage import Storage
from calcigram.batch.work import Done, do_part, read_note
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.manifest import check_same, to_text
from calcigram.missing import missing_words

MANIFEST, REJECTS = "_calcigram.json", "_rejects.csv"
"""Stand among the parts, where readers of Parquet folders pass them over."""

Url = str | os.PathLike[str]


@dataclass
class BatchSummary:
    """What came of a job.

    Attributes
    ----------
    n_parts, n_clusters : int
        Files and clusters written in all.
    n_review : int
        Clusters that a person should look at; 0 where none was classified.
    n_rejected : int
        Clusters set aside because of bad values.
    n_resumed : int
        Parts taken over from a run that was broken off.
    notes : list of str
        Which marks were missing where readings could not be compared.
    """

    n_parts: int = 0
    n_clusters: int = 0
    n_review: int = 0
    n_rejected: int = 0
    n_resumed: int = 0
    notes: list[str] = field(default_factory=list)


def run_batch(
    source: Url | int,
    output: Url,
    *,
    task: str = "classify",
    dask: str | None = None,
    model: Url | None = None,
    partition_clusters: int = PARTITION_CLUSTERS,
    simulation: Mapping[str, Any] | None = None,
    skip_bad: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> BatchSummary:
    """Simulate, measure or classify partitioned clusters, here or on a Dask cluster.

    Parameters
    ----------
    source : str, path-like or int
        A Parquet file or a folder of them, on any file system that fsspec reaches; to simulate,
        the number of clusters.
    output : str or path-like
        Folder to make, with one Parquet file a part. Every worker must reach it, under the same
        name. It is there when all is done, and not before.
    task : {"classify", "features", "simulate"}
    dask : str, optional
        Address of a Dask scheduler; without it, this process does all.
    model : str or path-like, optional
        Model folder, under the same name on every worker; by default the model that ships.
    partition_clusters : int
        Clusters a part, at least; parts have whole row groups. ``docs/scaling.md`` says what to
        choose.
    simulation : mapping, optional
        To simulate: `seed`, `grade`, `preset`, `exclude_mechanisms`, `only_mechanisms`, as
        `calcigram.simulate` takes them.
    skip_bad : bool
        Set clusters with bad values aside instead of stopping; ``_rejects.csv`` in the output
        names each.
    resume : bool
        Do only the parts that a run which was broken off left undone; nothing, where all is
        done.
    overwrite : bool
        Replace an `output` that is there.
    progress : callable, optional
        Called with the numbers of parts done and of all.

    Returns
    -------
    BatchSummary

    Raises
    ------
    BadInputError
        The input is bad or not there, the output is there, no scheduler answers, or `resume`
        meets parts made from other input, by another model, version or option.
    CalcigramError
        A worker has another calcigram or model, or parts were lost again and again.

    Notes
    -----
    Parts are written to the hidden folder ``.<output>.work`` beside the output, which takes the
    output's name in the end: at once on a local file system, file by file on others. The
    manifest ``_calcigram.json`` among them says what they were made from.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = run_batch(5, f"{folder}/clusters", task="simulate", partition_clusters=3)
    ...     read = run_batch(f"{folder}/clusters", f"{folder}/features", task="features")
    >>> made.n_parts, read.n_clusters
    (2, 5)
    """
    _check(task, partition_clusters, source)
    target = Storage(output)
    work = target.beside(f".{target.name}.work")
    if isinstance(source, int):
        storage, parts = None, parts_of_numbers(source, partition_clusters)
        settings = tuple(
            sorted({"seed": 0, "grade": "typical", "preset": "train", **(simulation or {})}.items())
        )
    else:
        storage, settings = Storage(source), ()
        parts = parts_of_files(storage, partition_clusters)
    job = _job(task, work, model, skip_bad, settings)
    manifest = manifest_of(job, storage, parts, partition_clusters)
    if _is_done(target, manifest, resume=resume, overwrite=overwrite):
        return _summary([read_note(target, part) for part in parts], n_resumed=len(parts))
    missing = _prepare(work, parts, manifest, resume=resume)
    there = [part for part in parts if part not in missing]
    done = [read_note(work, part) for part in there]
    engine = here if dask is None else partial(on_workers, address=dask)
    for one in engine(do_part, job, missing):
        if one.error:  # it would fail again
            work.remove()
            raise CalcigramError(one.error)
        done.append(one)
        if progress is not None:
            progress(len(done), len(parts))
    _write_rejects(work, done)
    if overwrite:
        target.remove()
    work.move_to(target)
    return _summary(done, n_resumed=len(there))


def _summary(done: Sequence[Done], n_resumed: int) -> BatchSummary:
    rejected = {(one.index, row["cluster_id"], row["row"]) for one in done for row in one.rejects}
    missing: Counter[str] = Counter()
    for one in done:
        missing.update(one.missing)
    return BatchSummary(
        n_parts=len(done),
        n_clusters=sum(one.n_clusters for one in done),
        n_review=sum(one.n_review for one in done),
        n_rejected=len(rejected),
        n_resumed=n_resumed,
        notes=list(filter(None, [missing_words(missing)])),
    )


def _write_rejects(work: Storage, done: Sequence[Done]) -> None:
    from io import BytesIO

    import pandas as pd

    from calcigram.formats.output import arrow_table, write_csv

    rows = [row for one in sorted(done, key=lambda one: one.index) for row in one.rejects]
    if rows:
        text = BytesIO()
        write_csv(arrow_table(pd.DataFrame(rows)), text, header=True)
        work.write(work.join(REJECTS), text.getvalue())


def _check(task: str, partition_clusters: int, source: Url | int) -> None:
    if task not in TASKS:
        raise BadInputError(f"one of {', '.join(TASKS)}", column="task", value=task)
    if partition_clusters < 1:
        raise BadInputError(
            "at least 1 cluster", column="partition_clusters", value=partition_clusters
        )
    if isinstance(source, int) != (task == "simulate") or (isinstance(source, int) and source < 1):
        raise BadInputError(
            "a number of clusters of at least 1 to simulate, or else files", value=source
        )


def _job(
    task: str, work: Storage, model: Url | None, skip_bad: bool, settings: tuple[Any, ...]
) -> Job:
    if task != "classify":
        return Job(task, work.url(), skip_bad=skip_bad, simulation=settings)
    from calcigram.model.store import load_model

    folder = None if model is None else os.path.abspath(model)
    return Job(task, work.url(), folder, load_model(folder).version, skip_bad=skip_bad)


def _is_done(
    target: Storage, manifest: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> bool:
    """Tell whether the output is there and what was asked for; refuse to write over another."""
    if not target.exists() or overwrite:
        return False
    if not resume:
        raise BadInputError("an output that is not there yet, or --overwrite", source=target.url())
    path = target.join(MANIFEST)
    if not target.exists(path):
        raise BadInputError("an output made by calcigram batch", source=target.url())
    with target.opened(path) as file:
        check_same(file.read(), manifest, target.url())
    return True


def _prepare(
    work: Storage, parts: list[Part], manifest: Mapping[str, Any], *, resume: bool
) -> list[Part]:
    """Make the work folder and return the parts that are not in it."""
    path = work.join(MANIFEST)
    if resume and work.exists(path):
        with work.opened(path) as file:
            check_same(file.read(), manifest, work.url())
        there = {name.rpartition("/")[2] for name in work.files()}
        return [part for part in parts if part.name not in there]
    work.remove()
    work.make()
    work.write(path, to_text(manifest).encode())
    return parts
