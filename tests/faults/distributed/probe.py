"""What new requests hear at each front: one is sent every 100 ms, whatever became of the others."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.clients import Unknown, call
from tests.faults.distributed.site import Site

EVERY = 0.1
_PATIENCE = 3.0  # seconds for an answer; relay promises one within 2


class Sample(NamedTuple):
    """One request: where, when it was sent, and what it heard ("" is a job)."""

    site: int
    at: float
    heard: str


class Waited(NamedTuple):
    """For how long a front had been kept waiting for a processor."""

    site: int
    at: float
    seconds: float


class Probe:
    """Runs in a thread of its own, from `start` to `stop`."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = sites
        self._samples: list[Sample] = []
        self._late: list[tuple[float, float]] = []
        self._waited: list[Waited] = []
        self._stopping, self._paused = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def pause(self) -> None:
        """Send nothing, so that nothing of it is left over."""
        self._paused.set()

    def go_on(self) -> None:
        self._paused.clear()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as under_way:
            for number in itertools.count():
                if self._stopping.is_set():
                    return
                for site in () if self._paused.is_set() else self._sites:
                    under_way.create_task(self._ask(site, number))
                since = time.monotonic()
                self._waited += [Waited(s.number, since, s.front.kept_waiting()) for s in self._sites]
                await asyncio.sleep(EVERY)
                self._late.append((since, time.monotonic() - since - EVERY))

    async def _ask(self, site: Site, number: int) -> None:
        at = time.monotonic()
        body = json.dumps({"seconds": 0, "number": -1}).encode()
        headers = {"Prefer": "respond-async", "Content-Type": "application/json"}
        path = f"/jobs/work/probe-{site.number}-{number}"
        try:
            answer = await call(site.place, "PUT", path, body, headers, _PATIENCE)
            heard = "" if answer.status in (200, 202) else str(answer.body.get("type", answer.status))
        except Unknown as unknown:
            heard = str(unknown) or "nothing"
        self._samples.append(Sample(site.number, at, heard))

    def late(self, begin: float, end: float) -> float:
        """For how long a busy machine kept the probe itself, or the front that waited longest, from running."""
        own = sum(late for at, late in self._late if begin <= at < end)
        return max(own, longest_waited(self._waited, begin, end))

    def away(self, site: Site, begin: float, end: float) -> tuple[float, Counter[str]]:
        """The longest time in which a front that was there took no new request, and what was heard meanwhile."""
        since, longest, heard = 0.0, 0.0, Counter[str]()
        for sample in sorted(self._samples, key=lambda sample: sample.at):
            if sample.site != site.number or not begin <= sample.at < end or site.was_gone(sample.at, EVERY):
                continue
            if sample.heard:
                heard[sample.heard] += 1
                since = since or sample.at
                longest = max(longest, sample.at + EVERY - since)
            else:
                since = 0.0
        return longest, heard


def longest_waited(waited: Sequence[Waited], begin: float, end: float) -> float:
    """How long the front that waited longest was kept from running in this time. A front that was started anew counts
    from 0."""
    sums: Counter[int] = Counter()  # microseconds
    before: dict[int, float] = {}
    for site, at, seconds in waited:
        if begin <= at < end and site in before:
            sums[site] += int(max(0.0, seconds - before[site]) * 1e6)
        before[site] = seconds
    return max(sums.values(), default=0) / 1e6
