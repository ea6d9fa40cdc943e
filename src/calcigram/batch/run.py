"""`run_batch`: a whole job, from the plan to a folder that is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from calcigram.batch.engines import here, on_workers
from calcigram.batch.plan import (
    PARTITION_CLUSTERS,
    TASKS,
    Job,
    Part,
    identities,
    input_files,
    manifest_of,
    parts_of_files,
    parts_of_numbers,
)
from calcigram.batch.storage import Storage
from calcigram.batch.work import Done, do_part, read_note
from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.checkpoint import check_same, file_digest, to_text
from calcigram.formats.files import LOCK_FILE
from calcigram.formats.inputs import check_apart
from calcigram.missing import missing_words

MANIFEST, REJECTS = "_calcigram.json", "_rejects.csv"
"""Stand among the parts, where readers of Parquet folders pass them over."""

_OURS = re.compile(rf"{MANIFEST}|{REJECTS}|{LOCK_FILE}|part-\d+\.parquet|\..+\.[0-9a-f]{{8}}\.part")
"""Names of the files that this module writes."""

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
    manifest = manifest_of(job, files, parts, partition_clusters)
    job = replace(job, digest=hashlib.sha256(to_text(manifest).encode()).hexdigest())
    if _is_done(target, manifest, resume=resume, overwrite=overwrite):
        return _summary([read_note(target, part) for part in parts], n_resumed=len(parts))
    with work.held(target.url()):
        done = _prepare(work, parts, manifest, job.digest, resume=resume)
        n_resumed = len(done)
        there = {one.index for one in done}
        missing = [part for part in parts if part.index not in there]
        engine = here if dask is None else partial(on_workers, address=dask)
        for one in engine(do_part, job, missing):
            if one.error:  # it would fail again
                work.remove()
                raise CalcigramError(one.error)
            done.append(one)
            if progress is not None:
                progress(len(done), len(parts))
        if files != _identities(storage, settings, (target, work), model):
            work.remove()
            raise BadInputError(
                "input files that do not change while they are read",
                source=target.url() if storage is None else storage.url(),
            )
        _write_rejects(work, done)
        _check_complete(work, parts, done, job.digest)
        _is_done(target, manifest, resume=False, overwrite=overwrite)  # may have come meanwhile
        work.move_to(target)
        target.remove({LOCK_FILE} & _names(target))
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
    """Say what the input is, having made sure that nothing is written over it."""
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
    return identities(storage)


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
    path = target.join(MANIFEST)
    if overwrite:
        _check_ours(target)
    if not target.exists(path) and not (overwrite and not _names(target)):
        raise BadInputError("an output made by calcigram batch", source=target.url())
    if overwrite:
        return False
    with target.opened(path) as file:
        check_same(file.read(), manifest, target.url())
    return True


def _names(folder: Storage) -> set[str]:
    return {path.removeprefix(folder.path).lstrip("/") for path in folder.files()}


def _check_ours(folder: Storage) -> None:
    """Refuse to remove anything that this module did not write."""
    foreign = sorted(name for name in _names(folder) if not _OURS.fullmatch(name))
    if folder.is_local and os.path.isdir(folder.path):  # folders may hold no file
        foreign += sorted(place.name for place in os.scandir(folder.path) if place.is_dir())
    if foreign:
        raise BadInputError(
            "to replace, an output of calcigram batch with nothing else in it: move what is "
            "there, or name another output",
            source=folder.url(),
            value=foreign[0] or "a file",
        )


def _prepare(
    work: Storage, parts: list[Part], manifest: Mapping[str, Any], digest: str, *, resume: bool
) -> list[Done]:
    """Make the work folder ready and return what came of the parts that are in it."""
    _check_ours(work)
    path, names = work.join(MANIFEST), _names(work)
    done: list[Done] = []
    if resume and MANIFEST in names:
        with work.opened(path) as file:
            check_same(file.read(), manifest, work.url())
        for part in parts:
            with suppress(BadInputError):  # not there, or damaged
                one = read_note(work, part)
                done += [one] if one.digest == digest else []
    kept = {LOCK_FILE, *(parts[one.index].name for one in done)}
    work.remove(names - kept)
    work.write(path, to_text(manifest).encode())
    return done


def _check_complete(
    work: Storage, parts: Sequence[Part], done: Sequence[Done], digest: str
) -> None:
    """Refuse to call a folder whole in which a part is missing or is of another job."""
    missing = {part.name for part in parts} - _names(work)
    foreign = [one.index for one in done if one.digest != digest]
    if missing or foreign or len(done) != len(parts):
        raise CalcigramError(
            f"{work.url()}: {len(missing)} of {len(parts)} parts are missing and {len(foreign)} "
            "are of another run: did two write there? With --resume they are done again"
        )
