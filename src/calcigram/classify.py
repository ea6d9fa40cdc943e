"""Clusters, or files of them, to the verdict table: features, both readings, cross-check.

All the parts meet here, and nothing is decided here: what a pattern is, the readers say; what
agrees, the cross-check.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.clusters import ClusterSet
from calcigram.crosscheck import VERDICT_COLUMNS, crosscheck
from calcigram.errors import BadInputError
from calcigram.formats.files import PathLike
from calcigram.formats.output import TABLE_SUFFIXES, table_writer
from calcigram.formats.tables import BATCH_CLUSTERS, iter_intakes
from calcigram.lexicon import AGREEMENTS, SIZE_CLASSES

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.longtable import Intake
    from calcigram.model.reader import Model

Verdicts = Callable[[ClusterSet], "pd.DataFrame"]


def classify(
    clusters: ClusterSet,
    model: Model | PathLike | None = None,
    *,
    n_threads: int | None = None,
) -> pd.DataFrame:
    """Read clusters by the model and by the rules, and cross-check the two.

    Parameters
    ----------
    clusters : ClusterSet
        C clusters.
    model : Model or path-like, optional
        A model, or its folder; by default the model that ships with calcigram.
    n_threads : int, optional
        By default as many as there are processors this process may use.

    Returns
    -------
    pandas.DataFrame, shape (C, 36)
        The columns of `crosscheck.VERDICT_COLUMNS`, one row a cluster, in order. Labels are
        categories, probabilities float32, what is unknown is missing.

    Raises
    ------
    ModelFileError
        The model cannot be opened.

    Examples
    --------
    >>> import calcigram
    >>> verdicts = calcigram.classify(calcigram.simulate(3, seed=1))
    >>> verdicts.columns[:4].tolist(), len(verdicts)
    (['cluster_id', 'n_calcifications', 'size_class', 'distribution'], 3)
    """
    return _classifier(model, n_threads)(clusters)


def _classifier(model: Model | PathLike | None, n_threads: int | None) -> Verdicts:
    """Return a function from clusters to verdicts, its readers loaded once."""
    import pandas as pd

    from calcigram.features.extract import extract_features
    from calcigram.model.store import load_model
    from calcigram.rules.engine import RuleReader

    reader: Any = model
    if model is None or isinstance(model, str | os.PathLike):
        reader = load_model(None if model is None else Path(model))
    rules = RuleReader()
    size_classes = pd.Index([str(name) for name in SIZE_CLASSES])

    def verdicts_of(clusters: ClusterSet) -> pd.DataFrame:
        features: Any = extract_features(clusters, n_threads=n_threads)
        verdicts = crosscheck(reader.read(features, n_threads=n_threads), rules.read(features))
        verdicts["n_calcifications"] = clusters.n_calcifications
        sizes = clusters.size_class()
        verdicts["size_class"] = pd.Categorical.from_codes(sizes, size_classes)
        verdicts["model_version"] = reader.version
        return verdicts[list(VERDICT_COLUMNS)]

    return verdicts_of


@dataclass
class ClassifySummary:
    """What came of classifying files.

    Attributes
    ----------
    n_clusters : int
        Clusters read.
    n_review : int
        Clusters that a person should look at.
    agreement : dict of str to int
        Clusters by `lexicon.Agreement`; under ``"unknown"`` those of which a concern is missing.
    n_rejected : int
        Clusters set aside because of bad values.
    n_duplicates : int
        Exactly repeated rows that were dropped.
    rejects : pathlib.Path or None
        Where the bad values were written to, if there were any.
    """

    n_clusters: int = 0
    n_review: int = 0
    agreement: dict[str, int] = field(
        default_factory=lambda: {str(word): 0 for word in (*AGREEMENTS, "unknown")}
    )
    n_rejected: int = 0
    n_duplicates: int = 0
    rejects: Path | None = None

    def add(self, intake: Intake, verdicts: pd.DataFrame) -> None:
        """Count one batch."""
        self.n_clusters += len(verdicts)
        self.n_review += int(verdicts["review"].sum())
        counts = Counter(verdicts["agreement"].cat.codes.tolist())
        for code, word in enumerate(AGREEMENTS):
            self.agreement[str(word)] += counts[code]
        self.agreement["unknown"] += counts[-1]
        self.n_rejected += intake.n_rejected
        self.n_duplicates += intake.n_duplicates


def classify_files(
    paths: PathLike | Iterable[PathLike],
    output: PathLike,
    *,
    model: Model | PathLike | None = None,
    columns: Mapping[str, str] | None = None,
    units: str = "mm",
    pixel_spacing: float | None = None,
    single_cluster: str | None = None,
    skip_bad: bool = False,
    rejects: PathLike | None = None,
    batch_size: int = BATCH_CLUSTERS,
    n_threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> ClassifySummary:
    """Classify the clusters of files into one verdict table, batch by batch.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Files as `formats.read_clusters` takes them, read one after the other. Parquet with list
        columns is streamed, so that memory stays flat; long tables are read file by file.
    output : path-like
        ``.csv``, ``.parquet`` or ``.json``; appears when all went well, and only then.
    model : Model or path-like, optional
        As `classify` takes it.
    columns, units, pixel_spacing, single_cluster
        As `formats.read_clusters` takes them.
    skip_bad : bool
        Set clusters with bad values aside instead of stopping at the first.
    rejects : path-like, optional
        With `skip_bad`, the table of what was set aside: one row a bad value, with file, row,
        cluster, column, value and what was expected. By default beside `output`, named
        ``<output>.rejects.csv``, and only where there is something to tell.
    batch_size : int
        Clusters held at a time.
    n_threads : int, optional
        As `classify` takes it.
    progress : callable, optional
        Called after each batch with the number of clusters done so far.

    Returns
    -------
    ClassifySummary

    Raises
    ------
    BadInputError
        An input is bad (see `formats.read_clusters`), or the output cannot be written.
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
    rejects_path = _rejects_path(files, output, rejects, skip_bad)
    options = {
        "columns": columns,
        "units": units,
        "pixel_spacing": pixel_spacing,
        "skip_bad": skip_bad,
        "single_cluster": single_cluster,
    }
    intakes = (intake for path in files for intake in iter_intakes(path, batch_size, **options))
    verdicts_of = _classifier(model, n_threads)
    summary = ClassifySummary()
    bad_values = []
    with ExitStack() as stack:
        write = _write_behind(stack, stack.enter_context(table_writer(output)))
        for intake in _read_ahead(intakes):
            verdicts = verdicts_of(intake.clusters)
            write(verdicts)
            summary.add(intake, verdicts)
            if len(intake.rejects):
                bad_values.append(intake.rejects)
            if progress is not None:
                progress(summary.n_clusters)
        write(None)
        if bad_values or (rejects is not None and skip_bad):
            _write_rejects(bad_values, stack, rejects_path)
            summary.rejects = rejects_path
    return summary


def _rejects_path(
    files: Sequence[PathLike], output: PathLike, rejects: PathLike | None, skip_bad: bool
) -> Path:
    """Return where rejects go, having made sure that no file is written over another."""
    if not files:
        raise BadInputError("at least one file of clusters")
    if rejects is not None and not skip_bad:
        raise BadInputError("skip_bad where a file of rejects is named", source=str(rejects))
    path = Path(output).with_suffix(".rejects.csv") if rejects is None else Path(rejects)
    taken = {Path(file).resolve() for file in files}
    for written in (Path(output), path):
        if written.resolve() in taken:
            raise BadInputError("another file than those read or written", source=str(written))
        taken.add(written.resolve())
    if rejects is not None and path.suffix.lower() not in TABLE_SUFFIXES:
        raise BadInputError(f"a name that ends in one of {TABLE_SUFFIXES}", source=str(path))
    return path


def _write_rejects(parts: list[pd.DataFrame], stack: ExitStack, path: Path) -> None:
    """Write the rejects such that they appear together with the verdicts."""
    import pandas as pd

    from calcigram.longtable.rejects import empty_rejects

    write = stack.enter_context(table_writer(path))
    write(pd.concat(parts, ignore_index=True) if parts else empty_rejects())


def _write_behind(
    stack: ExitStack, write: Callable[[pd.DataFrame], None]
) -> Callable[[pd.DataFrame | None], None]:
    """Return a `write` that goes on while the next batch is read; None waits for the last."""
    pool = stack.enter_context(ThreadPoolExecutor(1))
    pending: list[Future[None]] = []

    def write_later(frame: pd.DataFrame | None) -> None:
        while pending:
            pending.pop().result()
        if frame is not None:
            pending.append(pool.submit(write, frame))

    return write_later


def _read_ahead(intakes: Iterator[Intake]) -> Iterator[Intake]:
    """Yield what `intakes` yields, reading the next while the last is worked on."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, intakes, None)
        while (intake := upcoming.result()) is not None:
            upcoming = pool.submit(next, intakes, None)
            yield intake
