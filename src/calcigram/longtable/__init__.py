"""The long table, one row per calcification: from tables as people have them to clusters, and back.

Every value that breaks the rules of `clusters` is refused by file, row, column and value,
or its whole cluster is set aside. Files are not opened here; `formats` does that.
"""

from calcigram.longtable.intake import (
    IgnoredColumnWarning,
    Intake,
    Notice,
    NoticeWarning,
    RejectedClustersWarning,
    RepeatedRowsWarning,
    TableWarning,
    check_long,
    frame_from_clusters,
    intake_from_frame,
    known_columns,
    tell,
)

__all__ = [
    "IgnoredColumnWarning",
    "Intake",
    "Notice",
    "NoticeWarning",
    "RejectedClustersWarning",
    "RepeatedRowsWarning",
    "TableWarning",
    "check_long",
    "frame_from_clusters",
    "intake_from_frame",
    "known_columns",
    "tell",
]
