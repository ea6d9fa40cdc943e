"""Write docs/serving.md: settings from the code, figures from the measured results.

    python benchmarks/make_serving_page.py

Reads ``benchmarks/results/http.json``, which ``benchmarks/http_load.py`` writes.
"""

from __future__ import annotations

import json
from pathlib import Path

from calcigram.server.examples import PROBLEMS
from calcigram.server.problems import KINDS
from calcigram.server.settings import settings_table

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "http.json"

PAGE = """# Serving

<!-- Written by benchmarks/make_serving_page.py; edit that. -->

Research software, not a medical device. Send no names or numbers of patients: nothing here needs them.

```sh
pip install '.[server]'                     # in a checkout; and [dicom] for DICOM reports and masks
calcigram serve                            # http://127.0.0.1:8000: the page, the interface beside it
curl -s localhost:8000/v1/classify -H 'Content-Type: application/json' \\
  -d '{{"x_mm": [0, 1, 2, 3], "y_mm": [0, 0.1, 0, 0.1], "diameter_mm": [0.3, 0.3, 0.2, null]}}'
curl -s localhost:8000/v1/classify -H 'Content-Type: text/csv' --data-binary @data/sample_clusters.csv
```

## What is at which address

| address | what |
|---|---|
| `/` | the page: draw, drag, load any file that `classify` takes, explain, export |
| `POST /v1/classify` | clusters as JSON (points or columns), an Arrow stream, Parquet, CSV, DICOM reports and the other files `classify` reads; answered in kind (DICOM in JSON), or as `Accept` says |
| `POST /v1/explain` | why one cluster is read as it is |
| `/v1/model`, `/v1/rules` | the model's card, digest and features; the rules and both rulebooks |
| `/v2/...` | the Open Inference Protocol: `points` (N, 2 to 7 marks in order) and `offsets` (C + 1), in JSON or binary |
| `/health/live`, `/health/ready` | no token needed |
| `/metrics` | counters for Prometheus, of all processes together |
| `/docs` | the same to read and to try out in a browser; nothing of it comes from another server |
| `/openapi.json` | the description: a schema and an example for every body, those of answers worked out by the model that is served |

A file says more of itself in the address: `/v1/classify?columns=id=lesion,x=posX,y=posY&units=px&pixel_spacing=0.07`,
`?single_cluster=A7`. What is no such parameter is refused, not passed over. JSON takes `columns` as well, also as a field of the body:
`{{"columns": {{"x": "posX", "y": "posY"}}, "posX": [0, 1], "posY": [0, 0]}}`. Bodies may be packed (`Content-Encoding: gzip`); limits are
those of what they unpack to.

Errors are problem details (RFC 9457); `errors` names the field, the value and what was expected:

```json
{errors}
```

| status | when |
|---|---|
{statuses}

## The page

Click to draw, drag to move, select and press Backspace to delete; the lines, both readings and the list follow, also while a point
is on its way. A point that is drawn has the diameter that is entered (0.3 mm) and no other mark; a verdict that is not of the points
beside it is taken away, or marked until they are read. All marks can be typed as well: one calcification a line, then *Read these points*. A file of any kind that `classify`
takes may be dropped (at most 10 MB, 2,000 clusters and 5,000 calcifications per cluster); *How the file is to be read* names its columns, unit and pixel size. A cluster
that was changed stays so when another is looked at, and *Undo* takes changes back. Everything is reached by keyboard; on a narrow
screen the reading stands right below the drawing. All comes from the package, nothing from any other server.

## Safety

* It listens on loopback unless told otherwise, and there answers only to the names of this machine.
* On any other address it starts only with a token. Programs send `Authorization: Bearer TOKEN`; a browser asks for it
  as the password, under any user name. Put a proxy with TLS in front: the server itself speaks plain HTTP.
* Logs are lines of JSON with a request id, the route's template, status and time; no values, file names, addresses or stacks.
* Pages of other origins are refused (`Origin`, `Sec-Fetch-Site`), and so is a body without `Content-Type`: a web page that is open
  on the same machine cannot make the server work. Clients of `/v2` may leave the type out.
* Files, and whatever is large or takes long, are read in a child process of their own, which has a limit of memory
  (`CALCIGRAM_MAX_WORK_MB`) and of time. One that crashes is answered with 422, one that needs too much memory with 413, one that takes
  too long with 503; it is ended when its client goes away. The server itself goes on. What it printed stands in no log.
* What a request may cost is checked before it is read: rows, calcifications, and the squared number of calcifications of each cluster.
* Bodies that are held at once are limited in all; bodies, heads of requests and connections that make no progress are given up, and
  keep nobody else out. Pages are made one at a time, and no more than `CALCIGRAM_MAX_PAGES` are open.
* On SIGTERM nothing new is taken and what was begun is finished. With `--workers 2` a process that dies is replaced;
  the page, whose sessions live in one process, is then not served: run a second server for it.

## Settings

Environment variables; `calcigram serve --help` lists those that are also options.

| variable | default | meaning |
|---|---|---|
{settings}

## Deploying

`deploy/Containerfile` (checked with hadolint; never built here, for want of a container engine) and `deploy/calcigram.service`
(checked with `systemd-analyze verify`). Both need a temporary folder that can be written, and no other.

`calcigram warm-up` compiles what serving needs, once, about a minute. Compiled kernels are looked for in `NUMBA_CACHE_DIR`,
beside the installed source and in the user's cache folder, and kept in the first of these that can be written. So an image
built with `warm-up` needs no folder to write to, on processors like the one that built it; on others, the server compiles at every
start unless `NUMBA_CACHE_DIR` names a folder that stays.

## Figures

{figures}

## Tests

`tests/server` asks a real server process. The page's tests need Debian's `chromium` and are skipped, saying so, where there
is none; their screenshots go to `out/page`.
"""


def figures() -> str:
    """Return the measured figures in words."""
    r = json.loads(RESULT.read_text())
    before, after = r["memory_mb"]
    return (
        f"`benchmarks/http_load.py`, one process, {r['connections']} connections from wrk on the same "
        f"machine of 2 cores, one cluster of {r['calcifications']} calcifications per request (load average "
        f"before the run {r['load_average_before']}): {r['classify_per_second']:,} answers a second, "
        f"{r['ratio']:.2f} of the {r['empty_per_second']:,} empty ones (asked: {r['target']}); half within {r['p50_ms']:.0f} ms, "
        f"99 % within {r['p99_ms']:.0f} ms; {r['errors']} errors; after {r['requests']:,} requests the "
        f"process holds {after} MB ({before} MB before)."
    )


def statuses() -> str:
    """Return the table of what is refused, and how."""
    return "\n".join(
        f"| {status} | {'; or: '.join(title for code, title in KINDS.values() if code == status)} |"
        for status in sorted({code for code, _ in KINDS.values()})
    )


def main() -> None:
    """Write the page."""
    settings = "\n".join(
        f"| `{name}` | {f'`{default}`' if default else ''} | {meaning} |"
        for name, default, meaning in settings_table()
    )
    errors = json.loads(PROBLEMS["bad-value"].body("..."))["errors"]
    page = PAGE.format(
        settings=settings,
        figures=figures(),
        statuses=statuses(),
        errors=json.dumps({"errors": errors}),
    )
    (ROOT / "docs" / "serving.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
