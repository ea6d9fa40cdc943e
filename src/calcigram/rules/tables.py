"""The rules as tables: the lines of the rulebooks, the recognition thresholds, and remarks on readings.

Remarks change no concern (the heart arteries, several regions). They stand in the rulebooks as data and
are matched with readings here. A remark is an association that somebody reported, never a diagnosis.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from calcigram.consequences import Rulebook, label_mask, load_rulebook
from calcigram.lexicon import (
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    Status,
)
from calcigram.rules.recognition import load_recognition

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.readings import Readings


def rulebook_table(name_or_path: str | Path) -> pd.DataFrame:
    """Return a rulebook's lines, one row per line, in the order in which they are tried.

    Parameters
    ----------
    name_or_path : str or Path
        As `load_rulebook` takes it.

    Returns
    -------
    pandas.DataFrame
        ``id, distribution, form`` (the words it holds for, ``any`` for all of them), ``concern,
        origin`` (empty where the line gives none), ``advice, advises, tag, document, heading, why``.

    Examples
    --------
    >>> rulebook_table("article").loc[0, ["id", "form", "concern", "tag"]].tolist()
    ['article.vascular', 'vascular', 'benign', 'inferred']
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "id": line.id,
                "distribution": _any_of(line.distributions, len(DISTRIBUTIONS) + 1),
                "form": _any_of(line.morphologies, len(MORPHOLOGIES) + 1),
                "concern": line.concern or "",
                "origin": line.origin or "",
                "advice": line.advice,
                "advises": line.advises or "",
                "tag": line.tag,
                "document": line.document,
                "heading": line.heading,
                "why": line.why,
            }
            for line in load_rulebook(name_or_path).lines
        ]
    )


def consequence_table(name_or_path: str | Path) -> pd.DataFrame:
    """Return the concern of every pair: distributions down, morphologies across.

    Examples
    --------
    >>> consequence_table("birads").loc["segmental", ["round", "amorphous"]].tolist()
    ['intermediate', 'suspicious']
    """
    import pandas as pd

    book = load_rulebook(name_or_path)
    words = [*(str(word) for word in CONCERNS), "no answer"]
    rows = [label for label in DISTRIBUTION_LABELS if label != Status.INSUFFICIENT]
    columns = [label for label in MORPHOLOGY_LABELS if label != Status.INSUFFICIENT]
    table = pd.DataFrame(
        [[words[code] for code in row] for row in book.concern_codes],
        index=pd.Index([str(label) for label in DISTRIBUTION_LABELS], name="distribution"),
        columns=[str(label) for label in MORPHOLOGY_LABELS],
    )
    return table.loc[[str(r) for r in rows], [str(c) for c in columns]]


def recognition_table() -> pd.DataFrame:
    """Return the recognition rules, one row a condition, in the order in which they are tried.

    Returns
    -------
    pandas.DataFrame
        ``axis, rule, word, feature, comparison, value, unit, basis, why, source``.

    Examples
    --------
    >>> table = recognition_table()
    >>> table["axis"].unique().tolist()
    ['distribution', 'morphology']
    """
    import pandas as pd

    recognition = load_recognition()
    return pd.DataFrame(
        [
            {
                "axis": axis,
                "rule": rule.id,
                "word": rule.word,
                "feature": condition.feature,
                "comparison": condition.comparison,
                "value": condition.value,
                "unit": condition.unit,
                "basis": condition.basis,
                "why": condition.why,
                "source": condition.source,
            }
            for axis, rules in recognition.axes.items()
            for rule in rules
            for condition in rule.conditions
        ]
    )


def _any_of(words: tuple[str, ...], n_all: int) -> str:
    return "any" if len(words) == n_all else ", ".join(words)


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
            & label_mask(MORPHOLOGY_LABELS, note.morphologies)[readings.morphology]
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
