"""Files in and out: tables, DICOM, annotations, masks and mammograms in; tables, JSON, DICOM and label images out.

Every file is written whole or not at all.
"""

from calcigram.formats.output import table_writer, write_table
from calcigram.formats.registry import (
    iter_clusters,
    iter_intakes,
    kind_of,
    read_clusters,
    read_intake,
    write_clusters,
)
from calcigram.formats.temporary import atomic_path

__all__ = [
    "atomic_path",
    "iter_clusters",
    "iter_intakes",
    "kind_of",
    "read_clusters",
    "read_intake",
    "table_writer",
    "write_clusters",
    "write_table",
]
