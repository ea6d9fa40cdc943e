"""Clusters whose truth is known, from files, for the commands that need it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from calcigram.cli import _options
from calcigram.errors import BadInputError

if TYPE_CHECKING:
    from calcigram.clusters import ClusterSet

TRUTH = ("true_distribution", "true_morphology")


def read_labelled(args: argparse.Namespace) -> list[ClusterSet]:
    """Read ``args.files``, each of which must have a column of the truth."""
    from calcigram import read_clusters

    sets = []
    for path in args.files:
        clusters = read_clusters(path, _options.reading_options(args))
        if not set(TRUTH) & set(clusters.meta.columns):
            raise BadInputError(f"a column {' or '.join(TRUTH)}", source=str(path))
        sets.append(clusters)
    return sets
