"""Model folders: arrays in `forest.npz`, everything else in `model.json`, never a pickle.

A folder is written whole or not at all. On opening nothing is believed: sizes are read from
the archive's directory before anything is unpacked, the digest must match, and the arrays
must be such that a walk through them ends (`forest.Forest` checks that). The layout and how
to change it stand in ``docs/model_format.md``.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calcigram.concerns import CONCERN_CASES
from calcigram.errors import ModelFileError
from calcigram.features.catalogue import FEATURE_NAMES, catalogue_hash
from calcigram.features.extra import is_name
from calcigram.formats.temporary import replace_folder, unfinished
from calcigram.lexicon import AXES, CONCERNS
from calcigram.model.calibrate import ConformalScores, Scaling
from calcigram.model.exemplars import Exemplars
from calcigram.model.forest import MAX_SCORE, STORED_ARRAYS, Forest
from calcigram.model.head import HEAD_CASES, Head
from calcigram.model.novelty import Novelty

if TYPE_CHECKING:
    from calcigram.model.reader import Model

FORMAT = "calcigram model"
FORMAT_VERSION = 4

FILES = ARRAYS_FILE, DOCUMENT_FILE, ESTIMATORS_FILE = (
    "forest.npz",
    "model.json",
    "estimators.joblib",
)
MAX_ARRAY_BYTES = 200 * 2**20
"""All arrays together, unpacked, are at most this large."""
MAX_DOCUMENT_BYTES = 4 * 2**20
MAX_NAME = 200
MAX_OWN = 1000
"""Features of the caller in one model."""

_TREE_ARRAYS = tuple(f"{axis}.{name}" for axis in AXES for name in STORED_ARRAYS)
_CONFORMAL_ARRAYS = tuple(
    f"{axis}.{case}.{part.name}"
    for axis in AXES
    for case in HEAD_CASES[axis]
    for part in fields(ConformalScores)
)
_NOVELTY_ARRAYS = tuple(f"novelty.{part.name}" for part in fields(Novelty))
_EXEMPLAR_ARRAYS = tuple(f"exemplars.{name}" for name in Exemplars.ARRAYS)
_ARRAYS_ADDED = {
    1: _TREE_ARRAYS,
    2: (*_CONFORMAL_ARRAYS, *_NOVELTY_ARRAYS),
    3: _EXEMPLAR_ARRAYS,
    4: (),
}


def save_model(model: Model, folder: str | Path) -> None:
    """Write a model folder, whole or not at all.

    Parameters
    ----------
    model : Model
    folder : str or Path
        Made, or replaced if it holds a model and nothing else.

    Raises
    ------
    ModelFileError
        The folder is there and holds no model, or something else besides: nothing is overwritten.
    """
    target = Path(os.path.realpath(folder))
    _check_ours(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(target, is_folder=True) as fresh:
        np.savez_compressed(fresh / ARRAYS_FILE, **_arrays(model))  # type: ignore[arg-type]
        if model.estimators is not None:
            import joblib

            joblib.dump(model.estimators, fresh / ESTIMATORS_FILE, compress=3)
        text = json.dumps(
            {**_document(model), "digest": model_digest(model)}, indent=1, allow_nan=False
        )
        (fresh / DOCUMENT_FILE).write_text(text + "\n", encoding="utf-8")
        replace_folder(fresh, target)


def _check_ours(target: Path) -> None:
    """Refuse to replace anything but a model folder, or an empty one."""
    names = {path.name for path in target.iterdir()} if target.is_dir() else set()
    foreign = sorted(names - set(FILES))
    is_file = target.exists() and not target.is_dir()
    if foreign or is_file or (names and DOCUMENT_FILE not in names):
        raise ModelFileError(
            target, f"there is something else at this place: {(foreign or ['no model'])[0]}"
        )


def load_parts(folder: str | os.PathLike[str] | None, *, trusted: bool = False) -> dict[str, Any]:
    """Read a model folder; see `reader.load_model`.

    Returns
    -------
    dict
        What `reader.Model` is made of, by name, all of it checked.
    """
    if folder is None:
        with as_file(_default_folder()) as default:
            if not default.is_dir():
                raise ModelFileError(
                    default, "the default model is not there: make one with `calcigram train`"
                )
            return _open(default, trusted)
    return _open(Path(folder), trusted)


def model_digest(model: Model) -> str:
    """Return the SHA-256, as hexadecimal, of all that a model folder says."""
    return _digest(_document(model), _arrays(model))


def _default_folder() -> Any:
    checkout = Path(__file__).parents[3]
    if (checkout / "pyproject.toml").exists() and (checkout / "models").exists():
        return checkout / "models" / "default"
    return files("calcigram") / "_shipped" / "models" / "default"


def _arrays(model: Model) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    for head in model.heads:
        named = head.forest.arrays()
        for case, scores in head.conformal.items():
            named |= {f"{case}.{name}": array for name, array in vars(scores).items()}
        arrays |= {f"{head.axis}.{name}": array for name, array in named.items()}
    if model.novelty is not None:
        arrays |= {f"novelty.{name}": array for name, array in vars(model.novelty).items()}
    if model.exemplars is not None:
        arrays |= {f"exemplars.{name}": array for name, array in model.exemplars.arrays().items()}
    return arrays


def _document(model: Model) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": _version_needed(model),
        "name": model.name,
        "catalogue_hash": model.catalogue_hash,
        "feature_names": list(model.feature_names),
        "heads": {
            head.axis: {
                "classes": [str(AXES[head.axis].words[code]) for code in head.classes],
                "calibration": _scalings_document(head.scalings),
                **({"shares": list(head.shares)} if head.shares else {}),
            }
            for head in model.heads
        },
        "concern_calibration": _scalings_document(model.concern_scalings),
        **({} if model.exemplars is None else {"exemplars": list(model.exemplars.names)}),
        "card": model.card,
    }


def _version_needed(model: Model) -> int:
    if model.novelty is None or model.exemplars is None:
        return 1 if model.novelty is None else 2
    scalings = [s for head in model.heads for s in head.scalings.values()]
    return 4 if any(s.slope for s in (*scalings, *model.concern_scalings.values())) else 3


def _scalings_document(scalings: Mapping[str, Scaling]) -> dict[str, Any]:
    return {
        case: {
            "inverse_temperature": s.inverse_temperature,
            "bias": list(s.bias),
            **({"slope": s.slope} if s.slope else {}),
        }
        for case, s in scalings.items()
    }


def _digest(document: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Hash the document as canonical JSON and each array with its name, dtype and shape."""
    told = {key: value for key, value in document.items() if key != "digest"}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _open(folder: Path, trusted: bool) -> dict[str, Any]:
    document = _read_document(folder)
    arrays = _read_arrays(folder, document["format_version"])
    try:
        if _digest(document, arrays) != document.get("digest"):
            raise ModelFileError(
                folder, "its digest does not match: the files were changed or damaged"
            )
        names, n = document.get("feature_names"), len(FEATURE_NAMES)
        if not isinstance(names, list) or names[:n] != list(FEATURE_NAMES):
            raise ModelFileError(folder, "it was trained on other features: train it again")
        own = names[n:]
        if not all(map(is_name, own)) or len(own) > MAX_OWN or len({*names[:n], *own}) < len(names):
            raise ModelFileError(
                folder, "features of its own whose names are given twice or no identifiers"
            )
        if document.get("catalogue_hash") != catalogue_hash():
            raise ModelFileError(
                folder, "the features have changed since it was trained: train it again"
            )
        parts = _parts(document, arrays)
    except ModelFileError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:  # fmt: skip
        raise ModelFileError(folder, f"its content makes no sense: {error}") from error
    return {**parts, "estimators": _read_estimators(folder)} if trusted else parts


def _parts(document: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Make the parts, which check what they are given, before compiled code sees it."""
    version, name, card = document["format_version"], document["name"], document["card"]
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= MAX_NAME:
        raise ValueError(f"name {name!r:.100}, expected 1 to {MAX_NAME} printable characters")
    if not isinstance(card, dict):
        raise ValueError("a card that is no JSON object")
    n_features = len(document["feature_names"])
    return {
        **{axis: _head(axis, document["heads"][axis], arrays, n_features) for axis in AXES},
        "concern_scalings": {
            case: _scaling(document["concern_calibration"][case], len(CONCERNS))
            for case in CONCERN_CASES
        },
        "name": name,
        "feature_names": tuple(document["feature_names"]),
        "catalogue_hash": document["catalogue_hash"],
        "card": card,
        "novelty": Novelty(*(arrays[n] for n in _NOVELTY_ARRAYS)) if version > 1 else None,
        "exemplars": _exemplars(document, arrays) if version > 2 else None,
    }


def _head(
    axis: str, document: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]], n_features: int
) -> Head:
    words = [str(word) for word in AXES[axis].words]
    classes = tuple(words.index(word) for word in document["classes"])
    conformal = {
        case: ConformalScores(arrays[f"{axis}.{case}.scores"], arrays[f"{axis}.{case}.counts"])
        for case in HEAD_CASES[axis]
        if f"{axis}.{case}.scores" in arrays
    }
    return Head(
        axis,
        classes,
        Forest(
            **{name: arrays[f"{axis}.{name}"] for name in STORED_ARRAYS},
            n_features=n_features,
        ),
        {case: _scaling(v, len(classes)) for case, v in document["calibration"].items()},
        conformal,
        _numbers(document.get("shares", [])),
    )


def _exemplars(document: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Exemplars:
    values, distribution, morphology = (arrays[name] for name in _EXEMPLAR_ARRAYS)
    names = document["exemplars"]
    if not isinstance(names, list) or not all(isinstance(n, str) and n.encode() for n in names):
        raise ValueError("ids of exemplars that are no list of texts")
    shaped = values.reshape(-1, len(document["feature_names"]))
    return Exemplars(shaped, distribution, morphology, tuple(names))


def _scaling(document: dict[str, Any], n_classes: int) -> Scaling:
    inverse_temperature, slope = _numbers(
        [document["inverse_temperature"], document.get("slope", 0.0)]
    )
    scaling = Scaling(inverse_temperature, _numbers(document["bias"]), slope)
    if not 0 < scaling.inverse_temperature <= MAX_SCORE or len(scaling.bias) != n_classes:
        raise ValueError(f"a calibration of {n_classes} classes: {document!r:.100}")
    return scaling


def _numbers(values: Any) -> tuple[float, ...]:
    """Return a list of JSON numbers, none of them beyond `MAX_SCORE`."""
    if not isinstance(values, list) or not all(
        type(value) in (int, float) and abs(value) <= MAX_SCORE for value in values
    ):
        raise ValueError(f"expected a list of numbers within {MAX_SCORE:g} of 0: {values!r:.100}")
    return tuple(map(float, values))


def _read_document(folder: Path) -> dict[str, Any]:
    path = folder / DOCUMENT_FILE
    try:
        with path.open("rb") as file:
            content = file.read(MAX_DOCUMENT_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise ModelFileError(folder, f"no model here: there is no {DOCUMENT_FILE}") from None
    except OSError as error:
        raise ModelFileError(folder, f"{DOCUMENT_FILE} cannot be read: {error}") from error
    if len(content) > MAX_DOCUMENT_BYTES:
        raise ModelFileError(folder, f"{DOCUMENT_FILE} is larger than {MAX_DOCUMENT_BYTES} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ModelFileError(folder, f"{DOCUMENT_FILE} is no JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelFileError(folder, "this is no calcigram model")
    version = document.get("format_version")
    if type(version) is not int or version < 1:
        raise ModelFileError(folder, f"got format version {version!r}, expected a whole number")
    if version > FORMAT_VERSION:
        raise ModelFileError(
            folder,
            f"it was written by a newer calcigram (model format {version}; this one reads up to "
            f"{FORMAT_VERSION})",
        )
    return document


def _read_arrays(folder: Path, version: int = FORMAT_VERSION) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays, none before the archive's own directory says that all are small."""
    path = folder / ARRAYS_FILE
    expected = [name for since in range(1, version + 1) for name in _ARRAYS_ADDED[since]]
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sorted(m.filename for m in members) != sorted(f"{n}.npy" for n in expected):
                raise ModelFileError(folder, f"{ARRAYS_FILE} holds other arrays than a model's")
            if sum(member.file_size for member in members) > MAX_ARRAY_BYTES:
                raise ModelFileError(
                    folder, f"{ARRAYS_FILE} unpacks to more than {MAX_ARRAY_BYTES // 2**20} MB"
                )
            arrays = {}
            for member in members:
                with archive.open(member) as file:
                    arrays[member.filename.removesuffix(".npy")] = _read_array(
                        file, member.file_size
                    )
            return arrays
    except ModelFileError:
        raise
    except FileNotFoundError:
        raise ModelFileError(folder, f"there is no {ARRAYS_FILE}") from None
    except Exception as error:  # what damaged bytes make the readers raise is not documented
        raise ModelFileError(folder, f"{ARRAYS_FILE} is damaged: {error}") from error


def _read_array(file: Any, n_bytes: int) -> npt.NDArray[Any]:
    """Read one ``.npy`` member whose header must account for its size exactly."""
    data = file.read(n_bytes)
    buffer = BytesIO(data)
    if np.lib.format.read_magic(buffer) != (1, 0):
        raise ValueError("an array of an unknown layout")
    shape, _, dtype = np.lib.format.read_array_header_1_0(buffer)
    if (
        dtype.kind not in "iuf"
        or len(shape) != 1
        or buffer.tell() + shape[0] * dtype.itemsize != len(data)
    ):
        raise ValueError("an array that does not fit its own header")
    return np.frombuffer(data, dtype, offset=buffer.tell()).copy()


def _read_estimators(folder: Path) -> dict[str, Any] | None:
    path = folder / ESTIMATORS_FILE
    if not path.exists():
        return None
    import joblib

    return dict(joblib.load(path))
