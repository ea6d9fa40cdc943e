"""What can be set of the server: one table, read from the environment and the command line.

Nothing is started here, and no package beyond the standard library is imported.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from calcigram.errors import BadInputError

PREFIX = "CALCIGRAM_"

MIN_TOKEN_LENGTH = 16


def _setting(
    default: Any, meaning: str, low: float | None = None, high: float = 1_000_000_000
) -> Any:
    return field(default=default, metadata={"meaning": meaning, "low": low, "high": high})


@dataclass(frozen=True)
class Settings:
    """How a server runs. Each field is also an environment variable: `host` is ``CALCIGRAM_HOST``.

    Examples
    --------
    >>> Settings.from_environment({"CALCIGRAM_PORT": "9000"}).port
    9000
    """

    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8000, "port to listen on; 0 takes a free one", 0, 65_535)
    workers: int = _setting(
        1, "processes; more than one serve the interface without the page", 1, 1_000
    )
    threads: int = _setting(
        0,
        "large requests at once per process, and threads of each; 0: as many as processors",
        0,
        1_000,
    )
    model: str = _setting("", "model folder; empty: the model that ships")
    token: str = _setting("", "token that requests must carry, at least 16 characters")
    token_file: str = _setting("", "file that holds the token, instead of the variable")
    page: bool = _setting(True, "serve the page at /")
    hosts: str = _setting(
        "", "names under which the server may be asked, by commas; empty: any, or this machine's"
    )
    max_body_mb: float = _setting(64.0, "largest request body, in MB (answer 413)", 0.001, 100_000)
    max_clusters: int = _setting(100_000, "clusters per request (answer 422)", 1)
    max_points: int = _setting(20_000, "calcifications per cluster (answer 422)", 1)
    max_total_points: int = _setting(5_000_000, "calcifications per request (answer 422)", 1)
    max_pairs: int = _setting(
        4_000_000_000,
        "squared calcifications of each cluster, summed over a request (answer 422)",
        1,
        10**15,
    )
    max_work_mb: float = _setting(
        1500.0,
        "memory that reading one file or large request may take, in MB (answer 413)",
        100,
        1e6,
    )
    max_bodies_mb: float = _setting(
        256.0, "request bodies held at once, a process, in MB (answer 429)", 0.001, 1e6
    )
    max_requests: int = _setting(128, "requests at work or waiting, a process (answer 429)", 1)
    max_connections: int = _setting(
        500, "connections, a process; beyond it, that which has waited longest is closed", 1
    )
    max_pages: int = _setting(32, "pages open at once (answer 503)", 1)
    header_s: float = _setting(
        10.0,
        "seconds in which the head of a request must come, and each part of its body (answer 408)",
        0.1,
        86_400,
    )
    timeout_s: float = _setting(60.0, "seconds a request may take (answer 503)", 0.01, 86_400)
    stop_s: float = _setting(30.0, "seconds given to requests under way when stopping", 0, 86_400)
    log_level: str = _setting("info", "debug, info, warning or error")

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, **given: Any
    ) -> Settings:
        """Read the settings; what is `given` and not None goes before the environment.

        Parameters
        ----------
        environment : mapping of str to str, optional
            By default that of the process.
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
        env = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for setting in fields(cls):
            value = given.get(setting.name)
            if value is None:
                value = env.get(variable(setting.name), setting.default)
            values[setting.name] = _parsed(setting, value)
        return cls(**values)._checked()

    def _checked(self) -> Settings:
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise BadInputError(
                "debug, info, warning or error",
                source=_place("log_level"),
                value=self.log_level,
            )
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
        (variable(setting.name), _shown(setting.default), setting.metadata["meaning"])
        for setting in fields(Settings)
    ]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _parsed(setting: Field[Any], value: Any) -> Any:
    """Return a value of the type of the default, in range."""
    kind: Any = type(setting.default)
    if kind is str:
        return str(value)
    if kind is bool:
        switch = _SWITCH.get(str(value).strip().lower())
        if switch is None:
            raise BadInputError("true or false", source=_place(setting.name), value=value)
        return switch
    low, high = setting.metadata["low"], setting.metadata["high"]
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not low <= number <= high:
        what = "a whole number" if kind is int else "a number"
        expected = f"{what} from {low:g} to {high:g}"
        raise BadInputError(expected, source=_place(setting.name), value=value)
    return number
