"""Texts that steer what shows them, pages of other origins, and what answers and logs may tell."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx

from attack.crash import finished, started, workshop
from attack.frame import Outcome, kind
from attack.serving import LINE, serving

TEXTS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg/onload=alert(1)>', "javascript:alert(1)",
    "&lt;b&gt;", "{{7*7}}", "{% raw %}", "${jndi:ldap://x}", "'; DROP TABLE clusters; --", "%s%n%x", "$\\undefined{x}$",
    "[bold red]markup[/bold red]", "[link=http://evil.example]x[/link]", "\x1b[2J\x1b]0;owned\x07", "\x1b]8;;http://evil.example\x07x",
    "\x9b31m", "a\x08\x08\x08b", "a\rb", "line\nbreak", "a\ttab", "=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)",
    "abc\u202egnp.exe", "\u2066hidden\u2069", "\u061cx", "\u200bzero", "\ufeffmark", "a\u2028b", "\U000e0041tag", "x" * 500,
)  # fmt: skip
"""As ids, names of columns, values, files and sheets."""

COMMANDS = (
    ("classify", "{csv}"), ("classify", "{csv}", "--json"), ("classify", "{csv}", "-o", "v.csv"), ("classify", "{csv}", "-o", "v.json"),
    ("inspect", "{csv}"), ("inspect", "{csv}", "--json"), ("features", "{csv}", "-o", "f.csv"), ("explain", "{csv}"),
    ("report", "{csv}", "-o", "r.html"), ("classify", "{csv}", "--image", "{image}", "-o", "v.dcm"), ("explain", "v.dcm"),
    ("inspect", "v.dcm"), ("inspect", "{name}"), ("classify", "{missing}"), ("classify", "{csv}", "--{text}"),
    ("explain", "{csv}", "--cluster", "{text}-not"),
)  # fmt: skip

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
)
"""What moves the cursor, hides, or turns text around."""


@kind(
    "people", "hostile texts",
    f"{len(TEXTS)} texts (markup, control characters, formulas, right-to-left marks) as ids, columns, values and file names, through "
    f"{len(COMMANDS)} commands: terminal, JSON, CSV, HTML and DICOM",
    full=len(TEXTS) * len(COMMANDS), bounded=0,
)  # fmt: skip
def hostile_texts(n: int) -> Iterator[Outcome]:
    with workshop():
        write_tables()
        named = write_hostile_name()
        image = next(Path("in/images").glob("*.dcm"))
        places = {
            "csv": "hostile.csv",
            "image": image,
            "name": named,
            "missing": TEXTS[13] + ".csv",
            "text": TEXTS[13],
        }
        for command in itertools.islice(COMMANDS, max(1, n // len(TEXTS))):
            arguments = tuple(one.format(**places) for one in command)
            code = finished(started(arguments))
            said = Path("log").read_text(encoding="utf-8", errors="surrogateescape")
            faults = [
                f"steers the terminal: {sign!r}" for sign in sorted(set(STEERING.findall(said)))
            ]
            if code not in (0, 2) or "Traceback" in said:
                faults.append(f"exit code {code}: {said[-300:]!r}")
            if (
                code == 2
                and len(command) > 3
                and "{csv}" in command
                and "{text}" not in str(command)
            ):
                faults.append(f"refused: {said[-300:]!r}")
            faults += checked(arguments[-1])
            yield Outcome(" ".join(command), "; ".join(faults), tries=len(TEXTS))


def write_tables() -> None:
    """Write clusters whose ids, columns and values are the texts, and harmless ones of the same places."""
    for path, texts in (
        ("hostile.csv", TEXTS),
        ("harmless.csv", [f"text {k}" for k in range(len(TEXTS))]),
    ):
        with open(path, "w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["cluster_id", "x_mm", "y_mm", "diameter_mm", texts[0], "note"])
            for k, text in enumerate(texts):
                for i in range(5):
                    out.writerow([text, 2 + i * 0.7, 3 + (i % 3) * 0.5 + k / 9, 0.3, text, text])


def write_hostile_name() -> str:
    """Write a bad table whose name has what a file's name may have."""
    name = TEXTS[13].replace("/", "") + TEXTS[24] + TEXTS[0].replace("/", "") + ".csv"
    Path(name).write_text("cluster_id,x_mm,y_mm\na,?,1\n")
    return name


def checked(output: str) -> Iterator[str]:
    """Yield what is wrong with a file that was written."""
    if output == "v.csv":
        with open(output, newline="", encoding="utf-8") as file:
            ids = [row["cluster_id"] for row in csv.DictReader(file)]
        if sorted(ids) != sorted(set(TEXTS)):
            yield f"other ids in CSV: {sorted(set(TEXTS) ^ set(ids))[:3]}"
    elif output == "v.json":
        ids = {row["cluster_id"] for row in json.loads(Path(output).read_text(encoding="utf-8"))}
        if ids != set(TEXTS):
            yield f"other ids in JSON: {sorted(set(TEXTS) ^ ids)[:3]}"
    elif output == "r.html":
        assert finished(started(("report", "harmless.csv", "-o", "harmless.html"))) == 0
        hostile, harmless = (
            elements(Path(path).read_text(encoding="utf-8")) for path in (output, "harmless.html")
        )
        if more := {one for one in hostile if one not in harmless}:
            yield f"elements in HTML that are not ours: {sorted(more)[:5]}"
        if signs := STEERING.findall(Path(output).read_text(encoding="utf-8")):
            yield f"in HTML: {sorted(set(signs))!r}"
    elif output == "v.dcm" and Path(output).exists():
        yield from in_dicom(output)


def elements(text: str) -> Counter[tuple[str, tuple[str, ...]]]:
    """Return the elements of a page, each with the names of its attributes."""
    found: Counter[tuple[str, tuple[str, ...]]] = Counter()

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found[tag, tuple(sorted(name for name, _ in attrs))] += 1

    Parser().feed(text)
    return found


def in_dicom(path: str) -> Iterator[str]:
    """Yield the texts of a report that its value representations do not permit."""
    import pydicom

    for element in pydicom.dcmread(path).iterall():
        values = element.value if isinstance(element.value, list) else [element.value]
        for value in values:
            if isinstance(value, str) and re.search("[\x00-\x09\x0b\x0e-\x1f\x7f-\x9f]", value):
                yield f"control characters in {element.keyword}: {value[:60]!r}"


# --- pages of other origins

ORIGINS: tuple[dict[str, str], ...] = (
    {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:1"}, {"origin": "http://{host}.evil.example"},
    {"origin": "http://evil.example/http://{host}"}, {"origin": "http://{host}@evil.example"}, {"origin": ""}, {"origin": "file://"},
    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"host": "evil.example"}, {"host": "evil.example:80"},
    {"host": "127.0.0.1.evil.example"}, {"host": ""}, {"host": "evil.example", "origin": "http://evil.example"},
)  # fmt: skip

PATHS = (
    ("POST", "/v1/classify"), ("POST", "/v1/explain"), ("POST", "/v2/models/calcigram/infer"), ("GET", "/v1/rules"), ("GET", "/metrics"),
    ("GET", "/"), ("OPTIONS", "/v1/classify"), ("GET", "/openapi.json"), ("GET", "/docs"), ("WEBSOCKET", "/ws"),
)  # fmt: skip


@kind(
    "people",
    "pages of other origins",
    "requests and sockets as a page of another origin, or of a name that was pointed here, makes them: refused, and no header lets it read",
    full=len(ORIGINS) * len(PATHS),
    bounded=len(ORIGINS) * len(PATHS),
)
def other_origins(n: int) -> Iterator[Outcome]:
    with serving() as server, server.client() as client:
        host = server.url.removeprefix("http://")
        pairs = itertools.islice(itertools.product(PATHS, ORIGINS), n)
        for (method, path), headers in pairs:
            sent = {name: value.format(host=host) for name, value in headers.items()}
            what = f"{method} {path} {sent}"
            if method == "WEBSOCKET":
                method = "GET"
                sent |= {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
            try:
                answer = client.request(
                    method, path, json=LINE if method == "POST" else None, headers=sent
                )
            except httpx.HTTPError as error:
                yield Outcome(what, f"{error!r}")
                continue
            allowed = [name for name in answer.headers if name.startswith("access-control-")]
            failure = f"answered {answer.status_code}" if answer.status_code < 400 else ""
            yield Outcome(what, failure or ", ".join(allowed))


# --- what is told

SECRETS = (
    "a-token-that-nobody-guesses",
    "Doe^Jane^Secret",
    "PID-4711-SECRET",
    "hostile-secret-name",
)


@kind(
    "people",
    "nothing is told",
    "good, bad and crashing requests that hold a token, a patient's name and id, and paths: none of them in answers or log, and no trace",
    full=60,
    bounded=0,
)
def nothing_is_told(n: int) -> Iterator[Outcome]:
    bodies = list(itertools.islice(telling_bodies(), n))
    with (
        serving(token=SECRETS[0]) as server,
        server.client(headers={"authorization": f"Bearer {SECRETS[0]}"}) as client,
    ):
        answers: list[tuple[str, Any]] = []
        for path, body, content_type in bodies:
            with contextlib.suppress(httpx.HTTPError):
                answer = client.post(
                    f"{path}?{SECRETS[3]}=1",
                    content=body,
                    headers={"content-type": content_type},
                )
                answers.append((f"{path} {content_type}", answer))
        wrong = client.post(
            "/v1/classify", json=LINE, headers={"authorization": f"Bearer {SECRETS[0]}x"}
        )
        answers.append(("a wrong token", wrong))
        log = server.log.read_text()
    told = re.compile(r"Traceback|File \"|/(tmp|work|home|usr|root|opt|etc)/")
    for what, answer in answers:
        # an answer may repeat a bad value to the client that sent it, but no path and nothing of the token
        leaked = [secret for secret in SECRETS[:3] if secret in answer.text]
        yield Outcome(
            what, f"in the answer: {leaked}" if leaked or told.search(answer.text) else ""
        )
    leaked = [secret for secret in SECRETS if secret in log]
    yield Outcome(
        "the log", f"in the log: {leaked or told.search(log)}" if leaked or told.search(log) else ""
    )


def telling_bodies() -> Iterator[tuple[str, bytes, str]]:
    """Yield path, body and type of requests that hold what must not be told."""
    table = (
        f"cluster_id,x_mm,y_mm,PatientName,PatientID\na,1,2,{SECRETS[1]},{SECRETS[2]}\n".encode()
    )
    dicom = dicom_of_a_patient()
    for path in ("/v1/classify", "/v1/explain"):
        yield path, table, "text/csv"
        for cut in (200, 400, 600, len(dicom)):
            yield path, dicom[:cut], "application/dicom"
        for broken in (
            table[:-9] + b"\x00",
            b"PAR1" + dicom,
            b"\x89PNG\r\n\x1a\n" + dicom,
            b"<?xml version='1.0'?><plist>" + table,
            b"PK\x03\x04" + dicom,
        ):
            for content_type in (
                "text/csv",
                "application/vnd.apache.parquet",
                "application/octet-stream",
            ):
                yield path, broken, content_type
        yield (
            path,
            json.dumps({"x_mm": [1], "y_mm": [2], SECRETS[3]: SECRETS[1][::-1]}).encode(),
            "application/json",
        )


def dicom_of_a_patient() -> bytes:
    """Return a mammogram that names a patient."""
    import tempfile

    import numpy as np
    import pydicom

    from calcigram.formats.dicom.images import write_mammogram
    from calcigram.mammogram import Mammogram

    with tempfile.TemporaryDirectory() as folder:
        write_mammogram(
            Mammogram(np.full((64, 64), 100, np.float32), (0.07, 0.07)), f"{folder}/a.dcm"
        )
        dataset = pydicom.dcmread(f"{folder}/a.dcm")
    dataset.PatientName, dataset.PatientID = SECRETS[1], SECRETS[2]
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()
