"""Settings: read from the environment, refused in words, and all of them documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from calcigram.errors import BadInputError
from calcigram.server.settings import Settings, variable

DOCS = Path(__file__).parents[2] / "docs" / "serving.md"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CALCIGRAM_PORT", "many"),
        ("CALCIGRAM_MAX_POINTS", "0"),
        ("CALCIGRAM_TIMEOUT_S", "nan"),
        ("CALCIGRAM_PAGE", "maybe"),
        ("CALCIGRAM_LOG_LEVEL", "loud"),
    ],
)
def test_bad_values_are_named(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInputError, match=f"'{variable}': got '{value}'"):
        Settings.from_environment()


def test_what_is_given_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("CALCIGRAM_PORT", "9000")
    monkeypatch.setenv("CALCIGRAM_PAGE", "no")
    assert Settings.from_environment(port=9001, host=None).port == 9001
    assert Settings.from_environment().port == 9000
    assert Settings.from_environment().page is False


def test_a_token_may_stand_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("sixteen characters\n")
    monkeypatch.setenv("CALCIGRAM_TOKEN_FILE", str(tmp_path / "token"))
    settings = Settings.from_environment(host="0.0.0.0")
    assert settings.secret == "sixteen characters"
    assert settings.allowed_hosts == frozenset()


@pytest.mark.parametrize(("seconds", "given"), [(0.0, 0), (0.4, 1), (30.0, 30)])
def test_no_stop_waits_longer_than_it_was_given(seconds, given):
    launch = pytest.importorskip("calcigram.server.app")
    options = launch.uvicorn_options(Settings(stop_s=seconds))
    assert options["timeout_graceful_shutdown"] == given


def test_every_setting_is_documented():
    text = DOCS.read_text()
    for name, field in Settings.model_fields.items():
        assert f"| `{variable(name)}` |" in text
        assert field.description in text
