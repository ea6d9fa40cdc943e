"""All conditions tried at once: the same as one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from calcigram import simulate
from calcigram.errors import BadInputError
from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import Features, extract_features
from calcigram.rules import load_recognition
from calcigram.rules.engine import _CHUNK_ROWS, Trial, condition_holds, places_of

RULES = load_recognition()


def one_after_the_other(rules, features):
    return np.array(
        [np.all([condition_holds(c, features) for c in r.conditions], axis=0) for r in rules]
    )


@pytest.mark.parametrize("axis", ["distribution", "morphology"])
def test_it_equals_its_slow_twin(axis):
    features = extract_features(simulate(60, seed=8, grade="mixed"))
    rng = np.random.default_rng(1)
    gaps = rng.random(features.values.shape) < 0.3
    holed = Features(np.where(gaps, np.nan, features.values), features.cluster_id)
    rules = RULES.axes[axis]
    for some in (features, holed, features[:0]):
        fired = Trial(rules).fired(some)
        assert np.array_equal(fired, one_after_the_other(rules, some).reshape(fired.shape))


def test_more_clusters_than_a_chunk():
    features = extract_features(simulate(30, seed=8))
    many = features[np.arange(_CHUNK_ROWS + 40) % 30]
    fired, few = (Trial(RULES.distribution).fired(some) for some in (many, features))
    assert np.array_equal(fired, few[:, np.arange(len(many)) % 30])


def test_a_feature_that_is_not_there():
    with pytest.raises(BadInputError, match="the name of a feature"):
        places_of(("hull_area_mm2", "moon_phase"), FEATURE_NAMES)
