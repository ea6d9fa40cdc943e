"""The rulebooks against CBIS-DDSM: by hand on a few lesions, and the whole where it is at hand."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from calcigram.consequences import load_rulebook
from calcigram.validate.cbis_ddsm import CREDIT, PATHOLOGIES
from calcigram.validate.outcomes import (
    FIGURES,
    ROWS,
    check_outcomes,
    concern_code,
    figures_from_counts,
)

SHARED = Path(__file__).parents[3] / "shared" / "data" / "cbis_ddsm"
FILES = sorted(SHARED.glob("calc_case_description_*_set.csv"))
needs_files = pytest.mark.skipif(
    len(FILES) != 2, reason="the CBIS-DDSM case descriptions are not beside this repository"
)

HEADER = (
    "patient_id,left or right breast,abnormality id,calc type,calc distribution,pathology,"
    "image file path"
)


@pytest.fixture(scope="module")
def from_counts():
    return check_outcomes()


@pytest.fixture(scope="module")
def from_files():
    return check_outcomes(FILES, n_boot=200, seed=3)


@pytest.mark.parametrize(
    ("types", "distributions", "article", "birads"),
    [
        ("PLEOMORPHIC", "CLUSTERED", 2, 1),
        ("PLEOMORPHIC", "SEGMENTAL", 1, 2),
        ("PLEOMORPHIC", "NA", -1, 1),
        ("PUNCTATE-PLEOMORPHIC", "NA", 0, 1),
        ("ROUND_AND_REGULAR", "CLUSTERED-LINEAR", 2, 1),
        ("ROUND_AND_REGULAR-LUCENT_CENTER", "NA", 0, 0),
        ("AMORPHOUS-PUNCTATE", "CLUSTERED-SEGMENTAL", 1, 2),
        ("VASCULAR", "LINEAR", 0, 0),
        ("FINE_LINEAR_BRANCHING", "DIFFUSELY_SCATTERED", 2, 2),
        ("NA", "REGIONAL", 1, -1),
        ("NA", "NA", -1, -1),
        ("LUCENT_CENTER", "CLUSTERED", -2, -2),
        ("EGGSHELL-SKIN", "NA", -2, -2),
    ],
)
def test_the_concern_of_a_lesion_is_the_highest_over_its_terms(
    types, distributions, article, birads
):
    assert concern_code(types, distributions, load_rulebook("article")) == article
    assert concern_code(types, distributions, load_rulebook("birads")) == birads


def test_figures_equal_the_slow_twin():
    rng = np.random.default_rng(0)
    for counts in rng.integers(1, 30, size=(20, 3, 2)):
        score = np.repeat([0, 0, 1, 1, 2, 2], counts.ravel())
        truth = np.repeat([0, 1, 0, 1, 0, 1], counts.ravel())
        expected = [roc_auc_score(truth, score)]
        for first in (1, 2):
            expected += [(score[truth == 1] >= first).mean(), (score[truth == 0] < first).mean()]
        np.testing.assert_allclose(figures_from_counts(counts), expected)


def test_figures_without_one_of_the_outcomes_are_nan():
    figures = figures_from_counts([[3, 0], [2, 0], [1, 0]])
    assert np.isnan(figures[[0, 1, 3]]).all()
    assert figures[2] == 0.5


def view(patient: str, types: str, distribution: str, pathology: str, split: str = "Training"):
    path = f"Calc-{split}_{patient}_LEFT_CC/1.dcm"
    return f"{patient},LEFT,1,{types},{distribution},{pathology},{path}"


def test_a_small_table_by_hand(tmp_path):
    path = tmp_path / "cases.csv"
    rows = [
        view("A", "PLEOMORPHIC", "CLUSTERED", "MALIGNANT"),
        view("A", "PLEOMORPHIC", "LINEAR", "MALIGNANT"),
        view("B", "AMORPHOUS", "CLUSTERED", "MALIGNANT"),
        view("C", "PUNCTATE", "CLUSTERED", "BENIGN"),
        view("D", "AMORPHOUS", "CLUSTERED", "BENIGN", "Test"),
        view("E", "PUNCTATE", "NA", "BENIGN_WITHOUT_CALLBACK", "Test"),
        view("F", "SKIN", "NA", "BENIGN_WITHOUT_CALLBACK"),
        view("G", "NA", "NA", "BENIGN"),
    ]
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    check = check_outcomes([path], rulebooks=["article"], n_boot=50)
    table = check.tables.query("split == 'all'").set_index("concern")[list(PATHOLOGIES)]
    assert table.to_numpy().tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
    figures = check.figures.query("split == 'all'").set_index("without_callback")
    # suspicious and intermediate cancers against intermediate, benign, benign
    assert figures.loc[True, "auc"] == pytest.approx((3 + 2.5) / 6)
    assert figures.loc[False, "auc"] == pytest.approx((2 + 1.5) / 4)
    assert figures.loc[True, "sensitivity_intermediate"] == 1
    assert figures.loc[True, "sensitivity_suspicious"] == 0.5
    assert figures.loc[True, "specificity_intermediate"] == pytest.approx(2 / 3)
    assert (check.n_lesions, check.n_patients, check.n_partly_outside) == (7, 7, 0)


def test_the_counts_that_ship(from_counts):
    assert from_counts.n_lesions == 1045
    assert from_counts.n_patients is None
    for _, table in from_counts.tables.query("split == 'all'").groupby("rulebook"):
        assert table["concern"].tolist() == [str(row) for row in ROWS]
        assert table[list(PATHOLOGIES)].to_numpy().sum() == 1045
    assert from_counts.figures[[f"{name}_low" for name in FIGURES]].isna().all(axis=None)
    by_split = from_counts.tables.groupby(["rulebook", "concern"], sort=False)
    for _, rows in by_split:
        cells = rows.set_index("split")[list(PATHOLOGIES)]
        assert (cells.loc["all"] == cells.loc["train"] + cells.loc["test"]).all()


@needs_files
def test_files_and_counts_give_the_same_figures(from_files, from_counts):
    assert (from_files.n_lesions, from_files.n_patients) == (1045, 753)
    assert from_files.tables.equals(from_counts.tables)
    assert from_files.outside.equals(from_counts.outside)
    assert from_files.n_partly_outside == from_counts.n_partly_outside
    points = ["rulebook", "split", "without_callback", "lesions", "malignant", *FIGURES]
    assert from_files.figures[points].equals(from_counts.figures[points])


@needs_files
def test_intervals_hold_the_figure_and_repeat_with_the_seed(from_files):
    figures = from_files.figures
    for name in FIGURES:
        assert (figures[f"{name}_low"] <= figures[name]).all()
        assert (figures[name] <= figures[f"{name}_high"]).all()
    again = check_outcomes(FILES, n_boot=200, seed=3)
    assert again.figures.equals(figures)
    assert not check_outcomes(FILES, n_boot=200, seed=4).figures.equals(figures)


@needs_files
def test_patients_not_lesions_are_resampled(tmp_path):
    """Every lesion of one patient three times over: the interval must not shrink."""
    import pandas as pd

    frame = pd.concat([pd.read_csv(f, dtype=str, keep_default_na=False) for f in FILES])
    copies = [
        frame.assign(**{"abnormality id": frame["abnormality id"] + f"_{i}"}) for i in range(3)
    ]
    path = tmp_path / "thrice.csv"
    pd.concat(copies).to_csv(path, index=False)
    thrice = check_outcomes([path], rulebooks=["birads"], n_boot=300).figures
    once = check_outcomes(FILES, rulebooks=["birads"], n_boot=300).figures
    assert thrice["lesions"].tolist() == (3 * once["lesions"]).tolist()
    np.testing.assert_allclose(thrice[["auc_low", "auc_high"]], once[["auc_low", "auc_high"]])


@needs_files
def test_the_counts_that_ship_are_those_of_the_files():
    from calcigram.validate.cbis_ddsm import read_cbis_ddsm, read_counts

    root = Path(__file__).parents[2]
    shipped = root / "data" / "cbis_ddsm_counts.csv"
    script = runpy.run_path(str(root / "benchmarks" / "make_cbis_ddsm_counts.py"))
    counted = script["count_lesions"](read_cbis_ddsm(*FILES))
    assert counted.astype(object).equals(read_counts(shipped).astype(object))


def test_dict_and_markdown(from_counts):
    as_json = json.loads(json.dumps(from_counts.to_dict(), allow_nan=False))
    assert as_json["n_lesions"] == 1045
    assert as_json["figures"][0]["auc_low"] is None
    assert as_json["credit"] == CREDIT
    text = from_counts.to_markdown()
    assert text.startswith("1,045 lesions.")
    assert CREDIT in text
    assert "| concern | BENIGN_WITHOUT_CALLBACK | BENIGN | MALIGNANT |" in text
    assert "percentile interval" not in text


@needs_files
def test_markdown_with_patients_gives_intervals(from_files):
    text = from_files.to_markdown()
    assert text.startswith("1,045 lesions of 753 patients.")
    assert "200 resamplings of patients, seed 3" in text
    figure = from_files.figures.iloc[0]
    assert f"{figure['auc']:.3f} ({figure['auc_low']:.3f} to {figure['auc_high']:.3f})" in text


@pytest.mark.parametrize("n_lesions", [1, 2, 3])
def test_a_few_lesions_of_one_split_have_no_figures_of_the_other(tmp_path, n_lesions):
    rows = [
        f"P_{k},LEFT,CC,1,PUNCTATE,CLUSTERED,{pathology},Calc-Training_P_{k}_LEFT_CC/1.dcm,c"
        for k, pathology in enumerate(["MALIGNANT", "BENIGN", "BENIGN"][:n_lesions])
    ]
    heading = (
        "patient_id,left or right breast,image view,abnormality id,calc type,calc distribution,"
        "pathology,image file path,cropped image file path"
    )
    (tmp_path / "few.csv").write_text("\n".join([heading, *rows, ""]))
    check = check_outcomes([tmp_path / "few.csv"], n_boot=50)
    assert check.n_lesions == n_lesions
    of_test = check.figures.query("split == 'test'")
    assert (of_test["lesions"] == 0).all()
    assert of_test["auc"].isna().all()
    assert "unknown" in check.to_markdown()
