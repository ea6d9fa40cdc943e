"""The answers of every entrance, frozen: command line, Python, HTTP, DICOM and report.

Golden texts lie in ``tests/golden``; a change of an answer shows as a difference there. After a
change that is meant, write them again and read the difference before it is committed:

    python tests/test_golden.py
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
SAMPLE, DATA = "sample.csv", ROOT / "tests" / "data"

MOVING = [
    (re.compile(r"^[\w-]+: .*\(\d+ s\)\n", re.M), ""),  # progress, which a slow machine prints
    (re.compile(r"default\+[0-9a-f]{8}"), "default+MODEL"),
    (re.compile(r"\b0\.1\.0[\w.+]*"), "VERSION"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*"), "DATE"),
    (re.compile(r"\b20[2-9]\d[01]\d[0-3]\d\b|\b\d{6}\.\d{6}\b"), "DATE"),
    (re.compile(r"\b2\.25\.\d{20,}"), "UID"),
    (re.compile(r"(\(0002,0000\).* UL: )\d+"), r"\1LENGTH"),  # follows the lengths of UIDs
    (re.compile(r"\b\d+(\.\d+)? s\b"), "SECONDS"),
    (re.compile(r"\d+ threads?"), "THREADS"),
]
"""What differs from run to run, or from machine to machine -> what stands for it."""

DIGITS = re.compile(r"(?<![\w.])-?\d*\.\d{4,}(e-?\d+)?")


def normalised(text):
    """Return a text without what may differ, its figures with three digits."""
    for pattern, stands_for in MOVING:
        text = pattern.sub(stands_for, text)
    text = DIGITS.sub(lambda found: f"{float(found[0]):.3g}", text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


class Words(HTMLParser):
    """The words of a page: no styles, scripts or pictures."""

    def __init__(self, page):
        super().__init__()
        self.words, self._skipped = [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._skipped += tag in ("style", "script", "svg")

    def handle_endtag(self, tag):
        self._skipped -= tag in ("style", "script", "svg")

    def handle_data(self, data):
        if not self._skipped and data.strip():
            self.words.append(" ".join(data.split()))


def run(*arguments):
    """Return what a command printed, and its exit code."""
    from calcigram.cli import main

    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(list(arguments))
        except SystemExit as stopped:
            code = stopped.code
    return f"$ calcigram {' '.join(arguments)}\n{out.getvalue()}--\n{err.getvalue()}exit {code}\n"


def prepare():
    """Write the inputs into the working folder: clean, incomplete, foreign, wrong."""
    sample = (ROOT / "data" / "sample_clusters.csv").read_text()
    Path(SAMPLE).write_text(sample)
    Path("positions.csv").write_text(
        "cluster_id,x_mm,y_mm\n" + "".join(f"line,{2 * i},{i % 2}\n" for i in range(9))
        + "pair,0,0\npair,1,1\n"
    )  # fmt: skip
    Path("pixels.csv").write_text(
        "lesion;posX;posY;size\n" + "".join(f"A;{20 * i};{7 * (i % 3)};5\n" for i in range(8))
    )
    Path("bad.csv").write_text("cluster_id,x_mm,y_mm\na,0,0\na,1,oops\na,2,0\na,3,1\na,4,1\n")
    Path("loose.csv").write_text("x_mm,y_mm\n" + "".join(f"{i % 4},{i // 4}\n" for i in range(12)))
    for name in ("inbreast.xml", "labels.png", "labels.npz", "mammography_cad_sr.dcm",
                 "segmentation.dcm", "tid1500.dcm", "mammogram_header.dcm"):  # fmt: skip
        Path(name).write_bytes((DATA / name).read_bytes())


def columns(path):
    return Path(path).read_text()


def command_classify():
    parts = [run("classify", SAMPLE, "-o", "v.csv"), columns("v.csv")]
    parts += [run("classify", SAMPLE), run("classify", "positions.csv", "--json")]
    parts += [run("classify", SAMPLE, "--prior", "clinical", "--coverage", ".8", "-o", "p.csv")]
    return "".join([*parts, columns("p.csv")])


def command_classify_foreign():
    table = ("--columns", "id=lesion,x=posX,y=posY,diameter=size", "--units", "px")
    mask = ("--pixel-spacing", ".1")
    return "".join(
        [
            run("classify", "pixels.csv", *table, "--pixel-spacing", ".1"),
            run("classify", "loose.csv", "--link-mm", "5"),
            run("classify", "inbreast.xml", *mask),
            run("classify", "labels.png", *mask),
            run("classify", "labels.npz", *mask),
            run("classify", "mammography_cad_sr.dcm", "--image", "mammogram_header.dcm"),
            run("classify", "segmentation.dcm"),
            run("classify", "tid1500.dcm"),
        ]
    )


def command_refusals():
    return "".join(
        [
            run("classify", "bad.csv"),
            run("classify", "bad.csv", "--skip-bad", "--rejects", "r.csv"),
            columns("r.csv") if Path("r.csv").exists() else "",
            run("classify", "pixels.csv"),
            run("classify", "labels.png"),
            run("classify", "none.csv"),
            run("classify", SAMPLE, "-o", "v.docx"),
            run("explain", SAMPLE, "--cluster", "nobody"),
            run("classify", SAMPLE, "--coverage", "7"),
        ]
    )


def command_inspect():
    names = (SAMPLE, "positions.csv", "bad.csv", "mammography_cad_sr.dcm", "labels.png")
    return "".join(run("inspect", name) for name in names) + run("inspect", SAMPLE, "--json")


def command_explain():
    texts = [run("explain", SAMPLE, "--cluster", name) for name in ("S01", "S18")]
    return "".join([*texts, run("explain", SAMPLE, "--cluster", "S05", "--json")])


def command_rules_and_features():
    measured = run("features", SAMPLE, "-o", "f.csv") + columns("f.csv")
    return run("rules") + run("features", "--catalogue") + measured


def command_evaluate_and_simulate():
    texts = [run("simulate", "5", "-o", "s.csv", "--seed", "3", "--jobs", "1"), columns("s.csv")]
    return "".join([*texts, run("evaluate", SAMPLE), run("rules", "--help")])


def command_report():
    text = run("report", SAMPLE, "-o", "report.html", "--max-pictures", "5")
    return text + "\n".join(Words(Path("report.html").read_text()).words)


def written_dicom():
    import pydicom

    texts = []
    for template in ("tid1500", "cad-sr"):
        name = f"{template}.answer.dcm"
        texts.append(
            run("classify", "mammography_cad_sr.dcm", "--image", "mammogram_header.dcm",
                "-o", name, "--template", template)
        )  # fmt: skip
        texts.append(str(pydicom.dcmread(name)))
    return "\n".join(texts)


def from_python():
    import calcigram

    clusters = calcigram.read_clusters(SAMPLE)
    verdicts = calcigram.classify(clusters)
    features = calcigram.extract_features(clusters)
    parts = [
        repr(clusters), verdicts.to_csv(index=False), str(verdicts.dtypes), verdicts.attrs,
        features.to_dataframe().round(5).to_csv(), calcigram.feature_catalogue().to_csv(),
        calcigram.explain(clusters[17]),
    ]  # fmt: skip
    return "\n".join(str(part) for part in parts)


REQUESTS = [
    ("GET", "/v1/model", {}),
    ("GET", "/v1/rules", {}),
    ("GET", "/health/ready", {}),
    ("GET", "/v1/nothing", {}),
    ("POST", "/v1/classify", {"json": {"clusters": [{"cluster_id": "a", "points": []}]}}),
    ("POST", "/v1/classify", {"json": {"x_mm": "oops"}}),
    ("POST", "/v1/classify", {"content": b"{", "headers": {"content-type": "application/json"}}),
    ("POST", "/v1/classify", {"content": b"", "headers": {"content-type": "text/html"}}),
    ("POST", "/v1/classify", SAMPLE),
    ("POST", "/v1/classify?coverage=.8", "positions.csv"),
    ("POST", "/v1/classify", "bad.csv"),
    ("POST", "/v1/explain", "positions.csv"),
    ("GET", "/v2", {}),
    ("GET", "/v2/models/calcigram", {}),
    ("GET", "/openapi.json", {}),
]


def from_http():
    pytest.importorskip("fastapi", reason="the extra [server] is not installed")
    with warnings.catch_warnings(action="ignore"):  # which of two HTTP clients it is built on
        from fastapi.testclient import TestClient

    from calcigram.server.app import create_app
    from calcigram.server.settings import Settings

    texts = []
    with TestClient(create_app(Settings(page=False)), base_url="http://127.0.0.1:8000") as client:
        for method, path, given in REQUESTS:
            if isinstance(given, str):
                body = Path(given).read_bytes()
                given = {"content": body, "headers": {"content-type": "text/csv"}}
            answer = client.request(method, path, **given)
            kind = answer.headers["content-type"]
            body = answer.text
            if "json" in kind:
                document = answer.json()
                document.pop("instance", None)
                body = json.dumps(document, indent=1)
            texts.append(f"{method} {path} -> {answer.status_code} {kind}\n{body}\n")
    return "".join(texts)


ENTRANCES = {
    entrance.__name__: entrance
    for entrance in (
        command_classify, command_classify_foreign, command_refusals, command_inspect,
        command_explain, command_rules_and_features, command_evaluate_and_simulate, command_report,
        written_dicom, from_python, from_http,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRANCES)
def test_answers_as_before(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    prepare()
    text = normalised(ENTRANCES[name]().replace(str(tmp_path), "FOLDER"))
    assert text == (GOLDEN / f"{name}.txt").read_text()


if __name__ == "__main__":
    os.environ["COLUMNS"] = "100"
    for chosen in sys.argv[1:] or ENTRANCES:
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            prepare()
            text = normalised(ENTRANCES[chosen]().replace(folder, "FOLDER"))
        (GOLDEN / f"{chosen}.txt").write_text(text)
