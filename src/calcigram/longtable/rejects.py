"""Bad values as they are found in a table: one error for the first, or a table of them all.

What is bad is decided by `longtable` and `formats`; this module only names the place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

REJECT_COLUMNS = ("source", "row", "cluster_id", "column", "value", "expected")


@dataclass
class Faults:
    """Bad values as they are found, column by column."""

    source: str | None
    found: list[tuple[Rows, str, list[Any], str]] = field(default_factory=list)

    def add(self, bad: Mask, column: str, values: pd.Series, expected: str) -> None:
        """Note the rows where `bad` holds; `values` is the column as it stands in the table."""
        self.add_at(np.flatnonzero(bad), column, values[bad], expected)

    def add_at(self, rows: Rows, column: str, values: Iterable[Any], expected: str) -> None:
        """Note bad `values` and the rows they stand in, in rising order."""
        if len(rows):
            self.found.append((rows, column, [plain(value) for value in values], expected))

    def rows(self) -> Rows:
        """Return the bad rows, each once."""
        if not self.found:
            return np.zeros(0, np.int64)
        return np.unique(np.concatenate([rows for rows, *_ in self.found]))

    def first(
        self, ids: Callable[[int], str | None], row_number: Callable[[Rows], Rows]
    ) -> BadInputError:
        """Return the error for the topmost bad row; of several there, the one noted first."""
        rows, column, values, expected = min(self.found, key=lambda fault: fault[0][0])
        value = values[0]
        if isinstance(value, str) and _is_decimal_comma(value):
            expected += " (with a decimal point, not a comma)"
        return BadInputError(
            expected,
            source=self.source,
            row=int(row_number(rows[:1])[0]),
            column=column,
            value=value,
            cluster_id=ids(int(rows[0])),
        )

    def table(
        self, ids: Callable[[int], str | None], row_number: Callable[[Rows], Rows]
    ) -> pd.DataFrame:
        """Return one row a bad value, in the order of the rows: `REJECT_COLUMNS`."""
        import pandas as pd

        parts = [
            pd.DataFrame(
                {
                    "source": self.source,
                    "row": row_number(rows),
                    "cluster_id": [ids(int(row)) for row in rows],
                    "column": column,
                    "value": [repr(value) for value in values],
                    "expected": expected,
                },
                columns=list(REJECT_COLUMNS),
            )
            for rows, column, values, expected in self.found
        ]
        if not parts:
            return empty_rejects()
        return pd.concat(parts, ignore_index=True).sort_values(
            "row", kind="stable", ignore_index=True
        )


def empty_rejects() -> pd.DataFrame:
    """Return a table of rejects without rows.

    Examples
    --------
    >>> empty_rejects().shape
    (0, 6)
    """
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=object) for name in REJECT_COLUMNS})


def plain(value: Any) -> Any:
    """Return a NumPy scalar as the Python value that prints as people write it."""
    return value.item() if isinstance(value, np.generic) else value


def _is_decimal_comma(text: str) -> bool:
    whole, comma, part = text.strip().lstrip("+-").partition(",")
    return bool(comma) and whole.isdigit() and part.isdigit()
