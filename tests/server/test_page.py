"""The page in a real browser: load, drag, see the verdict change, be refused, export."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

ARTEFACTS = Path(os.environ.get("CALCIGRAM_TEST_ARTEFACTS", "out/page"))

PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def page_server(start):
    with start() as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def asked():
    """The addresses that the page asked for."""
    return []


@pytest.fixture(scope="module")
def page(browser, page_server, asked):
    tab = browser.new_page(viewport={"width": 1200, "height": 1000})
    tab.set_default_timeout(PATIENCE_MS)
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(page_server.url, wait_until="commit")
    tab.locator("#verdict").wait_for()
    yield tab
    tab.close()


# Where points of the drawing are on the screen, as Bokeh's own scales say.
WHERE = """() => {
    const views = []
    const walk = (view) => { views.push(view); for (const child of view.children()) walk(child) }
    for (const root of Bokeh.index) walk(root)
    const plot = views.find((view) => view.model.name === 'cluster')
    plot.el.scrollIntoView({block: 'center', behavior: 'instant'})
    const box = plot.el.getBoundingClientRect()
    const {x_scale, y_scale} = plot.frame
    const at = (x, y) => [box.left + x_scale.compute(x), box.top + y_scale.compute(y)]
    return {from: at(4, 0), to: at(4, 2)}
}"""

IMAGE = """
    const image = plot.model.renderers.map((r) => r.data_source).find((s) => s.name === 'overview')
    return {shape: image.data.image[0].shape}
"""


def shot(tab, name):
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    tab.evaluate("window.scrollTo(0, 0)")  # what sticks to the top would be in the middle of it
    tab.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


def verdict(tab):
    return " ".join(tab.locator("#verdict").inner_text().split())


def write(tab, points):
    """Enter points as text and have them read; their number must not be that of those before."""
    tab.get_by_label("Points, one per line").fill(points)
    tab.get_by_role("button", name="Read these points").click()
    n = len(points.splitlines())
    playwright.expect(tab.locator("#verdict")).to_contain_text(
        f"{n} calcifications", timeout=PATIENCE_MS
    )


def wait_for_another(tab, old):
    end = time.monotonic() + PATIENCE_MS / 1000
    while (new := verdict(tab)) == old or "Reading these points" in new:
        assert time.monotonic() < end, f"still {old}"
        tab.wait_for_timeout(100)
    return new


def test_it_opens_on_what_all_sources_agree_on(page):
    concerns = page.locator("#verdict tbody .concern b").all_inner_texts()
    assert len(concerns) >= 3
    assert len(set(concerns)) == 1
    assert "A person should look" not in verdict(page)
    assert page.locator("meta[name=viewport]").get_attribute("content") == (
        "width=device-width, initial-scale=1"
    )


def click_at(tab, *places_mm):
    """Click at places in mm; where there is no point, one is drawn."""
    for x, y in places_mm:
        tab.mouse.click(*tab.evaluate(WHERE.replace("at(4, 0)", f"at({x}, {y})"))["from"])


def typed(tab):
    return tab.get_by_label("Points, one per line")


def test_ten_clicks_on_empty_spots(page):
    page.get_by_role("button", name="Clear").click()
    playwright.expect(page.locator("#verdict")).to_contain_text("0 calcifications")
    write(page, "0 0 0.3\n9 9 0.3")  # a frame of some mm
    places = [(1 + 0.8 * i, 1 + 0.5 * (i % 3)) for i in range(10)]
    click_at(page, *places)
    playwright.expect(page.locator("#verdict")).to_contain_text("12 calcifications")
    assert page.get_by_role("alert").count() == 0
    lines = typed(page).input_value().splitlines()
    assert lines[:2] == ["0 0 0.3", "9 9 0.3"]
    for (x, y), line in zip(places, lines[2:], strict=True):
        got_x, got_y, diameter = map(float, line.split())  # no other mark is known
        assert (abs(got_x - x) < 0.1, abs(got_y - y) < 0.1, diameter) == (True, True, 0.3)
    size = page.get_by_label("Diameter (mm), new and selected")
    size.fill("0.8")
    size.press("Enter")
    page.wait_for_timeout(300)
    click_at(page, (7, 4))
    playwright.expect(page.locator("#verdict")).to_contain_text("13 calcifications")
    assert typed(page).input_value().splitlines()[-1].split()[2:] == ["0.8"]
    size.fill("0.3")
    size.press("Enter")
    undo = page.get_by_role("button", name="Undo")
    for n in range(12, 1, -1):
        undo.click()
        playwright.expect(page.locator("#verdict")).to_contain_text(f"{n} calcifications")
    assert typed(page).input_value() == "0 0 0.3\n9 9 0.3"


def test_drawing_on_an_empty_sheet_with_the_keyboard_for_the_rest(page):
    clear = page.get_by_role("button", name="Clear")
    clear.focus()
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#verdict")).to_contain_text("0 calcifications")
    click_at(page, (1, 1), (2, 1.5), (3, 1), (4, 2))
    playwright.expect(page.locator("#verdict")).to_contain_text("4 calcifications")
    page.wait_for_timeout(400)  # or it would be a double click
    click_at(page, (3, 1))  # on a point: it is selected
    page.wait_for_timeout(300)
    page.keyboard.press("Backspace")
    playwright.expect(page.locator("#verdict")).to_contain_text("3 calcifications")
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#verdict")).to_contain_text("4 calcifications")
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    playwright.expect(page.locator("#verdict")).to_contain_text("2 calcifications")
    assert page.get_by_role("alert").count() == 0


def test_no_verdict_beside_points_it_is_not_of(page):
    write(page, "0 0 0.3\n2 0 0.3\n4 0 0.3\n6 0 0.3\n8 0 0.3")
    # Asked in the task after the change: nothing of the server's can have come yet.
    change = """
        const source = plot.model.renderers.map((r) => r.data_source).find((s) => s.name === 'points')
        const values = {x_mm: 3, y_mm: 0.5, width: 0.3, height: 0.3, angle: 0}
        for (const name of source.columns()) source.get_array(name).push(values[name] ?? NaN)
        source.setv({data: source.data}, {check_eq: false})
        return new Promise((resolve) => setTimeout(resolve, 0)).then(() => {
            const style = document.documentElement.style
            return [...style].filter((n) => n.startsWith('--stale-')).map((n) => style.getPropertyValue(n))
        })
    """
    marked = page.evaluate(WHERE.replace("return {from: at(4, 0), to: at(4, 2)}", change))
    assert ["Not of these points" in text for text in marked] == [True]
    playwright.expect(page.locator("#verdict")).to_contain_text("6 calcifications")
    still = "[...document.documentElement.style].filter((n) => n.startsWith('--stale-')).length"
    page.wait_for_function(f"{still} === 0")
    typed(page).fill("0 0 0.3\n1 oops")
    page.get_by_role("button", name="Read these points").click()
    playwright.expect(page.get_by_role("alert")).to_contain_text("oops")
    playwright.expect(page.locator("#verdict")).to_contain_text("were not read")
    assert page.locator("table.bars").count() == 0
    shot(page, "unread")


def test_an_example_is_read(page):
    page.get_by_label("Load an example").select_option("Distribution: branching")
    playwright.expect(page.locator("#verdict tbody tr").first).to_contain_text(
        "branching", timeout=PATIENCE_MS
    )
    assert re.search(r"branching \(\d+%\)", verdict(page)), "the probability is shown"
    playwright.expect(page.get_by_text("conformal set").first).to_be_visible()
    playwright.expect(page.get_by_text("Novelty").first).to_be_visible()
    assert page.get_by_text("not read").count() == 0
    shot(page, "example")


def test_a_dragged_point_changes_the_verdict(page):
    page.get_by_label("Points, one per line").fill("0 0 0.3\n2 0 0.3\n4 0 0.3\n6 0 0.3\n8 0 0.3")
    before = verdict(page)
    page.get_by_role("button", name="Read these points").click()
    before = wait_for_another(page, before)
    assert "5 calcifications" in before
    place = page.evaluate(WHERE)
    page.mouse.move(*place["from"])
    page.mouse.down()
    page.mouse.move(*place["to"], steps=6)
    page.mouse.up()
    wait_for_another(page, before)
    text = page.get_by_label("Points, one per line")
    playwright.expect(text).not_to_have_value(re.compile("\n4 0 "), timeout=PATIENCE_MS)
    moved = text.input_value().splitlines()[2].split()
    assert abs(float(moved[1]) - 2) < 0.3
    shot(page, "dragged")


def test_the_verdict_follows_a_point_on_its_way(page):
    write(page, "0 0 0.3\n2 0 0.3\n4 0 0.3\n6 0 0.3\n8 0 0.3\n10 0 0.3")
    before = verdict(page)
    text = page.get_by_label("Points, one per line").input_value()
    place = page.evaluate(WHERE)
    page.mouse.move(*place["from"])
    page.mouse.down()
    for share in (0.3, 0.6, 0.8, 1.0):
        page.mouse.move(*(a + share * (b - a) for a, b in zip(*place.values(), strict=True)))
        page.wait_for_timeout(200)
    wait_for_another(page, before)  # and the point is not let go yet
    assert page.get_by_label("Points, one per line").input_value() == text
    page.mouse.up()
    playwright.expect(page.get_by_label("Points, one per line")).not_to_have_value(text)


def test_changes_can_be_taken_back(page):
    first = "0 0 0.3\n2 0 0.3\n4 0 0.3\n6 0 0.3"
    write(page, first)
    write(page, "0 0 0.3\n2 1 0.3\n4 0 0.3")
    page.get_by_role("button", name="Clear").click()
    playwright.expect(page.locator("#verdict")).to_contain_text("0 calcifications")
    undo = page.get_by_role("button", name="Undo")
    undo.click()
    playwright.expect(page.locator("#verdict")).to_contain_text("3 calcifications")
    undo.click()
    playwright.expect(page.get_by_label("Points, one per line")).to_have_value(first)
    playwright.expect(page.locator("#verdict")).to_contain_text("4 calcifications")


def test_a_selected_point_takes_the_size_that_is_entered(page):
    write(page, "0 0 0.3\n2 0 0.3\n4 0 0.3\n6 0 0.3\n8 0 0.3\n9 1 0.3\n9 2 0.3")
    page.mouse.click(*page.evaluate(WHERE)["from"])
    page.wait_for_timeout(300)
    size = page.get_by_label("Diameter (mm), new and selected")
    size.fill("1.25")
    size.press("Enter")
    playwright.expect(page.get_by_label("Points, one per line")).to_have_value(
        "0 0 0.3\n2 0 0.3\n4 0 1.25\n6 0 0.3\n8 0 0.3\n9 1 0.3\n9 2 0.3"
    )
    size.fill("0.6")  # it is selected still
    size.press("Enter")
    playwright.expect(page.get_by_label("Points, one per line")).to_have_value(
        re.compile("4 0 0.6")
    )
    write(page, "0 0 0.3\n2 0 0.3\n4 0 0.3\n6 0 0.3\n8 0 0.3")  # others, of which none is
    size.fill("0.9")
    size.press("Enter")
    page.wait_for_timeout(300)
    assert "0.9" not in page.get_by_label("Points, one per line").input_value()


def test_no_points_are_read_as_no_points(page):
    write(page, "")
    playwright.expect(page.locator("#verdict")).to_contain_text("0 calcifications")


def test_a_bad_file_is_refused_in_words(page, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("cluster_id,x_mm,y_mm\na,0,0\na,1,oops\n")
    page.locator("input[type=file]").set_input_files(bad)
    alert = page.get_by_role("alert")
    playwright.expect(alert).to_contain_text("oops", timeout=PATIENCE_MS)
    assert "row 3" in alert.inner_text()
    assert "/tmp" not in alert.inner_text()
    for place in ("0", "document.documentElement.scrollHeight"):
        page.evaluate(f"window.scrollTo(0, {place})")
        page.wait_for_timeout(200)
        playwright.expect(alert).to_be_in_viewport()
        playwright.expect(page.get_by_role("note")).to_be_in_viewport()
    shot(page, "refused")


def test_it_is_said_how_a_file_is_to_be_read(page, tmp_path):
    table = tmp_path / "pixels.csv"
    table.write_text("lesion,posX,posY\n" + "".join(f"A7,{20 * i},{i % 2}\n" for i in range(9)))
    page.locator("input[type=file]").set_input_files(table)
    playwright.expect(page.get_by_role("alert")).to_contain_text("'posX'", timeout=PATIENCE_MS)
    playwright.expect(page.get_by_label("Unit of its lengths")).to_be_hidden()
    page.get_by_role("button", name="How the file is to be read").click()
    columns = page.get_by_label("Columns, ours=theirs")
    columns.fill("id=lesion, x=posX, y=posY")
    columns.press("Enter")
    playwright.expect(page.locator("#verdict")).to_contain_text("9 calcifications")
    page.get_by_label("Unit of its lengths").select_option("px")
    playwright.expect(page.get_by_role("alert")).to_contain_text("pixel")
    size = page.get_by_label("Pixel size (mm)")
    size.fill("0.1")
    size.press("Enter")
    text = page.get_by_label("Points, one per line")
    playwright.expect(text).to_have_value(re.compile("^0 0\n2 0.1\n"))
    playwright.expect(page.get_by_role("alert")).to_have_count(0)
    shot(page, "reading")
    page.get_by_label("Load an example").select_option("Distribution: grouped")
    playwright.expect(page.locator("#verdict")).not_to_contain_text("9 calcifications")
    columns.fill("")  # for a file to come: what was dropped before is of no account any more
    page.get_by_label("Unit of its lengths").select_option("mm")
    size.fill("")
    size.press("Enter")
    page.wait_for_timeout(500)
    assert page.get_by_role("alert").count() == 0
    assert "9 calcifications" not in verdict(page)
    page.get_by_role("button", name="How the file is to be read").click()


def test_a_good_file_is_listed_by_need_of_review(page):
    sample = Path(__file__).parents[2] / "data" / "sample_clusters.csv"
    page.locator("input[type=file]").set_input_files(sample)
    options = page.get_by_label("Clusters, those to look at first").locator("option")
    playwright.expect(options.nth(3)).to_be_attached(timeout=PATIENCE_MS)
    texts = options.all_inner_texts()
    flagged = [text.startswith("! ") for text in texts]
    assert flagged == sorted(flagged, reverse=True)


def test_a_cluster_stays_as_it_was_changed(page):
    listed = page.get_by_label("Clusters, those to look at first")
    first, second = listed.locator("option").all_inner_texts()[:2]
    number = re.search(r"\(no\. \d+\)", first)[0]
    write(page, "0 0 0.3\n2 0 0.3\n4 0 0.3\n6 0 0.3\n8 0 0.3\n10 0 0.3")
    playwright.expect(listed).to_contain_text(
        re.compile(rf"linear, [\w ]+; suspicious {re.escape(number)}")
    )
    listed.select_option(second)
    playwright.expect(page.locator("#verdict")).not_to_contain_text("6 calcifications")
    listed.select_option(label=listed.locator("option", has_text=number).inner_text())
    playwright.expect(page.locator("#verdict")).to_contain_text("6 calcifications")


@pytest.mark.parametrize(
    ("label", "begins"),
    [
        ("Save the table", b"cluster_id,"),
        ("Save the picture", b"\x89PNG"),
        ("Save the report", b"<!"),
    ],
)
def test_exports(page, label, begins, tmp_path):
    with page.expect_download(timeout=PATIENCE_MS) as waiting:
        page.get_by_role("link", name=label).or_(
            page.get_by_role("button", name=label)
        ).first.click()
    path = tmp_path / "export"
    waiting.value.save_as(path)
    assert path.read_bytes().startswith(begins)


def test_the_explanation_follows_what_is_drawn(page):
    page.get_by_role("button", name="Explain this reading").click()
    text = page.locator("#explanation")
    playwright.expect(text).to_contain_text("Why", timeout=PATIENCE_MS)
    page.get_by_label("Points, one per line").fill("0 0\n2 0\n4 0\n6 0")
    page.get_by_role("button", name="Read these points").click()
    playwright.expect(text).to_contain_text(": 4 calcifications", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Explain this reading").click()


def test_it_works_by_keyboard(page):
    before = verdict(page)
    field = page.get_by_label("Points, one per line")
    field.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("0 0\n1 1\n2 2\n3 3")
    button = page.get_by_role("button", name="Read these points")
    for _ in range(5):
        page.keyboard.press("Tab")
        if button.evaluate("e => e.getRootNode().activeElement === e"):
            break
    page.keyboard.press("Enter")
    assert "4 calcifications" in wait_for_another(page, before)


DISCS = [
    (200, 150),
    (216, 172),
    (184, 178),
    (212, 204),
    (236, 162),
    (193, 199),
    (232, 214),
    (180, 222),
]
"""Row and column of calcifications in an image."""


def mammogram(path, **attributes):
    """Write a mammogram of 500 x 400 pixels of 0.07 mm, with 8 discs of 0.35 mm."""
    source = Path(__file__).parents[1] / "mammography.py"
    spec = importlib.util.spec_from_file_location("mammography", source)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    pixels = made.breast(500, 400, spots=()).astype(float)
    y, x = np.mgrid[:500, :400]
    for row, column in DISCS:
        pixels += 500 * (np.hypot(y - row, x - column) <= 2.5)
    made.save(path, pixels.astype(np.uint16), **attributes)
    return made.NAME, made.PATIENT


def at_disc(k):
    row, column = DISCS[k]
    return (column + 0.5) * 0.07, (row + 0.5) * 0.07


def test_a_mammogram_is_marked_by_hand(page, page_server, tmp_path):
    name, patient = mammogram(tmp_path / "left.dcm")
    page.locator("input[type=file]").set_input_files(tmp_path / "left.dcm")
    about = page.locator("#image")
    playwright.expect(about).to_contain_text("pixels of 0.07 mm", timeout=PATIENCE_MS)
    playwright.expect(about).to_contain_text("8 calcifications in 1 cluster")
    playwright.expect(page.locator("#verdict")).to_contain_text("8 calcifications")
    assert len(page.evaluate(WHERE.replace("return {", IMAGE + "return {"))["shape"]) == 2
    shot(page, "mammogram")
    click_at(page, at_disc(0))  # selected
    page.wait_for_timeout(400)
    page.keyboard.press("Backspace")
    playwright.expect(page.locator("#verdict")).to_contain_text("7 calcifications")
    page.wait_for_timeout(400)
    x, y = at_disc(0)
    click_at(page, (x + 0.1, y))  # beside its centre: it is grown, and moves there
    playwright.expect(page.locator("#verdict")).to_contain_text("8 calcifications")
    text = typed(page)
    playwright.expect(text).to_have_value(re.compile(r"\S+ \S+ 0\.3\d* \S+ \S+ \S+ \S+$"))
    got_x, got_y, *_ = map(float, text.input_value().splitlines()[-1].replace("-", "nan").split())
    assert abs(got_x - x) < 0.04
    assert abs(got_y - y) < 0.04
    page.wait_for_timeout(400)
    click_at(page, (x + 0.9, y + 0.1))  # there is nothing
    playwright.expect(about).to_contain_text("No outline above the noise at 1 point")
    playwright.expect(page.locator("#verdict")).to_contain_text("9 calcifications")
    shot(page, "marked")
    click_at(page, (x + 0.9, y + 0.1))
    page.get_by_role("button", name="Delete selected").click()
    playwright.expect(page.locator("#verdict")).to_contain_text("8 calcifications")
    playwright.expect(about).not_to_contain_text("No outline")
    assert page.get_by_role("alert").count() == 0
    told = page.content() + page.locator("body").inner_text() + page_server.log()
    assert name not in told
    assert patient not in told


def test_an_image_that_is_refused_or_has_no_spacing(page, tmp_path):
    from PIL import Image

    grey = np.random.default_rng(1).integers(900, 1100, (300, 200)).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "left.png")
    page.locator("input[type=file]").set_input_files(tmp_path / "left.png")
    alert = page.get_by_role("alert")
    playwright.expect(alert).to_contain_text("the field 'Pixel size'", timeout=PATIENCE_MS)
    page.get_by_role("button", name="How the file is to be read").click()
    size = page.get_by_label("Pixel size (mm)")
    size.fill("0.07")
    size.press("Enter")
    playwright.expect(page.locator("#image")).to_contain_text("by the field 'Pixel size'")
    playwright.expect(page.get_by_role("alert")).to_have_count(0)
    size.fill("")
    size.press("Enter")
    page.get_by_role("button", name="How the file is to be read").click()
    mammogram(tmp_path / "ct.dcm", class_uid="1.2.840.10008.5.1.4.1.1.2", Modality="CT")
    page.locator("input[type=file]").set_input_files(tmp_path / "ct.dcm")
    playwright.expect(alert).to_contain_text("CT Image", timeout=PATIENCE_MS)
    page.get_by_label("Load an example").select_option("Distribution: grouped")
    playwright.expect(page.locator("#image")).to_have_count(0)


def test_it_fits_a_narrow_screen_and_says_what_it_is(page):
    page.get_by_label("Load an example").select_option("Distribution: segmental")
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_timeout(1500)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 380 + 1
    (x0, y0), (_, y1) = page.evaluate(WHERE).values()  # 2 mm down
    across = page.evaluate(WHERE.replace("at(4, 2)", "at(6, 0)"))["to"][0] - x0
    assert abs(across - (y1 - y0)) < 0.02 * across, "a millimetre is as long across as down"
    playwright.expect(page.get_by_role("note")).to_contain_text("not a medical device")
    shot(page, "narrow")


def test_the_log_tells_of_no_address(page, page_server):
    lines = [line for line in page_server.log().splitlines() if "WebSocket" in line]
    assert lines
    assert not [line for line in lines if "127.0.0.1" in line]


def test_the_atlas_is_linked_and_drawn_once(page, page_server, parse):
    link = page.get_by_role("link", name="Atlas of patterns")
    assert link.evaluate("a => a.href") == f"{page_server.url}/atlas"
    with page_server.client() as client:
        first = client.get("/atlas", timeout=120)
        assert (first.status_code, first.headers["content-type"]) == (
            200,
            "text/html; charset=utf-8",
        )
        assert len(parse(first.text).all("article")) == len(DISTRIBUTIONS) + len(MORPHOLOGIES)
        assert client.get("/atlas", timeout=2).content == first.content


def test_nothing_comes_from_elsewhere(page, page_server, asked):
    foreign = [url for url in asked if not url.startswith((page_server.url, "data:", "blob:"))]
    assert not foreign
