"""How fronts and workers are at this moment, for their snapshots: what is not counted, but looked up."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay.model.settings import Settings
from relay.model.text import encodable
from relay.telemetry.metrics import AGES
from relay.telemetry.snapshot import Sample
from relay.telemetry.tallies import MOST_CHARACTERS, MOST_VALUES

if TYPE_CHECKING:
    from relay.front.credentials import Credentials
    from relay.front.front import Front
    from relay.outbound import Upstreams
    from relay.worker.worker import Worker


@dataclass(frozen=True, slots=True)
class Figures:
    """As in `relay.telemetry.snapshot.ProcessInfo`; `samples` are metrics."""

    held: int = 0
    oldest_held: float = 0.0
    running: int = 0
    concurrency: int = 0
    queues: tuple[str, ...] = ()
    quiet: bool = False
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    tokens: str = ""


#: told whether it is to look at what takes long, too
Look = Callable[[bool], Figures]


def of_front(front: Front, settings: Settings, credentials: Credentials) -> Look:
    """The figures of a front that has these credentials. The ages of thousands of held requests are looked at only now
    and then."""
    ages: list[float] = []
    secrets = credentials.secret_marks()

    def look(closely: bool) -> Figures:
        nonlocal ages
        if closely or not ages:
            ages = sorted(front.ages())
        held, oldest = front.held(), ages[-1] if ages else 0.0
        samples = {
            "relay_held_requests": _one(held),
            "relay_held_requests_limit": _one(settings.max_held),
            "relay_held_request_oldest_seconds": _one(oldest),
            "relay_held_requests_older": older(ages),
        }
        tokens = credentials.token_mark()
        return Figures(held=held, oldest_held=oldest, samples=samples, secrets=secrets, tokens=tokens)

    return look


def of_worker(worker: Worker, settings: Settings, upstreams: Upstreams) -> Look:
    """The figures of a worker, and of its calls to APIs."""

    def look(closely: bool) -> Figures:
        running, most, quiet = worker.held(), settings.concurrency, worker.is_quiet
        samples = {
            "relay_running_jobs": _one(running),
            "relay_job_places": _one(most),
            "relay_worker_quiet": _one(quiet),
            **_calls(upstreams.under_way()),
        }
        return Figures(0, 0.0, running, most, settings.queues, quiet, samples)

    return look


def older(ages: Sequence[float]) -> list[Sample]:
    """How many of these, which are sorted, are above each of `AGES`."""
    return [Sample((str(age),), float(len(ages) - bisect_right(ages, age))) for age in AGES]


def _calls(under_way: dict[str, tuple[int, float]]) -> dict[str, list[Sample]]:
    """Those of the hosts with the oldest calls."""
    oldest = heapq.nlargest(MOST_VALUES, under_way.items(), key=lambda each: each[1][1])
    shown = [((encodable(host[:MOST_CHARACTERS]),), known) for host, known in oldest]
    return {
        "relay_upstream_open": [Sample(host, float(count)) for host, (count, _) in shown],
        "relay_upstream_oldest_seconds": [Sample(host, seconds) for host, (_, seconds) in shown],
    }


def _one(value: float) -> list[Sample]:
    return [Sample((), float(value))]
