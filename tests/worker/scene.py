"""One attempt with a clock, for the tests."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger

from relay import Context
from relay.handlers.declare import handler
from relay.model.job import Claim, Job
from relay.model.state import State
from relay.store.messages import Report
from relay.worker.attempt import Attempt
from relay.worker.end import Ends
from relay.worker.left import JobTasks
from relay.worker.overdue import Overdue
from relay.worker.place import Place
from relay.worker.shareds import Shareds


class Scene:
    """A handler about to be run once."""

    def __init__(
        self, function: Callable[..., Any], arguments: Any = None, seconds: float = 0, **job: Any
    ) -> None:
        self.clock = Clock()
        self.handler = handler(function)
        self.seconds = seconds or math.inf
        once = self.handler.options.once
        text = json.dumps(arguments or {})
        kept = Job("f", "default", "me", "", 0, job.get("attempts", 1), "", "", once, "", text)
        claim = Claim("0-a-b", kept, job.get("attempt", 1), 1, 0, starts=job.get("starts", 1))
        self.closed = 0
        self.stopped = ""
        self.resumes = False
        self.overdue = Overdue(self.clock, places=2)
        self.shareds = Shareds(self.clock, {"town": "Bonn"})
        self.tasks = JobTasks()
        ends = Ends(result_limit=100)
        place = Place(self.clock, self.in_thread, ends, self.overdue, self.shareds, self.tasks)
        ties: Any = self
        context = Context("0-a-b", 1, 1, 0.0, "0-a-b", "", None, {}, None, Logger(), ties)
        self.attempt = Attempt(place, claim, self.handler, self.hear, context, ties)
        self.threads: list[tuple[Callable[..., Any], Deferred[Any]]] = []
        self.ends: list[Report] = []
        self.freed: list[None] = []
        self.free: Deferred[None] = Deferred()
        self.free.addCallback(self.freed.append)

    def hear(self, attempt: Attempt, end: Report | None) -> None:
        """What the attempt tells its runner, which this stands in for."""
        if end is not None:
            self.ends.append(end)
        if attempt.is_free:
            self.free.callback(None)

    def close(self) -> None:
        """What the attempt does with its ties, which this stands in for."""
        self.closed += 1

    def unstored(self) -> None:
        return None

    def cancel(self, why: str) -> None:
        self.stopped = why

    def begin(self) -> Scene:
        self.attempt.begin(self.seconds)
        return self

    def in_thread(self, function: Callable[..., Any]) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.threads.append((function, done))
        return done

    @property
    def end(self) -> Report:
        (end,) = self.ends
        return end

    @property
    def problem(self) -> dict[str, Any]:
        assert self.end.state is State.FAILED
        return msgspec.json.decode(self.end.payload, type=dict[str, Any])
