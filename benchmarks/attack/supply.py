"""What is installed and how it is run: pinned versions against advisories, container and unit with least rights."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.version import Version

from attack.frame import Outcome, kind

ROOT = Path(__file__).parents[2]

FIXED = {
    "aiohttp": ("3.13.3", "CVE-2025-69223"),
    "bokeh": ("3.8.2", "CVE-2026-21883"),
    "brotli": ("1.2.0", "CVE-2025-6176"),
    "certifi": ("2024.7.4", "CVE-2024-39689"),
    "cryptography": ("44.0.1", "CVE-2024-12797"),
    "filelock": ("3.20.1", "CVE-2025-68146"),
    "fonttools": ("4.60.2", "CVE-2025-66034"),
    "h11": ("0.16.0", "CVE-2025-43859"),
    "idna": ("3.7", "CVE-2024-3651"),
    "Jinja2": ("3.1.6", "CVE-2025-27516"),
    "joblib": ("1.2.0", "CVE-2022-21797"),
    "openpyxl": ("2.4.2", "CVE-2017-5992"),
    "pillow": ("12.3.0", "PYSEC-2026-2253 to 2257"),
    "protobuf": ("6.31.1", "CVE-2025-4565"),
    "pyarrow": ("23.0.1", "CVE-2026-25087"),
    "pydicom": ("3.0.2", "CVE-2026-32711"),
    "Pygments": ("2.15.1", "CVE-2022-40896"),
    "python-multipart": ("0.0.27", "CVE-2026-42561"),
    "requests": ("2.33.0", "CVE-2026-25645"),
    "scikit-learn": ("1.5.0", "CVE-2024-5206"),
    "setuptools": ("78.1.1", "CVE-2025-47273"),
    "starlette": ("1.3.1", "CVE-2026-54283"),
    "torch": ("2.6.0", "CVE-2025-32434"),
    "tornado": ("6.5.5", "release notes of 6.5.5"),
    "tqdm": ("4.66.3", "CVE-2024-34062"),
    "urllib3": ("2.7.0", "CVE-2026-44431"),
    "virtualenv": ("20.26.6", "CVE-2024-53899"),
    "Werkzeug": ("3.0.3", "CVE-2024-34069"),
    "zipp": ("3.19.1", "CVE-2024-5569"),
}
"""Of pinned packages, the newest advisory that was read, and the version that mends it. Read by hand, November 2026."""

NOT_COVERED = (
    "told offline, by a table of published advisories (`benchmarks/attack/supply.py`, read in November 2026), not by "
    "a database: run `pip-audit -r constraints.txt` where there is a network. The pins are versions, without hashes. "
    "What a dependency brings along has no lower bound of its own unless it reads what comes from outside"
)

MOST_EXPOSED = 1.2
"""What ``systemd-analyze security`` may say of the unit, of 10; a web server of the system has about 9."""


@kind(
    "supply",
    "pinned versions and lower bounds",
    "each at least the version that mends the newest advisory that is known here",
    full=2 * len(FIXED),
    bounded=2 * len(FIXED),
    cannot=NOT_COVERED,
)
def pinned(n: int) -> Iterator[Outcome]:
    pins, bounds = pins_of("constraints.txt"), pins_of("constraints-oldest.txt")
    checks = [(pins, name, row) for name, row in FIXED.items()]
    checks += [(bounds, name, row) for name, row in FIXED.items() if name.lower() in bounds]
    for versions, name, (fixed, advisory) in itertools.islice(checks, n):
        pin = versions.get(name.lower(), "0")
        is_fixed = Version(pin) >= Version(fixed)
        yield Outcome(name, "" if is_fixed else f"{pin}, {advisory} is fixed in {fixed}")


def pins_of(name: str) -> dict[str, str]:
    """Return the versions of a file of constraints, by names in lower case.

    ``constraints-oldest.txt`` holds the lower bounds of pyproject.toml, as a test checks.
    """
    found = re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / name).read_text(), re.MULTILINE)
    return {name.lower(): version for name, version in found}


CONTAINER = {
    "a user without rights": r"^USER [1-9]\d+$",
    "base images by exact version": r"^FROM \S+:\d+\.\d+\.\d+\S*( AS \w+)?$",
    "pinned packages": r"pip install [^\n]*-c constraints\.txt",
    "shown: read-only, without capabilities": r"^# Run:.* --read-only .*--cap-drop=all",
    "shown: no new privileges": r"^# Run:.*--security-opt=no-new-privileges",
    "shown: the token as a file": r"^#.*CALCIGRAM_TOKEN_FILE",
}

UNIT = {
    "a user of its own": r"^DynamicUser=yes$",
    "no core of patients' data on disk": r"^LimitCORE=0$",
    "a read-only system": r"^ProtectSystem=strict$",
    "no capabilities": r"^CapabilityBoundingSet=$",
    "no connection but of this machine": r"^IPAddressDeny=any$",
    "the token not in the environment": r"^LoadCredential=token:",
    "bounded memory and processes": r"^MemoryMax=\S+\nTasksMax=\d+$",
}


@kind(
    "supply",
    "container and unit",
    "deploy/ under hadolint and systemd-analyze, and the rights that each must give up",
    full=len(CONTAINER) + len(UNIT) + 2,
    bounded=len(CONTAINER) + len(UNIT) + 2,
)
def least_rights(n: int) -> Iterator[Outcome]:
    for file, wanted in (("Containerfile", CONTAINER), ("calcigram.service", UNIT)):
        text = (ROOT / "deploy" / file).read_text()
        for name, pattern in wanted.items():
            found = re.search(pattern, text, re.MULTILINE)
            yield Outcome(f"{file}: {name}", "" if found else "not there")
    linter = Path(sys.executable).with_name("hadolint")
    if linter.exists():
        yield Outcome("hadolint", output_of(linter, ROOT / "deploy" / "Containerfile"))
    if (verifier := shutil.which("systemd-analyze")) and "--offline" in output_of(
        verifier, "--help"
    ):
        with tempfile.TemporaryDirectory() as folder:
            unit = Path(folder) / "calcigram.service"
            text = (ROOT / "deploy" / "calcigram.service").read_text()
            unit.write_text(
                text.replace("/opt/calcigram/bin/calcigram serve", shutil.which("true") or "")
            )
            said = output_of(verifier, "security", "--offline=true", "--no-pager", unit)
        level = re.search(r"exposure level for \S+: ([\d.]+)", said)
        failure = "" if level and float(level[1]) <= MOST_EXPOSED else said[-200:]
        yield Outcome("systemd-analyze security", failure)


def output_of(*command: object) -> str:
    """Return all that a command says."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
