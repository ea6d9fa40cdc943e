"""Derive data/cbis_ddsm_counts.csv from the official CBIS-DDSM case descriptions.

    python benchmarks/make_cbis_ddsm_counts.py calc_case_description_*_set.csv

The case descriptions themselves are no part of this repository.
"""

import sys
from pathlib import Path

import pandas as pd

from calcigram.validate.cbis_ddsm import COUNT_COLUMNS, CREDIT, read_cbis_ddsm

TARGET = Path(__file__).parents[1] / "data" / "cbis_ddsm_counts.csv"


def count_lesions(lesions: pd.DataFrame) -> pd.DataFrame:
    """Count the lesions of each combination of type, distribution, pathology and split.

    Parameters
    ----------
    lesions : pandas.DataFrame
        As `read_cbis_ddsm` gives them.

    Returns
    -------
    pandas.DataFrame
        `COUNT_COLUMNS`; sorted, only combinations that occur.
    """
    keys = list(COUNT_COLUMNS[:-1])
    return lesions.groupby(keys, sort=True).size().rename(COUNT_COLUMNS[-1]).reset_index()


def write_counts(counts: pd.DataFrame, path: str | Path) -> None:
    """Write a table of counts as CSV, the credit on top as a comment."""
    lines = [
        f"# Lesions counted from: {CREDIT}",
        "# Terms joined by '-' are the union over a lesion's views; pathology is the worst of them.",
        counts.to_csv(index=False, lineterminator="\n"),
    ]
    Path(path).write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    counts = count_lesions(read_cbis_ddsm(*sys.argv[1:]))
    write_counts(counts, TARGET)
    print(f"{TARGET.name}: {counts['lesions'].sum()} lesions in {len(counts)} rows")
