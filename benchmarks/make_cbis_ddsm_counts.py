"""Derive data/cbis_ddsm_counts.csv from the official CBIS-DDSM case descriptions.

    python benchmarks/make_cbis_ddsm_counts.py calc_case_description_*_set.csv

The case descriptions themselves are no part of this repository.
"""

import sys
from pathlib import Path

from calcigram.validate.cbis_ddsm import count_lesions, read_cbis_ddsm, write_counts

TARGET = Path(__file__).parents[1] / "data" / "cbis_ddsm_counts.csv"

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    counts = count_lesions(read_cbis_ddsm(*sys.argv[1:]))
    write_counts(counts, TARGET)
    print(f"{TARGET.name}: {counts['lesions'].sum()} lesions in {len(counts)} rows")
