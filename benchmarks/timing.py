"""Two sides of a claim, timed in turn in one process: the ratio, its spread and where it is kept.

No benchmark itself. Times move with the machine and with what else runs on it; a ratio of pairs
taken within moments of each other moves far less, so only ratios are claimed.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
Clock = Callable[[], float]
CPU: Clock = time.process_time
"""Processor time of this process: for sides that each run on one thread."""

WALL: Clock = time.perf_counter
"""Time by the clock: for sides that run on several threads or processes."""


def seconds(run: Callable[[], object], n_calls: int = 1, clock: Clock = CPU) -> float:
    """Return the mean time of a call."""
    start = clock()
    for _ in range(n_calls):
        run()
    return (clock() - start) / n_calls


def time_pairs(
    name: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    n_pairs: int = 5,
    n_calls: tuple[int, int] = (1, 1),
    n_items: tuple[int, int] = (1, 1),
    clock: Clock = CPU,
    target: float | None = None,
    differs: str = "",
) -> dict[str, Any]:
    """Time both sides in turn; print and return the claim.

    Parameters
    ----------
    n_calls, n_items : tuple of int
        Of our side and of theirs: calls a turn, and items (clusters, rows) a call; times are an item's.
    target : float, optional
        Least ratio that is wanted.
    differs : str
        What the two sides do not compute alike.

    Returns
    -------
    dict
        Median microseconds of each, median, least and greatest of their ratio (theirs / ours).
    """
    ours(), theirs()  # compiled and warm
    pairs = [
        (
            seconds(ours, n_calls[0], clock) / n_items[0],
            seconds(theirs, n_calls[1], clock) / n_items[1],
        )
        for _ in range(n_pairs)
    ]
    ratios = [b / a for a, b in pairs]
    claim = {
        "name": name,
        "ours_us": 1e6 * statistics.median(a for a, _ in pairs),
        "theirs_us": 1e6 * statistics.median(b for _, b in pairs),
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "pairs": n_pairs,
        "clock": "wall" if clock is WALL else "processor",
        "target": target,
        "differs": differs,
    }
    print_claim(claim)
    return claim


def print_claim(claim: dict[str, Any]) -> None:
    """Print ``name: ours, theirs, ratio``."""
    print(
        f"{claim['name']}: ours {claim['ours_us']:.4g} us, theirs {claim['theirs_us']:.4g} us, "
        f"ratio {claim['ratio']:.3g} ({claim['ratio_low']:.3g} to {claim['ratio_high']:.3g}, "
        f"{claim['pairs']} pairs, {claim['clock']} time)"
    )


def processor() -> str:
    """Name the kind of processor: ratios of compiled code and Python differ twofold between kinds."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    first = dict(
        reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line])
    )
    known = (first.get(key) for key in ("vendor_id", "cpu family", "model"))
    return " ".join(word for word in known if word) or platform.machine()


def kept_ratio(script: str, name: str) -> float:
    """Return the ratio kept of a claim on this kind of processor; on a new kind, the least of all kinds."""
    kept = json.loads((RESULTS / f"{script}.json").read_text())["ratios"]
    by_processor = {kind: ratios[name] for kind, ratios in kept.items() if name in ratios}
    return by_processor.get(processor(), min(by_processor.values()))


def write_result(script: str, claims: list[dict[str, Any]], **facts: object) -> None:
    """Write ``results/<script>.json``: the claims, the machine, and what else is known.

    The ratios of other kinds of processor stay in it: `kept_ratio` reads them.
    """
    from importlib.metadata import version

    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{script}.json"
    kept = json.loads(path.read_text()).get("ratios", {}) if path.exists() else {}
    document = {
        "claims": claims,
        **facts,
        "ratios": kept | {processor(): {claim["name"]: claim["ratio"] for claim in claims}},
        "machine": {
            "processor": processor(),
            "processors": os.cpu_count(),
            "kind": platform.machine(),
            "python": platform.python_version(),
            "load": round(os.getloadavg()[0], 1),
            **{name: version(name) for name in ("numpy", "scipy", "numba", "scikit-learn")},
        },
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
