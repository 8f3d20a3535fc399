"""wrk: one thread, 64 connections, the same request over and over."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Loaded:
    """Requests a second, their number, and latencies in milliseconds."""

    rate: float
    requests: int
    median: float
    p99: float
    failed: int


def load(url: str, seconds: float, connections: int = 64, headers: Mapping[str, str] | None = None) -> Loaded:
    """Post ``{"message": 1}`` for so long."""
    lines = ['wrk.method = "POST"', f"wrk.body = {json.dumps(json.dumps({'message': 1}))}"]
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        lines.append(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}")
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "post.lua"
        script.write_text("\n".join(lines))
        options = [
            "-t1",
            f"-c{connections}",
            f"-d{seconds:g}s",
            "--latency",
            "--timeout",
            "10",
            "-s",
            str(script),
        ]
        done = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True)
    return _read(done.stdout)


def _read(text: str) -> Loaded:
    def number(pattern: str) -> float:
        found = re.search(pattern, text)
        return float(found[1]) if found else 0.0

    def milliseconds(share: str) -> float:
        found = re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", text)
        return float(found[1]) * _SECONDS[found[2]] * 1000 if found else 0.0

    failed = number(r"Non-2xx or 3xx responses: (\d+)") + number(r"timeout (\d+)")
    requests = int(number(r"(\d+) requests in"))
    return Loaded(
        number(r"Requests/sec:\s+([\d.]+)"), requests, milliseconds("50"), milliseconds("99"), int(failed)
    )
