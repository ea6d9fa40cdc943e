import pytest

from calcigram.simulate import simulate


@pytest.fixture(scope="session")
def typical():
    return simulate(300, seed=11)
