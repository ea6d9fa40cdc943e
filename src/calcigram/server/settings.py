"""What can be set of the server: read from the environment and the command line."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from calcigram.errors import BadInputError

PREFIX = "CALCIGRAM_"

MIN_TOKEN_LENGTH = 16

LARGEST = 1_000_000_000
"""Of settings that need no smaller limit."""


Count = Annotated[int, Field(ge=1, le=LARGEST)]


class Settings(BaseSettings):
    """How a server runs. Each field is also an environment variable: `host` is ``CALCIGRAM_HOST``.

    Examples
    --------
    >>> Settings(port=9000).port
    9000
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """address to listen on"""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """port to listen on; 0 takes a free one"""
    workers: Annotated[int, Field(ge=1, le=1_000)] = 1
    """processes; more than one serve the interface without the page"""
    threads: Annotated[int, Field(ge=0, le=1_000)] = 0
    """large requests at once per process, and threads of each; 0: as many as processors"""
    model: Annotated[str, BeforeValidator(os.fspath)] = ""
    """model folder; empty: the model that ships"""
    token: str = ""
    """token that requests must carry, at least 16 characters"""
    token_file: str = ""
    """file that holds the token, instead of the variable"""
    page: bool = True
    """serve the page at /"""
    hosts: str = ""
    """names under which the server may be asked, by commas; empty: any, or this machine's"""
    max_body_mb: Annotated[float, Field(ge=0.001, le=100_000)] = 64.0
    """largest request body, in MB (answer 413)"""
    max_clusters: Count = 100_000
    """clusters per request (answer 422)"""
    max_points: Count = 20_000
    """calcifications per cluster (answer 422)"""
    max_total_points: Count = 5_000_000
    """calcifications per request (answer 422)"""
    max_pairs: Annotated[int, Field(ge=1, le=10**15)] = 4_000_000_000
    """squared calcifications of each cluster, summed over a request (answer 422)"""
    max_work_mb: Annotated[float, Field(ge=100, le=1e6)] = 1000.0
    """memory that reading one file or large request may take, in MB (answer 413)"""
    max_bodies_mb: Annotated[float, Field(ge=0.001, le=1e6)] = 256.0
    """request bodies held at the same time per process, in MB (answer 429)"""
    max_requests: Count = 128
    """requests at work or waiting per process (answer 429)"""
    max_connections: Count = 500
    """connections per process; beyond it, the one that has waited longest for its client is closed"""
    max_pages: Count = 32
    """pages open at once (answer 503)"""
    header_s: Annotated[float, Field(ge=0.1, le=86_400)] = 10.0
    """seconds in which the head of a request must come, and each part of its body (answer 408)"""
    timeout_s: Annotated[float, Field(ge=0.01, le=86_400)] = 60.0
    """seconds a request may take (answer 503)"""
    stop_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    """seconds given to requests under way when stopping"""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """debug, info, warning or error"""

    @classmethod
    def from_environment(cls, **given: Any) -> Settings:
        """Read the settings; what is `given` and not None overrides the environment.

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
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
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
