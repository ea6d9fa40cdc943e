"""Rules of the user's own, from Python and from the command line, as docs/rules.md shows."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import calcigram
from calcigram.cli import main
from calcigram.concerns import under_rulebook
from calcigram.errors import CalcigramError
from calcigram.lexicon import ADMISSIBLE_PAIRS, CONCERNS
from calcigram.rules.engine import RuleReader

PAGE = Path(__file__).parents[1] / "docs" / "rules.md"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The rulebook of the page, a changed recognition file, and some clusters."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.toml").write_text(
        re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    )
    shipped = resources.files("calcigram.rulebooks").joinpath("recognition.toml").read_text()
    # nothing is grouped any more, whatever its size
    changed = re.sub(
        r"(feature = \"share_2cm\".*?value = )[\d.]+", r"\g<1>1.1", shipped, flags=re.DOTALL
    )
    changed = re.sub(
        r"(id = \"distribution.grouped.within_2cm\".*?value = )[\d.]+", r"\g<1>0.0", changed, flags=re.DOTALL
    )  # fmt: skip
    (folder / "recognition.toml").write_text(changed)
    calcigram.write_clusters(calcigram.simulate(60, seed=2), folder / "clusters.csv")
    return folder


def expected_concern(row, prefix=""):
    along_a_duct = row[f"{prefix}distribution"] in ("linear", "branching")
    return "suspicious" if along_a_duct else "benign"


def test_the_page_shows_a_rulebook_that_works(own):
    book = calcigram.load_rulebook(own / "mine.toml")
    assert (book.name, len(book.lines)) == ("mine", 2)
    assert main(["rules", "--rulebook", str(own / "mine.toml")]) == 0


@pytest.mark.parametrize("as_file", [True, False])
def test_classify_under_a_rulebook_of_ones_own(own, as_file):
    path = own / "mine.toml"
    verdicts = calcigram.classify(
        own / "clusters.csv", rulebook=path if as_file else calcigram.load_rulebook(path)
    )
    found = verdicts.astype({"concern": str, "rule_concern": str})
    assert found["rule_concern"].tolist() == [
        expected_concern(row, "rule_") for _, row in verdicts.iterrows()
    ]
    p = verdicts[[f"p_{word}" for word in CONCERNS]].to_numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert found["concern"].tolist() == [str(CONCERNS[k]) for k in p.argmax(axis=1)]
    assert (p[:, 1] == 0).all()  # no line of this book gives that concern
    both = verdicts[verdicts["morphology"] != "unread"]
    of_pair = {
        (d, m): both[f"p_distribution_{d}"] * both[f"p_morphology_{m}"] for d, m in ADMISSIBLE_PAIRS
    }
    along_a_duct = sum(q for (d, _), q in of_pair.items() if d in ("linear", "branching"))
    np.testing.assert_allclose(p[both.index, 2], along_a_duct / sum(of_pair.values()), atol=1e-6)
    plain = calcigram.classify(own / "clusters.csv")
    for unchanged in ("distribution", "morphology", "birads_concern"):
        pd.testing.assert_series_equal(verdicts[unchanged], plain[unchanged])


def test_classify_with_recognition_of_ones_own(own):
    found = calcigram.classify(own / "clusters.csv", recognition=own / "recognition.toml")
    plain = calcigram.classify(own / "clusters.csv")
    assert "grouped" in set(plain["rule_distribution"])
    assert "grouped" not in set(found["rule_distribution"])
    pd.testing.assert_series_equal(found["distribution"], plain["distribution"])


def test_the_command_line_gives_what_python_gives(own, capsys):
    rules = ["--rulebook", str(own / "mine.toml"), "--recognition", str(own / "recognition.toml")]
    output = own / "verdicts.csv"
    assert main(["classify", str(own / "clusters.csv"), *rules, "-o", str(output)]) == 0
    written = pd.read_csv(output)
    found = calcigram.classify(
        own / "clusters.csv", rulebook=own / "mine.toml", recognition=own / "recognition.toml"
    )
    for name in ("concern", "rule_concern", "rule_distribution", "origin"):
        assert written[name].tolist() == found[name].astype(object).tolist()
    assert main(["classify", str(own / "clusters.csv"), *rules]) == 0
    assert "60 clusters" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--rulebook", "--recognition"])
def test_rules_that_are_not_there_or_wrong_are_refused(own, option, capsys):
    wrong = own / "wrong.toml"
    wrong.write_text("format = 1\nname = 'x'\nnonsense = 3\n")
    for path in (wrong, own / "absent.toml"):
        assert main(["classify", str(own / "clusters.csv"), option, str(path)]) == 2
        assert path.name in capsys.readouterr().err


def test_a_reader_without_probabilities_keeps_the_concern_of_its_words():
    features = calcigram.extract_features(calcigram.simulate(30, seed=4))
    rules = RuleReader().read(features)
    again = under_rulebook(rules, calcigram.load_rulebook("article"))
    assert (again.concern == rules.concern).all()
    assert np.isnan(again.p_concern).all()


def test_the_shipped_name_of_a_rulebook_serves_too():
    clusters = calcigram.simulate(5, seed=1)
    found = calcigram.classify(clusters, rulebook="birads")
    assert found["rule_concern"].tolist() == found["birads_concern"].tolist()


def test_nonsense_is_refused():
    with pytest.raises(CalcigramError, match="rulebook"):
        calcigram.classify(calcigram.simulate(1), rulebook="no_such_book")
