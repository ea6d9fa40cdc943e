"""Adapting a model to labelled clusters: it reads them better, and is a model like any other."""

from dataclasses import replace

import numpy as np
import pytest

from calcigram.cli import main
from calcigram.errors import BadInputError
from calcigram.features.extract import extract_features
from calcigram.formats import write_clusters
from calcigram.model import fitting, load_model, train_model
from calcigram.model.labels import label_codes


@pytest.fixture(scope="module")
def shifted(labelled_clusters):
    """Clusters of a detector that measures diameters six times too large: all forms look alike."""

    def make(n, seed):
        clusters = labelled_clusters(n, seed=seed)
        return replace(clusters, diameter_mm=6 * clusters.diameter_mm)

    return make


@pytest.fixture(scope="module", autouse=True)
def few_rounds():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "N_ROUNDS", 20)
        patch.setattr(fitting, "LEARNING_RATE", 0.4)
        yield


@pytest.fixture(scope="module")
def adapted(model, shifted):
    return train_model(shifted(150, 21), start_from=model, name="own", seed=1)


def accuracy(model, clusters, axis):
    readings = model.read(extract_features(clusters))
    return (getattr(readings, axis) == label_codes(clusters, axis)).mean()


def test_forms_are_read_better_and_distributions_no_worse(model, adapted, shifted):
    fresh = shifted(200, 22)
    assert accuracy(model, fresh, "morphology") < 0.75
    assert accuracy(adapted, fresh, "morphology") > 0.9
    assert accuracy(adapted, fresh, "distribution") > accuracy(model, fresh, "distribution") - 0.03


def test_it_is_saved_and_opened_and_says_what_it_comes_from(model, adapted, shifted, tmp_path):
    adapted.save(tmp_path / "own")
    again = load_model(tmp_path / "own")
    assert again.version == adapted.version != model.version
    assert again.card["adapted"]["from"] == model.version
    assert again.card["adapted"]["axes"]["morphology"]["clusters"] == 150
    features = extract_features(shifted(40, 23))
    before, after = adapted.read(features), again.read(features)
    np.testing.assert_array_equal(before.p_morphology, after.p_morphology)
    rows = np.arange(40)
    assert after.morphology_set[rows, after.morphology].all()


def test_the_same_seed_gives_the_same_model(model, adapted, shifted):
    again = train_model(shifted(150, 21), start_from=model, name="own", seed=1)
    assert again.version == adapted.version


def test_an_axis_of_few_labels_stays(model, shifted):
    clusters = shifted(100, 24)
    clusters.meta.loc[20:, "true_distribution"] = None
    found = train_model(clusters, start_from=model, name="own")
    assert found.distribution is model.distribution
    assert list(found.card["adapted"]["axes"]) == ["morphology"]


def test_too_few_labels_and_unknown_words_are_refused(model, shifted):
    few = shifted(fitting.MIN_CLUSTERS - 1, 25)
    with pytest.raises(BadInputError, match="at least 50 labelled clusters"):
        train_model(few, start_from=model)
    other = shifted(80, 26)
    other.meta["true_morphology"] = "popcorn"
    with pytest.raises(BadInputError, match="words that the model knows"):
        train_model(other, start_from=model)


def test_from_the_command_line(model, shifted, tmp_path, capsys):
    model.save(tmp_path / "base")
    write_clusters(shifted(120, 27), tmp_path / "own.csv")
    asked = ["train", str(tmp_path / "own.csv"), "--start-from", str(tmp_path / "base")]
    assert main([*asked, "-o", str(tmp_path / "out")]) == 0
    assert load_model(tmp_path / "out").card["adapted"]["from"] == model.version
    assert main([*asked, "--simulated", "20", "-o", str(tmp_path / "no")]) == 2
    assert main(["train", "--start-from", "default", "-o", str(tmp_path / "no")]) == 2
    assert not (tmp_path / "no").exists()
    assert "labelled clusters" in capsys.readouterr().err
