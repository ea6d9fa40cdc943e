"""Model folders: they come back as they were, and nothing damaged, foreign or newer is opened."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calcigram.errors import ModelFileError
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.model import Model, load_model, novelty, store, train_model
from calcigram.model.scoring import raw_scores
from calcigram.model.store import FORMAT_VERSION, model_digest

DATA = Path(__file__).parent / "data"


@pytest.fixture
def folder(model, tmp_path):
    model.save(tmp_path / "m")
    return tmp_path / "m"


def edit_document(folder, *, sign=True, **changes):
    """Change model.json; with `sign` make the digest right again, as a forger would."""
    path = folder / "model.json"
    document = json.loads(path.read_text()) | changes
    if sign:
        arrays = store._read_arrays(folder)
        document["digest"] = store._digest(document, arrays)
    path.write_text(json.dumps(document))


def edit_arrays(folder, **changes):
    """Replace arrays (named with __ for the dot) and make the digest right again."""
    with np.load(folder / "forest.npz") as archive:
        arrays = dict(archive)
    arrays |= {name.replace("__", "."): value for name, value in changes.items()}
    np.savez(folder / "forest.npz", **{k: v for k, v in arrays.items() if v is not None})


def test_round_trip(model, folder, features):
    again = load_model(folder)
    assert again.version == model.version
    assert again.card == model.card
    assert again.estimators is None
    before, after = model.read(features), again.read(features)
    for name in ("p_distribution", "p_morphology", "p_concern"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


def test_no_pickle_on_the_default_path(model, folder):
    assert sorted(path.name for path in folder.iterdir()) == ["forest.npz", "model.json"]
    with np.load(folder / "forest.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "iuf" for name in archive)


def test_saving_again_replaces_and_leaves_nothing_behind(model, folder):
    model.save(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["m"]
    assert load_model(folder).version == model.version


def test_a_failed_save_leaves_the_old_model(model, folder, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["m"]
    assert load_model(folder).version == model.version


def test_saving_overwrites_nothing_else(model, tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ModelFileError, match="something else at this place"):
        model.save(tmp_path)
    with pytest.raises(ModelFileError, match="something else at this place"):
        model.save(tmp_path / "letters.txt")
    assert (tmp_path / "letters.txt").read_text() == "dear"
    model.save(tmp_path / "m")
    (tmp_path / "m" / "labels.csv").write_text("mine")
    with pytest.raises(ModelFileError, match=r"something else at this place: labels\.csv"):
        model.save(tmp_path / "m")
    assert (tmp_path / "m" / "labels.csv").read_text() == "mine"


def test_saving_removes_what_a_killed_run_left(model, tmp_path):
    left = tmp_path / ".m.01234567.part"
    left.mkdir()
    (left / "forest.npz").write_text("half")
    model.save(tmp_path / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.filterwarnings("ignore:no cluster is labelled")
def test_estimators_only_when_trusted(clusters, features, tmp_path):
    kept = train_model(clusters, features=features, n_iterations=2, n_jobs=1, keep_estimators=True)
    kept.save(tmp_path / "m")
    assert (tmp_path / "m" / "estimators.joblib").exists()
    assert load_model(tmp_path / "m").estimators is None
    trusted = load_model(tmp_path / "m", trusted=True)
    np.testing.assert_allclose(
        trusted.estimators["distribution"]._raw_predict(features.values[:9]),
        trusted.distribution.logits(features.values[:9]),
        atol=1e-6,
    )
    # A pickle that cannot be read is no matter to who did not ask for it.
    (tmp_path / "m" / "estimators.joblib").write_bytes(b"\x80rubbish")
    assert load_model(tmp_path / "m").version == kept.version


def test_trusted_without_estimators(folder):
    assert load_model(folder, trusted=True).estimators is None


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_every_format_version_opens(version, monkeypatch):
    """The features may change; what a folder of an older format says must still be understood."""
    folder = DATA / f"format_{version}"
    document = json.loads((folder / "model.json").read_text())
    monkeypatch.setattr(store, "FEATURE_NAMES", tuple(document["feature_names"]))
    monkeypatch.setattr(store, "catalogue_hash", lambda: document["catalogue_hash"])
    if version > 1:
        with np.load(folder / "forest.npz") as archive:
            n = len(archive["novelty.whitenings"]) // len(archive["novelty.means"])
        monkeypatch.setattr(novelty, "position_columns", lambda: np.arange(n))
    model = load_model(folder)
    expected = json.loads((folder / "expected_logits.json").read_text())
    rows = np.random.default_rng(1).normal(size=(4, len(model.feature_names))).astype(np.float32)
    for head in model.heads:
        np.testing.assert_allclose(head.logits(rows), expected[head.axis], atol=1e-6)


def test_default_folder_is_the_checkouts(monkeypatch, folder):
    monkeypatch.setattr(store, "_default_folder", lambda: folder)
    assert load_model().name == "trained"
    monkeypatch.setattr(store, "_default_folder", lambda: folder / "none")
    with pytest.raises(ModelFileError, match="default model is not there"):
        load_model()


DOCUMENT_DAMAGES = {
    "newer": ({"format_version": 99}, "written by a newer calcigram .model format 99"),
    "version": ({"format_version": "1"}, "got format version '1'"),
    "foreign": ({"format": "other"}, "no calcigram model"),
    "features": ({"feature_names": ["a"]}, "trained on other features"),
    "formulas": ({"catalogue_hash": "0"}, "features have changed since"),
    "no list of features": ({"feature_names": 3}, "trained on other features"),
    "own feature": ({"feature_names": [*FEATURE_NAMES, 3]}, "features of its own whose names"),
    "no identifier": (
        {"feature_names": [*FEATURE_NAMES, "a b"]},
        "features of its own whose names",
    ),
    "twice": ({"feature_names": [*FEATURE_NAMES, "a", "a"]}, "features of its own whose names"),
    "taken": (
        {"feature_names": [*FEATURE_NAMES, FEATURE_NAMES[0]]},
        "features of its own whose names",
    ),
    "one more": ({"feature_names": [*FEATURE_NAMES, "a"]}, "content makes no sense"),
    "heads": ({"heads": {}}, "content makes no sense"),
    "calibration": ({"concern_calibration": {}}, "content makes no sense"),
    "card": ({"card": 3}, "content makes no sense"),
}


@pytest.mark.parametrize("damage", DOCUMENT_DAMAGES)
def test_refuses_documents(folder, damage):
    changes, message = DOCUMENT_DAMAGES[damage]
    edit_document(folder, **changes)
    with pytest.raises(ModelFileError, match=message):
        load_model(folder)


@pytest.mark.parametrize(
    "calibration",
    [
        {"inverse_temperature": float("nan"), "bias": [0, 0, 0]},
        {"inverse_temperature": 1, "bias": [0, 0]},
        {"inverse_temperature": 1, "bias": "abc"},
        None,
    ],
)
def test_refuses_calibrations(folder, calibration):
    heads = json.loads((folder / "model.json").read_text())["heads"]
    heads["morphology"]["calibration"]["form_known"] = calibration
    edit_document(folder, heads=heads)
    with pytest.raises(ModelFileError, match="content makes no sense"):
        load_model(folder)


@pytest.mark.parametrize(
    "classes", [["grouped", "linear"], ["linear", "grouped", "diffuse"], ["x"]]
)
def test_refuses_classes(folder, classes):
    heads = json.loads((folder / "model.json").read_text())["heads"]
    heads["distribution"]["classes"] = classes
    edit_document(folder, heads=heads)
    with pytest.raises(ModelFileError, match="content makes no sense"):
        load_model(folder)


def chain(depth):
    """Arrays of one tree as deep as asked, each inner node with a leaf at its left."""
    n = 2 * depth + 1
    inner = np.arange(n) % 2 == 0
    inner[-1] = False
    at = np.arange(n, dtype=np.int32)
    return {
        "feature": np.where(inner, 0, -1).astype(np.int16),
        "threshold": np.zeros(n, np.float32),
        "missing_left": np.zeros(n, np.uint8),
        "left": np.where(inner, at + 1, 0).astype(np.int32),
        "right": np.where(inner, at + 2, 0).astype(np.int32),
        "value": np.zeros(n, np.float32),
        "tree_offset": np.array([0, n]),
        "tree_class": np.zeros(1, np.int16),
    }


def at(array, place, value):
    changed = array.copy()
    with np.errstate(all="ignore"):
        changed[place] = np.array(value).astype(array.dtype)
    return changed


ABSURD = {
    "missing_left 2": lambda a: {"distribution.missing_left": at(a["distribution.missing_left"], 0, 2)},
    "missing_left 255": lambda a: {"morphology.missing_left": at(a["morphology.missing_left"], -1, 255)},
    "feature beyond": lambda a: {"distribution.feature": at(a["distribution.feature"], 0, 32767)},
    "feature -2": lambda a: {"distribution.feature": at(a["distribution.feature"], 0, -2)},
    "threshold nan": lambda a: {"distribution.threshold": at(a["distribution.threshold"], 0, np.nan)},
    "threshold -inf": lambda a: {"distribution.threshold": at(a["distribution.threshold"], 0, -np.inf)},
    "value nan": lambda a: {"morphology.value": at(a["morphology.value"], 1, np.nan)},
    "value 3e38": lambda a: {"morphology.value": at(a["morphology.value"], 1, 3e38)},
    "baseline": lambda a: {"morphology.baseline": at(a["morphology.baseline"], 0, 1e308)},
    "class": lambda a: {"morphology.tree_class": at(a["morphology.tree_class"], 0, 9)},
    "class -1": lambda a: {"morphology.tree_class": at(a["morphology.tree_class"], 0, -1)},
    "child outside": lambda a: {"distribution.right": at(a["distribution.right"], 0, 2**31 - 1)},
    "child before": lambda a: {"distribution.right": at(a["distribution.right"], 0, -1)},
    "leaf with a child": lambda a: {"distribution.left": at(a["distribution.left"], np.flatnonzero(a["distribution.feature"] < 0)[0], 1)},
    "offset": lambda a: {"distribution.tree_offset": at(a["distribution.tree_offset"], 1, 2**62)},
    "offset wraps": lambda a: {"distribution.tree_offset": at(a["distribution.tree_offset"], 1, -(2**63))},
    "deep": lambda a: {f"distribution.{k}": v for k, v in chain(300).items()},
    "type": lambda a: {"distribution.feature": a["distribution.feature"].astype(np.int64)},
    "byte order": lambda a: {"distribution.left": a["distribution.left"].astype(">i4")},
    "text": lambda a: {"distribution.left": a["distribution.left"].astype("U3")},
    "length": lambda a: {"distribution.value": a["distribution.value"][:-1]},
    "counts wrap": lambda a: {"morphology.form_known.counts": at(at(a["morphology.form_known.counts"], 0, 2**62), 1, 2**62)},
    "counts below 0": lambda a: {"morphology.form_known.counts": at(a["morphology.form_known.counts"], 0, -1)},
    "score 2": lambda a: {"morphology.form_known.scores": at(a["morphology.form_known.scores"], -1, 2)},
    "score nan": lambda a: {"morphology.form_known.scores": at(a["morphology.form_known.scores"], 0, np.nan)},
    "edges fall": lambda a: {"novelty.edges": np.array([9, 3], np.float32), "novelty.knots": np.tile(a["novelty.knots"][: len(a["novelty.knots"]) // (len(a["novelty.edges"]) + 1)], 3)},
    "many bins": lambda a: {"novelty.edges": np.arange(4000, dtype=np.float32), "novelty.knots": np.tile(a["novelty.knots"][: len(a["novelty.knots"]) // (len(a["novelty.edges"]) + 1)], 4001)},
    "no columns": lambda a: {"novelty.knots": np.zeros(0, np.float32), "novelty.means": np.zeros(1, np.float32), "novelty.whitenings": np.zeros(0, np.float32)},
    "one column": lambda a: {"novelty.edges": np.zeros(0, np.float32), "novelty.knots": np.zeros(33, np.float32), "novelty.means": np.zeros(1, np.float32), "novelty.whitenings": np.ones(1, np.float32)},
    "knots inf": lambda a: {"novelty.knots": at(a["novelty.knots"], 32, np.inf)},
    "knots missing": lambda a: {"novelty.knots": np.full_like(a["novelty.knots"], np.nan)},
    "knots of the count missing": lambda a: {"novelty.knots": np.r_[np.full(33, np.nan, np.float32), a["novelty.knots"][33:]]},
    "exemplars missing": lambda a: {"exemplars.values": np.full_like(a["exemplars.values"], np.nan)},
    "an exemplar's count missing": lambda a: {"exemplars.values": at(a["exemplars.values"], 0, np.nan)},
    "a knot missing": lambda a: {"novelty.knots": at(a["novelty.knots"], 7, np.nan)},
    "whitening": lambda a: {"novelty.whitenings": at(a["novelty.whitenings"], 7, 3e38)},
    "mean nan": lambda a: {"novelty.means": at(a["novelty.means"], 7, np.nan)},
    "held out": lambda a: {"novelty.held_out": np.zeros(0, np.float32)},
    "exemplar": lambda a: {"exemplars.values": at(a["exemplars.values"], 7, np.inf)},
    "exemplars": lambda a: {"exemplars.values": a["exemplars.values"][:-1]},
    "label": lambda a: {"exemplars.distribution": at(a["exemplars.distribution"], 0, 6)},
    "label -2": lambda a: {"exemplars.morphology": at(a["exemplars.morphology"], 0, -2)},
}  # fmt: skip


@pytest.mark.parametrize("damage", ABSURD)
def test_refuses_absurd_arrays_with_a_right_digest(folder, damage):
    with np.load(folder / "forest.npz") as archive:
        arrays = dict(archive)
    np.savez(folder / "forest.npz", **arrays | ABSURD[damage](arrays))
    if damage not in ("type", "byte order", "text"):
        edit_document(folder)
    else:  # not read back by `edit_document`, where the reader itself refuses
        path = folder / "model.json"
        document = json.loads(path.read_text())
        document["digest"] = store._digest(document, arrays | ABSURD[damage](arrays))
        path.write_text(json.dumps(document))
    with pytest.raises(ModelFileError):
        load_model(folder)


HUGE = 10**400
DOCUMENTS = {
    "name": ["", "a" * 201, "a\nb", "\x1b[31m", "\ud800", 3, None, ["a"]],
    "card": [3, None, [], [["a", 1]], "ab"],
    "format_version": [True, 0, -1, 1.0, HUGE, None, "3", [3]],
    "feature_names": [None, 3, "ab", {}, [3]],
    "catalogue_hash": [None, 3, {}],
    "exemplars": [None, 3, "abc", {}, [3], ["a"], [None]],
    "heads": [None, [], 3, {"distribution": {}}, {"distribution": None}],
    "concern_calibration": [None, [], 3, {}],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in DOCUMENTS.items() for v in vs])
def test_refuses_absurd_documents_with_a_right_digest(folder, key, value):
    edit_document(folder, **{key: value})
    with pytest.raises(ModelFileError):
        load_model(folder)


@pytest.mark.parametrize("place", ["concern", "head"])
@pytest.mark.parametrize(
    "change",
    [
        {"inverse_temperature": value}
        for value in (0, -1, 1e308, HUGE, float("inf"), float("nan"), "1", None, True, [1])
    ]
    + [
        {"bias": value}
        for value in ([], [0] * 50, [1e308] * 3, [HUGE] * 3, ["0"] * 3, [None] * 3, "012", {}, 0)
    ],
)
def test_refuses_absurd_calibrations(folder, place, change):
    document = json.loads((folder / "model.json").read_text())
    heads, concern = document["heads"], document["concern_calibration"]
    of = (
        concern["both_read"]
        if place == "concern"
        else heads["morphology"]["calibration"]["form_known"]
    )
    of |= change
    edit_document(folder, heads=heads, concern_calibration=concern)
    with pytest.raises(ModelFileError):
        load_model(folder)


NUMBERS = [-(2**63), -(2**31), -32768, -2, -1, 0, 1, 2, 255, 32767, 2**31 - 1, 2**62]
FLOATS = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, -1.0, 2.0, 0.0]


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_changed_a_model_is_refused_or_reads(model, features, data):
    """In memory, as the reader does it once the digest is right."""
    from calcigram.model.attribution import attribute, leaf_of, node_cover

    document, arrays = store._document(model), dict(store._arrays(model))
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(arrays)))
        array = arrays[name]
        if data.draw(st.integers(0, 9)) == 0 or not len(array):
            arrays[name] = np.resize(array, data.draw(st.integers(0, 2 * len(array) + 1)))
            continue
        value = data.draw(st.sampled_from(FLOATS if array.dtype.kind == "f" else NUMBERS))
        arrays[name] = at(array, data.draw(st.integers(0, len(array) - 1)), value)
    try:
        changed = Model(**store._parts(document, arrays))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return
    read = changed.read(features[:20])
    assert not np.isinf(read.p_concern).any()
    for head in changed.heads:
        for n in (1, 20):  # the one that walks, and the one that goes by blocks
            assert np.isfinite(raw_scores(head.forest, features.values[:n])).all()
        cover = node_cover(head.forest, features.values[:5])
        assert np.isfinite(attribute(head.forest, features.values[:2], cover).values).all()
        assert (leaf_of(head.forest, features.values[:5]) >= 0).all()
    changed.novelty(features[:20])


def test_refuses_a_changed_document(folder):
    edit_document(folder, sign=False, name="mine")
    with pytest.raises(ModelFileError, match="digest does not match"):
        load_model(folder)


def test_refuses_changed_arrays(folder, model):
    edit_arrays(folder, distribution__value=model.distribution.forest.value * np.float32(2))
    with pytest.raises(ModelFileError, match="digest does not match"):
        load_model(folder)


def test_refuses_arrays_that_would_walk_for_ever(folder, model):
    left = model.distribution.forest.left.copy()
    left[0] = 0
    edit_arrays(folder, distribution__left=left)
    edit_document(folder)
    with pytest.raises(ModelFileError, match="child before its parent"):
        load_model(folder)


ARRAY_DAMAGES = {
    "missing": ({"distribution__left": None}, "other arrays than a model's"),
    "unknown": ({"extra": np.zeros(3)}, "other arrays than a model's"),
    "shape": ({"distribution__left": np.zeros((2, 2), np.int32)}, "does not fit its own header"),
    "object": ({"distribution__left": np.array([{}], object)}, "does not fit its own header"),
}


@pytest.mark.parametrize("damage", ARRAY_DAMAGES)
def test_refuses_arrays(folder, damage):
    changes, message = ARRAY_DAMAGES[damage]
    edit_arrays(folder, **changes)
    with pytest.raises(ModelFileError, match=message):
        load_model(folder)


def _header(shape):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<i4", "fortran_order": False, "shape": shape}
    )
    return buffer.getvalue()


def rewrite_member(folder, name, content):
    path = folder / "forest.npz"
    with zipfile.ZipFile(path) as archive:
        members = {m: archive.read(m) for m in archive.namelist()}
    members[name] = content
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)


def test_refuses_a_header_that_promises_more_than_there_is(folder):
    rewrite_member(folder, "distribution.left.npy", _header((10**15,)))
    with pytest.raises(ModelFileError, match="does not fit its own header"):
        load_model(folder)


def test_refuses_a_bomb_before_unpacking_it(folder, monkeypatch):
    rewrite_member(folder, "distribution.left.npy", _header((10**6,)) + bytes(4 * 10**6))
    assert (folder / "forest.npz").stat().st_size < 10**6
    monkeypatch.setattr(store, "MAX_ARRAY_BYTES", 10**6)

    def fail(*_):
        raise AssertionError("unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "open", fail)
    with pytest.raises(ModelFileError, match="unpacks to more than 0 MB"):
        load_model(folder)


def test_refuses_a_huge_document(folder, monkeypatch):
    monkeypatch.setattr(store, "MAX_DOCUMENT_BYTES", 100)
    with pytest.raises(ModelFileError, match="larger than 100 bytes"):
        load_model(folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all" * 10])
def test_refuses_what_is_no_archive(folder, content):
    (folder / "forest.npz").write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(folder)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_refuses_a_flipped_byte(folder, place):
    path = folder / "forest.npz"
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ModelFileError):
        load_model(folder)


@pytest.mark.parametrize("content", ["", "{", "[1]", "[" * 100_000, "\udcff"])
def test_refuses_what_is_no_json(folder, content):
    (folder / "model.json").write_text(content, errors="surrogateescape")
    with pytest.raises(ModelFileError, match=r"no JSON|no calcigram model"):
        load_model(folder)


def test_refuses_missing_files(folder, tmp_path):
    with pytest.raises(ModelFileError, match=r"no model here: there is no model\.json"):
        load_model(tmp_path / "nowhere")
    (folder / "forest.npz").unlink()
    with pytest.raises(ModelFileError, match=r"there is no forest\.npz"):
        load_model(folder)


def test_digest_sees_everything(model):
    from dataclasses import replace

    assert model_digest(replace(model, name="other")) != model_digest(model)
    assert model_digest(replace(model, card={})) != model_digest(model)
