"""Tables in Markdown, for pages and terminals alike."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


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
