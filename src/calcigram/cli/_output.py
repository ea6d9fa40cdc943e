"""What commands say: progress on standard error, tables and JSON on standard output."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from calcigram.lexicon import Agreement, Concern
from calcigram.wording import counted, is_missing, json_values, printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

# sign and colour both: no meaning rests on colour alone; blue and orange are distinguishable with any colour vision
_CONCERN_LOOK = {
    Concern.BENIGN: ("-", "blue"),
    Concern.INTERMEDIATE: ("+", "yellow"),
    Concern.SUSPICIOUS: ("#", "bold bright_red"),
}
_AGREEMENT_LOOK = {
    Agreement.AGREE: ("=", "blue"),
    Agreement.SAME_CONCERN: ("~", "blue"),
    Agreement.DIFFER: ("/", "yellow"),
    Agreement.OPPOSED: ("!", "bold bright_red"),
}
_LOOKS: dict[str, dict[Any, tuple[str, str]]] = {
    "concern": _CONCERN_LOOK,
    "model_birads_concern": _CONCERN_LOOK,
    "rule_concern": _CONCERN_LOOK,
    "agreement": _AGREEMENT_LOOK,
}

_NOT_ASCII = re.compile(r"[^\x20-\x7e\n]")

_SHOWN = {
    "cluster_id": "cluster",
    "n_calcifications": "n",
    "distribution": "model\ndistribution",
    "distribution_probability": "p",
    "morphology": "model\nmorphology",
    "morphology_probability": "p",
    "concern": "model\nconcern",
    "model_birads_concern": "model under\nBI-RADS",
    "rule_distribution": "rules\ndistribution",
    "rule_morphology": "rules\nmorphology",
    "rule_concern": "rules\nconcern",
    "agreement": "agreement",
    "review": "look",
}
"""Columns of the verdict table on the terminal, and their headings."""

_LEAST_USE = (
    ("model_birads_concern",),
    ("morphology_probability", "distribution_probability"),
    ("n_calcifications",),
)
"""What is left out first where the terminal is narrow."""

_ALL_OF_LEAST_USE = tuple(itertools.chain(*_LEAST_USE))

_MORPHOLOGIES = ("morphology", "rule_morphology")
_FOLDED = {"cluster_id": 12, "morphology": 13, "rule_morphology": 13}
"""Characters to which columns are folded where nothing else helps."""

MAX_REASONS = 10

SECONDS_BETWEEN_LINES = 5.0

_doing: list[Callable[[], str]] = []
"""What is being done, the innermost last; each returns a line."""


def say(*messages: str) -> None:
    """Print messages for the person, on standard error, one per line; what nobody can be told ends no work."""
    for message in messages:
        with suppress(OSError):
            print(printable(message), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output; missing numbers become null."""
    print(json_text(value), end="")


def json_text(value: Any) -> str:
    """Return a value as JSON text that ends with a newline."""
    in_ascii = "utf" not in (sys.stdout.encoding or "").lower()
    text = json.dumps(json_values(value), indent=2, ensure_ascii=in_ascii, allow_nan=False)
    return _NOT_ASCII.sub(_escaped, text) + "\n"


def _escaped(sign: re.Match[str]) -> str:
    """Return what JSON writes for a character that steers a terminal, or turns text around."""
    return sign[0] if sign[0].isprintable() else json.dumps(sign[0])[1:-1]


def write_or_print(
    args: argparse.Namespace, as_json: Callable[[], str], as_text: Callable[[], str]
) -> None:
    """Write to ``-o``, as JSON by its suffix; print JSON for ``--json``, a text where there is no ``-o``."""
    from calcigram.formats import atomic_path

    if args.output is not None:
        text = as_json() if args.output.suffix.lower() == ".json" else as_text()
        with atomic_path(args.output) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if args.json or args.output is None:
        print(as_json() if args.json else as_text(), end="")


@contextmanager
def doing(line: Callable[[], str]) -> Iterator[None]:
    """Say what is being done while the context lasts, for `plain_progress` to print."""
    _doing.append(line)
    try:
        yield
    finally:
        _doing.remove(line)


@contextmanager
def plain_progress(command: str) -> Iterator[None]:
    """Print a line every few seconds while a command works, if standard error is no terminal.

    Parameters
    ----------
    command : str
        Named at the beginning of each line.
    """
    if sys.stderr.isatty():
        yield
        return
    is_done, began = threading.Event(), monotonic()

    def print_lines() -> None:
        while not is_done.wait(SECONDS_BETWEEN_LINES):
            current = _doing[-1:]  # a copy: the other thread may leave a context any time
            what = current[0]() if current else "working"
            say(f"{command}: {what} ({monotonic() - began:.0f} s)")

    printer = threading.Thread(target=print_lines, daemon=True)
    printer.start()
    try:
        yield
    finally:
        is_done.set()
        printer.join()


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something long is going on."""
    if not sys.stderr.isatty():
        with doing(lambda: what):
            yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} …"):
        yield


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[..., None]]:
    """Give a function of (done, total) that moves a bar, or the numbers in a line."""
    if not sys.stderr.isatty():
        numbers: list[int] = []

        def count(done: int, total: int | None = None) -> None:
            numbers[:] = [done] if total is None else [done, total]

        with doing(lambda: f"{what} {' of '.join(map(str, numbers))}".rstrip()):
            yield count
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total=None: bar.update(task, completed=done, total=total)


def console() -> Console:
    """Return a console on standard output; without a terminal it is plain, and as wide as COLUMNS, or 160."""
    from rich.console import Console

    class PipeConsole(Console):
        """Leave a broken pipe to `main`, where rich would exit with code 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    if not sys.stdout.isatty():
        columns = os.environ.get("COLUMNS", "")
        return PipeConsole(width=int(columns) if columns.isdecimal() else 160, color_system=None)
    return PipeConsole()


def print_verdicts(verdicts: pd.DataFrame, *, limit: int | None = None) -> None:
    """Print the verdict table as far as the terminal is wide, then a summary.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        The verdict table; its ``attrs["notes"]`` are printed below it.
    limit : int, optional
        Most rows to print.
    """
    out = console()
    if not len(verdicts):
        for line in (summary_line(verdicts), *verdicts.attrs.get("notes", ())):
            out.print(printable(line), highlight=False, markup=False)
        return
    shown = verdicts if limit is None else verdicts.head(limit)
    names = [name for name in _SHOWN if name in verdicts]
    unbounded = out.options.update(max_width=10_000)
    for layout in _LAYOUTS:
        columns = [name for name in names if name not in layout.left_out]
        table = _verdict_table(shown, columns, layout)
        if out.measure(table, options=unbounded).maximum <= out.width:
            break
    out.print(table)
    if len(shown) < len(verdicts):
        out.print(f"... and {len(verdicts) - len(shown)} more; -o FILE writes them all")
    for line in (
        summary_line(verdicts),
        *_key_lines(columns, layout, [name for name in names if name not in columns]),
        *_reason_lines(shown),
        *verdicts.attrs.get("notes", ()),
        *reported_lines(shown),
    ):
        out.print(printable(line), highlight=False, markup=False)


class _Layout(NamedTuple):
    """How a table is made narrower."""

    left_out: tuple[str, ...]
    is_folded: bool = False
    has_signs_only: bool = False
    is_tight: bool = False


_LAYOUTS = (
    _Layout(()),
    *(_Layout(names) for names in itertools.accumulate(_LEAST_USE)),
    _Layout(_ALL_OF_LEAST_USE, is_folded=True),
    _Layout(_ALL_OF_LEAST_USE, is_folded=True, has_signs_only=True),
    _Layout(_ALL_OF_LEAST_USE, is_folded=True, has_signs_only=True, is_tight=True),
    _Layout((*_ALL_OF_LEAST_USE, *_MORPHOLOGIES), is_folded=True, has_signs_only=True),
)
"""Widest first."""


def _key_lines(columns: Sequence[str], layout: _Layout, left_out: Sequence[str]) -> Iterator[str]:
    """Yield what the signs and words of the table mean, and which columns it leaves out."""
    from calcigram.consequences import load_rulebook

    concern, agreement = (
        ", ".join(f"{sign} {_words(word)}" for word, (sign, _) in look.items())
        for look in (_CONCERN_LOOK, _AGREEMENT_LOOK)
    )
    c, a = (" (c)", " (a)") if layout.has_signs_only else ("", "")
    title = load_rulebook("article").title
    yield f"Concern{c}, as the article has it ({title}): {concern}; no diagnosis."
    yield f"Agreement of the two readings{a}: {agreement}. LOOK: a person should look."
    p = " p: the model's probability of its word." * ("distribution_probability" in columns)
    yield f"Morphology (form): the shape of the single calcifications.{p}"
    if left_out:
        plain = ", ".join(_words(name) for name in left_out)
        yield f"Not shown at this width: {plain}; a wider terminal, -o FILE or --json has them."


def _reason_lines(verdicts: pd.DataFrame) -> Iterator[str]:
    """Yield why a person should look, for those in most need."""
    from calcigram.crosscheck import cases_to_review

    if "reason" not in verdicts or not verdicts["review"].any():
        return
    cases = cases_to_review(verdicts)
    yield "Why to look, those in most need first:"
    for name, reason in zip(cases["cluster_id"][:MAX_REASONS], cases["reason"], strict=False):
        yield f"  {_cell(name)}: {_cell(reason)}"
    if len(cases) > MAX_REASONS:
        yield f"  ... and {len(cases) - MAX_REASONS} more: see the column reason (-o FILE, --json)"


def reported_lines(verdicts: pd.DataFrame) -> list[str]:
    """Return a line for each cluster whose file has other words for it than the model.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        The column ``reported_difference`` may be missing: tables have no words of their own.

    Examples
    --------
    >>> import pandas as pd
    >>> difference = "distribution: reported linear, read grouped"
    >>> verdicts = pd.DataFrame({"cluster_id": ["7", "8"], "reported_difference": [difference, None]})
    >>> reported_lines(verdicts)
    ['cluster 7, the words of the file: distribution: reported linear, read grouped']
    """
    if "reported_difference" not in verdicts:
        return []
    rows = zip(verdicts["cluster_id"], verdicts["reported_difference"], strict=True)
    return [
        f"cluster {_cell(name)}, the words of the file: {_cell(difference)}"
        for name, difference in rows
        if not is_missing(difference)
    ]


def summary_line(verdicts: pd.DataFrame) -> str:
    """Return one line: how many clusters, their concerns and agreements, and how many to look at.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        The columns ``concern``, ``agreement`` and ``review``.

    Examples
    --------
    >>> import pandas as pd
    >>> summary_line(pd.DataFrame({"concern": ["benign"], "agreement": ["agree"], "review": [False]}))
    '1 cluster. Model: 1 benign. Readings: 1 agree. To look at: 0.'
    """
    n_clusters = counted(len(verdicts), "cluster")
    if not len(verdicts):
        return f"{n_clusters}."
    return (
        f"{n_clusters}. Model: {_counts(verdicts['concern'], Concern)}. "
        f"Readings: {_counts(verdicts['agreement'], Agreement)}. "
        f"To look at: {int(verdicts['review'].astype(bool).sum())}."
    )


def print_table(frame: pd.DataFrame, title: str | None = None) -> None:
    """Print a small table with its column names."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, header_style="bold")
    for name in frame.columns:
        numeric = frame[name].dtype.kind in "iuf"
        table.add_column(str(name).replace("_", " "), justify="right" if numeric else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))
    console().print(table)


def _verdict_table(verdicts: pd.DataFrame, columns: Sequence[str], layout: _Layout) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    gap = 0 if layout.is_tight else 1  # the box itself puts one blank between columns
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, gap, 0, 0))
    for name in columns:
        is_number = name.endswith("probability") or name == "n_calcifications"
        heading = _SHOWN[name]
        if layout.is_folded:
            heading = heading.replace("distribution", "distri-\nbution")
        if layout.has_signs_only and name in _LOOKS:
            heading = name.removeprefix("rule_")[0]
        table.add_column(
            heading,
            justify="right" if is_number else "left",
            overflow="fold",
            max_width=_FOLDED.get(name) if layout.is_folded else None,
        )
    for row in verdicts[list(columns)].itertuples(index=False):
        cells = []
        for name, value in zip(columns, row, strict=True):
            sign, style = _LOOKS.get(name, {}).get(value, ("", ""))
            if name == "review":
                text, style = ("LOOK", "bold") if value else ("", "")
            elif name.endswith("probability") and not is_missing(value):
                text = f"{value:.2f}"
            elif name == "cluster_id":
                text = _cell(value)
            elif layout.has_signs_only and sign:
                text = sign
            else:
                text = f"{sign} {_words(_cell(value))}".strip()
            cells.append(Text(text, style=style))
        table.add_row(*cells)
    return table


def _cell(value: Any) -> str:
    if is_missing(value):
        return "."
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f":
        return f"{value:.4g}"
    return printable(str(value))


def _counts(values: pd.Series, words: type[Concern] | type[Agreement]) -> str:
    counts = values.astype(object).value_counts()
    parts = [f"{counts[word]} {_words(word)}" for word in words if word in counts.index]
    n_missing = int(values.isna().sum())
    return ", ".join(parts + ([f"{n_missing} without"] if n_missing else []))


def _words(word: str) -> str:
    return str(word).replace("_", " ")
