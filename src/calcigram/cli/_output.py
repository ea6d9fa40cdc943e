"""What commands say: progress on standard error, tables and JSON on standard output."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.cli._progress import doing
from calcigram.errors import BadInputError
from calcigram.lexicon import Agreement, Concern

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

# sign and colour both: no meaning rests on colour alone; blue and orange are told apart by every eye
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
    "rule_concern": _CONCERN_LOOK,
    "birads_concern": _CONCERN_LOOK,
    "agreement": _AGREEMENT_LOOK,
}

_WIDE_COLUMNS = (
    ("cluster_id", "cluster"),
    ("n_calcifications", "n"),
    ("distribution", "model\ndistribution"),
    ("distribution_probability", "p"),
    ("morphology", "model\nform"),
    ("morphology_probability", "p"),
    ("concern", "model\nconcern"),
    ("rule_distribution", "rules\ndistribution"),
    ("rule_morphology", "rules\nform"),
    ("rule_concern", "rules\nconcern"),
    ("agreement", "agreement"),
    ("review", "look"),
)
# dropped from the right end of this list until the table fits
_DROP_ORDER = (
    "morphology_probability",
    "distribution_probability",
    "n_calcifications",
    "rule_morphology",
    "rule_concern",
    "morphology",
    "rule_distribution",
    "concern",
)


def say(message: str) -> None:
    """Print a message for the person, on standard error."""
    print(message, file=sys.stderr)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output; missing numbers become null."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def json_text(value: Any) -> str:
    """Return a value as JSON text that ends with a newline."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_or_print(args: argparse.Namespace, text: Callable[[bool], str]) -> None:
    """Write a text to ``-o``, as JSON by its suffix; print it as ``--json`` or where there is no ``-o``."""
    from calcigram.formats import atomic_path

    if args.output is not None:
        with atomic_path(args.output) as temporary:
            temporary.write_text(text(args.output.suffix.lower() == ".json"), encoding="utf-8")
    if args.json or args.output is None:
        print(text(args.json), end="")


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


def check_suffix(path: Path | None, suffixes: Sequence[str]) -> None:
    """Refuse an output file of a kind this command does not write, before any work is done."""
    if path is not None and path.suffix.lower() not in suffixes:
        raise BadInputError(f"a file name ending in {', '.join(suffixes)}", value=str(path))
    if path is not None and not path.absolute().parent.is_dir():
        raise BadInputError("a folder that exists", value=str(path.absolute().parent))


def check_exists(paths: Sequence[Path]) -> None:
    """Refuse input files that are not there, before any work is done."""
    for path in paths:
        if not path.exists():
            raise BadInputError("a file that exists", value=str(path))


def console() -> Console:
    """Return a console on standard output; without a terminal it is wide and plain."""
    from rich.console import Console

    class PipeConsole(Console):
        """Leave a broken pipe to `main`, where rich would exit with code 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    if not sys.stdout.isatty():
        return PipeConsole(width=160, color_system=None)
    return PipeConsole()


def print_verdicts(verdicts: pd.DataFrame, *, limit: int | None = None) -> None:
    """Print the verdict table as far as the terminal is wide, then a summary.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        The columns of the verdict table.
    limit : int, optional
        Most rows to print.
    """
    out = console()
    shown = verdicts if limit is None else verdicts.head(limit)
    columns = list(_WIDE_COLUMNS)
    unbounded = out.options.update(max_width=10_000)
    for name in ("", *_DROP_ORDER):
        columns = [column for column in columns if column[0] != name]
        table = _verdict_table(shown, columns)
        if out.measure(table, options=unbounded).maximum <= out.width:
            break
    out.print(table)
    if len(shown) < len(verdicts):
        out.print(f"... and {len(verdicts) - len(shown)} more; -o FILE writes them all")
    out.print(summary_line(verdicts), highlight=False)
    for line in reported_lines(shown):
        out.print(line, highlight=False, markup=False)


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
        if not _missing(difference)
    ]


def summary_line(verdicts: pd.DataFrame) -> str:
    """Return one line: how many clusters, of what concern, agreeing how, and how many to look at.

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
    noun = "cluster" if len(verdicts) == 1 else "clusters"
    return (
        f"{len(verdicts)} {noun}. Model: {_counts(verdicts['concern'], Concern)}. "
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


def _verdict_table(verdicts: pd.DataFrame, columns: Sequence[tuple[str, str]]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name, header in columns:
        right = name.endswith("probability") or name == "n_calcifications"
        table.add_column(header, justify="right" if right else "left", overflow="fold")
    for row in verdicts[[name for name, _ in columns]].itertuples(index=False):
        cells = []
        for (name, _), value in zip(columns, row, strict=True):
            if name == "review":
                cells.append(Text("LOOK" if value else "", style="bold" if value else ""))
                continue
            if name.endswith("probability") and not _missing(value):
                cells.append(Text(f"{value:.2f}"))
                continue
            if name == "cluster_id":
                cells.append(Text(_cell(value)))
                continue
            sign, style = _LOOKS.get(name, {}).get(value, ("", ""))
            cells.append(Text(f"{sign} {_words(_cell(value))}".strip(), style=style))
        table.add_row(*cells)
    return table


def _cell(value: Any) -> str:
    if _missing(value):
        return "."
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f":
        return f"{value:.4g}"
    # control characters of a hostile id must not reach the terminal
    return "".join(c if c.isprintable() else "?" for c in str(value))


def _counts(values: pd.Series, words: type[Concern] | type[Agreement]) -> str:
    counts = values.astype(object).value_counts()
    parts = [f"{counts[word]} {_words(word)}" for word in words if word in counts.index]
    n_missing = int(values.isna().sum())
    return ", ".join(parts + ([f"{n_missing} without"] if n_missing else []))


def _words(word: str) -> str:
    return str(word).replace("_", " ")


def _missing(value: Any) -> bool:
    return value is None or (str(value) in ("nan", "<NA>", "NaT") and not isinstance(value, str))


def _plain(value: Any) -> Any:
    """Turn arrays, numpy scalars, missing values and paths into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [_plain(row) for row in value.to_dict(orient="records")]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | str) and not isinstance(value, type(None)):
        return value if isinstance(value, bool | int) else str(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return None if _missing(value) else str(value)
