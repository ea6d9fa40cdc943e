"""Memory and time of every entrance: small inputs that ask for much."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from attack.frame import AT_END, MEMORY_MB, Outcome, in_children, kind
from attack.inputs import Input, annotations, archives, dicom, pixels, tables, texts
from attack.serving import Server, Watch, serving

# --- every input by every entrance


def by_python(one: Input, given: Path, _: int) -> None:
    from calcigram import classify, read_clusters

    classify(read_clusters(given, **one.options))


COMMANDS = (
    ("classify", "verdicts.csv"), ("inspect", ""), ("features", "features.parquet"), ("explain", ""), ("report", "report.html"),
)  # fmt: skip


def by_command(one: Input, given: Path, number: int) -> str:
    """Read a file by one of the commands, by turns."""
    flags = [part for name, value in one.options.items()
             for part in (f"--{name.replace('_', '-')}", str(value))]  # fmt: skip
    name, output = COMMANDS[number % len(COMMANDS)]
    return commanded([name, str(given), *flags], given.with_name(output) if output else None)


def by_detect(_: Input, given: Path, __: int) -> str:
    return commanded(["detect", str(given), "--jobs", "1"], given.with_name("marks.csv"))


def by_detector(_: Input, given: Path, __: int) -> None:
    from calcigram.detect import detect
    from calcigram.detect.images import read_image
    from calcigram.options import ReadOptions

    detect(read_image(given, ReadOptions()))


def commanded(arguments: list[str], output: Path | None) -> str:
    """Run a command; return what is wrong with how it ended."""
    from calcigram.cli import main

    if output is None:
        code = main(arguments)
        return "" if code in (0, 2) else f"exit code {code}"
    output.unlink(missing_ok=True)
    code = main([*arguments, "-o", str(output)])
    if code not in (0, 2) or output.exists() != (code == 0):
        return f"exit code {code}, and {'an' if output.exists() else 'no'} output"
    left = [path.name for path in output.parent.iterdir() if path.name.startswith(".")]
    return f"left behind: {left}" if left else ""


def by_page(one: Input, given: Path, _: int) -> None:
    from calcigram.page.files import open_file

    open_file(given.read_bytes(), **one.options)


IN_CHILDREN = {
    "Python": by_python,
    "command": by_command,
    "page": by_page,
    "detect": by_detect,
    "detector": by_detector,
}

ROUTES = ("/v1/classify", "/v1/explain")


def by_http(one: Input, given: Path, number: int) -> Outcome:
    """Send a file to a server, and see that others are served meanwhile."""
    server, idle_mb = shared_server()
    body, start = given.read_bytes(), time.monotonic()
    with Watch(server) as watch, server.client() as client:
        answer = client.post(
            ROUTES[number % len(ROUTES)],
            content=body,
            params=one.options,
            headers={"content-type": one.media_type},
        )
    took, failure = time.monotonic() - start, watch.failed
    if answer.status_code not in (200, 400, 413, 415, 422, 503):
        failure = f"status {answer.status_code}: {answer.text[:200]}"
    elif answer.status_code == 503 and took < TIMEOUT_S - 1:
        failure = f"refused after {took:.1f} s: {answer.text[:200]}"
    elif took > TIMEOUT_S + 10:
        failure = f"answered after {took:.0f} s, the limit being {TIMEOUT_S} s"
    elif "Traceback" in answer.text or tempfile.gettempdir() in answer.text:
        failure = f"a path or a trace: {answer.text[:200]}"
    elif watch.longest_s > OTHERS_S:
        failure = f"another client waited {watch.longest_s:.1f} s"
    # Copies of the body, too, are held meanwhile: what is sent is no answer to it
    grown = max(0.0, watch.most_mb - idle_mb - 3 * len(body) / 1e6)
    if not failure and grown > MEMORY_MB:
        failure = f"{grown:.0f} MB above idle"
    return Outcome("", failure, grown, took)


TIMEOUT_S, OTHERS_S = 60, 8


@cache
def shared_server() -> tuple[Server, float]:
    """Start the server that all inputs are sent to, which stops at the end."""
    server = AT_END.enter_context(serving("--no-page", timeout_s=TIMEOUT_S))
    return server, server.memory_mb()


@cache
def warm() -> None:
    """Have all in memory that an idle process has: libraries, model, kernels."""
    from calcigram import classify, simulate
    from calcigram.formats import read_intake  # noqa: F401
    from calcigram.formats.dicom import images, reading, segmentation  # noqa: F401
    from calcigram.page import files  # noqa: F401

    for name in (
        "nibabel", "tifffile", "PIL.Image", "openpyxl", "roifile", "pydicom", "scipy.ndimage", "scipy.sparse.csgraph", "skimage.measure",
    ):  # fmt: skip
        __import__(name)
    classify(simulate(3, seed=1))


def attacked(inputs: Sequence[Input], n: int) -> Iterator[Outcome]:
    """Bring in each input by all of its entrances; the first tries take all inputs, and all entrances by turns."""
    warm()
    tries = [
        (number, one, one.entrances[(number + turn) % len(one.entrances)])
        for turn in range(max(len(one.entrances) for one in inputs))
        for number, one in enumerate(inputs)
        if turn < len(one.entrances)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for number, one, entrance in tries[:n]:
            path = Path(folder) / re.sub(r"\W+", "-", one.name) / "given"
            what = f"{one.name}, {entrance}"
            if not path.exists():
                path.parent.mkdir()
                path.write_bytes(one.make())
            if entrance == "HTTP":
                yield replace(by_http(one, path, number), what=what)
            else:
                attack = partial(IN_CHILDREN[entrance], one)
                yield from in_children(lambda given, k=number, attack=attack: attack(given, k), [(what, path)])  # fmt: skip


LONGEST_S = 90
"""Of one kind. Its first tries take all inputs, each by another entrance."""

for _name, _tried, _inputs, _bounded, _cannot in (
    ("Parquet that unpacks 1000:1", "constant columns, one list of 50 million, nulls, one long text in all rows, deep types", tables.TABLES, 3, ""),
    ("Arrow that unpacks 1000:1", "streams of the same, dictionaries in dictionaries, runs, views", tables.STREAMS, 0, ""),
    ("DICOM that asks for much", "deflated gigabytes, trees 100,000 deep, 900,000 empty items, elements that claim 4 GB, compressed frames of absurd size",
     dicom.DICOMS, 5, ""),
    ("Annotations that ask for much", "4,000 outlines around all points in each format, property lists 100,000 deep, entities", annotations.ANNOTATIONS, 4, ""),
    ("Archives that unpack to gigabytes", "gzip in gzip, npz in zip, workbooks, region sets, NIfTI, xz, overlapping members", archives.ARCHIVES, 4, ""),
    ("Masks that ask for much", "14.8 million parts, labels at opposite corners, noise, spirals and combs in every container", pixels.MASKS, 2, ""),
    ("Images of absurd size", "PNG, TIFF, NumPy and NIfTI that claim gigabytes, pages in a circle, tiles, strips, text chunks", pixels.IMAGES, 8, ""),
    ("Texts that ask for much", "CSV and JSON of 10^6 points, columns, keys and clusters, deep nesting, numbers of 10^7 digits, long names for every pattern",
     texts.TEXTS, 6, "a CSV of 10^6 clusters takes 1.05 GB, as long tables are read as a whole: tried are 500,000; Parquet of lists is read in "
     "parts. A cluster of more than 150,000 calcifications is refused, as all pairs are looked at; the page refuses more than 5,000, HTTP more than 20,000"),
    ("Images for detection", "20 million pixels of noise, spots, checkerboards, gradients and grey", pixels.PICTURES, 0,
     "detection takes 28 bytes per pixel: 1.3 GB for the largest image that is read, of 40 million pixels. The page refuses "
     "one that takes more than CALCIGRAM_MAX_WORK_MB, about 30 million pixels"),
):  # fmt: skip
    _full = sum(len(_input.entrances) for _input in _inputs)
    kind("memory", _name, _tried, full=_full, bounded=_bounded, cannot=_cannot)(
        partial(attacked, _inputs)
    )
