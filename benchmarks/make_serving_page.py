"""Write docs/serving.md: settings from the code, figures from the measured results.

    python benchmarks/make_serving_page.py

Reads ``benchmarks/results/http.json``, which ``benchmarks/http_load.py`` writes.
"""

from __future__ import annotations

import json
from pathlib import Path

from calcigram.server.responses import KINDS, PROBLEMS
from calcigram.server.settings import Settings, variable

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "http.json"

PAGE = """# Serving

<!-- Written by benchmarks/make_serving_page.py; edit that. -->

Research software, not a medical device. Do not send names or identifiers of patients: no function needs them.

```sh
# not run by the tests: it needs a server that runs
pip install '.[server]'                     # in a checkout; and [dicom] for DICOM reports and masks
calcigram serve                            # http://127.0.0.1:8000: the page and the HTTP interface
curl -s localhost:8000/v1/classify -H 'Content-Type: application/json' \\
  -d '{{"x_mm": [0, 1, 2, 3], "y_mm": [0, 0.1, 0, 0.1], "diameter_mm": [0.3, 0.3, 0.2, null]}}'
curl -s localhost:8000/v1/classify -H 'Content-Type: text/csv' --data-binary @data/sample_clusters.csv
```

## Addresses

| address | content |
|---|---|
| `/` | the page: draw, drag, load any file that `classify` takes, explain, export |
| `/atlas` | the [atlas](explain/atlas.md), linked from the page; drawn when it is first asked for, some seconds |
| `POST /v1/classify` | clusters as JSON (points or columns), an Arrow stream, Parquet, CSV, DICOM reports and the other files `classify` reads; answered in kind (DICOM in JSON), or as `Accept` says |
| `POST /v1/explain` | why one cluster is read as it is |
| `/v1/model`, `/v1/rules` | the model's card, digest and features; the rules and both rulebooks |
| `/v2/...` | the Open Inference Protocol: `points` (N, 2 to 7 marks in order) and `offsets` (C + 1), in JSON or binary |
| `/health/live`, `/health/ready` | no token needed |
| `/metrics` | counters for Prometheus, summed over all processes |
| `/docs` | interactive documentation; loads nothing from other servers |
| `/openapi.json` | the OpenAPI description: a schema and an example for every body; the examples of answers are computed with the served model |

Query parameters describe a file: `/v1/classify?columns=id=lesion,x=posX,y=posY&units=px&pixel_spacing=0.07`,
`?single_cluster=A7`, `?labels=1,calcification`, `?regions=cluster`, `?threshold=0.4`, `?sheet=marks`. Every [format](formats.md) is read; send annotations in JSON (COCO, LabelMe, 3D Slicer) as `application/octet-stream` or as a form. An unknown parameter is refused. JSON accepts `columns` too, also as a field of the body:
`{{"columns": {{"x": "posX", "y": "posY"}}, "posX": [0, 1], "posY": [0, 0]}}`. Bodies may be compressed (`Content-Encoding: gzip`); the limits
apply to the unpacked size.

Errors are problem details (RFC 9457); `errors` names the field, the value and what was expected:

```json
{errors}
```

| status | when |
|---|---|
{statuses}

## The page

Click to draw, drag to move, select and press Backspace to delete. The plot, both readings and the list are updated, also while a point
is dragged. A drawn point has the entered diameter (0.3 mm) and no other mark. A verdict that does not belong to the points shown
is removed, or marked until the new one arrives. All marks can also be typed: one calcification per line, then *Read these points*. Drop a file of any kind that `classify`
reads (at most 10 MB, 2,000 clusters and 5,000 calcifications per cluster); *How the file is to be read* sets its columns, unit and pixel size. An edited cluster
keeps its changes while you look at another, and *Undo* reverts them. Everything works with the keyboard. On a narrow
screen the reading is directly below the drawing. The page loads nothing from other servers.

Drop a mammogram (DICOM, or a grey PNG or TIFF with its pixel size entered; at most 64 MB): its calcifications are detected, and each cluster is shown on the
image, with what was assumed and left out below it. Delete false marks, click on missed ones: each is grown to its outline, or marked ✕ where
there is none, and the verdict follows. The wheel zooms, *Reset* shows the whole image. The image is decoded in a child process whose temporary folder
is removed, and kept in memory while the page is open; it is not stored or logged, and no identifier of the patient is read. In a notebook:
`calcigram.explore("left.dcm")`.

## Safety

* By default the server listens on the loopback address and answers only requests for the names of this machine.
* On any other address it starts only with a token. Programs send `Authorization: Bearer TOKEN`; a browser asks for it
  as the password, under any user name. Put a proxy with TLS in front: the server itself uses plain HTTP.
* Logs are lines of JSON with a request id, the route's template, status and time; they contain no values, file names, addresses or stack traces.
* Requests from pages of other origins are refused (`Origin`, `Sec-Fetch-Site`), and so is a body without `Content-Type`: a web page that is open
  in a browser on the same machine cannot use the server. Clients of `/v2` may omit the type.
* Files and large or long requests run in a separate child process with limits of memory
  (`CALCIGRAM_MAX_WORK_MB`) and time. A crash is answered with 422, too much memory with 413, too much
  time with 503. The process ends when its client disconnects. The server keeps running. The output of the child process is not logged.
* The cost of a request is checked before it is read: rows, calcifications, and the squared number of calcifications of each cluster.
* The total size of the bodies in memory is limited. Bodies, headers and connections that make no progress are closed, so that they do
  not block other clients. Pages are created one at a time, and at most `CALCIGRAM_MAX_PAGES` are open.
* On SIGTERM the server accepts no new requests and finishes those in progress. With `--workers 2` a process that dies is replaced.
  The page keeps its sessions in one process and is then not served: run a second server for it.

## Settings

Environment variables; `calcigram serve --help` lists those that are also options.

| variable | default | meaning |
|---|---|---|
{settings}

## Deploying

`deploy/Containerfile` (checked with hadolint; never built here, for want of a container engine) and `deploy/calcigram.service`
(checked with `systemd-analyze verify`). Both need a writable temporary folder, and no other writable folder.

`calcigram warm-up` compiles what serving needs, once, in a few seconds (half a minute under a Python for which the package contains no
linked kernels). Compiled kernels are searched in `NUMBA_CACHE_DIR`,
beside the installed source and in the user's cache folder, and stored in the first of these that is writable. An image
built with `warm-up` therefore needs no writable folder on processors like the one that built it. On others, the server compiles at every
start unless `NUMBA_CACHE_DIR` names a persistent folder.

## Figures

{figures}

## Tests

`tests/server` tests a real server process. The page's tests need Debian's `chromium` and are skipped, with a message, where it
is missing; their screenshots are written to `out/page`.
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


def _default(value: object) -> str:
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{shown}`" if shown else ""


def main() -> None:
    """Write the page."""
    settings = "\n".join(
        f"| `{variable(name)}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
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
