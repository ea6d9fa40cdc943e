"""The atlas is one file that needs nothing else, and shows each word with its sources."""

from __future__ import annotations

import base64
import os
import re
import shutil
from pathlib import Path

import pytest

from calcigram import atlas
from calcigram.atlas import atlas_entries, write_atlas
from calcigram.cli import main
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES
from calcigram.risk.table import load_risk

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARTEFACTS = Path(os.environ.get("CALCIGRAM_TEST_ARTEFACTS", "out/atlas"))
MAX_BYTES = 6_000_000


@pytest.fixture
def two_entries(monkeypatch):
    """Draw two small entries in place of all."""
    chosen = [entry for entry in atlas_entries() if entry.word in ("round", "grouped")]
    monkeypatch.setattr(atlas, "atlas_entries", lambda: chosen)


def test_the_command_writes_one_file_that_needs_no_other(two_entries, tmp_path, parse, capsys):
    path = tmp_path / "atlas.html"
    assert main(["atlas", "-o", str(path)]) == 0
    assert str(path) in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["atlas.html"]
    page = parse(path.read_text(encoding="utf-8"))
    sources = [image["src"] for image in page.all("img")]
    assert len(sources) == 2 * 5  # a thumbnail, and two pictures of two clusters
    for source in sources:
        kind, _, data = source.partition(";base64,")
        assert kind in ("data:image/png", "data:image/jpeg")
        assert base64.b64decode(data, validate=True)
    assert not page.all("script") + page.all("link")
    assert not re.search(r"url\(|@import|https?://", path.read_text(encoding="utf-8"))
    assert "default-src 'none'" in str(page.all("meta"))


def test_each_picture_of_a_cluster_has_a_text(two_entries, tmp_path, parse):
    page = parse(write_atlas(tmp_path / "a.html").read_text(encoding="utf-8"))
    assert sum(bool(image["alt"]) for image in page.all("img")) == 2 * 4


def test_it_says_that_it_is_synthetic_and_no_diagnosis(two_entries, tmp_path, parse):
    words = parse(write_atlas(tmp_path / "a.html").read_text(encoding="utf-8")).words
    assert "Every cluster on this page is synthetic." in words
    assert "states no diagnosis" in words


def test_progress_and_the_same_bytes_each_time(two_entries, tmp_path):
    seen = []
    first = write_atlas(tmp_path / "a.html", progress=lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]
    assert first.read_bytes() == write_atlas(tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize(
    ("output", "expected"),
    [("atlas.pdf", ".html"), ("no/such/folder/a.html", "folder")],
)
def test_what_cannot_be_written_is_refused_before_anything_is_drawn(
    output, expected, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(atlas, "item_of", None)
    assert main(["atlas", "-o", output]) == 2
    message = capsys.readouterr().err
    assert expected in message
    assert "Traceback" not in message
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_written_over(two_entries, tmp_path, capsys):
    folder = tmp_path / "atlas.html"
    folder.mkdir()
    assert main(["atlas", "-o", str(folder)]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["atlas.html"]


def test_an_output_must_be_named(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["atlas"])
    assert stopped.value.code == 2


def test_what_was_there_before_stays_when_drawing_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    path.write_text("before")
    monkeypatch.setattr(atlas, "item_of", lambda entry: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_atlas(path)
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("word", [*DISTRIBUTIONS, *MORPHOLOGIES])
def test_outcomes_are_those_of_the_risk_table(word):
    table = load_risk()
    text = atlas.outcomes_of(word)
    if word in ("branching", "coarse_heterogeneous"):
        assert text == "not in the data"
        return
    malignant, n, share, low, high = map(int, re.findall(r"(?<!9)\d+", text.replace("95 %", "")))
    assert 0 <= low <= share <= high <= 100
    assert share == round(100 * malignant / n)
    axis = 1 if word in DISTRIBUTIONS else 0
    assert n in table.lesions.sum(axis=axis)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_atlas(tmp_path_factory.mktemp("atlas") / "atlas.html")


@pytest.mark.slow
def test_the_whole_atlas(whole, parse):
    assert whole.stat().st_size < MAX_BYTES
    page = parse(whole.read_text(encoding="utf-8"))
    ids = [entry["id"] for entry in page.all("article")]
    assert ids == [str(word) for word in (*DISTRIBUTIONS, *MORPHOLOGIES)]
    links = [a["href"] for a in page.all("a")]
    assert links == [f"#{name}" for name in ids]
    assert len(page.all("img")) == 15 * 5
    for entry in atlas_entries():
        for one in (entry.example.says, entry.mimic.says, entry.article, entry.birads):
            assert one.text in page.words
            assert one.source in page.words
    assert "unknown" not in page.words  # each feature that is named has a value


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
def test_it_fits_a_desk_a_phone_and_paper(whole):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto(whole.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.screenshot(path=ARTEFACTS / f"atlas-{width}.png", full_page=True)
        n_pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))
        assert n_pages <= 10
        browser.close()
