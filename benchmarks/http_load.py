"""The HTTP interface under load: requests a second against the same server's empty answer.

    python benchmarks/http_load.py [--seconds 8] [--requests 200000]

`wrk` (Debian's package) asks over 32 connections on loopback: the empty answer
(``/health/live``), then one cluster of 30 calcifications as JSON, in turn, three times; under two
minutes in all. One server process. With `--requests` it then goes on until there were so many, and
the server's memory is read at both ends; without, that part of the result is left as it was.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CONNECTIONS, N_POINTS = 32, 30

TARGET = 0.45

RESULT = Path(__file__).parent / "results" / "http.json"

SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{body}]]
"""


def cluster_body() -> str:
    """Return one cluster as the body of a request."""
    points = [
        {"x_mm": round(0.41 * i, 2), "y_mm": round((i * i % 17) / 4, 2), "diameter_mm": 0.3}
        for i in range(N_POINTS)
    ]
    return json.dumps({"points": points})


def ask(url: str, seconds: int, script: Path | None = None) -> dict[str, float]:
    """Run wrk once; return requests a second, latencies in ms and errors."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    command += ["-s", str(script)] if script else []
    text = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return {
        "requests": int(re.search(r"(\d+) requests in", text)[1]),
        "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        "p50_ms": in_ms(re.search(r"^\s+50%\s+(\S+)$", text, re.MULTILINE)[1]),
        "p99_ms": in_ms(re.search(r"^\s+99%\s+(\S+)$", text, re.MULTILINE)[1]),
        "errors": sum(map(int, errors.groups() if errors else ()))
        + int(refused[1] if refused else 0),
    }


def in_ms(text: str) -> float:
    """Return a time as wrk writes it in ms."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[unit]


def resident_mb(pid: int) -> float:
    """Return the memory a process holds."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1000


def started(port: int) -> subprocess.Popen:
    """Start a server and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "calcigram", "serve", "--no-page", "--port", str(port)],
        stderr=subprocess.DEVNULL,
    )
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2).close()
            return process
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


def main() -> None:
    """Measure and print; write the JSON beside the other results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--requests", type=int, default=0, help="go on until so many were asked")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("benchmarks/http_load.py: left out, there is no wrk here (apt-get install wrk)")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    load = os.getloadavg()[0]
    process = started(port)
    try:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "classify.lua")
            script.write_text(SCRIPT.format(body=cluster_body()))
            ask(f"{url}/v1/classify", 3, script)  # warm
            rounds = [
                (ask(f"{url}/health/live", arguments.seconds), ask(f"{url}/v1/classify", arguments.seconds, script))
                for _ in range(3)
            ]  # fmt: skip
            before, total = resident_mb(process.pid), sum(read["requests"] for _, read in rounds)
            errors = sum(read["errors"] for _, read in rounds)
            while total < arguments.requests:
                more = ask(f"{url}/v1/classify", 20, script)
                total, errors = total + more["requests"], errors + more["errors"]
            after = resident_mb(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    empty, read = sorted(rounds, key=lambda pair: pair[1]["per_second"] / pair[0]["per_second"])[1]
    result = {
        "connections": CONNECTIONS,
        "calcifications": N_POINTS,
        "empty_per_second": round(empty["per_second"]),
        "classify_per_second": round(read["per_second"]),
        "ratio": round(read["per_second"] / empty["per_second"], 3),
        "ratios": [round(r["per_second"] / e["per_second"], 3) for e, r in rounds],
        "p50_ms": read["p50_ms"],
        "p99_ms": read["p99_ms"],
        "target": TARGET,
        "errors": errors,
        "load_average_before": round(load, 1),
    }
    if arguments.requests:
        result |= {"requests": total, "memory_mb": [round(before), round(after)]}
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps(kept | result, indent=2) + "\n")
    print(
        f"HTTP classify against the empty answer: {result['ratio']} of it ({min(result['ratios'])} to "
        f"{max(result['ratios'])}; asked {TARGET}: {'' if result['ratio'] >= TARGET else 'not '}reached), "
        f"{result['classify_per_second']:,} against {result['empty_per_second']:,} a second, "
        f"p99 {read['p99_ms']:.0f} ms, {errors} errors, load {result['load_average_before']}"
    )


if __name__ == "__main__":
    main()
