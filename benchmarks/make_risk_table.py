"""Write src/calcigram/risk/cbis_ddsm.csv: risk of malignancy by morphology and distribution.

python benchmarks/make_risk_table.py
"""

from pathlib import Path

from calcigram.risk.fit import fit_risk
from calcigram.validate.cbis_ddsm import CREDIT, read_counts
from calcigram.validate.risk_check import described_lesions, is_described

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "src" / "calcigram" / "risk" / "cbis_ddsm.csv"
ABOUT = f"""Probability of malignancy of lesions that radiologists described so. Data: {CREDIT}
The cohort is enriched with cancers: no prevalence, never a diagnosis.
Fitted by benchmarks/make_risk_table.py to data/cbis_ddsm_counts.csv, both splits; how well such a fit does on lesions
it was not fitted to: calcigram rules check."""

if __name__ == "__main__":
    counts = read_counts(ROOT / "data" / "cbis_ddsm_counts.csv")
    table = fit_risk(described_lesions(counts[is_described(counts)]), about=ABOUT)
    table.to_csv(TARGET)
    print(f"{TARGET.name}: {table.lesions.sum()} lesions of one term an axis\n{table.about}")
