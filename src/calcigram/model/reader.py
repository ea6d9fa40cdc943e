"""`Model`: two boosted heads that read a cluster's distribution and morphology from its features.

One of the two readers, independent of the rules. Reading needs arrays only, no scikit-learn. Models are
trained in `train`; `store` reads and writes their files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.concerns import CONCERN_CASES, concern_views, raw_concern
from calcigram.consequences import shipped_rulebooks
from calcigram.errors import BadInputError
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.lexicon import AXES
from calcigram.model.calibrate import COVERAGE, Scaling, check_coverage, fewness, log_probabilities
from calcigram.model.head import Floats, Head, guarded, is_readable, shown_probabilities
from calcigram.model.novelty import Novelty
from calcigram.model.prior import Prior
from calcigram.model.store import load_parts, model_digest, save_model
from calcigram.readings import Readings
from calcigram.risk import load_risk
from calcigram.threads import in_chunks

if TYPE_CHECKING:
    from calcigram.features.extract import Features
    from calcigram.model.exemplars import Exemplars

_CHUNK_ROWS = 4096


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A trained model. Make one with `train_model` or `load_model`.

    Attributes
    ----------
    distribution, morphology : Head
    concern_scalings : mapping of str to Scaling
        One for each of `CONCERN_CASES`.
    name : str
        Such as ``default-1``; `version` adds a digest.
    feature_names : tuple of str
        Columns the heads were trained on, in order: the catalogue's, then those of the caller's functions.
    catalogue_hash : str
        `calcigram.features.catalogue.catalogue_hash` at training.
    card : dict
        How it was trained and what it reached on held-out clusters; JSON values only.
    novelty : Novelty or None
        Tells the unlike; None in a model of an older format.
    exemplars : Exemplars or None
        Labelled training clusters by which it explains itself; None in a model of an older format.
    estimators : dict or None
        The fitted scikit-learn objects by axis, where they were kept.
    """

    distribution: Head
    morphology: Head
    concern_scalings: Mapping[str, Scaling]
    name: str
    feature_names: tuple[str, ...]
    catalogue_hash: str
    card: dict[str, Any] = field(repr=False)
    novelty: Novelty | None = field(default=None, repr=False)
    exemplars: Exemplars | None = field(default=None, repr=False)
    estimators: dict[str, Any] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        words = ", ".join(
            f"{len(head.classes)} words of {head.axis}" if head.classes else f"reads no {head.axis}"
            for head in self.heads
        )
        return f"<Model {self.version}: {words}>"

    def _repr_html_(self) -> str:
        """Return what the model reads and its figures of held-out clusters, for notebooks."""
        import pandas as pd

        reached = self.card.get("held_out", {})
        rows = [
            {
                "axis": head.axis,
                "words": ", ".join(AXES[head.axis].words[code] for code in head.classes),
                **reached.get(head.axis, {}),
            }
            for head in self.heads
        ]
        table = pd.DataFrame(rows).to_html(index=False, na_rep="")
        return f"<p>{escape(repr(self))}; figures of held-out clusters:</p>{table}"

    @property
    def heads(self) -> tuple[Head, Head]:
        """Both heads, the distribution's first."""
        return self.distribution, self.morphology

    @cached_property
    def version(self) -> str:
        """Name and the first 8 hexadecimal digits of the digest of all that decides a reading."""
        return f"{self.name}+{model_digest(self)[:8]}"

    def save(self, folder: str | Path) -> None:
        """Write the model folder; see `calcigram.model.store.save_model`."""
        save_model(self, folder)

    def read(
        self,
        features: Features,
        *,
        coverage: float = COVERAGE,
        prior: Prior | None = None,
        n_threads: int | None = None,
    ) -> Readings:
        """Read both axes of each cluster.

        Parameters
        ----------
        features : Features
            C clusters.
        coverage : float
            Of the conformal sets, between 0 and 1.
        prior : Prior, optional
            Re-weights the probabilities to another mix of classes; of the sets, it changes no
            more than that they hold the word that is then the most probable.
        n_threads : int, optional
            Default: all processors.

        Returns
        -------
        Readings
            With fewer than 3 calcifications the distribution is ``insufficient``; with no
            diameter, aspect ratio, solidity or contrast the morphology is ``unread``; their
            probabilities are then NaN. `concern` is the most probable one under the article;
            where both axes were read, `p_concern` sums over all admissible patterns. A set always
            holds the word that was read; it is empty where the axis was not read, and a model of
            an older format gives none. ``vascular`` is the morphology only where `head.guarded` lets it be.

        Raises
        ------
        BadInputError
            The features are others than those the model was trained on, or `coverage` is not
            between 0 and 1.
        """
        features = self.aligned(features)
        check_coverage(coverage)
        p_distribution, p_morphology, risk, p_concern, set_d, set_m, novelty = self._in_chunks(
            features, n_threads, coverage, prior
        )
        has_sets = any(head.conformal for head in self.heads)
        return readings_of(
            features.cluster_id,
            p_distribution,
            p_morphology,
            p_concern,
            reader=f"model {self.version}",
            distribution_set=set_d if has_sets else None,
            morphology_set=set_m if has_sets else None,
            novelty=None if self.novelty is None else novelty,
            unlike_training=None if self.novelty is None else self.novelty.is_alarm(novelty),
            p_malignant=risk.astype(np.float32),
        )

    def aligned(self, features: Features) -> Features:
        """Return the features that the model was trained on, in its order.

        Raises
        ------
        BadInputError
            Some are missing, or those of the catalogue are in another order.
        """
        self.check_extra(features.names)
        n = len(FEATURE_NAMES)
        if features.names[:n] != self.feature_names[:n]:
            raise BadInputError(
                f"the {len(self.feature_names)} features the model was trained on",
                source="features",
                value=_difference(features.names, self.feature_names),
            )
        return features.select(self.feature_names)

    def check_extra(self, names: Iterable[str]) -> None:
        """Refuse to read where a feature is missing that a function of the caller measures.

        Parameters
        ----------
        names : iterable of str
            Of the features that there are.

        Raises
        ------
        BadInputError
        """
        given = set(names)
        missing = [name for name in self.feature_names[len(FEATURE_NAMES) :] if name not in given]
        if missing:
            raise BadInputError(
                f"extra={{{missing[0]!r}: function, ...}} with the functions it was trained with; a model "
                "keeps the names only, so it reads from Python and not from the command line",
                source=f"model {self.version}, features of its own",
                value=f"no function for {', '.join(missing)}",
            )

    def _in_chunks(
        self, features: Features, n_threads: int | None, coverage: float, prior: Prior | None
    ) -> list[npt.NDArray[Any]]:
        """Return the columns of `_read_chunk` for all clusters, chunks of rows side by side."""
        if len(features) <= _CHUNK_ROWS:
            return self._read_chunk(features, coverage, prior)
        parts = in_chunks(
            lambda rows: self._read_chunk(features[rows], coverage, prior),
            len(features), _CHUNK_ROWS, n_threads,
        )  # fmt: skip
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]

    def _read_chunk(
        self, features: Features, coverage: float, prior: Prior | None
    ) -> list[npt.NDArray[Any]]:
        """Return both axes' probabilities, the risk, the concern's, both sets, the novelty."""
        p_d, p_m = self.axis_probabilities(features)
        shown = shown_probabilities(p_d, p_m, features)
        form_known = is_readable(features, "morphology")
        sets = [
            head.sets(p, form_known, coverage) for head, p in zip(self.heads, shown, strict=True)
        ]
        if prior is not None:
            p_d, p_m = self.axis_probabilities(features, prior)
            shown = shown_probabilities(p_d, p_m, features)
        if self.distribution.conformal:
            for words, p in zip(sets, shown, strict=True):
                rows = np.flatnonzero(np.isfinite(p[:, 0]))
                words[rows, p[rows].argmax(axis=1)] = True
        p_concern = self._concern_probabilities(p_d, p_m, fewness(features.n_calcifications))
        novelty = np.empty(len(features)) if self.novelty is None else self.novelty(features)
        return [*shown, load_risk().carry(*shown), p_concern, *sets, novelty]

    def axis_probabilities(
        self, features: Features, prior: Prior | None = None
    ) -> tuple[Floats, Floats]:
        """Return each axis' calibrated probabilities, guarded, shapes (C, 6) and (C, 9).

        Parameters
        ----------
        features : Features
        prior : Prior, optional

        Returns
        -------
        p_distribution, p_morphology : ndarray of float64
            Each axis by itself, so that the most probable words may be inadmissible together;
            `shown_probabilities` mends that. NaN where the axis cannot be read.
        """
        form_known = is_readable(features, "morphology")
        p_d, p_m = (head.probabilities(features.values, form_known) for head in self.heads)
        p_d[~is_readable(features, "distribution")] = np.nan
        if prior is not None:
            p_d, p_m = (
                prior.reweighted(p, head) for head, p in zip(self.heads, (p_d, p_m), strict=True)
            )
        return p_d, guarded(p_m, features)

    def _concern_probabilities(
        self, p_distribution: Floats, p_morphology: Floats, few: Floats
    ) -> Floats:
        """Return calibrated probabilities of the concerns, shape (C, 3); NaN with neither axis."""
        raw, case = raw_concern(p_distribution, p_morphology)
        p = np.full_like(raw, np.nan)
        for code, name in enumerate(CONCERN_CASES):
            rows = case == code
            if not rows.any():
                continue
            p[rows] = self.concern_scalings[name](log_probabilities(raw[rows]), few[rows])
        return p


def load_model(folder: str | os.PathLike[str] | None = None, *, trusted: bool = False) -> Model:
    """Open a model folder.

    Parameters
    ----------
    folder : str or Path, optional
        Default: the model that ships with calcigram.
    trusted : bool
        Also load the scikit-learn objects, if they were kept. They are a pickle, which can
        run any code: only for folders you wrote yourself.

    Returns
    -------
    Model
        With `estimators` None unless `trusted`.

    Raises
    ------
    ModelFileError
        No model there, or it is damaged, foreign, too large, of a newer format, or made for
        other features than this calcigram measures.

    Examples
    --------
    >>> load_model("no_such_folder")
    Traceback (most recent call last):
    calcigram.errors.ModelFileError: model no_such_folder: no model here: there is no model.json
    """
    if not isinstance(folder, str | os.PathLike | None):
        raise BadInputError(
            "the path of a model folder", source="load_model", value=type(folder).__name__
        )
    return Model(**load_parts(folder, trusted=trusted))


def readings_of(
    cluster_id: npt.NDArray[np.object_],
    p_distribution: Floats,
    p_morphology: Floats,
    p_concern: Floats,
    *,
    reader: str,
    **more: Any,
) -> Readings:
    """Make readings of probabilities: the most probable words, and the most probable concern.

    Parameters
    ----------
    cluster_id : ndarray of object (str), shape (C,)
    p_distribution, p_morphology : ndarray of float64, shape (C, 6) and (C, 9)
        A row of NaN where the axis was not read.
    p_concern : ndarray of float64, shape (C, 3)
        Becomes NaN where the article has no answer to the most probable words.
    reader : str
    **more
        Of `Readings`.

    Notes
    -----
    Of equally probable concerns the graver is taken. Where the words alone lead to another concern,
    the origin is that of the most probable pattern that leads to the concern given.
    """
    probabilities = p_distribution, p_morphology
    words = tuple(
        np.where(np.isfinite(p[:, 0]), p.argmax(axis=1), axis.unread_code).astype(np.int8)
        for p, axis in zip(probabilities, AXES.values(), strict=True)
    )
    return Readings(
        cluster_id=cluster_id,
        distribution=words[0],
        morphology=words[1],
        p_distribution=p_distribution.astype(np.float32),
        p_morphology=p_morphology.astype(np.float32),
        evidence=np.full(len(cluster_id), "", dtype=object),
        reader=reader,
        **concern_views((words[0], words[1]), probabilities, p_concern, *shipped_rulebooks()),
        **more,
    )


def _difference(got: tuple[str, ...], expected: tuple[str, ...]) -> str:
    missing = [name for name in expected if name not in got]
    extra = [name for name in got if name not in expected]
    if missing or extra:
        return f"{len(got)} features: missing {missing[:3]}, unknown {extra[:3]}"
    return "the same features in another order"
