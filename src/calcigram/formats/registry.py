"""Registry of file formats: clusters into and out of files, whatever kind they are.

What a file is, its content says, not its name; the name decides on writing. To add a format, add its module and
a line to `FORMATS`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError, naming
from calcigram.formats.files import (
    IMAGE_MAGICS,
    PARQUET_MAGIC,
    STANDARD_STREAM,
    ZIP_MAGIC,
    PathLike,
    Signs,
    looks_like_dicom,
    looks_like_nifti,
    looks_like_property_list,
    refuse_address,
    refuse_foreign,
    suffix_of,
)
from calcigram.formats.temporary import SpooledPath, atomic_path, plain_file
from calcigram.longtable import (
    Intake,
    RejectedClustersWarning,
    TableWarning,
    check_long,
    frame_from_clusters,
    known_columns,
    tell,
)
from calcigram.options import ANNOTATION, DICOM, MAMMOGRAM, MASK, TABLE, WORKBOOK, ReadOptions
from calcigram.wording import counted

if TYPE_CHECKING:
    import pandas as pd

BATCH_CLUSTERS = 5_000
CLUSTER_SUFFIXES = (".csv", ".parquet")


class Format(NamedTuple):
    """A kind of file that is read.

    Attributes
    ----------
    called : str
        What messages call it, as `calcigram.options` has it.
    is_one : callable
        Tells it by the `Signs` of a file.
    module, function : str
        What reads it, imported when such a file is first met: a function of a path and `ReadOptions` that
        returns an `Intake`. Parquet alone is read part by part.
    packed : bool
        Whether it may come compressed, or through a pipe.
    """

    called: str
    is_one: Callable[[Signs], bool]
    module: str
    function: str
    packed: bool = True


_HERE = "calcigram.formats"


def _is_array(of: Signs) -> bool:
    is_zip = of.head.startswith(ZIP_MAGIC)
    return of.head.startswith(IMAGE_MAGICS) and (not is_zip or _any_ends(of.names, ".npy"))


def _is_coco(of: Signs) -> bool:
    return of.has_keys("annotations|categories") or of.has_keys(
        "image_id", "category_id", "bbox|segmentation"
    )


def _any_ends(names: tuple[str, ...], suffix: str) -> bool:
    return any(name.lower().endswith(suffix) for name in names)


FORMATS = {
    "parquet": Format(TABLE, lambda of: of.head.startswith(PARQUET_MAGIC), f"{_HERE}.parquet", "iter_parquet_clusters"),
    "nifti": Format(MASK, lambda of: looks_like_nifti(of.head), f"{_HERE}.masks", "read_nifti"),
    "mask": Format(MASK, _is_array, f"{_HERE}.masks", "read_mask", packed=False),
    "dicom": Format(DICOM, lambda of: looks_like_dicom(of.head), f"{_HERE}.dicom.reading", "read_dicom", packed=False),
    "plist": Format(ANNOTATION, lambda of: looks_like_property_list(of.head), f"{_HERE}.rois", "read_inbreast", packed=False),
    "xlsx": Format(WORKBOOK, lambda of: any(name.startswith("xl/") for name in of.names), f"{_HERE}.csvtext", "read_workbook"),
    "coco": Format(ANNOTATION, _is_coco, f"{_HERE}.jsonfiles", "read_coco"),
    "labelme": Format(ANNOTATION, lambda of: of.has_keys("shapes"), f"{_HERE}.jsonfiles", "read_labelme"),
    "slicer": Format(ANNOTATION, lambda of: of.has_keys("markups"), f"{_HERE}.rois", "read_slicer"),
    "imagej": Format(ANNOTATION, lambda of: of.head.startswith(b"Iout") or _any_ends(of.names, ".roi"), f"{_HERE}.rois", "read_imagej"),
    "mammogram": Format(MAMMOGRAM, lambda _: False, "calcigram.detect.images", "read_image", packed=False),
    "csv": Format(TABLE, lambda _: True, f"{_HERE}.csvtext", "read_csv_clusters"),
}  # fmt: skip
"""Kind of file -> how it is told and read; the first that fits is taken. A mammogram is told by `content_of`."""


def kind_of(path: PathLike) -> str:
    """Say what a file is, by its content and not by its name.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    str
        A key of `FORMATS`. ``plist`` is a property list in XML, as INbreast has its annotations; ``mask``
        an image (PNG, TIFF) or a NumPy array; ``csv`` whatever else, text or not.

    Raises
    ------
    BadInputError
        It does not exist, is a folder, cannot be read, is empty, or is of a kind known not to be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".csv") as file:
    ...     _, _ = file.write(b"<?xml version='1.0'?><plist/>"), file.flush()
    ...     kind_of(file.name)
    'plist'
    """
    refuse_address(path)
    signs = Signs.of(path)
    kind = next(kind for kind, one in FORMATS.items() if one.is_one(signs))
    if kind in ("plist", "csv"):  # other XML, and whatever else
        refuse_foreign(path, signs)
    return kind


def is_table(path: PathLike) -> bool:
    """Tell whether a file is a table: CSV, Parquet, or a sheet of a workbook."""
    return FORMATS[kind_of(path)].called in (TABLE, WORKBOOK)


def content_of(path: PathLike, options: ReadOptions) -> str:
    """Say what a file holds, as `kind_of` does, and tell a ``mammogram`` from a mask and a DICOM document.

    Parameters
    ----------
    path : path-like
    options : ReadOptions
        Where one of them only makes sense for a mask, the file is taken for one.
    """
    kind = kind_of(path)
    if kind not in ("dicom", "mask"):
        return kind
    from calcigram.formats.mammograms import is_mammogram

    with naming(path):
        return "mammogram" if is_mammogram(path, kind, options) else kind


def read_clusters(path: PathLike, options: ReadOptions | None = None, **given: Any) -> ClusterSet:
    """Read clusters from a table, a report, an annotation, a mask or a mammogram.

    Parameters
    ----------
    path : path-like
        Recognised by content: a long table (CSV, Parquet or ``.xlsx``; compressed too; ``-`` is standard input), Parquet with
        list columns, a DICOM report (Mammography CAD SR, TID 1500) or segmentation, an annotation (INbreast, COCO, LabelMe,
        ImageJ, 3D Slicer), a label mask or a map of probabilities (PNG, TIFF, NumPy, NIfTI), or a mammogram (DICOM, PNG,
        TIFF), whose calcifications are detected. `docs/formats.md` says what is read of each.
    options : ReadOptions, optional
    **given
        Fields of `calcigram.options.ReadOptions`, which documents each, such as ``units="px"``.

    Returns
    -------
    ClusterSet

    Raises
    ------
    BadInputError
        The file cannot be read, or holds a bad value: its row, column and value are named. Or an
        option does not apply to a file of this kind (`calcigram.options`).

    Warns
    -----
    RepeatedRowsWarning, IgnoredColumnWarning, RejectedClustersWarning, NoticeWarning

    Examples
    --------
    >>> import tempfile
    >>> clusters = ClusterSet.from_arrays([0, 2], [0, 1], [0, 0.1], cluster_id=["007"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_clusters(clusters, Path(folder) / "a.csv")
    ...     read_clusters(Path(folder) / "a.csv").cluster_id
    array(['007'], dtype=object)
    """
    intake = read_intake(path, replace(options or ReadOptions(), **given))
    tell(intake, "standard input" if str(path) == STANDARD_STREAM else path)
    if intake.n_rejected:
        warnings.warn(
            f"{path}: {counted(intake.n_rejected, 'bad cluster')} left out",
            RejectedClustersWarning,
            stacklevel=2,
        )
    return intake.clusters


def iter_clusters(
    path: PathLike, batch_size: int = BATCH_CLUSTERS, **options: Any
) -> Iterator[ClusterSet]:
    """Yield the clusters of a file in parts, none of them cut in two.

    Parameters
    ----------
    path : path-like
        Parquet with list columns is streamed, so memory stays flat; a long table, in which
        the rows of a cluster may lie anywhere, is read whole and then parted.
    batch_size : int
        At most so many clusters per part.
    **options
        As `read_clusters` takes them.

    Yields
    ------
    ClusterSet
    """
    for intake in iter_intakes(path, batch_size, ReadOptions(**options)):
        tell(intake, path)
        yield intake.clusters


def read_intake(path: PathLike, options: ReadOptions | None = None) -> Intake:
    """Read a whole file as `read_clusters` does, and also say what was left out.

    Parameters
    ----------
    path : path-like
    options : ReadOptions, optional

    Returns
    -------
    Intake
    """
    import pandas as pd

    intakes = list(iter_intakes(path, options=options))
    return Intake(
        ClusterSet.concat([intake.clusters for intake in intakes]),
        pd.concat([intake.rejects for intake in intakes], ignore_index=True),
        sum(intake.n_duplicates for intake in intakes),
        sum(intake.n_rejected for intake in intakes),
        intakes[0].ignored,
        tuple(dict.fromkeys(note for intake in intakes for note in intake.notes)),
    )


def iter_intakes(
    path: PathLike,
    batch_size: int = BATCH_CLUSTERS,
    options: ReadOptions | None = None,
    *,
    skip: int = 0,
) -> Iterator[Intake]:
    """Yield the clusters of a file in parts, each with its rejects; see `iter_clusters`.

    Parameters
    ----------
    path, batch_size
        As `iter_clusters` takes them.
    options : ReadOptions, optional
    skip : int
        Leave out so many parts at the beginning.

    Yields
    ------
    Intake
        What was left out of a long table is told with its first part.
    """
    if batch_size < 1:
        raise BadInputError("at least 1 cluster", column="batch_size", value=batch_size)
    options = options or ReadOptions()
    refuse_address(path)
    path = plain_file(path)
    with naming(path):
        yield from _intakes(path, batch_size, options, skip)


def _intakes(path: PathLike, batch_size: int, options: ReadOptions, skip: int) -> Iterator[Intake]:
    found = FORMATS[content_of(path, options)]
    options.check_applies(found.called, str(path))
    if not found.packed and isinstance(path, SpooledPath):
        if path.origin is None:
            raise BadInputError(
                f"a plain file where it is {found.called}, not one that is compressed or comes through a pipe",
                source=str(path),
            )
        path = path.origin
    read = getattr(import_module(found.module), found.function)
    if found is FORMATS["parquet"]:
        yield from read(path, batch_size, options, skip=skip)
    else:
        yield from read(path, options).parts(batch_size, skip)


def write_clusters(
    clusters: ClusterSet | Iterable[ClusterSet], path: PathLike, *, layout: str | None = None
) -> None:
    """Write clusters to a CSV or Parquet file, whole or not at all.

    Parameters
    ----------
    clusters : ClusterSet or iterable of ClusterSet
        An iterable, with the meta columns of its first set, is written part by part.
    path : path-like
        ``.csv`` or ``.parquet``; ``-`` is standard output, in CSV.
    layout : {"lists", "long"}, optional
        Parquet is written with list columns, one row per cluster, unless ``"long"``.
        CSV is always long.

    Raises
    ------
    BadInputError
        The suffix is another, the path cannot be written, or a long table cannot hold the
        set: a cluster has no calcification, or two share an id.

    Examples
    --------
    >>> import tempfile
    >>> clusters = ClusterSet.from_arrays([0, 2], [0, 1], [0, 0.1], cluster_id=["007"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_clusters(clusters, Path(folder) / "a.csv")
    ...     print((Path(folder) / "a.csv").read_text())
    cluster_id,x_mm,y_mm
    007,0,0
    007,1,0.1
    """
    suffix = suffix_of(path, CLUSTER_SUFFIXES)
    layouts = ("long",) if suffix == ".csv" else ("lists", "long")
    layout = layouts[0] if layout is None else layout
    if layout not in layouts:
        raise BadInputError(f"one of {', '.join(layouts)}", column="layout", value=layout)
    with atomic_path(path) as temporary:
        if layout == "lists":
            _write_lists(clusters, temporary)
        else:
            _write_long(clusters, temporary, suffix)


def _write_lists(clusters: ClusterSet | Iterable[ClusterSet], path: Path) -> None:
    from calcigram.formats.parquet import write_parquet_clusters

    if isinstance(clusters, ClusterSet):
        write_parquet_clusters([clusters], path, columns=known_columns(clusters))
    else:
        write_parquet_clusters(clusters, path)


def _write_long(clusters: ClusterSet | Iterable[ClusterSet], path: Path, suffix: str) -> None:
    from calcigram.formats.output import arrow_table, write_csv

    if not isinstance(clusters, ClusterSet):
        clusters = ClusterSet.concat(list(clusters))
    check_long(clusters)
    if suffix == ".parquet":
        from pyarrow import parquet

        parquet.write_table(arrow_table(frame_from_clusters(clusters)), path, compression="zstd")
        return
    columns = known_columns(clusters)
    with path.open("wb") as file:
        for part in clusters.batches(BATCH_CLUSTERS):
            table = arrow_table(frame_from_clusters(part, columns=columns))
            write_csv(table, file, header=not file.tell())


def as_clusters(given: ClusterSet | pd.DataFrame | PathLike) -> ClusterSet:
    """Return clusters as they are, of a long table, or of a file of any format.

    Parameters
    ----------
    given : ClusterSet, pandas.DataFrame or path-like

    Raises
    ------
    BadInputError
        It is something else, or cannot be read.

    Warns
    -----
    TableWarning
        Says what was guessed or left out on reading a file.

    Examples
    --------
    >>> import pandas as pd
    >>> len(as_clusters(pd.DataFrame({"cluster_id": ["a", "b"], "x_mm": [0, 1], "y_mm": [0, 1]})))
    2
    """
    if isinstance(given, ClusterSet):
        return given
    if isinstance(given, str | os.PathLike):
        intake = read_intake(given)
        for note in intake.notes:
            warnings.warn(f"{os.fspath(given)}: {note}", TableWarning, stacklevel=3)
        return intake.clusters
    if hasattr(given, "columns"):
        return ClusterSet.from_dataframe(given)
    expected = "a ClusterSet, a table with one row per calcification, or the path of a file"
    raise BadInputError(expected, value=type(given).__name__)
