"""Model folders: they come back as they were, and nothing damaged, foreign or newer is opened."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from calcigram.errors import ModelFileError
from calcigram.model import load_model, store, train_model
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
        document["digest"] = store._digest(document, store._read_arrays(folder))
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
    "formulas": ({"catalogue_hash": "0"}, "formulas have changed"),
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
