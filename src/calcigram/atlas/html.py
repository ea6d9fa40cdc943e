"""The atlas as one HTML file, from its table of data, the pictures and the counts of CBIS-DDSM."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from calcigram.atlas.pictures import (
    PICTURE_PX,
    Entry,
    Side,
    Specimen,
    Statement,
    atlas_entries,
    draw_schematic,
    draw_xray,
    source_names,
    specimens,
)
from calcigram.charts import wilson_interval
from calcigram.consequences import shipped_rulebooks
from calcigram.features.catalogue import CATALOGUE, with_unit
from calcigram.features.extract import extract_features
from calcigram.htmlfile import filled, picture, write_text
from calcigram.lexicon import DISTRIBUTIONS, TERMS
from calcigram.risk.table import COLUMNS, ROWS, load_risk
from calcigram.wording import plain

TITLE = "Atlas of calcification patterns"

NOT_IN_THE_DATA = "not in the data"

_FEATURES = {spec.name: spec for spec in CATALOGUE}

_JPEG = {"format": "jpeg", "pil_kwargs": {"quality": 80}}
_SCHEMATIC_DPI, _XRAY_DPI, _THUMBNAIL_DPI = 180, 110, 44
_INCHES = PICTURE_PX / _XRAY_DPI

Progress = Callable[[int, int], None]


def write_atlas(path: str | PathLike[str], *, progress: Progress | None = None) -> Path:
    """Write the atlas as one HTML file that needs no other.

    Parameters
    ----------
    path : str or path-like
        File to write; it appears only when complete.
    progress : callable, optional
        Called with (done, total) after each entry.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atlas(folder + "/atlas.html").name
    'atlas.html'
    """
    return write_text(path, atlas_html(progress=progress))


def atlas_html(template: str = "atlas.html.j2", *, progress: Progress | None = None) -> str:
    """Return the atlas as HTML text.

    Parameters
    ----------
    template : str
        ``"atlas.html.j2"`` for a whole page, ``"atlas_body.html.j2"`` for a part of one.
    progress : callable, optional
        Called with (done, total) after each entry.
    """
    entries, items = atlas_entries(), []
    for done, entry in enumerate(entries, start=1):
        items.append(item_of(entry))
        if progress is not None:
            progress(done, len(entries))
    table = load_risk()
    article, birads = shipped_rulebooks()
    return filled(
        template,
        title=TITLE,
        model_version="",
        items=items,
        axes=[
            (name, [item for item in items if item["axis"] == name])
            for name in ("distribution", "morphology")
        ],
        sources=source_names(),
        article=article.title,
        birads=birads.title,
        cohort=f"{int(table.malignant.sum())} of {int(table.lesions.sum())}",
        credit=table.about.splitlines()[0].partition("Data: ")[2],
    )


def item_of(entry: Entry) -> dict[str, Any]:
    """Return what the page shows of an entry.

    Parameters
    ----------
    entry : Entry
    """
    (name,) = plain([entry.word])
    found = specimens(entry)
    features = [extract_features(one.cluster) for one in found]
    guided = entry.word in DISTRIBUTIONS
    sides = zip(("Example", "Mimic"), (entry.example, entry.mimic), found, strict=True)
    return {
        "id": str(entry.word),
        "name": name,
        "axis": "distribution" if guided else "morphology",
        "definition": TERMS[entry.word].definition,
        "thumbnail": _jpeg(found[0], _THUMBNAIL_DPI),
        "sides": [_side(*side, guided=guided) for side in sides],
        "sources": [
            ("The article", _quoted(entry.article)),
            ("BI-RADS", _quoted(entry.birads)),
        ],
        "rows": [
            (
                _FEATURES[feature].meaning,
                feature,
                *(
                    with_unit(float(one.column(feature)[0]), _FEATURES[feature].unit)
                    for one in features
                ),
            )
            for feature in entry.features
        ],
        "outcomes": outcomes_of(entry.word),
    }


def outcomes_of(word: str) -> str:
    """Return how many lesions of CBIS-DDSM that bear a word were malignant, with the interval.

    Parameters
    ----------
    word : str
        A distribution or a morphology.

    Examples
    --------
    >>> outcomes_of("linear"), outcomes_of("branching")
    ('41 of 60 lesions (68 %; 95 % interval 56 to 79 %)', 'not in the data')
    """
    table = load_risk()
    by_word = (
        (table.lesions[ROWS.index(word)], table.malignant[ROWS.index(word)])
        if word in ROWS
        else (table.lesions[:, COLUMNS.index(word)], table.malignant[:, COLUMNS.index(word)])
    )
    n, malignant = (int(counts.sum()) for counts in by_word)
    if n == 0:
        return NOT_IN_THE_DATA
    share = malignant / n
    low, high = (
        100 * max(0.0, float(end)) for end in wilson_interval(np.array(share), np.array(n))
    )
    return (
        f"{malignant} of {n} lesions ({100 * share:.0f} %; 95 % interval {low:.0f} to {high:.0f} %)"
    )


def _side(title: str, side: Side, specimen: Specimen, *, guided: bool) -> dict[str, Any]:
    words = ", ".join(plain(side.pattern))
    ax = _axes()
    draw_schematic(specimen, ax, guide=side.pattern[0] if guided else None)
    mm = f"{specimen.high[0] - specimen.low[0]:.0f} mm"
    return {
        "title": title,
        "pattern": words,
        "says": _quoted(side.says),
        "concerns": [
            (book.short_title, book.line_for(*side.pattern).concern) for book in shipped_rulebooks()
        ],
        "pictures": [
            ("png", picture(ax, dpi=_SCHEMATIC_DPI), f"Outlines of a cluster, {words}; {mm} wide"),
            (
                "jpeg",
                _jpeg(specimen, _XRAY_DPI),
                f"The same as an X-ray image, synthetic; {mm} wide",
            ),
        ],
    }


def _quoted(statement: Statement) -> dict[str, str]:
    parts = (statement.source, statement.tag)
    return {"text": statement.text, "source": "; ".join(part for part in parts if part)}


def _jpeg(specimen: Specimen, dpi: int) -> str:
    ax = _axes()
    draw_xray(specimen, ax, most_px=round(_INCHES * dpi), scale_bar=dpi > _THUMBNAIL_DPI)
    return picture(ax, dpi=dpi, **_JPEG)


def _axes() -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(_INCHES, _INCHES)).add_axes((0, 0, 1, 1))
