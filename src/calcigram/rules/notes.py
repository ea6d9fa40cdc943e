"""Remarks of a source that change no concern: the heart arteries, several regions.

They stand in the rulebooks as data; here they are matched with readings. A remark is
an association somebody reported, never a diagnosis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcigram.consequences import Rulebook, label_mask, load_rulebook
from calcigram.lexicon import CONCERNS, DISTRIBUTION_LABELS, MORPHOLOGY_LABELS

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.readings import Readings


def clusters_on_image(meta: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Count the clusters that share each cluster's image.

    Parameters
    ----------
    meta : pandas.DataFrame, shape (C, any)
        `ClusterSet.meta`.

    Returns
    -------
    ndarray of int64, shape (C,)
        At least 1; 1 where ``image_id`` is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> clusters_on_image(pd.DataFrame({"image_id": ["a", "b", "a", None]})).tolist()
    [2, 1, 2, 1]
    """
    image = _images(meta)
    return np.bincount(image)[image]


def _images(meta: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Number the images; a cluster without ``image_id`` is on one of its own."""
    image = np.full(len(meta), -1)
    if "image_id" in meta:
        image = meta["image_id"].factorize()[0]
    return np.where(image >= 0, image, len(meta) + np.arange(len(meta)))


def notes(
    readings: Readings, meta: pd.DataFrame | None = None, rulebook: Rulebook | None = None
) -> pd.DataFrame:
    """List the remarks a rulebook has on each reading.

    Parameters
    ----------
    readings : Readings
        C clusters.
    meta : pandas.DataFrame, shape (C, any), optional
        `ClusterSet.meta`; its ``image_id`` shows which clusters lie on one image. Without it the
        remarks on several clusters are left out.
    rulebook : Rulebook, optional
        The article, by default.

    Returns
    -------
    pandas.DataFrame
        ``cluster_id, note, text, source``; one row a remark, in the order of clusters.

    Examples
    --------
    >>> from calcigram.clusters import ClusterSet
    >>> from calcigram.features.extract import extract_features
    >>> from calcigram.rules import RuleReader
    >>> two = ClusterSet.from_arrays([0, 3, 6], [0, 30, 60, 0, 30, 60], [0, 9, 0, 9, 0, 9],
    ...                              meta={"image_id": ["a", "a"]})
    >>> notes(RuleReader().read(extract_features(two)), two.meta)["note"].unique().tolist()
    ['article.several_regions']
    """
    import pandas as pd

    book = load_rulebook("article") if rulebook is None else rulebook
    image = _images(pd.DataFrame(index=range(len(readings))) if meta is None else meta)
    n_on_image = np.bincount(image)[image]
    parts = [
        pd.DataFrame(
            {"row": [], "cluster_id": [], "note": [], "text": [], "source": []}, dtype=object
        )
    ]
    for note in book.notes:
        others = [code for code, word in enumerate(CONCERNS) if word not in note.image_concern]
        graver = np.isin(readings.concern, others) | np.isin(readings.birads_concern, others)
        holds = (
            label_mask(DISTRIBUTION_LABELS, note.distributions)[readings.distribution]
            & label_mask(MORPHOLOGY_LABELS, note.forms)[readings.morphology]
            & (n_on_image >= note.image_clusters)
            & ~np.isin(image, image[graver])
        )
        row = np.flatnonzero(holds)
        parts.append(
            pd.DataFrame(
                {
                    "row": row,
                    "cluster_id": readings.cluster_id[row],
                    "note": note.id,
                    "text": note.text,
                    "source": f"{note.document}: {note.heading}",
                }
            ).astype(object)
        )
    found = pd.concat(parts).sort_values("row", kind="stable", ignore_index=True)
    return found.drop(columns="row")
