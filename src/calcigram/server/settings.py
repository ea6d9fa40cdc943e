"""What can be set of the server: read from the environment and the command line."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from calcigram.errors import BadInputError

PREFIX = "CALCIGRAM_"

MIN_TOKEN_LENGTH = 16

LARGEST = 1_000_000_000
"""Of settings that need no smaller limit."""


class Settings(BaseSettings):
    """How a server runs. Each field is also an environment variable: `host` is ``CALCIGRAM_HOST``.

    Examples
    --------
    >>> Settings(port=9000).port
    9000
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    workers: int = Field(
        1,
        ge=1,
        le=1_000,
        description="processes; more than one serve the interface without the page",
    )
    threads: int = Field(
        0,
        ge=0,
        le=1_000,
        description="large requests at once per process, and threads of each; 0: as many as processors",
    )
    model: str = Field("", description="model folder; empty: the model that ships")
    token: str = Field("", description="token that requests must carry, at least 16 characters")
    token_file: str = Field("", description="file that holds the token, instead of the variable")
    page: bool = Field(True, description="serve the page at /")
    hosts: str = Field(
        "",
        description="names under which the server may be asked, by commas; empty: any, or this machine's",
    )
    max_body_mb: float = Field(
        64.0, ge=0.001, le=100_000, description="largest request body, in MB (answer 413)"
    )
    max_clusters: int = Field(
        100_000, ge=1, le=LARGEST, description="clusters per request (answer 422)"
    )
    max_points: int = Field(
        20_000, ge=1, le=LARGEST, description="calcifications per cluster (answer 422)"
    )
    max_total_points: int = Field(
        5_000_000, ge=1, le=LARGEST, description="calcifications per request (answer 422)"
    )
    max_pairs: int = Field(
        4_000_000_000,
        ge=1,
        le=10**15,
        description="squared calcifications of each cluster, summed over a request (answer 422)",
    )
    max_work_mb: float = Field(
        1500.0,
        ge=100,
        le=1e6,
        description="memory that reading one file or large request may take, in MB (answer 413)",
    )
    max_bodies_mb: float = Field(
        256.0,
        ge=0.001,
        le=1e6,
        description="request bodies held at once, a process, in MB (answer 429)",
    )
    max_requests: int = Field(
        128, ge=1, le=LARGEST, description="requests at work or waiting, a process (answer 429)"
    )
    max_connections: int = Field(
        500,
        ge=1,
        le=LARGEST,
        description="connections, a process; beyond it, that which has waited longest is closed",
    )
    max_pages: int = Field(32, ge=1, le=LARGEST, description="pages open at once (answer 503)")
    header_s: float = Field(
        10.0,
        ge=0.1,
        le=86_400,
        description="seconds in which the head of a request must come, and each part of its body (answer 408)",
    )
    timeout_s: float = Field(
        60.0, ge=0.01, le=86_400, description="seconds a request may take (answer 503)"
    )
    stop_s: float = Field(
        30.0, ge=0, le=86_400, description="seconds given to requests under way when stopping"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )

    @classmethod
    def from_environment(cls, **given: Any) -> Settings:
        """Read the settings; what is `given` and not None goes before the environment.

        Parameters
        ----------
        **given
            Values of fields.

        Returns
        -------
        Settings

        Raises
        ------
        BadInputError
            A value is no number, out of range, or there is no token though the address can be
            reached from other machines.
        """
        values = {
            name: os.fspath(value) if isinstance(value, os.PathLike) else value
            for name, value in given.items()
            if value is not None
        }
        try:
            return cls(**values)
        except ValidationError as error:
            raise _bad_setting(error.errors(include_url=False)[0]) from None

    @model_validator(mode="after")
    def _check_token(self) -> Settings:
        secret = self.secret
        if not secret and not is_loopback(self.host):
            raise BadInputError(
                f"a token in {variable('token')} or a file of it in {variable('token_file')} where "
                "other machines can reach the address",
                source=_place("host"),
                value=self.host,
            )
        if secret and len(secret) < MIN_TOKEN_LENGTH:
            raise BadInputError(
                f"a token of at least {MIN_TOKEN_LENGTH} characters", source=_place("token")
            )
        return self

    @property
    def secret(self) -> str:
        """The token, from its file or as it is; empty where there is none."""
        if not self.token_file:
            if self.token and not self.token.strip():  # meant as a token: not an open server
                raise BadInputError("a token that is not blank", source=_place("token"))
            return self.token.strip()
        try:
            secret = Path(self.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            secret = ""
        if not secret:
            raise BadInputError("a file that holds a token", source=_place("token_file"))
        return secret

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Names by which the server may be asked; empty where any will do."""
        named = frozenset(name.strip().lower() for name in self.hosts.split(",") if name.strip())
        if named or not is_loopback(self.host):
            return named
        return frozenset({"localhost", "127.0.0.1", "[::1]", self.host.lower()})

    @property
    def max_body_bytes(self) -> int:
        """The largest body, in bytes."""
        return int(self.max_body_mb * 1_000_000)

    @property
    def max_work_bytes(self) -> int:
        """The memory that a child process may take for its work, in bytes."""
        return int(self.max_work_mb * 1_000_000)


def variable(name: str) -> str:
    """Return the environment variable of a setting.

    Examples
    --------
    >>> variable("max_points")
    'CALCIGRAM_MAX_POINTS'
    """
    return PREFIX + name.upper()


def _place(name: str) -> str:
    return f"setting {variable(name)!r}"


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine alone.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def settings_table() -> list[tuple[str, str, str]]:
    """Return (variable, default, meaning) of each setting, for the documentation."""
    return [
        (variable(name), _shown(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bad_setting(error: ErrorDetails) -> BadInputError:
    """Return the refusal of a setting, in words."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, BadInputError):  # of `Settings._check_token`
        return cause
    name = str(error["loc"][0])
    schema = Settings.model_json_schema()["properties"][name]
    expected = "true or false" if schema["type"] == "boolean" else schema["description"]
    if "minimum" in schema:
        what = "a whole number" if schema["type"] == "integer" else "a number"
        expected = f"{what} from {schema['minimum']:g} to {schema['maximum']:g}"
    return BadInputError(expected, source=_place(name), value=error["input"])
