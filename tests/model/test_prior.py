"""Priors: re-weighted probabilities are calibrated under the mix they are meant for."""

from dataclasses import replace

import numpy as np
import pytest

from calcigram.errors import BadInputError
from calcigram.features.extract import extract_features
from calcigram.lexicon import AXES
from calcigram.model.calibrate import expected_calibration_error
from calcigram.model.prior import Prior, load_prior
from calcigram.model.reader import load_model
from calcigram.simulate import simulate
from calcigram.validate.trust import known_truth


def test_clinical_prior_names_every_word_or_says_nothing_of_it_and_is_a_share():
    unsaid = {"distribution": [], "morphology": ["rod_like", "coarse_heterogeneous"]}
    for axis, shares in load_prior("clinical").shares.items():
        assert [AXES[axis].words[k] for k in np.flatnonzero(np.isnan(shares))] == unsaid[axis]
        assert (shares[np.isfinite(shares)] > 0).all()
        assert np.nansum(shares) == pytest.approx(1)


def test_a_word_without_a_prior_keeps_its_share_of_the_training(model):
    head = replace(model.morphology, shares=(0.5, 0.3, 0.2))
    classes = list(head.classes)
    given = np.full(len(AXES["morphology"].words), 0.0)
    given[classes] = np.nan, 0.9, 0.1
    p = np.zeros((1, len(given)))
    p[0, classes] = head.shares
    again = Prior("given", {"morphology": given}).reweighted(p, head)
    np.testing.assert_allclose(again[0, classes], [0.5, 0.45, 0.05])


def test_clinical_prior_leaves_the_words_that_its_source_lacks():
    clusters = simulate(1500, seed=31)
    features = extract_features(clusters)
    truth = known_truth(clusters, features)["morphology"]
    model = load_model()
    plain, clinical = model.read(features), model.read(features, prior=load_prior("clinical"))
    for word in ("rod_like", "coarse_heterogeneous"):
        rows = truth == AXES["morphology"].words.index(word)
        before, after = ((r.morphology == truth)[rows].mean() for r in (plain, clinical))
        assert after > before - 0.12


def test_probabilities_follow_the_mix(model):
    """Overlapping classes of known densities: Bayes under the training mix, then under another."""
    rng = np.random.default_rng(0)
    head = replace(model.distribution, shares=(0.6, 0.3, 0.1))
    classes, n_words = list(head.classes), len(AXES["distribution"].words)
    target = np.full(n_words, 1e-9)
    target[classes] = 0.1, 0.2, 0.7
    truth = rng.choice(3, 40_000, p=[0.1, 0.2, 0.7])
    x = rng.normal(truth, 1.0)
    density = np.exp(-0.5 * (x[:, None] - np.arange(3)) ** 2) * head.shares
    p = np.zeros((len(x), n_words))
    p[:, classes] = density / density.sum(axis=1, keepdims=True)
    codes = np.array(classes)[truth]
    again = Prior("given", {"distribution": target / target.sum()}).reweighted(p, head)
    assert expected_calibration_error(p, codes) > 0.2
    assert expected_calibration_error(again, codes) < 0.015


def test_sets_stay_and_the_training_mix_changes_nothing(model, features):
    shares = np.zeros(len(AXES["distribution"].words))
    shares[list(model.distribution.classes)] = model.distribution.shares
    plain, same = (
        model.read(features),
        model.read(features, prior=Prior("as", {"distribution": shares})),
    )
    np.testing.assert_allclose(plain.p_distribution, same.p_distribution, atol=1e-6)
    other = model.read(features, prior=load_prior("clinical"))
    assert np.abs(plain.p_distribution - other.p_distribution).max() > 0.001
    joined = plain.distribution_set.copy()
    joined[np.arange(len(other)), other.distribution] = True
    held = plain.distribution_set & ~np.eye(joined.shape[1], dtype=bool)[plain.distribution]
    assert (other.distribution_set <= joined).all()
    assert (held <= other.distribution_set).all()


def test_an_old_model_does_not_know_its_shares(model, features):
    old = replace(model, distribution=replace(model.distribution, shares=()))
    with pytest.raises(BadInputError, match="train it again"):
        old.read(features, prior=load_prior("uniform"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "axis,word,cases\n"
            + "".join(f"distribution,{w},\n" for w in AXES["distribution"].words),
            "at least one",
        ),
        ("axis,word\n", "a column of this name"),
        ("axis,word,cases\nform,round,1\n", "one of distribution, morphology"),
        ("axis,word,cases\ndistribution,lobar,1\n", "each of diffuse"),
        ("axis,word,cases\ndistribution,diffuse,x\n", "a number of 0 or more"),
        ("axis,word,cases\ndistribution,diffuse,1\n", "every word of the axis"),
        ("axis,word,cases\n", "at least one axis"),
    ],
)
def test_refuses_files(tmp_path, text, message):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(BadInputError, match=message):
        load_prior(tmp_path / "p.csv")
    with pytest.raises(BadInputError, match="uniform, clinical or a CSV file"):
        load_prior(tmp_path / "none.csv")
