"""Words for people: numbers with their noun, sentences on a verdict, tables in Markdown.

Nothing here imports a numerical library before it is called.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_SPACING_OPTION = re.compile(
    r"(the option )?--pixel-spacing( MM)?( or ROW,COLUMN)?( \(in Python spacing_mm\))?"
)
_FORCE_OPTION = re.compile(r", ([^,]*), or [^,]* with (?:calcigram detect )?--force")
_OTHER_OPTION = re.compile(r"--(label|regions|threshold|sheet)(?: NAME)?\b")
_IMAGE_OPTION = re.compile(r"(, or the DICOM image)? \([^()]*\)")

WIDE = 0.35
"""An interval of the outcomes wider than this is based on few lesions, and a note says so."""


def without_options(message: str, spacing: str) -> str:
    """Return a message that names no option of the command line.

    Parameters
    ----------
    message : str
    spacing : str
        What the reader has in place of ``--pixel-spacing``.

    Examples
    --------
    >>> without_options("the option --pixel-spacing MM, or the DICOM image (--image FILE)", "a field")
    'a field'
    >>> without_options("take another image, correct --pixel-spacing, or read it with calcigram detect --force", "a field")
    'take another image, or correct a field'
    >>> without_options("choose with --label NAME", "a field")
    'choose with labels'
    """

    def without_image(found: re.Match[str]) -> str:
        return "" if "--image" in found[0] else found[0]

    def parameter(found: re.Match[str]) -> str:
        return "labels" if found[1] == "label" else found[1]

    message = _FORCE_OPTION.sub(r", or \1", _IMAGE_OPTION.sub(without_image, message))
    return _OTHER_OPTION.sub(parameter, _SPACING_OPTION.sub(spacing, message))


def printable(text: str, keep: str = "") -> str:
    """Return text without characters that would steer a terminal, such as those in an id from an untrusted file.

    Parameters
    ----------
    text : str
    keep : str
        Characters to keep besides those that can be printed, such as line ends.

    Examples
    --------
    >>> printable("a\x1b[31mred\x9b")
    'a?[31mred?'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in keep else "?" for sign in text)


def for_pages(value: object) -> object:
    """Replace in text what HTML may not hold, and what turns text around; markup of our own stays.

    Examples
    --------
    >>> for_pages("a\u202eb")
    'a?b'
    """
    return printable(value, keep="\n\t") if type(value) is str else value


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Parameters
    ----------
    number : int
    noun : str
        In the singular; its plural ends in s.

    Examples
    --------
    >>> counted(1, "cluster"), counted(2, "cluster")
    ('1 cluster', '2 clusters')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(values: Iterable[object], most: int = 10) -> str:
    """Return values as a list in a sentence, of which many are cut.

    Examples
    --------
    >>> listed([1, 2]), listed("abc", most=2)
    ('1, 2', 'a, b ...')
    """
    texts = [str(value) for value in values]
    return ", ".join(texts[:most]) + (" ..." if len(texts) > most else "")


def plain(words: Iterable[object]) -> list[str]:
    """Return words as people write them, without underscores."""
    return [str(word).replace("_", " ") for word in words]


def is_missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, or what pandas has for them."""
    return value is None or (str(value) in ("nan", "<NA>", "NaT") and not isinstance(value, str))


def json_values(value: Any) -> Any:
    """Return what JSON knows in place of arrays, tables, scalars of NumPy and paths; what is missing is None.

    Examples
    --------
    >>> json_values({"a": (float("nan"), 1), "b": float("inf")})
    {'a': [None, 1], 'b': None}
    """
    if isinstance(value, Mapping):
        return {str(key): json_values(item) for key, item in value.items()}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [json_values(row) for row in value.to_dict(orient="records")]
    if hasattr(value, "tolist"):
        return json_values(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [json_values(item) for item in value]
    if isinstance(value, str):
        return str(value)  # a member of an enumeration is one, too
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool | int):
        return value
    return None if is_missing(value) else str(value)


def set_words(row: Mapping[str, Any] | pd.Series) -> str:
    """Return the conformal sets in words, the distribution's first; empty without any.

    Examples
    --------
    >>> set_words({"distribution_set": "linear|branching", "morphology_set": ""})
    'linear or branching'
    """
    parts = []
    for axis in ("distribution", "morphology"):
        words = row.get(f"{axis}_set")
        if isinstance(words, str) and words:
            parts.append(" or ".join(plain(words.split("|"))))
    return "; ".join(parts)


def novelty_words(row: Mapping[str, Any] | pd.Series) -> str:
    """Return the novelty, and whether it raises an alarm; empty where it is unknown.

    Examples
    --------
    >>> novelty_words({"novelty": 1.0, "unlike_training": True})
    'novelty 1.00, unlike the clusters the model was trained on'
    """
    novelty = float(row.get("novelty", float("nan")))
    if novelty != novelty:
        return ""
    alarm = ", unlike the clusters the model was trained on" if row.get("unlike_training") else ""
    return f"novelty {novelty:.2f}{alarm}"


def outcome_share(row: Mapping[str, Any] | pd.Series) -> str:
    """Return the share of lesions described so that turned out malignant; empty where unknown.

    Examples
    --------
    >>> outcome_share({"p_malignant": 0.07, "p_malignant_low": 0.001, "p_malignant_high": 0.41})
    '7 % (under 1 to 41 %)'
    """
    from calcigram.readings import RISK_COLUMNS

    p, low, high = (100 * float(row.get(name, float("nan"))) for name in RISK_COLUMNS)
    if p != p:
        return ""
    return f"{p:.0f} % ({'under 1' if low < 0.5 else f'{low:.0f}'} to {high:.0f} %)"


def outcome_words(row: Mapping[str, Any] | pd.Series) -> str:
    """Return what became of lesions described so, in one sentence; empty where it is not known.

    Examples
    --------
    >>> outcome_words({"p_malignant": 0.35, "p_malignant_low": 0.2, "p_malignant_high": 0.5})
    'Of lesions described so in CBIS-DDSM, 35 % (20 to 50 %) turned out malignant: that cohort is
    enriched with cancers, so this is neither a prevalence nor a diagnosis.'
    """
    share = outcome_share(row)
    if not share:
        return ""
    few = row["p_malignant_high"] - row["p_malignant_low"] > WIDE
    return (
        f"Of lesions described so in CBIS-DDSM, {share} turned out malignant: that cohort is "
        f"enriched with cancers{' and holds few lesions described so' if few else ''}, so this "
        "is neither a prevalence nor a diagnosis."
    )


def trust_lines(verdict: Mapping[str, Any] | pd.Series) -> list[str]:
    """Return what a verdict says of its own trust: sets, novelty, outcomes; a line each.

    Parameters
    ----------
    verdict : mapping or pandas.Series
        One row of the verdict table; what is not there is left out.

    Examples
    --------
    >>> trust_lines({"distribution_set": "grouped|regional", "unlike_training": True, "novelty": 1.0})
    ['may be: grouped or regional', 'novelty 1.00, unlike the clusters the model was trained on']
    """
    sets, outcomes = set_words(verdict), outcome_share(verdict)
    lines = [f"may be: {sets}"] if sets else []
    if verdict.get("unlike_training"):
        lines.append(novelty_words(verdict))
    if outcomes:
        lines.append(f"malignant in CBIS-DDSM (enriched): {outcomes}")
    return [line for line in lines if line]


def markdown_table(frame: pd.DataFrame, *, missing: str = "") -> str:
    """Return a table as Markdown, its index left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns of numbers stand to the right; what is no whole number has three decimals.
    missing : str
        Stands for NaN and None.

    Examples
    --------
    >>> import pandas as pd
    >>> print(markdown_table(pd.DataFrame({"form": ["round", "a|b"], "n": [3, 4], "p": [0.5, None]})))
    | form | n | p |
    |---|---:|---:|
    | round | 3 | 0.500 |
    | a\\|b | 4 |  |
    """
    import pandas as pd

    rules = ["---:" if pd.api.types.is_numeric_dtype(frame[name]) else "---" for name in frame]
    rows = [list(frame.columns), *frame.astype(object).itertuples(index=False, name=None)]
    lines = [f"| {' | '.join(_cell(value, missing) for value in row)} |" for row in rows]
    lines.insert(1, f"|{'|'.join(rules)}|")
    return "\n".join(lines)


def _cell(value: Any, missing: str) -> str:
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return missing
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{value:.3f}"
    return str(value).replace("|", "\\|")
