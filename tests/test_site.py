"""The documentation site: it builds without warnings, links lead somewhere, nothing is loaded from elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import calcigram
from calcigram.cli import NAMES

ROOT = Path(__file__).parents[1]

PATIENCE_S = 900
"""Sphinx with two processes does not end where a page fails."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARTEFACTS = Path(os.environ.get("CALCIGRAM_TEST_ARTEFACTS", "out/site"))
# Pages of docs/ whose pictures are kept, to be looked at.
SCREENSHOTS = (
    "index",
    "start",
    "howto/index",
    "howto/own_table",
    "howto/pictures",
    "explain/reading",
    "explain/atlas",
    "reference/api",
    "reference/commands",
    "evidence",
    "validation",
)
# In these an address is loaded, or followed within the site; in <a> it is only linked.
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]  # the build is part of the first test


class Page(HTMLParser):
    """Collects what a page loads, what it links, the ids that it has, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads, self.links, self.ids, self.text = [], [], set(), ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids |= {values.get("id"), values.get("name")}
        if address := values.get(LOADED.get(tag, "")):
            self.loads.append(address)
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built as `make site` does, or one built before (CALCIGRAM_SITE)."""
    if built := os.environ.get("CALCIGRAM_SITE"):
        return Path(built).resolve()
    folder = tmp_path_factory.mktemp("site")
    before = sorted((ROOT / "notebooks").iterdir())
    done = subprocess.run(
        [
            sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "2", "-c", "docs",
            "-d", str(folder / "doctrees"), ".", str(folder / "html"),
            "-D", "nb_execution_mode=force",
        ],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted((ROOT / "notebooks").iterdir()) == before, "a notebook leaves files behind"
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    paths = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    return {path: Page(path) for path in paths}


def test_every_page_of_the_repository_is_there(site):
    for path in [*(ROOT / "docs").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]:
        assert (site / path.relative_to(ROOT).with_suffix(".html")).exists(), path


def test_no_link_is_dead(site, pages):
    dead = []
    for path, page in pages.items():
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                dead.append(f"{path.relative_to(site)}: {address}")
            elif target.suffix == ".html" and parts.fragment not in ("", *pages[target].ids):
                dead.append(f"{path.relative_to(site)}: {address}: no such anchor")
    assert not dead


def test_nothing_is_loaded_from_elsewhere(site, pages):
    for path, page in pages.items():
        outside = [a for a in page.loads if urlsplit(a).scheme not in ("", "data") or a[:2] == "//"]
        assert not outside, path
    for path in site.rglob("*.css"):
        assert "url(http" not in path.read_text(encoding="utf-8").replace('"', ""), path


def documented(site) -> set[str]:
    """Return the names in the index that the site gives to others."""
    data = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(data).decode().splitlines()
    return {line.split()[0] for line in lines if " py:" in line}


def test_every_public_name_is_documented(site):
    names = {f"calcigram.{name}" for name in calcigram.__all__}
    top = {id(getattr(calcigram, name)) for name in calcigram.__all__}
    for package in ROOT.glob("src/calcigram/*/__init__.py"):
        module = import_module(f"calcigram.{package.parent.name}")
        names |= {
            f"{module.__name__}.{name}"
            for name in getattr(module, "__all__", ())
            if id(getattr(module, name)) not in top
            and not hasattr(getattr(module, name), "__path__")
        }
    modules = {f"calcigram.simulate.{name}" for name in ("areas", "ducts", "particles")}
    assert not names - modules - documented(site)


def test_every_command_is_documented(pages, site):
    ids = pages[site / "docs/reference/commands.html"].ids
    assert set(NAMES) <= ids


def test_ones_own_table_is_one_click_from_the_front_page(pages, site):
    front = pages[site / "docs/index.html"]
    assert "howto/own_table.html" in front.links
    assert "read my own table" in front.text


def test_the_notebooks_show_what_they_compute(pages, site):
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        page = pages[site / "notebooks" / f"{path.stem}.html"]
        assert [a for a in page.loads if "_images" in a or a.startswith("data:")], path


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_the_window(site, pages, width):
    """Wide tables and code scroll by themselves."""
    playwright = pytest.importorskip("playwright.sync_api")
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        wide = []
        for path in set(pages) - {site / "index.html"}:  # which leads to the front page
            tab.goto(path.as_uri(), wait_until="load")
            if tab.evaluate("document.documentElement.scrollWidth") > width:
                wide.append(path.relative_to(site).as_posix())
        for name in SCREENSHOTS:
            tab.goto((site / "docs" / f"{name}.html").as_uri(), wait_until="load")
            tab.screenshot(path=ARTEFACTS / f"{name.replace('/', '_')}_{width}.png")
        tab.goto((site / "index.html").as_uri(), wait_until="load")
        tab.get_by_role("link", name="How to read your own table").click()
        assert tab.url.endswith("howto/own_table.html")
        browser.close()
    assert not wide
