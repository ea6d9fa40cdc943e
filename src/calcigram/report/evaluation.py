"""The report on readers: scores against the truth, confusion pictures, calibration curves."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calcigram.charts import plain, plot_confusion, plot_reliability
from calcigram.report.page import picture, render

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.validate import Evaluation
    from calcigram.validate.scores import AxisScores


def write_evaluation_report(
    evaluations: Mapping[str, Evaluation],
    path: str | PathLike[str],
    *,
    tables: Mapping[str, pd.DataFrame] | None = None,
    title: str = "Readings held against the truth",
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
        tables=[_table(frame, caption) for caption, frame in (tables or {}).items()],
        readers=[_reader(name, evaluation) for name, evaluation in evaluations.items()],
    )


def _reader(name: str, evaluation: Evaluation) -> dict[str, Any]:
    return {
        "name": name,
        "n_clusters": evaluation.n_clusters,
        "tables": [
            _table(evaluation.to_frame(), f"{name}: by part"),
            _table(evaluation.per_class(), f"{name}: by word"),
        ],
        "pictures": [
            drawn for axis, scores in evaluation.axes.items() for drawn in _pictures(axis, scores)
        ],
    }


def _pictures(axis: str, scores: AxisScores) -> list[dict[str, str]]:
    counts = plot_confusion(
        scores.confusion, scores.labels, scores.read_as, title=f"{axis}: confusion"
    )
    drawn = [
        {
            "data": picture(counts),
            "alt": f"Confusion matrix, {axis}, {scores.n} clusters: "
            + "; ".join(
                f"{word} {row[k]} of {row.sum()} right"
                for k, (word, row) in enumerate(
                    zip(plain(scores.labels), scores.confusion, strict=True)
                )
            ),
        }
    ]
    if scores.curve is not None and scores.curve.count.size:
        curve = plot_reliability(
            scores.curve.confidence,
            scores.curve.accuracy,
            scores.curve.count,
            title=f"{axis}: calibration",
        )
        drawn.append(
            {
                "data": picture(curve),
                "alt": f"Calibration curve, {axis}: expected calibration error {scores.curve.error:.3f}",
            }
        )
    return drawn


def _table(frame: pd.DataFrame, caption: str) -> dict[str, Any]:
    numeric = [kind.kind in "iuf" for kind in frame.dtypes]
    return {
        "caption": caption,
        "columns": list(zip(plain(frame.columns), numeric, strict=True)),
        "rows": [
            [(_cell(value), is_number) for value, is_number in zip(row, numeric, strict=True)]
            for row in frame.itertuples(index=False, name=None)
        ],
    }


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "—"
    return f"{value:.3f}" if isinstance(value, float) else plain([value])[0]
