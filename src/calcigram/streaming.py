"""Files of clusters to one verdict table, batch by batch: read, classified and written at the same time.

The finished batches of a run that was killed are kept and used by the next (`formats.checkpoint`). What a
verdict is, `classify` says.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calcigram.classify import Classifier, count_missing, missing_words
from calcigram.clusters import ClusterSet
from calcigram.columns import Words
from calcigram.errors import BadInputError
from calcigram.formats.checkpoint import (
    Inputs,
    check_apart,
    code_digest,
    kept_parts,
    read_ahead,
    write_behind,
)
from calcigram.formats.files import PathLike, suffix_of
from calcigram.formats.output import TABLE_SUFFIXES, arrow_table, table_writer
from calcigram.formats.registry import BATCH_CLUSTERS, is_table, iter_intakes
from calcigram.formats.temporary import plain_file
from calcigram.lexicon import AGREEMENTS
from calcigram.model.calibrate import COVERAGE
from calcigram.options import ReadOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from calcigram.model.reader import Model

_Note = dict[str, Any]


@dataclass
class ClassifySummary:
    """The result of classifying files.

    Attributes
    ----------
    n_clusters : int
        Clusters read.
    n_review : int
        Clusters that a person should look at.
    agreement : dict of str to int
        Clusters by `lexicon.Agreement`; under ``"unknown"`` those without one.
    n_rejected : int
        Clusters set aside because of bad values.
    n_duplicates : int
        Exactly repeated rows that were dropped.
    rejects : pathlib.Path or None
        Where the bad values were written to, if there were any.
    n_resumed : int
        Clusters whose verdicts were taken over from a run that was broken off.
    notes : list of str
        What reports, annotations and masks are, how clusters were formed of them, what they lack, and
        which marks were missing where readings could not be compared.
    """

    n_clusters: int = 0
    n_review: int = 0
    agreement: dict[str, int] = field(
        default_factory=lambda: {str(word): 0 for word in (*AGREEMENTS, "unknown")}
    )
    n_rejected: int = 0
    n_duplicates: int = 0
    rejects: Path | None = None
    n_resumed: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, verdicts: pa.Table, note: _Note) -> None:
        """Count one part."""
        import pyarrow.compute as pc

        self.n_clusters += verdicts.num_rows
        self.n_review += pc.sum(verdicts["review"]).as_py() or 0
        for pair in pc.value_counts(verdicts["agreement"]).to_pylist():
            self.agreement[pair["values"] or "unknown"] += pair["counts"]
        self.n_rejected += note["n_rejected"]
        self.n_duplicates += note["n_duplicates"]
        self.notes += note["notes"]


def classify_files(
    paths: PathLike | Iterable[PathLike],
    output: PathLike,
    options: ReadOptions | None = None,
    *,
    model: Model | PathLike | None = None,
    coverage: float = COVERAGE,
    prior: str | os.PathLike[str] | None = None,
    rulebook: PathLike | None = None,
    recognition: PathLike | None = None,
    rejects: PathLike | None = None,
    batch_size: int = BATCH_CLUSTERS,
    n_threads: int | None = None,
    resume: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ClassifySummary:
    """Classify the clusters of files into one verdict table, batch by batch.

    Reading, computing and writing overlap. Finished batches are kept beside the output, in the
    hidden folder ``.<output>.work``, until the output is whole.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Files as `formats.read_clusters` takes them, read one after the other. Parquet with list
        columns is streamed, so that memory stays flat; long tables are read file by file.
    output : path-like
        ``.csv``, ``.parquet`` or ``.json``; appears when all went well, and only then. Of several
        files, the column ``source`` says which a row is from.
    options : ReadOptions, optional
        How files are read. With `skip_bad`, clusters with bad values are set aside; else the first one ends
        the run.
    model : Model or path-like, optional
        As `classify` takes it.
    coverage, prior, rulebook, recognition
        As `classify` takes them.
    rejects : path-like, optional
        With the option `skip_bad`, the table of what was set aside: one row a bad value, with file, row,
        cluster, column, value and what was expected. By default beside `output`, named
        ``<output>.rejects.csv``, and only where there is something to tell.
    batch_size : int
        Clusters held at a time.
    n_threads : int, optional
        As `classify` takes it.
    resume : bool
        Take over the batches that a run which was killed or interrupted left behind, and do the
        rest; the output has the same bytes as if it had never been broken off. Without it, all
        is done anew.
    progress : callable, optional
        Called after each batch with the number of clusters done so far.

    Returns
    -------
    ClassifySummary

    Raises
    ------
    BadInputError
        An input is bad (see `formats.read_clusters`), or the output cannot be written, or
        `resume` meets batches of another input, model, version or option; or an input changes
        while it is read.
    ModelFileError
        The model cannot be opened.

    Examples
    --------
    >>> import calcigram, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     calcigram.write_clusters(calcigram.simulate(3, seed=1), Path(folder) / "a.csv")
    ...     summary = classify_files(Path(folder) / "a.csv", Path(folder) / "verdicts.csv")
    >>> summary.n_clusters
    3
    """
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not files:
        raise BadInputError("at least one file of clusters")
    rules: dict[str, Any] = {"rulebook": rulebook, "recognition": recognition}
    chosen_by = [p for p in (prior, *rules.values()) if p is not None and os.path.isfile(p)]
    options = options or ReadOptions()
    rejects_path = _rejects_path(output, rejects, options.skip_bad)
    check_apart([output, rejects_path], [*files, *chosen_by], options.images)
    files = [plain_file(path) for path in files]  # each is read more than once
    suffix_of(output, TABLE_SUFFIXES)
    inputs = Inputs([*files, *chosen_by], options.images)
    annotated = not all(map(is_table, files))
    verdicts_of = Classifier(
        model,
        n_threads,
        coverage=coverage,
        prior=prior,
        reported=annotated,
        warns_of_shift=True,
        **rules,
    )
    summary = ClassifySummary()
    bad_values: list[dict[str, Any]] = []

    def manifest() -> dict[str, Any]:
        return {
            "format": "calcigram verdicts, broken off",
            "files": inputs.described,
            "model": verdicts_of.version,
            "code": code_digest(),
            "batch_size": batch_size,
            **options.as_json(),
            "coverage": coverage,
            "prior": None if prior is None else str(prior),
            **{name: path and str(path) for name, path in rules.items()},
        }

    missing: Counter[str] = Counter()

    def count(verdicts: pa.Table, note: _Note) -> None:
        summary.add(verdicts, note)
        missing.update(note["missing"])
        bad_values.extend(note["rejects"])
        if progress is not None:
            progress(summary.n_clusters)

    with ExitStack() as stack:
        parts = stack.enter_context(kept_parts(output, manifest, resume=resume))
        write = stack.enter_context(table_writer(output))
        later = stack.enter_context(write_behind())
        place = (0, 0)
        for verdicts, note in parts.take_up():
            later(write, verdicts)
            count(verdicts, note)
            place = (note["file"], note["part"] + 1)
        summary.n_resumed = summary.n_clusters

        def store(verdicts: pa.Table, note: _Note, is_last: Callable[[], bool]) -> None:
            if not is_last():  # else the output itself is there in no time
                parts.add(verdicts, note)
            write(verdicts)

        for (note, clusters), is_last in read_ahead(_noted(files, place, batch_size, options)):
            columns_read = verdicts_of.columns(clusters)
            note["missing"] = dict(count_missing(clusters, columns_read))
            if len(files) > 1:  # ids may be the same in two of them
                of_one = np.zeros(len(clusters), int)
                columns_read["source"] = Words.of(of_one, [str(files[note["file"]])])
            verdicts = arrow_table(columns_read)
            later(store, verdicts, note, is_last)
            count(verdicts, note)
        inputs.check_unchanged()
        if bad_values or rejects is not None:
            import pandas as pd

            from calcigram.longtable.columns import REJECT_COLUMNS

            # the rejects appear together with the verdicts
            write_rejects = stack.enter_context(table_writer(rejects_path))
            write_rejects(pd.DataFrame(bad_values, columns=list(REJECT_COLUMNS)).astype(object))
            summary.rejects = rejects_path
    summary.notes += filter(None, [missing_words(missing)])
    return summary


def _noted(
    files: Sequence[PathLike], place: tuple[int, int], batch_size: int, options: ReadOptions
) -> Iterator[tuple[_Note, ClusterSet]]:
    """Yield clusters, each time with the note that is kept with their verdicts.

    `place` is the first file to read, and how many parts of it are done.
    """
    first, skip = place
    for number, path in enumerate(files[first:], first):
        for part, intake in enumerate(iter_intakes(path, batch_size, options, skip=skip), skip):
            note: _Note = {
                "file": number,
                "part": part,
                "n_rejected": intake.n_rejected,
                "n_duplicates": intake.n_duplicates,
                "rejects": intake.rejects.to_dict("records"),
                "notes": [f"{path}: {text}" for text in intake.notes],
            }
            yield note, intake.clusters
        skip = 0


def _rejects_path(output: PathLike, rejects: PathLike | None, skip_bad: bool) -> Path:
    """Return where rejects go."""
    if rejects is not None and not skip_bad:
        raise BadInputError("skip_bad where a file of rejects is named", source=str(rejects))
    path = Path(output).with_suffix(".rejects.csv") if rejects is None else Path(rejects)
    if rejects is not None and path.suffix.lower() not in TABLE_SUFFIXES:
        raise BadInputError(f"a name that ends in one of {TABLE_SUFFIXES}", source=str(path))
    return path
