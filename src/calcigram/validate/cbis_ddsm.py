"""CBIS-DDSM case descriptions: radiologists' words and outcomes, one row per lesion.

Reads the two official files ``calc_case_description_{train,test}_set.csv``, in which one
row is one *view* of a lesion, and the table of counts derived from them that ships with
calcigram. Images and outlines are not read; there are no positions in these files.

Credit: Curated Breast Imaging Subset of DDSM, The Cancer Imaging Archive, Sawyer-Lee et
al. 2016, doi 10.7937/K9/TCIA.2016.7O02S9CY; Lee et al., Scientific Data 4:170177 (2017);
licence CC BY 3.0.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.errors import BadInputError
from calcigram.lexicon import Distribution, Morphology

if TYPE_CHECKING:
    import pandas as pd

CREDIT = (
    "CBIS-DDSM, The Cancer Imaging Archive: Sawyer-Lee et al. 2016, "
    "doi 10.7937/K9/TCIA.2016.7O02S9CY; Lee et al., Scientific Data 4:170177 (2017). CC BY 3.0."
)
"""To be printed wherever figures from these data are."""

NOT_GIVEN = "NA"
"""What the files write where a radiologist gave no term. Text, not a missing value."""

OUTSIDE = "outside"
"""Stands for a term that the lexicon leaves out on purpose."""

TYPE_WORDS: dict[str, Morphology | str] = {
    "AMORPHOUS": Morphology.AMORPHOUS,
    "COARSE": Morphology.POPCORN,
    "FINE_LINEAR_BRANCHING": Morphology.FINE_LINEAR,
    "LARGE_RODLIKE": Morphology.ROD_LIKE,
    "PLEOMORPHIC": Morphology.FINE_PLEOMORPHIC,
    "PUNCTATE": Morphology.PUNCTATE,
    "ROUND_AND_REGULAR": Morphology.ROUND,
    "VASCULAR": Morphology.VASCULAR,
    "DYSTROPHIC": OUTSIDE,
    "EGGSHELL": OUTSIDE,
    "LUCENT_CENTER": OUTSIDE,
    "MILK_OF_CALCIUM": OUTSIDE,
    "SKIN": OUTSIDE,
}
"""Term of ``calc type`` -> morphology. DDSM's lexicon (an earlier BI-RADS edition) has no
coarse heterogeneous; its COARSE is coarse or popcorn-like."""

DISTRIBUTION_WORDS: dict[str, Distribution] = {
    "CLUSTERED": Distribution.GROUPED,
    "DIFFUSELY_SCATTERED": Distribution.DIFFUSE,
    "LINEAR": Distribution.LINEAR,
    "REGIONAL": Distribution.REGIONAL,
    "SEGMENTAL": Distribution.SEGMENTAL,
}
"""Term of ``calc distribution`` -> distribution."""

PATHOLOGIES: tuple[str, ...] = ("BENIGN_WITHOUT_CALLBACK", "BENIGN", "MALIGNANT")
"""Outcomes, the worst last."""

SPLITS: tuple[str, ...] = ("train", "test")
"""The official split; no patient is in both."""

ASSESSMENTS: tuple[str, ...] = ("1", "2", "3", "0", "4", "5")
"""BI-RADS assessments from the least to the most worrying. 0, incomplete, is a recall: it ranks
between 3 and 4."""

LATERALITIES: tuple[str, ...] = ("LEFT", "RIGHT")

COUNT_COLUMNS: tuple[str, ...] = ("type", "distribution", "pathology", "split", "lesions")
"""Columns of the table of counts."""

_SAME_TERM = {"LUCENT_CENTERED": "LUCENT_CENTER"}
_SPLIT_OF_PREFIX = {"Calc-Training": "train", "Calc-Test": "test"}
_KEY = ["patient_id", "left or right breast", "abnormality id"]
_NEEDED = (*_KEY, "calc type", "calc distribution", "pathology", "image file path")


def read_cbis_ddsm(*paths: str | Path, assessment: bool = False) -> pd.DataFrame:
    """Read case description files into one row per lesion.

    A lesion is (patient, side, abnormality id). Its terms are the union of those of its
    views, its pathology is the worst of them.

    Parameters
    ----------
    *paths : str or Path
        The official files, in any order and under any name; the split follows from the image
        paths inside.
    assessment : bool
        Also read the radiologists' BI-RADS assessment, of a lesion the most worrying of its views.

    Returns
    -------
    pandas.DataFrame
        ``patient_id, laterality, abnormality_id, views`` (int), ``type, distribution`` (the
        files' own terms, sorted and joined by ``-``; ``"NA"`` where none was given),
        ``pathology, split``, and ``assessment`` where asked for. Every text is text: nothing is read as missing.

    Raises
    ------
    BadInputError
        A column is not there, or holds a term that is not known; file, row and value are named.
    """
    import pandas as pd

    if not paths:
        raise BadInputError("at least one file")
    needed = (*_NEEDED, "assessment") if assessment else _NEEDED
    views = pd.concat([_read_views(path, needed) for path in paths], ignore_index=True)
    of_lesion: dict[str, Any] = {
        "views": ("pathology", "size"),
        "type": ("calc type", join_terms),
        "distribution": ("calc distribution", join_terms),
        "pathology": ("pathology", lambda outcomes: max(outcomes, key=PATHOLOGIES.index)),
        "split": ("split", "first"),
    }
    if assessment:
        of_lesion["assessment"] = "assessment", lambda given: max(given, key=ASSESSMENTS.index)
    lesions: pd.DataFrame = views.groupby(_KEY, sort=True).agg(**of_lesion).reset_index()
    return lesions.rename(
        columns={"left or right breast": "laterality", "abnormality id": "abnormality_id"}
    )


def join_terms(joined: Iterable[str]) -> str:
    """Return the union of terms, sorted and joined by ``-``; ``"NA"`` where there are none.

    Examples
    --------
    >>> join_terms(["PUNCTATE-AMORPHOUS", "NA", "AMORPHOUS"]), join_terms(["NA"])
    ('AMORPHOUS-PUNCTATE', 'NA')
    """
    terms = {_SAME_TERM.get(term, term) for text in joined for term in text.split("-")}
    return "-".join(sorted(terms - {NOT_GIVEN})) or NOT_GIVEN


def read_counts(path: str | Path) -> pd.DataFrame:
    """Read a table of counts, as `benchmarks/make_cbis_ddsm_counts.py` writes it.

    Raises
    ------
    BadInputError
        A column is not there, or holds a term that is not known.
    """
    table = _read_text_table(path, COUNT_COLUMNS)
    _check(table, path, {"type": TYPE_WORDS, "distribution": DISTRIBUTION_WORDS})
    _check(table, path, {"pathology": PATHOLOGIES, "split": SPLITS}, joined=False)
    not_whole = ~table["lesions"].str.fullmatch(r"\d+").astype(bool)
    _refuse(not_whole, table, "lesions", "a whole number", path)
    return table.assign(lesions=table["lesions"].astype("int64"))


def _read_views(path: str | Path, needed: Sequence[str]) -> pd.DataFrame:
    table = _read_text_table(path, needed)
    types = {**TYPE_WORDS, **_SAME_TERM}
    _check(table, path, {"calc type": types, "calc distribution": DISTRIBUTION_WORDS})
    words = {"left or right breast": LATERALITIES, "pathology": PATHOLOGIES}
    if "assessment" in needed:
        words["assessment"] = ASSESSMENTS
    _check(table, path, words, joined=False)
    place = "image file path"
    table["split"] = table[place].str.split("_", n=1).str[0].map(_SPLIT_OF_PREFIX)
    expected = f"a path that begins with {' or '.join(_SPLIT_OF_PREFIX)}"
    _refuse(table["split"].isna(), table, place, expected, path)
    return table


def _read_text_table(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a CSV whose first lines may be comments, every cell as the text it is."""
    import pandas as pd

    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            n_comments = len(list(itertools.takewhile(lambda line: line.startswith("#"), file)))
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skiprows=n_comments)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BadInputError(f"a CSV file ({error})", source=str(path)) from error
    table.attrs["first_line"] = n_comments + 2
    for column in columns:
        if column not in table:
            raise BadInputError("a column of this name", source=str(path), column=column)
    return table


def _check(
    table: pd.DataFrame,
    path: str | Path,
    known: Mapping[str, Iterable[str]],
    *,
    joined: bool = True,
) -> None:
    """Refuse words that are not known; where they are `joined` by ``-``, "NA" stands for none."""
    for column, words in known.items():
        allowed = {*words, NOT_GIVEN} if joined else {*words}
        expected = (
            f"terms among {', '.join(sorted(allowed))}" if joined else f"one of {', '.join(words)}"
        )

        def is_known(text: str, allowed: set[str] = allowed) -> bool:
            return allowed.issuperset(text.split("-") if joined else [text])

        _refuse(~table[column].map(is_known).astype(bool), table, column, expected, path)


def _line_number(table: pd.DataFrame, record: int) -> int:
    """Return the line of the file at which a record begins; a quoted cell may span lines."""
    before = table.iloc[:record].select_dtypes(exclude="number")
    extra = sum(int(before[column].str.count("\n").sum()) for column in before)
    return int(table.attrs["first_line"]) + record + extra


def _refuse(
    bad: pd.Series, table: pd.DataFrame, column: str, expected: str, path: str | Path
) -> None:
    if bad.any():
        record = int(bad.to_numpy().argmax())
        raise BadInputError(
            expected,
            source=str(path),
            row=_line_number(table, record),
            column=column,
            value=str(table[column].iloc[record]),
        )
