"""Every code block of README and documentation runs, in a folder with the files that the pages name.

A block that cannot run here says so in its first line, where readers see it: `# not run by the tests: WHY`.
Cells (`{code-cell}`) are run by the build of the site, which `test_site.py` tests.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky import get_reusable_executor
from pydicom import dcmread
from skimage.io import imread

import calcigram
from calcigram.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^( *)```(\{?[\w-]*\}?)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
DIRECTIVES = {"{code-cell}", "{toctree}", "{warning}", "{eval-rst}", "{atlas}"}
NOT_CODE = {"", "text", "json"}
NOT_RUN = "# not run by the tests: "
# They make the environment that the tests run in; .ci/run runs the targets of make.
SETTING_UP = ("make ", ".ci/run", ".venv/bin/python -m pytest", "pip install ", 'eval "$(register-')
# Pages that train or simulate more than a few clusters
SLOW = {
    "docs/explain/atlas.md",
    "docs/howto/image.md",
    "docs/howto/own_labels.md",
    "docs/features.md",
    "docs/scaling.md",
}


def blocks(path: Path) -> list[tuple[str, str]]:
    """Return language and text of each fenced block."""
    found = FENCE.findall(path.read_text(encoding="utf-8"))
    return [(language, textwrap.dedent(indent + text)) for indent, language, text in found]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a folder with every input that a page names."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("data", "tests/data"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / "src/calcigram/rulebooks", folder / "src/calcigram/rulebooks")
    shutil.copy(folder / "data/sample_clusters.csv", folder / "clusters.csv")
    shutil.copy(folder / "src/calcigram/rulebooks/recognition.toml", folder / "my_recognition.toml")
    for name, source in {
        "report.dcm": "mammography_cad_sr.dcm",
        "segmentation.dcm": "segmentation.dcm",
        "mask.png": "labels.png",
    }.items():
        shutil.copy(folder / "tests/data" / source, folder / name)
    table = pd.read_csv(folder / "clusters.csv").replace({"cluster_id": {"S01": "A7"}})
    table.to_csv(folder / "mine.csv", index=False)
    calcigram.write_clusters(
        calcigram.read_clusters(folder / "clusters.csv"), folder / "big.parquet"
    )
    image = dcmread(folder / "tests/data/mammogram_header.dcm")
    image.Rows, image.Columns = imread(folder / "mask.png").shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 200, (image.Rows, image.Columns))
    pixels = np.uint16(noise + 2000 * (imread(folder / "mask.png") > 0))
    image.add_new("PixelData", "OW", pixels.tobytes())
    image.save_as(folder / "mammogram.dcm")
    table = {
        "lesion": np.repeat(["A7", "B2"], 12),
        "posX": 1200 + rng.normal(0, 60, 24).round(1),
        "posY": 880 + rng.normal(0, 60, 24).round(1),
        "size": rng.uniform(3, 8, 24).round(1),
    }
    pd.DataFrame(table).to_csv(folder / "marks.csv", index=False)
    calcigram.write_clusters(calcigram.simulate(400, seed=5), folder / "labelled.csv")
    return folder


def run_line(line: str) -> None:
    """Run one command of a shell block: in this process where it is calcigram's own."""
    words = shlex.split(line, comments=True)
    if not words or line.startswith(SETTING_UP):
        return
    if words[0] == "calcigram" and not set(words) & {"|", ">", "<", "&&"}:
        assert main(words[1:]) == 0, line
    else:
        subprocess.run(["bash", "-euc", line], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=name_of(path), marks=[pytest.mark.slow] * (name_of(path) in SLOW))
        for path in PAGES
        if any(language not in NOT_CODE | DIRECTIVES for language, _ in blocks(path))
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # notices of what was read
def test_the_blocks_run(path, files, tmp_path, monkeypatch, capsys):
    work = tmp_path / "work"
    shutil.copytree(files, work)
    monkeypatch.chdir(work)
    get_reusable_executor().shutdown()  # workers of an earlier page are in its folder
    text, namespace = path.read_text(encoding="utf-8"), {}
    for language, code in blocks(path):
        if code.startswith(NOT_RUN):
            continue
        if language == "python":
            exec(compile(code, name_of(path), "exec"), namespace)
        elif language == "sh":
            for line in code.replace("\\\n", " ").splitlines():
                run_line(line)
        elif language == "toml":
            (name,) = re.findall(r"`([\w.]+\.toml)`:\n\n```toml\n" + re.escape(code), text)
            Path(name).write_text(code, encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_block_says_what_it_is(path):
    known = {"python", "sh", "toml"} | NOT_CODE | DIRECTIVES
    assert {language for language, _ in blocks(path)} <= known


def test_few_blocks_are_not_run():
    """A new one must be listed here, so that their number does not grow unseen."""
    count = {
        name_of(path): sum(code.startswith(NOT_RUN) for _, code in blocks(path)) for path in PAGES
    }
    assert {name: n for name, n in count.items() if n} == {
        "docs/formats.md": 2,
        "docs/howto/read_answer.md": 1,
        "docs/howto/serve.md": 1,
        "docs/scaling.md": 2,
        "docs/serving.md": 1,
        "docs/start.md": 1,
    }


def test_a_block_that_fails_would_be_seen():
    with pytest.raises(AssertionError):
        run_line("calcigram classify no-such-file.csv")
    with pytest.raises(subprocess.CalledProcessError):
        run_line("cp no-such-file.csv here.csv")


def test_nothing_is_said_twice():
    pages_of: dict[str, set[str]] = {}
    for path in [*PAGES, ROOT / "data" / "README.md"]:
        prose = FENCE.sub("", path.read_text(encoding="utf-8"))
        for sentence in re.split(r"[.:|!]\s|\n\n", prose):
            words = " ".join(re.sub(r"\]\([^)]*\)", "]", sentence).split())
            if len(words) > 50 and not words.startswith(
                ("![Nine simulated", "BI-RADS is a trademark")
            ):
                pages_of.setdefault(words, set()).add(name_of(path))
    assert not {words: pages for words, pages in pages_of.items() if len(pages) > 1}


def test_the_readme_is_short_and_its_links_lead_somewhere():
    """The build of the site checks the links of all other pages."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    targets = re.findall(r"\]\(([^)#]+)", text)
    assert len(targets) > 20
    assert not [target for target in targets if not (ROOT / target).exists()]
