from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from calcigram.features.catalogue import FEATURE_NAMES
from calcigram.features.extract import Features


@pytest.fixture
def make_features() -> Callable[..., Features]:
    """Make features from named columns; all others are missing."""

    def make(n: int = 1, **columns: object) -> Features:
        values = np.full((n, len(FEATURE_NAMES)), np.nan, np.float32)
        for name, column in columns.items():
            values[:, FEATURE_NAMES.index(name)] = column
        ids = np.array([f"c{i}" for i in range(n)], dtype=object)
        return Features(values, ids, FEATURE_NAMES)

    return make
