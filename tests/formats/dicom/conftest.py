"""Where examples are kept, and verdicts that need no model."""

from pathlib import Path

import pandas as pd
import pytest

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="session")
def data():
    return DATA


@pytest.fixture(scope="session")
def verdicts_of():
    """Verdicts of a pattern for every cluster, as the verdict table has them."""

    def make(clusters, distribution="branching", morphology="fine_linear", **more):
        row = {
            "distribution": distribution,
            "distribution_probability": 0.9,
            "morphology": morphology,
            "morphology_probability": 0.8,
            "rule_distribution": "segmental",
            "rule_morphology": "unread",
            "concern": "suspicious",
            "reason": "both of suspicious concern",
            "review": False,
            "model_version": "1-test",
        } | more
        return pd.DataFrame([{"cluster_id": name, **row} for name in clusters.cluster_id])

    return make


@pytest.fixture
def saved(examples, tmp_path):
    """Save a dataset as a file, each under a name of its own."""

    def save(dataset, name="report.dcm"):
        return examples.save(dataset, tmp_path / name)

    return save
