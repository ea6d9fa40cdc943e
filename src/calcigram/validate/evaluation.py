"""`evaluate`: a reader's readings against the truth, over all clusters and by group of them.

`simple_readers` are there to compare a model with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from calcigram.concerns import raw_concern
from calcigram.consequences import load_rulebook
from calcigram.errors import BadInputError
from calcigram.lexicon import AXES, CONCERNS
from calcigram.model.head import is_readable
from calcigram.model.labels import Labelled, label_codes
from calcigram.model.reader import readings_of
from calcigram.readings import Readings, check_readings
from calcigram.validate.scores import AxisScores, score_axis
from calcigram.wording import json_values, markdown_table

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.clusters import ClusterSet
    from calcigram.features.extract import Features

NOT_READ = "none"
"""Column of the concern's confusion matrix for readings without a concern."""

COUNT_BINS: tuple[tuple[int, int, str], ...] = (
    (0, 2, "1-2"), (3, 5, "3-5"), (6, 10, "6-10"), (11, 20, "11-20"), (21, 50, "21-50"), (51, 100, "51-100"),
    (101, 10**9, "> 100"),
)  # fmt: skip
"""Numbers of calcifications by which readings are scored: from, to, name."""

_WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **{name: (axis.words, axis.labels) for name, axis in AXES.items()},
    "concern": (CONCERNS, (*CONCERNS, NOT_READ)),
}
"""Words of what is scored, and all that may be read."""


class Reader(Protocol):
    """Model, rules or a baseline."""

    def read(self, features: Features) -> Readings:
        """Read clusters."""
        ...


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a reader read clusters of known truth.

    Attributes
    ----------
    reader : str
    n_clusters : int
    axes : dict of str to AxisScores
        ``distribution``, ``morphology`` and ``concern``; an axis of which no truth is known
        is left out.
    parts : dict of str to dict of str to dict of str to AxisScores
        The same by kind of part (such as ``grade``), part and axis.
    """

    reader: str
    n_clusters: int
    axes: dict[str, AxisScores]
    parts: dict[str, dict[str, dict[str, AxisScores]]]

    def __repr__(self) -> str:
        reached = [f"{axis} {scores.accuracy:.1%} right" for axis, scores in self.axes.items()]
        return f"<Evaluation of {self.reader}: {self.n_clusters} clusters; {', '.join(reached)}>"

    def _repr_html_(self) -> str:
        """Return the numbers over all clusters and by part, for notebooks."""
        html: str = self.to_frame()._repr_html_()  # type: ignore[operator]
        return html

    def to_frame(self) -> pd.DataFrame:
        """Return the single numbers, one row per part and axis; the part "all" stands first."""
        import pandas as pd

        rows = [
            {"by": by, "part": part, "axis": axis, **scores.summary()}
            for by, part, axis, scores in self._scores()
        ]
        return pd.DataFrame(rows)

    def per_class(self) -> pd.DataFrame:
        """Return precision, recall, F1 and support, one row per axis and word, over all clusters."""
        import pandas as pd

        rows = [
            {"axis": axis, "label": label, **numbers}
            for axis, scores in self.axes.items()
            for label, numbers in scores.per_class().items()
        ]
        return pd.DataFrame(rows, columns=["axis", "label", "precision", "recall", "f1", "support"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; what is undefined is None."""
        result: dict[str, Any] = json_values(
            {
                "reader": self.reader,
                "n_clusters": self.n_clusters,
                "axes": {axis: scores.to_dict() for axis, scores in self.axes.items()},
                "parts": {
                    by: {
                        part: {axis: scores.summary() for axis, scores in axes.items()}
                        for part, axes in parts.items()
                    }
                    for by, parts in self.parts.items()
                },
            }
        )
        return result

    def to_markdown(self) -> str:
        """Return tables: the numbers by part, and precision, recall and F1 by word."""
        frame = self.to_frame()
        columns = ["by", "part", "axis", "n", "accuracy", "macro_f1", "calibration_error", "kappa"]
        return "\n\n".join(
            (
                f"{self.reader}: {self.n_clusters} clusters",
                markdown_table(frame.reindex(columns=columns)),
                markdown_table(self.per_class()),
            )
        )

    def _scores(self) -> Iterator[tuple[str, str, str, AxisScores]]:
        for axis, scores in self.axes.items():
            yield "all", "all", axis, scores
        for by, parts in self.parts.items():
            for part, axes in parts.items():
                for axis, scores in axes.items():
                    yield by, part, axis, scores


def evaluate(
    readings: Readings,
    true_distribution: npt.ArrayLike | None = None,
    true_morphology: npt.ArrayLike | None = None,
    *,
    parts: Mapping[str, npt.ArrayLike] | None = None,
    groups: npt.ArrayLike | None = None,
    n_boot: int = 200,
) -> Evaluation:
    """Hold readings against the truth.

    Parameters
    ----------
    readings : Readings
        Of C clusters.
    true_distribution, true_morphology : array_like of str, shape (C,), optional
        Words; missing where the truth is unknown. ``"insufficient"`` or ``"unread"`` says that
        the axis of this cluster is not readable: it is left out of that axis' scores, and the
        true concern is that of the other axis alone.
    parts : mapping of str to array_like, optional
        Names of parts to score by themselves, such as ``{"grade": [...]}``.
    groups : array_like, shape (C,), optional
        Patients, resampled whole for the interval of kappa.
    n_boot : int
        Resamples for that interval.

    Returns
    -------
    Evaluation

    Raises
    ------
    BadInputError
        `readings` are none, a column is of another length, or a word is none of its axis.

    Notes
    -----
    The true concern is the article's, of the true pattern. A status given by the reader where
    a word is true is a miss.

    Examples
    --------
    >>> import calcigram
    >>> clusters = calcigram.simulate(30, seed=1)
    >>> readings = calcigram.load_model().read(calcigram.extract_features(clusters))
    >>> found = evaluate(readings, clusters.meta["true_distribution"], n_boot=10)
    >>> found.n_clusters, list(found.axes)
    (30, ['distribution'])
    """
    check_readings(readings, "evaluate")
    truth = {
        "distribution": _codes(true_distribution, "distribution", len(readings)),
        "morphology": _codes(true_morphology, "morphology", len(readings)),
    }
    return _evaluate(readings, truth, dict(parts or {}), groups, n_boot)


def evaluate_reader(
    reader: Reader,
    clusters: ClusterSet,
    *,
    features: Features | None = None,
    n_boot: int = 200,
) -> Evaluation:
    """Let a reader read labelled clusters, and score it by grade and number of calcifications.

    An axis that is not readable (fewer than 3 calcifications; no morphology mark) is not scored.

    Parameters
    ----------
    reader : Reader
        Anything with ``read(features) -> Readings``.
    clusters : ClusterSet
        With ``true_distribution`` or ``true_morphology`` in ``meta``; ``grade`` and
        ``group_id`` are used where they are there.
    features : Features, optional
        Of these clusters, where they have been measured before.
    n_boot : int
        Resamples for kappa's interval.

    Returns
    -------
    Evaluation
    """
    from calcigram.features.extract import extract_features

    measured = extract_features(clusters) if features is None else features
    labelled = Labelled.of(clusters, measured)
    truth = {}
    for name, axis in AXES.items():
        known, readable = getattr(labelled, name), labelled.codes(name)
        truth[name] = np.where((known >= 0) & (readable < 0), axis.unread_code, known)
    parts: dict[str, npt.ArrayLike] = {"n_calcifications": count_bins(clusters.n_calcifications)}
    if "grade" in clusters.meta:
        parts = {"grade": clusters.meta["grade"].to_numpy(object), **parts}
    groups = clusters.meta.get("group_id")
    return _evaluate(reader.read(measured), truth, parts, groups, n_boot)


def compare(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    """Return the macro-F1 of several readers side by side, one row per part and axis.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By the name its column shall have; all of the same clusters.

    Returns
    -------
    pandas.DataFrame
        Columns ``by, part, axis, n``, then one per reader.
    """
    import pandas as pd

    keys = ["by", "part", "axis", "n"]
    columns = [
        evaluation.to_frame().set_index(keys)["macro_f1"].rename(name)
        for name, evaluation in evaluations.items()
    ]
    return pd.concat(columns, axis=1).reset_index()


def count_bins(n_calcifications: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """Return the name of the bin of `COUNT_BINS` of each number of calcifications.

    Examples
    --------
    >>> count_bins([3, 20, 400]).tolist()
    ['3-5', '11-20', '> 100']
    """
    tops = [high for _, high, _ in COUNT_BINS]
    names = np.array([name for *_, name in COUNT_BINS], dtype=object)
    return names[np.searchsorted(tops, np.asarray(n_calcifications))]


def _evaluate(
    readings: Readings,
    truth: dict[str, npt.NDArray[np.int64]],
    parts: dict[str, npt.ArrayLike],
    groups: npt.ArrayLike | None,
    n_boot: int,
) -> Evaluation:
    n = len(readings)
    truth = {**truth, "concern": _true_concern(truth["distribution"], truth["morphology"])}
    owner = np.arange(n) if groups is None else _column(groups, "groups", n)

    def scores_of(chosen: npt.NDArray[np.bool_]) -> dict[str, AxisScores]:
        scores = {}
        for axis, (words, read_as) in _WORDS.items():
            rows = chosen & (truth[axis] >= 0) & (truth[axis] < len(words))
            if not rows.any():
                continue
            codes = getattr(readings, axis)[rows].astype(np.int64)
            scores[axis] = score_axis(
                truth[axis][rows],
                np.where(codes < 0, len(read_as) - 1, codes),
                getattr(readings, f"p_{axis}")[rows],
                tuple(str(word) for word in words),
                tuple(str(word) for word in read_as),
                groups=owner[rows],
                n_boot=n_boot,
            )
        return scores

    by_part: dict[str, dict[str, dict[str, AxisScores]]] = {}
    for by, names in parts.items():
        column = _column(names, by, n)
        present = [name for name in _ordered(by, column) if name is not None]
        by_part[by] = {str(name): scores_of(column == name) for name in present}
    return Evaluation(readings.reader, n, scores_of(np.ones(n, bool)), by_part)


def _ordered(by: str, column: npt.NDArray[np.object_]) -> list[Any]:
    present = set(column[[value is not None and value == value for value in column]])
    known = {"grade": ["easy", "typical", "hard"], "n_calcifications": [b[2] for b in COUNT_BINS]}
    order = [name for name in known.get(by, []) if name in present]
    return [*order, *sorted(present - set(order), key=str)]


def _true_concern(
    distribution: npt.NDArray[np.int64], morphology: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    known = (distribution >= 0) & (morphology >= 0)
    concern = load_rulebook("article").concern_of(distribution, morphology)
    return np.where(known, concern, -1).astype(np.int64)


def _column(values: npt.ArrayLike, name: str, n: int) -> npt.NDArray[np.object_]:
    """Return a column of one value per cluster."""
    column = np.asarray(values, dtype=object)
    if column.shape != (n,):
        raise BadInputError(f"{n} values", column=name, value=f"{column.size} values")
    return column


def _codes(words: npt.ArrayLike | None, axis: str, n: int) -> npt.NDArray[np.int64]:
    import pandas as pd

    labels = [str(label) for label in _WORDS[axis][1]]
    if words is None:
        return np.full(n, -1, np.int64)
    column = pd.Series(_column(words, f"true_{axis}", n))
    given = column.where(column.notna() & (column.astype(str) != ""))
    codes = given.map({label: code for code, label in enumerate(labels)})
    wrong = (given.notna() & codes.isna()).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise BadInputError(
            f"one of {', '.join(labels)}, or nothing",
            column=f"true_{axis}",
            row=row,
            value=column.iloc[row],
        )
    return np.asarray(codes.fillna(-1), dtype=np.int64)


# Simple readers to compare with: if one of them comes near, the clusters are too easy. None is meant for use;
# the rule reader is the third to compare with.

FIVE_FEATURES: dict[str, tuple[str, ...]] = {
    "distribution": (
        "max_distance_mm", "pca_axis_ratio", "curve_residual_ratio", "junctions", "wedge_slope",
    ),
    "morphology": (
        "diameter_median_mm", "aspect_median", "solidity_median", "cnr_median", "diameter_log_sd",
    ),
}  # fmt: skip
"""What the logistic regression sees: for the distribution one feature a clause of the
lexicon's definitions (across, path, elongation, junction, wedge); for the morphology the median of
each morphology mark, and their variety."""


@dataclass(frozen=True, eq=False)
class MajorityReader:
    """Gives every cluster the shares of the classes it was fitted on."""

    shares: dict[str, npt.NDArray[np.float64]]

    @classmethod
    def fit(cls, clusters: ClusterSet) -> MajorityReader:
        """Count the labels of labelled clusters."""
        counts = {
            axis: np.bincount(codes[codes >= 0], minlength=len(AXES[axis].words)).astype(float)
            for axis in AXES
            for codes in [label_codes(clusters, axis)]
        }
        return cls({axis: count / count.sum() for axis, count in counts.items()})

    def read(self, features: Features) -> Readings:
        """Read every cluster alike."""
        return readings_from(
            features,
            *(np.tile(self.shares[axis], (len(features), 1)) for axis in AXES),
            reader="majority class",
        )


@dataclass(frozen=True, eq=False)
class LogisticReader:
    """Logistic regression on the five features per axis of `FIVE_FEATURES`."""

    pipelines: dict[str, Any]

    @classmethod
    def fit(cls, clusters: ClusterSet, features: Features) -> LogisticReader:
        """Fit to labelled clusters and their features.

        A missing feature becomes the median, with a column that says so; sizes and ratios
        enter by ``sign(x) log(1 + |x|)``.
        """
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        labelled = Labelled.of(clusters, features)
        pipelines = {}
        for axis in AXES:
            codes = labelled.codes(axis)
            pipelines[axis] = make_pipeline(
                SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
                StandardScaler(),
                LogisticRegression(max_iter=1000),
            ).fit(_five(features, axis)[codes >= 0], codes[codes >= 0])
        return cls(pipelines)

    def read(self, features: Features) -> Readings:
        """Read clusters."""
        probabilities = []
        for axis, pipeline in self.pipelines.items():
            p = np.zeros((len(features), len(AXES[axis].words)))
            if len(features):
                p[:, pipeline.classes_] = pipeline.predict_proba(_five(features, axis))
            probabilities.append(p)
        return readings_from(features, *probabilities, reader="logistic regression, 5 features")


def _five(features: Features, axis: str) -> npt.NDArray[np.float64]:
    columns = [features.column(name).astype(float) for name in FIVE_FEATURES[axis]]
    values = np.stack(columns, axis=1)
    result: npt.NDArray[np.float64] = np.sign(values) * np.log1p(np.abs(values))
    return result


def simple_readers(n: int, seed: int, n_jobs: int) -> dict[str, Reader]:
    """Fit a `LogisticReader` and a `MajorityReader` to simulated clusters of mixed grade."""
    from calcigram.features.extract import extract_features
    from calcigram.simulate import simulate

    training = simulate(n, seed=seed, grade="mixed", n_jobs=n_jobs)
    logistic = LogisticReader.fit(training, extract_features(training))
    return {"logistic": logistic, "majority": MajorityReader.fit(training)}


def readings_from(
    features: Features,
    p_distribution: npt.NDArray[np.float64],
    p_morphology: npt.NDArray[np.float64],
    *,
    reader: str,
) -> Readings:
    """Make readings of probabilities alone: no calibration, no look at admissible pairs."""
    p_d, p_m = p_distribution.copy(), p_morphology.copy()
    for axis, p in zip(AXES, (p_d, p_m), strict=True):
        p[~is_readable(features, axis)] = np.nan
    return readings_of(features.cluster_id, p_d, p_m, raw_concern(p_d, p_m)[0], reader=reader)
