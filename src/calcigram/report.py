"""Reports: one self-contained HTML file each, to read, to print or to send.

A report on clusters shows both readings of each, why to look, and a picture; one on readers shows
scores against the truth, confusion matrices and calibration curves. The page needs no network
and no script, and every text is escaped. Nothing is classified or scored here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.charts import plot_confusion, plot_reliability
from calcigram.classify import missing_note
from calcigram.consequences import load_rulebook
from calcigram.htmlfile import picture, render
from calcigram.lexicon import CONCERNS, Agreement, Compared
from calcigram.readings import PROBABILITIES
from calcigram.wording import (
    is_missing,
    novelty_words,
    outcome_words,
    plain,
    set_words,
)

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.validate import Evaluation
    from calcigram.validate.scores import AxisScores

MAX_PICTURES = 200
"""Clusters drawn by default: a browser still opens the file quickly."""

MAX_REVIEW_ROWS = 1000

_AXES = {"distribution": "Distribution", "morphology": "Morphology", "concern": "Concern"}


def write_report(
    clusters: ClusterSet,
    verdicts: pd.DataFrame,
    path: str | PathLike[str],
    *,
    title: str = "Patterns of calcification clusters",
    max_pictures: int = MAX_PICTURES,
    rule_texts: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write verdicts and pictures of clusters as one HTML file.

    Parameters
    ----------
    clusters : ClusterSet
        The clusters, in the order of `verdicts`.
    verdicts : pandas.DataFrame
        The verdict table of `calcigram.classify`, one row per cluster.
    path : str or path-like
        File to write; it appears only when complete.
    title : str
        Heading of the report.
    max_pictures : int
        At most so many clusters are shown, those most in need of a look first. The summary counts all.
    rule_texts : mapping, optional
        Rule id to its text in words. Default: the rules that ship.
    progress : callable, optional
        Called with (done, total) after each picture.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        `clusters` and `verdicts` are not of the same length or order.

    Examples
    --------
    >>> import calcigram, tempfile
    >>> from calcigram.report import write_report
    >>> clusters = calcigram.simulate(2, seed=1)
    >>> verdicts = calcigram.classify(clusters)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(clusters, verdicts, folder + "/report.html").name
    'report.html'
    """
    if list(clusters.cluster_id) != [str(name) for name in verdicts["cluster_id"]]:
        raise ValueError("clusters and verdicts must hold the same clusters in the same order")
    order = review_order(verdicts)
    shown = order[:max_pictures]
    pictures = {}
    for done, i in enumerate(shown, start=1):
        pictures[i] = _small_picture(clusters[i], verdicts.iloc[i])
        if progress is not None:
            progress(done, len(shown))
    to_look = [i for i in order if verdicts["review"].iloc[i]]
    return render(
        "report.html.j2",
        path,
        title=title,
        model_version=str(verdicts["model_version"].iloc[0]) if len(verdicts) else "",
        notes=missing_note(clusters, verdicts),
        article=load_rulebook("article").title,
        cards=_cards(verdicts),
        concerns=[str(word) for word in CONCERNS],
        concern_counts=_concern_counts(verdicts),
        matrices=[_matrix(verdicts, *axis) for axis in _AXES.items()],
        anchors={i: f"cluster-{k}" for k, i in enumerate(shown, start=1)},
        review={i: _known(verdicts.iloc[i]) for i in to_look[:MAX_REVIEW_ROWS]},
        n_to_look=len(to_look),
        max_review_rows=MAX_REVIEW_ROWS,
        n_clusters=len(verdicts),
        max_pictures=max_pictures,
        items={i: _item(verdicts.iloc[i], drawn) for i, drawn in pictures.items()},
        rule_texts=rule_words() if rule_texts is None else rule_texts,
    )


def write_evaluation_report(
    evaluations: Mapping[str, Evaluation],
    path: str | PathLike[str],
    *,
    tables: Mapping[str, pd.DataFrame] | None = None,
    title: str = "Readings compared with the truth",
    model_version: str = "",
    origin: str = "",
) -> Path:
    """Write how well readers read, as one HTML file.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By the name each reader shall have.
    path : str or path-like
        File to write; it appears only when complete.
    tables : mapping of str to pandas.DataFrame, optional
        Further tables by their captions, shown first, such as a comparison of readers.
    title : str
        Heading of the report.
    model_version : str
        Version of the model, for the foot.
    origin : str
        A sentence on the clusters: where they come from.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> import calcigram, tempfile
    >>> from calcigram.rules.engine import RuleReader
    >>> from calcigram.validate import evaluate_reader
    >>> rules = evaluate_reader(RuleReader(), calcigram.simulate(30, seed=1), n_boot=10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_evaluation_report({"rules": rules}, folder + "/rules.html").name
    'rules.html'
    """
    return render(
        "evaluation.html.j2",
        path,
        title=title,
        model_version=model_version,
        origin=origin,
        tables=tables or {},
        readers=evaluations,
        cells_of=_cells,
        pictures_of=_pictures,
    )


def review_order(verdicts: pd.DataFrame) -> list[int]:
    """Return row numbers: the cases to review as `cases_to_review` orders them, then the rest.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        The verdict table.

    Returns
    -------
    list of int
        Each row number once; those not to be reviewed in input order.

    Examples
    --------
    >>> import pandas as pd
    >>> review_order(pd.DataFrame({
    ...     "review": [False, True, True],
    ...     "agreement": ["agree", "differ", "opposed"],
    ...     "concern": ["benign", "suspicious", "benign"],
    ...     "rule_concern": ["benign", "intermediate", "suspicious"],
    ...     "birads_concern": ["benign", "intermediate", "suspicious"],
    ...     "distribution_probability": [0.9, 0.9, 0.9],
    ...     "morphology_probability": [0.9, 0.9, 0.9],
    ... }))
    [2, 1, 0]
    """
    from calcigram.crosscheck import cases_to_review

    numbered = verdicts.assign(row_number=range(len(verdicts)))
    first = [int(i) for i in cases_to_review(numbered)["row_number"]]
    return first + [i for i in range(len(verdicts)) if not verdicts["review"].iloc[i]]


def rule_words() -> dict[str, str]:
    """Return each recognition rule in words: what it names, and its conditions.

    Returns
    -------
    dict of str to str
        Rule id to text.

    Examples
    --------
    >>> next(iter(rule_words().values())).startswith("diffuse, because ")
    True
    """
    from calcigram.rules.recognition import load_recognition

    return {
        rule.id: f"{plain([rule.word])[0]}, because " + " and ".join(plain(rule.conditions))
        for rules in load_recognition().axes.values()
        for rule in rules
    }


def _known(row: pd.Series) -> dict[str, Any]:
    """Return a row of the verdicts, None where a value is missing."""
    return {str(name): None if is_missing(value) else value for name, value in row.items()}


def _cards(verdicts: pd.DataFrame) -> list[tuple[str, int]]:
    agreement = verdicts["agreement"].astype(object)
    return [
        ("clusters", len(verdicts)),
        ("to look at", int(verdicts["review"].astype(bool).sum())),
        *((f"readings: {plain([word])[0]}", int((agreement == word).sum())) for word in Agreement),
    ]


def _concern_counts(verdicts: pd.DataFrame) -> list[tuple[str, list[int]]]:
    readers = {
        "model, under the article": "concern",
        "model, under BI-RADS": "model_birads_concern",
        "rules, under the article": "rule_concern",
        "rules, under BI-RADS": "birads_concern",
    }
    rows = []
    for reader, name in readers.items():
        column = verdicts[name].astype(object)
        counts = [int((column == word).sum()) for word in CONCERNS]
        rows.append((reader, [*counts, len(column) - sum(counts)]))
    return rows


def _matrix(verdicts: pd.DataFrame, axis: str, title: str) -> dict[str, Any]:
    from calcigram.crosscheck import agreement_matrix, cohen_kappa

    counts = agreement_matrix(verdicts, axis)
    used = [word for word in counts.index if counts.loc[word].any() or counts[word].any()]
    was_compared = verdicts["compared"].isin([Compared.BOTH, axis])
    model, rules = (
        verdicts.loc[was_compared, name].astype(object) for name in (axis, f"rule_{axis}")
    )
    rows = zip(plain(used), counts.loc[used, used].to_numpy().tolist(), strict=True)
    return {
        "axis": title,
        "kappa": cohen_kappa(model, rules),
        "columns": plain(used),
        "rows": list(rows),
    }


def _item(row: pd.Series, drawn: str) -> dict[str, Any]:
    """Return what is shown of a cluster."""
    return {
        "row": _known(row),
        "picture": drawn,
        "trust": _trust_words(row),
        "outcomes": outcome_words(row),
        "probabilities": {
            axis: {word: float(row[name]) for name, word in columns.items()}
            for axis, columns in PROBABILITIES.items()
            if not row[list(columns)].isna().any()
        },
    }


def _trust_words(row: pd.Series) -> str:
    """Return the conformal sets and the novelty, in one sentence each."""
    sets, novelty = set_words(row), novelty_words(row)
    parts = [f"At the coverage asked for it may be: {sets}"] if sets else []
    parts += [novelty[0].upper() + novelty[1:]] if novelty else []
    return "".join(f"{part}. " for part in parts).strip()


def _small_picture(cluster: ClusterSet, row: pd.Series) -> str:
    """Draw axes at a fixed place: laying each picture out anew would take most of the time."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from calcigram.plots import plot_cluster

    with rc_context({"font.size": 7.5}):
        ax = Figure(figsize=(3.6, 3.9)).add_axes((0.15, 0.12, 0.83, 0.87))
        return picture(plot_cluster(cluster, row, ax, title="", legend=False))


def _pictures(axis: str, scores: AxisScores) -> list[tuple[str, str]]:
    counts = plot_confusion(
        scores.confusion, scores.labels, scores.read_as, title=f"{axis}: confusion"
    )
    rows = enumerate(zip(plain(scores.labels), scores.confusion, strict=True))
    right = "; ".join(f"{word} {row[k]} of {row.sum()} right" for k, (word, row) in rows)
    text = f"Confusion matrix, {axis}, {scores.n} clusters: {right}"
    drawn = [(picture(counts), text)]
    curve = scores.curve
    if curve is not None and curve.count.size:
        title = f"{axis}: calibration"
        ax = plot_reliability(curve.confidence, curve.accuracy, curve.count, title=title)
        text = f"Calibration curve, {axis}: expected calibration error {curve.error:.3f}"
        drawn.append((picture(ax), text))
    return drawn


def _cells(frame: pd.DataFrame) -> list[list[tuple[str, bool]]]:
    """Return the head and the rows of a table: texts, and whether their columns hold numbers."""
    numeric = [kind.kind in "iuf" for kind in frame.dtypes]
    rows = (map(_cell, row) for row in frame.itertuples(index=False, name=None))
    return [list(zip(row, numeric, strict=True)) for row in (plain(frame.columns), *rows)]


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "—"
    return f"{value:.3f}" if isinstance(value, float) else plain([value])[0]
