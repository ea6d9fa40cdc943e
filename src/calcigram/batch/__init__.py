"""Partitioned Parquet to partitioned Parquet, on one machine or on a Dask cluster.

Simulating, measuring and classifying many clusters is cut into parts, each a pure function of its
input that writes one file. Files may lie on anything fsspec reaches. The parts follow from the
input and the size of a partition alone, so that a job that is resumed has the same ones; the
output is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from calcigram.batch.storage import Storage
from calcigram.batch.work import Done, Job, Part, do_part, here, on_dask, on_workers, read_note
from calcigram.classify import missing_words
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.checkpoint import MANIFEST_FILE, Checkpoint, check_apart, check_same, to_text
from calcigram.formats.files import file_digest
from calcigram.formats.parquet import is_long, opened_parquet, row_group_runs
from calcigram.formats.temporary import LOCK_FILE

__all__ = ["BatchSummary", "on_dask", "run_batch"]

TASKS = ("classify", "features", "simulate")

PARTITION_CLUSTERS = 50_000
"""Clusters per part, by default: see docs/scaling.md."""

REJECTS = "_rejects.csv"
"""Stands among the parts, where readers of Parquet folders pass it over."""

_OURS = re.compile(
    rf"{MANIFEST_FILE}|{REJECTS}|\.?lock|part-\d+\.parquet|\..+\.[0-9a-f]{{8}}\.part"
)
"""Names of the files that this module writes."""

Url = str | os.PathLike[str]


@dataclass
class BatchSummary:
    """The result of a job.

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
        Folder to make, with one Parquet file per part. Every worker must reach it, under the same
        name. It is there when all is done, and not before.
    task : {"classify", "features", "simulate"}
    dask : str, optional
        Address of a Dask scheduler; without it, this process does all.
    model : str or path-like, optional
        Model folder, under the same name on every worker; by default the model that ships.
    partition_clusters : int
        Clusters per part, at least; parts have whole row groups. ``docs/scaling.md`` says what to
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
        Replace an `output` that is there, when the new one is whole. Only a folder that this function
        made, and that holds nothing else, is replaced.
    progress : callable, optional
        Called with the numbers of parts done and of all.

    Returns
    -------
    BatchSummary

    Raises
    ------
    BadInputError
        The input is bad, not there or changed meanwhile; the output is there, overlaps the input
        or is being written by another process; no scheduler answers; or `resume` meets parts
        made from other input, by another model, version or option.
    CalcigramError
        A worker has another calcigram or model, parts were lost again and again, or are missing
        in the end.

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
    target = _target(output)
    work = target.beside(f".{target.name}.work")
    storage = None if isinstance(source, int) else Storage(source)
    settings = {"seed": 0, "grade": "typical", "preset": "train", **(simulation or {})}
    files = _identities(storage, settings, (target, work), model)
    if isinstance(source, int):
        parts = parts_of_numbers(source, partition_clusters)
    else:
        parts, settings = parts_of_files(Storage(source), partition_clusters), {}
    job = _job(task, work, model, skip_bad, tuple(sorted(settings.items())))
    manifest = {
        "format": "calcigram batch",
        "files": files,
        "n_parts": len(parts),
        "n_clusters": sum(part.n_clusters for part in parts),
        "partition_clusters": partition_clusters,
        "task": job.task,
        "model": job.model_version,
        "code": job.code,
        "skip_bad": skip_bad,
        "simulation": settings,
    }
    job = replace(job, digest=hashlib.sha256(to_text(manifest).encode()).hexdigest())
    checkpoint = Checkpoint(work, target.url(), lambda: manifest)
    if _is_done(target, manifest, resume=resume, overwrite=overwrite):
        with suppress(BadInputError):  # what a run that was killed at the very end has left
            checkpoint.discard()
            target.remove({LOCK_FILE} & target.names())
        return _summary([read_note(target, part) for part in parts], n_resumed=len(parts))
    checkpoint.hold()
    try:
        done = _taken_up(checkpoint, work, parts, job.digest, resume=resume)
        n_resumed = len(done)
        there = {one.index for one in done}
        missing = [part for part in parts if part.index not in there]
        engine = here if dask is None else partial(on_workers, address=dask)
        for one in engine(do_part, job, missing):
            if one.error:  # it would fail again
                checkpoint.discard()
                raise CalcigramError(one.error)
            done.append(one)
            if progress is not None:
                progress(len(done), len(parts))
        if files != _identities(storage, settings, (target, work), model):
            checkpoint.discard()
            raise BadInputError(
                "input files that do not change while they are read",
                source=target.url() if storage is None else storage.url(),
            )
        _write_rejects(work, done)
        _check_complete(work, parts, done, job.digest)
        _is_done(target, manifest, resume=False, overwrite=overwrite)  # may have come meanwhile
        work.move_to(target, last=MANIFEST_FILE)
        target.remove({LOCK_FILE} & target.names())
    finally:
        checkpoint.close()
    return _summary(done, n_resumed)


def _target(output: Url) -> Storage:
    """Return the storage of the output; a link to a folder is followed, and stays."""
    target = Storage(output)
    return Storage(os.path.realpath(target.path)) if target.is_local else target


def _identities(
    storage: Storage | None,
    settings: Mapping[str, Any],
    written: Sequence[Storage],
    model: Url | None,
) -> list[dict[str, str]]:
    """Return what tells the input from any other, having made sure that nothing is written over it.

    Local files are told by the digest of their content, others by what their store says of them
    (an ETag, a generation, a checksum).
    """
    if storage is None:
        preset = str(settings["preset"])
        read = [preset] if os.path.isfile(preset) else []
        check_apart([place.path for place in written if place.is_local], read)
        return [{"name": path, "sha256": file_digest(path)} for path in read]
    files = list(input_files(storage)) if storage.is_local else []
    local = [os.fspath(path) for path in (*files, *([] if model is None else [model]))]
    for place in written:
        whole, other = f"{place.url()}/", f"{storage.url()}/"
        if place.is_local:
            check_apart([place.path], [*([storage.path] if storage.is_local else []), *local])
        elif whole.startswith(other) or other.startswith(whole):
            raise BadInputError("an output apart from the input", source=place.url())
    if storage.is_local:
        return [{"name": storage.url(path), "sha256": file_digest(path)} for path in files]
    stated = ((path, str(storage.fs.ukey(path))) for path in input_files(storage))
    return [{"name": storage.url(path), "identity": identity} for path, identity in stated]


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
        work.write(REJECTS, text.getvalue())


def _check(task: str, partition_clusters: int, source: Url | int) -> None:
    if task not in TASKS:
        raise BadInputError(f"one of {', '.join(TASKS)}", column="task", value=task)
    if partition_clusters < 1:
        expected, name = "at least 1 cluster", "partition_clusters"
        raise BadInputError(expected, column=name, value=partition_clusters)
    if isinstance(source, int) != (task == "simulate") or (isinstance(source, int) and source < 1):
        expected = "a number of clusters of at least 1 to simulate, or else files"
        raise BadInputError(expected, value=source)


def _job(
    task: str, work: Storage, model: Url | None, skip_bad: bool, settings: tuple[Any, ...]
) -> Job:
    if task != "classify":
        return Job(task, work.url(), skip_bad=skip_bad, simulation=settings)
    from calcigram.model.reader import load_model

    folder = None if model is None else os.path.abspath(model)
    return Job(task, work.url(), folder, load_model(folder).version, skip_bad=skip_bad)


def _is_done(
    target: Storage, manifest: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> bool:
    """Tell whether the output is there and what was asked for; refuse to write over another."""
    if not target.exists():
        return False
    if not (resume or overwrite):
        raise BadInputError("an output that is not there yet, or --overwrite", source=target.url())
    names = target.names()
    if overwrite:
        _check_ours(target)
    if MANIFEST_FILE not in names and not (overwrite and not names):
        raise BadInputError("an output made by calcigram batch", source=target.url())
    if overwrite:
        return False
    check_same(target.read(MANIFEST_FILE), manifest, target.url())
    return True


def _check_ours(folder: Storage) -> None:
    """Refuse to remove anything that this module did not write."""
    foreign = sorted(name for name in folder.names() if not _OURS.fullmatch(name))
    if folder.is_local and os.path.isdir(folder.path):  # folders may hold no file
        foreign += sorted(place.name for place in os.scandir(folder.path) if place.is_dir())
    if foreign:
        raise BadInputError(
            "to replace, an output of calcigram batch with nothing else in it: move what is "
            "there, or name another output",
            source=folder.url(),
            value=foreign[0] or "a file",
        )


def _taken_up(
    checkpoint: Checkpoint, work: Storage, parts: list[Part], digest: str, *, resume: bool
) -> list[Done]:
    """Make the work folder ready and return what came of the parts that are in it."""
    _check_ours(work)
    done: list[Done] = []
    for part in parts if resume and checkpoint.left() else ():
        with suppress(BadInputError):  # not there, or damaged
            one = read_note(work, part)
            done += [one] if one.digest == digest else []
    checkpoint.begin(keep=[parts[one.index].name for one in done])
    return done


def _check_complete(
    work: Storage, parts: Sequence[Part], done: Sequence[Done], digest: str
) -> None:
    """Refuse a folder in which a part is missing or is of another job."""
    missing = {part.name for part in parts} - work.names()
    foreign = [one.index for one in done if one.digest != digest]
    if missing or foreign or len(done) != len(parts):
        raise CalcigramError(
            f"{work.url()}: {len(missing)} of {len(parts)} parts are missing and {len(foreign)} "
            "are of another run: did two write there? With --resume they are done again"
        )


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
        expected = "a Parquet file, or a folder of them, that exists"
        raise BadInputError(expected, source=storage.url())
