"""CBIS-DDSM case descriptions: views become lesions, "NA" stays text, unknown terms are named."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from calcigram.errors import BadInputError
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES
from calcigram.validate.cbis_ddsm import (
    CREDIT,
    DISTRIBUTION_WORDS,
    TYPE_WORDS,
    join_terms,
    read_cbis_ddsm,
    read_counts,
)

SCRIPT = runpy.run_path(
    str(Path(__file__).parents[2] / "benchmarks" / "make_cbis_ddsm_counts.py"), run_name="script"
)
SHARED = Path(__file__).parents[3] / "shared" / "data" / "cbis_ddsm"
FILES = sorted(SHARED.glob("calc_case_description_*_set.csv"))

HEADER = (
    "patient_id,left or right breast,image view,abnormality id,calc type,calc distribution,"
    "pathology,image file path,cropped image file path"
)
VIEWS = """\
P_1,LEFT,CC,1,PUNCTATE,CLUSTERED,BENIGN_WITHOUT_CALLBACK,Calc-Training_P_1_LEFT_CC/1.dcm,"a
"
P_1,LEFT,MLO,1,PUNCTATE-AMORPHOUS,NA,BENIGN,Calc-Training_P_1_LEFT_MLO/1.dcm,"b
"
P_1,RIGHT,CC,1,LUCENT_CENTERED,NA,BENIGN_WITHOUT_CALLBACK,Calc-Training_P_1_RIGHT_CC/1.dcm,c
P_2,LEFT,CC,2,NA,LINEAR-SEGMENTAL,MALIGNANT,Calc-Test_P_2_LEFT_CC/1.dcm,d
"""


@pytest.fixture
def write(tmp_path):
    def _write(body: str = VIEWS, header: str = HEADER) -> Path:
        path = tmp_path / "cases.csv"
        path.write_text(f"{header}\n{body}", encoding="utf-8")
        return path

    return _write


def test_views_become_lesions(write):
    lesions = read_cbis_ddsm(write())
    assert lesions.to_dict("list") == {
        "patient_id": ["P_1", "P_1", "P_2"],
        "laterality": ["LEFT", "RIGHT", "LEFT"],
        "abnormality_id": ["1", "1", "2"],
        "views": [2, 1, 1],
        "type": ["AMORPHOUS-PUNCTATE", "LUCENT_CENTER", "NA"],
        "distribution": ["CLUSTERED", "NA", "LINEAR-SEGMENTAL"],
        "pathology": ["BENIGN", "BENIGN_WITHOUT_CALLBACK", "MALIGNANT"],
        "split": ["train", "train", "test"],
    }


def test_counts_round_trip_with_the_credit(write, tmp_path):
    counts = SCRIPT["count_lesions"](read_cbis_ddsm(write()))
    assert counts["lesions"].tolist() == [1, 1, 1]
    path = tmp_path / "counts.csv"
    SCRIPT["write_counts"](counts, path)
    assert CREDIT in path.read_text(encoding="utf-8")
    assert read_counts(path).astype(object).equals(counts.astype(object))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("NA,LINEAR-", "ROUND,LINEAR-", r"row 7, column 'calc type'.*got 'ROUND'.*PUNCTATE"),
        ("LINEAR-SEG", "LINE-SEG", r"row 7, column 'calc distribution'.*got 'LINE-SEG"),
        (",MALIGNANT", ",MALIGN", r"row 7, column 'pathology'.*got 'MALIGN'"),
        ("P_1,RIGHT", "P_1,BOTH", r"row 6, column 'left or right breast'.*got 'BOTH'"),
        ("Calc-Test_", "Mass-Test_", r"row 7, column 'image file path'.*Calc-Test"),
    ],
)
def test_what_is_not_known_is_named_by_line(write, old, new, message):
    with pytest.raises(BadInputError, match=message):
        read_cbis_ddsm(write(VIEWS.replace(old, new)))


def test_a_missing_column_is_named(write):
    with pytest.raises(BadInputError, match=r"cases.csv, column 'pathology'"):
        read_cbis_ddsm(write(header=HEADER.replace("pathology", "outcome")))


def test_no_file_and_an_absent_or_empty_one(tmp_path):
    with pytest.raises(BadInputError, match="at least one file"):
        read_cbis_ddsm()
    with pytest.raises(BadInputError, match=r"nowhere.csv: expected a CSV file"):
        read_cbis_ddsm(tmp_path / "nowhere.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(BadInputError, match=r"empty.csv: expected a CSV file"):
        read_cbis_ddsm(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("PUNCTATE,NA,BENIGN,train,many", r"row 2, column 'lesions'.*got 'many'"),
        ("PUNCTATE,NA,GOOD,train,1", r"row 2, column 'pathology'.*got 'GOOD'"),
        ("PUNCTATE,NA,BENIGN,all,1", r"row 2, column 'split'.*got 'all'"),
        ("DOTS,NA,BENIGN,train,1", r"row 2, column 'type'.*got 'DOTS'"),
    ],
)
def test_a_bad_table_of_counts_is_refused(tmp_path, row, message):
    path = tmp_path / "counts.csv"
    path.write_text(f"type,distribution,pathology,split,lesions\n{row}\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=message):
        read_counts(path)


def test_the_mapped_words_are_the_lexicons():
    assert {str(word) for word in TYPE_WORDS.values()} - {"outside"} <= set(map(str, MORPHOLOGIES))
    assert set(DISTRIBUTION_WORDS.values()) <= set(DISTRIBUTIONS)
    assert TYPE_WORDS["PLEOMORPHIC"] == "fine_pleomorphic"


def test_join_terms_is_a_union():
    assert join_terms(["B-A", "A", "NA", "C-B"]) == "A-B-C"
    assert join_terms(["NA", "NA"]) == "NA"


@pytest.mark.skipif(
    len(FILES) != 2, reason="the CBIS-DDSM case descriptions are not beside this repository"
)
def test_the_official_files():
    lesions = read_cbis_ddsm(*FILES)
    assert len(lesions) == 1045
    assert lesions["patient_id"].nunique() == 753
    assert lesions["views"].sum() == 1872
    assert lesions["split"].value_counts().to_dict() == {"train": 856, "test": 189}
    patients = lesions.groupby("patient_id")["split"].nunique()
    assert (patients == 1).all()
    assert lesions.equals(read_cbis_ddsm(*reversed(FILES)))
