"""Jobs by the code on the page for httpx or curl: ``page.py FILE``, with a job a line on standard input.

A line is an object: ``base``, ``job``, ``arguments``, ``key``, and whether ``lines`` of output are wanted. What came of
it is a line, too, in whatever order they end: ``key``, ``events``, and ``envelope`` or ``error``.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Asked = dict[str, Any]


def by_httpx(path: Path) -> Callable[[Asked, list[Any]], Any]:
    import httpx

    call = runpy.run_path(str(path))["call"]

    def told(asked: Asked, events: list[Any]) -> Any:
        with httpx.Client(base_url=asked["base"], trust_env=False) as http:
            heard = events.append if asked["lines"] else None
            return call(http, asked["job"], asked["arguments"], asked["key"], heard)

    return told


def by_curl(path: Path) -> Callable[[Asked, list[Any]], Any]:
    def told(asked: Asked, events: list[Any]) -> Any:
        words = ["bash", str(path), asked["job"], json.dumps(asked["arguments"]), asked["key"]]
        done = subprocess.run(
            [*words, *(["lines"] if asked["lines"] else [])],
            env={**os.environ, "RELAY_URL": asked["base"]},
            capture_output=True,
            check=False,
        )
        *before, last = [json.loads(line) for line in done.stdout.split(b"\n") if line] or [None]
        events += before
        expected = {"succeeded": 0, "failed": 3}
        if last is None or done.returncode != expected[last["state"]] or done.stderr:
            raise RuntimeError(f"{done.returncode} {done.stdout!r} {done.stderr!r}")
        return last

    return told


def main(path: Path) -> None:
    call = (by_curl if path.suffix == ".sh" else by_httpx)(path)

    def line(asked: Asked) -> str:
        told: dict[str, Any] = {"key": asked["key"], "events": []}
        try:
            told["envelope"] = call(asked, told["events"])
        except Exception as error:
            told["error"] = f"{type(error).__name__}: {error}"
        return json.dumps(told)

    with ThreadPoolExecutor(16) as pool:
        for told in pool.map(line, map(json.loads, sys.stdin)):
            sys.stdout.write(told + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
