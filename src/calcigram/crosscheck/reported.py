"""The words a report or file already had for a cluster, held against ours.

A CAD's words are neither reader's: they are shown beside the verdict and change nothing in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calcigram.lexicon import AXES, Agreement, Distribution

if TYPE_CHECKING:
    import pandas as pd

REPORTED_COLUMNS: tuple[str, ...] = (
    "image_id",
    "formed_by",
    "reported_distribution",
    "reported_morphology",
    "reported_agreement",
    "reported_difference",
)
"""Columns appended to the verdict table of clusters from reports, annotations and masks."""

SEVERAL = "|"

_SAME = {Distribution.BRANCHING: Distribution.LINEAR}
"""Our word -> the one a report must use for it: DICOM and BI-RADS have no branching distribution."""


def has_reported(meta: pd.DataFrame) -> bool:
    """Tell whether clusters come of anything that has words of its own, or formed them.

    Examples
    --------
    >>> import pandas as pd
    >>> has_reported(pd.DataFrame({"reported_distribution": ["linear"]}))
    True
    """
    return bool({"reported_distribution", "reported_morphology", "formed_by"} & set(meta.columns))


def compare_reported(verdicts: pd.DataFrame, meta: pd.DataFrame) -> pd.DataFrame:
    """Compare the words of a file with those of the model's reading.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        With the columns ``distribution`` and ``morphology``.
    meta : pandas.DataFrame
        One row per cluster; columns that are not there are taken as missing.

    Returns
    -------
    pandas.DataFrame
        `REPORTED_COLUMNS`. ``reported_agreement`` is ``agree`` or ``differ``, missing where no
        axis can be compared: nothing reported, a word outside the lexicon, or not read by us.
        ``reported_difference`` says in words where they differ.

    Notes
    -----
    Where a file gives several words, one of them is enough. Reported linear is no difference to
    branching, for which DICOM has no code.

    Examples
    --------
    >>> import pandas as pd
    >>> verdicts = pd.DataFrame({"distribution": ["grouped"], "morphology": ["round"]})
    >>> meta = pd.DataFrame({"reported_distribution": ["linear"], "reported_morphology": ["round"]})
    >>> compare_reported(verdicts, meta).reported_difference[0]
    'distribution: reported linear, read grouped'
    """
    import pandas as pd

    table = pd.DataFrame(
        {name: _text(meta.get(name), len(verdicts)) for name in REPORTED_COLUMNS[:4]},
        dtype=object,
    )
    agreements: list[Any] = []
    differences: list[Any] = []
    for index in range(len(verdicts)):
        compared, said = 0, []
        for axis, words in ((name, axis.words) for name, axis in AXES.items()):
            reported, read = table[f"reported_{axis}"][index], verdicts[axis].iloc[index]
            known = {word for word in str(reported).split(SEVERAL) if word in words}
            if reported is None or not known or read not in words:
                continue
            compared += 1
            if not known & {read, _SAME.get(read, read)}:
                shown = " or ".join(sorted(known)).replace("_", " ")
                said.append(f"{axis}: reported {shown}, read {str(read).replace('_', ' ')}")
        differ = Agreement.DIFFER if said else Agreement.AGREE
        agreements.append(str(differ) if compared else None)
        differences.append("; ".join(said) or None)
    table["reported_agreement"], table["reported_difference"] = agreements, differences
    return table.astype(object)


def _text(column: pd.Series | None, length: int) -> list[Any]:
    if column is None:
        return [None] * length
    return [str(value) if isinstance(value, str) and value else None for value in column]
