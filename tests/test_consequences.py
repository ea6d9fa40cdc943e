"""The rulebooks say what the design says, pair by pair, and slips in a file are named."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from calcigram.consequences import conflict_of, load_rulebook
from calcigram.errors import BadInputError
from calcigram.lexicon import (
    ADVICES,
    CONCERNS,
    DISTRIBUTION_LABELS,
    DISTRIBUTIONS,
    MORPHOLOGIES,
    MORPHOLOGY_LABELS,
    ORIGINS,
)

BENIGN_FORMS = ("round", "punctate", "popcorn")
FOUR_B = ("amorphous", "coarse_heterogeneous", "fine_pleomorphic")
ALONG_DUCTS = ("linear", "branching", "segmental")
BY_EXTENT = {
    "diffuse": "benign",
    "regional": "intermediate",
    "segmental": "intermediate",
    "grouped": "suspicious",
}


def article_twin(distribution: str, form: str) -> str | None:
    """The order of design section 5, as an if-chain."""
    if form == "vascular":
        return "benign"
    if distribution in ("linear", "branching") or form == "fine_linear":
        return "suspicious"
    if form in BENIGN_FORMS:
        return "benign"
    if form == "amorphous":
        return "intermediate"
    return BY_EXTENT.get(distribution)


def birads_twin(distribution: str, form: str) -> str | None:
    if form in ("vascular", "rod_like"):
        return "benign"
    step = distribution in ALONG_DUCTS
    if form in BENIGN_FORMS:
        level = 0 + step
    elif form in FOUR_B:
        level = 1 + step
    elif form == "fine_linear":
        level = 2
    else:  # no form: only what the distribution alone vouches for
        return "intermediate" if step else None
    return str(CONCERNS[min(level, 2)])


PAIRS = [(d, f) for d in DISTRIBUTION_LABELS for f in MORPHOLOGY_LABELS]


@pytest.mark.parametrize(("name", "twin"), [("article", article_twin), ("birads", birads_twin)])
def test_every_pair_equals_the_slow_twin(name, twin):
    book = load_rulebook(name)
    for distribution, form in PAIRS:
        code = book.concern_codes[
            DISTRIBUTION_LABELS.index(distribution), MORPHOLOGY_LABELS.index(form)
        ]
        got = None if code < 0 else str(CONCERNS[code])
        assert got == twin(distribution, form), (distribution, form)


@pytest.mark.parametrize("name", ["article", "birads"])
def test_insufficient_counts_like_unread(name):
    book = load_rulebook(name)
    for table in (book.concern_codes, book.origin_codes, book.line_id):
        assert (table[6] == table[7]).all()
        assert (table[:, 9] == table[:, 10]).all()


@pytest.mark.parametrize(
    ("distribution", "form", "origin"),
    [
        ("diffuse", "unread", "lobular"),
        ("diffuse", "fine_linear", "ductal"),
        ("regional", "round", "lobular"),
        ("segmental", "unread", "unknown"),
        ("grouped", "fine_pleomorphic", "ductal"),
        ("grouped", "round", "unknown"),
        ("linear", "punctate", "ductal"),
        ("linear", "vascular", "vascular"),
        ("branching", "vascular", "vascular"),
        ("unread", "unread", "unknown"),
    ],
)
def test_article_origin(distribution, form, origin):
    book = load_rulebook("article")
    code = book.origin_of(DISTRIBUTION_LABELS.index(distribution), MORPHOLOGY_LABELS.index(form))
    assert ORIGINS[int(code)] == origin


def test_the_two_books_differ_where_the_design_says():
    article, birads = load_rulebook("article"), load_rulebook("birads")
    pleomorphic = MORPHOLOGIES.index("fine_pleomorphic")
    segmental, grouped = DISTRIBUTIONS.index("segmental"), DISTRIBUTIONS.index("grouped")
    assert article.concern_of(segmental, pleomorphic) < birads.concern_of(segmental, pleomorphic)
    assert article.concern_of(grouped, pleomorphic) > birads.concern_of(grouped, pleomorphic)


ADVISED = {
    None: "nothing",
    "benign": "nothing",
    "intermediate": "further_imaging",
    "suspicious": "biopsy",
}


@pytest.mark.parametrize(("distribution", "form"), PAIRS)
def test_what_the_article_advises(distribution, form):
    weighed = (distribution, form) in {
        *product(["grouped"], ["round", "punctate"]),
        *product(["diffuse"], ["rod_like", "coarse_heterogeneous", "fine_pleomorphic"]),
    }
    line = load_rulebook("article").line_for(distribution, form)
    expected = "further_imaging" if weighed else ADVISED[article_twin(distribution, form)]
    if distribution == "grouped" and form != "fine_linear" and expected == "biopsy":
        expected = "further_imaging"  # the article asks for a biopsy of lines alone
    assert line.advises == expected
    if weighed:
        assert line.tag == "inferred"


@pytest.mark.parametrize(("distribution", "form"), PAIRS)
def test_what_birads_advises(distribution, form):
    line = load_rulebook("birads").line_for(distribution, form)
    concern = birads_twin(distribution, form)
    expected = "nothing" if concern in (None, "benign") else "biopsy"
    if concern == "intermediate" and form in ("round", "popcorn", "unread", "insufficient"):
        expected = "further_imaging"
    assert line.advises == expected


def test_a_group_is_of_a_duct_by_inference():
    book = load_rulebook("article")
    identity = book.origin_line_id[DISTRIBUTIONS.index("grouped"), -1]
    assert next(line for line in book.lines if line.id == identity).tag == "inferred"


def test_where_the_two_sources_conflict():
    book, other = load_rulebook("article"), load_rulebook("birads")
    d, m = np.indices(book.concern_codes.shape)
    texts = conflict_of(book, other, d.ravel(), m.ravel()).tolist()
    found = {
        (DISTRIBUTION_LABELS[row], MORPHOLOGY_LABELS[column]): text
        for row, column, text in zip(d.ravel(), m.ravel(), texts, strict=True)
        if text is not None
    }
    article_benign = "the article finds this pattern benign, BI-RADS advises a biopsy"
    birads_benign = "BI-RADS finds this pattern benign, the article advises a biopsy"
    assert found == {
        ("diffuse", "coarse_heterogeneous"): article_benign,
        ("diffuse", "fine_pleomorphic"): article_benign,
        ("segmental", "punctate"): article_benign,
        ("linear", "rod_like"): birads_benign,
        ("branching", "rod_like"): birads_benign,
        ("grouped", "rod_like"): "BI-RADS finds this pattern benign, the article suspicious",
    }


def test_a_book_that_does_not_say_what_it_advises_conflicts_by_its_concern(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    mine = load_rulebook(path)
    assert (mine.advice_codes == -1).all()
    assert mine.short_title == "My rules"
    said = "BI-RADS finds this pattern benign, My rules suspicious"
    assert conflict_of(mine, load_rulebook("birads"), [4], [3]).tolist() == [said]
    path.write_text(
        GOOD.replace("concern =", 'advises = "operate"\nconcern =', 1), encoding="utf-8"
    )
    with pytest.raises(
        BadInputError, match=r"line 1\.advises'.*got 'operate'.*nothing, further_im"
    ):
        load_rulebook(path)


@pytest.mark.parametrize("name", ["article", "birads"])
def test_every_line_is_used_sourced_and_tagged(name):
    book = load_rulebook(name)
    used = set(book.line_id.ravel()) | set(book.origin_line_id.ravel())
    assert {line.id for line in book.lines} == used
    for line in book.lines:
        assert line.document
        assert line.heading
        assert line.why
        assert line.tag in ("stated", "inferred")
        assert line.advises in map(str, ADVICES)
        assert line.id.startswith(f"{name}.")


def test_the_note_on_the_heart_is_an_association_and_no_diagnosis():
    (note,) = [n for n in load_rulebook("article").notes if n.id == "article.heart_arteries"]
    assert note.morphologies == ("vascular",)
    assert "1.32 to 1.44" in note.text
    assert "association, never a diagnosis" in note.text


def test_line_for_names_the_deciding_line():
    assert load_rulebook("birads").line_for("segmental", "round").id == "birads.benign_form_raised"


def test_concern_of_broadcasts():
    book = load_rulebook("article")
    codes = book.concern_of(np.arange(8)[:, None], np.arange(11)[None, :])
    assert (codes == book.concern_codes).all()
    assert codes.dtype == np.int8


GOOD = """\
format = 1
name = "mine"
title = "My rules"

[[line]]
id = "mine.lines"
when = { distribution = ["linear"] }
concern = "suspicious"
source = { document = "a paper", heading = "section 2" }
tag = "stated"

[[line]]
id = "mine.rest"
concern = "benign"
origin = "unknown"
source = { document = "a paper", heading = "section 3" }
tag = "inferred"
"""


def test_a_book_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    book = load_rulebook(path)
    assert book.name == "mine"
    assert book.line_for("linear", "round").id == "mine.lines"
    assert book.line_for("unread", "unread").id == "mine.rest"
    assert (book.origin_codes == ORIGINS.index("unknown")).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("linear", "lineal", r"line 1\.when\.distribution'.*got 'lineal'.*diffuse, regional"),
        ('"suspicious"', '"bad"', r"line 1\.concern'.*got 'bad'.*benign, intermediate"),
        ('origin = "unknown"', 'origin = "skin"', r"line 2\.origin'.*got 'skin'"),
        ('id = "mine.lines"\n', "", r"line 1\.id'.*got 'nothing'.*text"),
        ("mine.rest", "mine.lines", r"line 2\.id'.*got 'mine.lines'.*once"),
        (', heading = "section 2"', "", r"line 1\.source\.heading'.*text"),
        ('source = { document = "a paper", heading = "section 2" }\n', "", r"line 1\.source'"),
        ('"inferred"', '"guessed"', r"line 2\.tag'.*got 'guessed'.*stated, inferred"),
        ('["linear"]', "[]", r"line 1\.when\.distribution'.*list of"),
        ('["linear"]', '"linear"', r"line 1\.when\.distribution'.*list of"),
        ("concern = ", "conern = ", r"line 1\.conern'.*one of the keys"),
        ('concern = "benign"\n', "", r"concern.*none for diffuse and round|none for diffuse"),
        ('concern = "suspicious"\n', "", r"line 1\.concern'.*says nothing"),
        ("format = 1", "format = 2", r"format'.*got 2.*expected 1"),
        ("format = 1", "format = ", r"TOML"),
        ("[[line]]", "[line]", r"TOML|list of tables"),
    ],
)
def test_a_slip_is_named_with_its_place(tmp_path, old, new, message):
    path = tmp_path / "mine.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(BadInputError, match=message):
        load_rulebook(path)


def test_a_name_that_does_not_ship(tmp_path):
    with pytest.raises(BadInputError, match=r"'artikel'.*article, birads"):
        load_rulebook("artikel")


def test_a_note_needs_a_whole_number_of_clusters(tmp_path):
    path = tmp_path / "mine.toml"
    note = (
        '\n[[note]]\nid = "mine.note"\nimage_clusters = "two"\ntext = "t"\n'
        'source = { document = "a", heading = "b" }\ntag = "stated"\n'
    )
    path.write_text(GOOD + note, encoding="utf-8")
    with pytest.raises(BadInputError, match=r"note 1\.image_clusters'.*got 'two'"):
        load_rulebook(path)
