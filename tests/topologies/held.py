"""Clients that are held by a relay while its topology changes, and what became of them."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import PATIENCE, RelayProcess, Response

_PROBES = 0.1  # seconds between two of them
_LONGEST = 60.0  # seconds for a held client


@dataclass
class Became:
    """`answers` are the states that held clients were told; `twice` the jobs that began more than once; `away` the
    seconds in which new requests were refused, from the first refusal to the last."""

    answers: Counter[str] = field(default_factory=Counter)
    twice: int = 0
    away: float = 0.0
    slowest: float = 0.0


class Held:
    """Keyed clients of one front, each of which sends its request again where the store is away, and a probe."""

    def __init__(self, front: RelayProcess, directory: Path, clients: int, seconds: float) -> None:
        """Their jobs take up to so many seconds; `directory` is where `tests.faults.jobs` writes."""
        self._front = front
        self._directory = directory
        drawn = random.Random(7)
        self._answers: list[str] = []
        self._refused: list[float] = []
        self._slowest = 0.0
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._hold, args=(n, drawn.uniform(0.5, seconds))) for n in range(clients)
        ]
        self._probe = threading.Thread(target=self._look)

    def through(self, change: Callable[[], Any], after: float = 1.0) -> Became:
        """What became of them while this was done, `after` the last of them was sent."""
        for thread in (*self._threads, self._probe):
            thread.start()
        self._over.wait(after)
        change()
        for thread in self._threads:
            thread.join(_LONGEST)
        self._over.set()
        self._probe.join(PATIENCE)
        away = self._refused[-1] - self._refused[0] + _PROBES if self._refused else 0.0
        return Became(Counter(self._answers), self._twice(), away, self._slowest)

    def _twice(self) -> int:
        lines = [json.loads(line) for path in self._directory.glob("jobs-*") for line in path.open()]
        starts = Counter(line["id"] for line in lines if line["event"] == "started")
        return sum(count > 1 for count in starts.values())

    def _hold(self, number: int, seconds: float) -> None:
        end = time.monotonic() + _LONGEST
        said = "never"
        while time.monotonic() < end:
            answer = self._ask({"seconds": seconds, "number": number}, {"Idempotency-Key": f"held-{number}"})
            said = answer.json().get("state") or answer.json()["type"] if answer is not None else "cut"
            if answer is not None and answer.status != 503:
                break
            self._over.wait(0.2)
        self._answers.append(said)

    def _ask(self, body: dict[str, Any], headers: dict[str, str]) -> Response | None:
        try:
            return self._front.call("POST", "/jobs/work", body, headers)
        except (OSError, EOFError):
            return None

    def _look(self) -> None:
        """Send a small job again and again."""
        number = 1000
        while not self._over.wait(_PROBES):
            number += 1
            began = time.monotonic()
            answer = self._ask({"seconds": 0, "number": number}, {"Prefer": "wait=4"})
            self._slowest = max(self._slowest, time.monotonic() - began)
            if answer is None or answer.status != 200:
                self._refused.extend((began, time.monotonic()))
