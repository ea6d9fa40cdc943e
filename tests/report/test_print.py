"""The report on paper and on narrow screens, as a browser lays it out."""

from __future__ import annotations

import re
import shutil

import pytest

import calcigram
from calcigram.report import write_evaluation_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]

A4_PRINTED_PX = 703  # 210 mm less two margins of 12 mm, at 96 dots per inch


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    from calcigram.cli.demo import sample_clusters

    clusters = calcigram.read_clusters(sample_clusters())
    path = tmp_path_factory.mktemp("report") / "report.html"
    return calcigram.write_report(clusters, calcigram.classify(clusters), path), len(clusters)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    clusters = calcigram.simulate(60, seed=1)
    readings = calcigram.load_model().read(calcigram.extract_features(clusters))
    found = calcigram.evaluate(
        readings, *(clusters.meta[f"true_{a}"] for a in ("distribution", "morphology")), n_boot=5
    )
    path = tmp_path_factory.mktemp("evaluation") / "evaluation.html"
    return write_evaluation_report({"model": found}, path)


def test_two_clusters_are_printed_on_a_page(browser, report):
    path, n_clusters = report
    page = browser.new_page()
    page.goto(path.as_uri())
    pdf = page.pdf(prefer_css_page_size=True)
    n_pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert n_clusters / 2 < n_pages <= n_clusters / 2 + 2  # the summary stands before them
    boxes = [tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox \[([^\]]+)\]", pdf)]
    assert {(round(w), round(h)) for _, _, w, h in boxes} == {(595, 842)}  # A4 in points
    page.close()


@pytest.mark.parametrize("which", ["report", "evaluation"])
def test_nothing_is_cut_off_on_paper(which, browser, request):
    found = request.getfixturevalue(which)
    page = browser.new_page(viewport={"width": A4_PRINTED_PX, "height": 1000})
    page.emulate_media(media="print")
    page.goto((found[0] if which == "report" else found).as_uri())
    too_wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter("
        f"e => e.getBoundingClientRect().right > {A4_PRINTED_PX} + 1).map(e => e.outerHTML.slice(0, 90))"
    )
    assert not too_wide
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_screen(width, browser, report):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(report[0].as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
