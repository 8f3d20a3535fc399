"""A whole front in memory: its pages over a store in memory, one client at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from relay.front.admission import Admission
from relay.front.callers.check import CallerCheck
from relay.front.catalogue import Catalogue
from relay.front.credentials import Credentials
from relay.front.feeds.feeds import Feeds
from relay.front.hold.context import HoldContext
from relay.front.hold.places import Places
from relay.front.hold.timing_wheel import Wheel
from relay.front.job_service import JobService
from relay.front.pages import pages
from relay.front.readiness import Readiness
from relay.front.submitter import Submitter
from relay.front.takeover.successor import Successor
from relay.http.connections import Connections
from relay.http.doors import Doors
from relay.http.forwarding import Proxies
from relay.http.site import Site
from relay.model.settings import Settings
from relay.model.state import State
from relay.model.status import Outcome
from relay.net.outgoing import Parting
from relay.store.messages import JobDefinition
from relay.submitting.waiters import Waiters
from relay.telemetry.events import UNHEARD, Events
from tests.store.memory_store import ScriptedFrontStore

SECRET = "a secret of the front"


def served(name: str, **changed: Any) -> JobDefinition:
    """A job that takes any arguments."""
    fields: dict[str, Any] = {"queue": "default", "priority": 0, "attempts": 1, "once": False, "limit": None}
    fields |= {"then": None, "schema": {"type": "object"}}
    return JobDefinition(name, **{**fields, **changed})


@dataclass
class Answered:
    """What a client read: a whole response, or as much of one as is there."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Visitor(StringTransportWithDisconnection):
    """A client's connection to the site."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()

    def answer(self) -> Answered | None:
        """What has come, which is forgotten; None for nothing."""
        head, found, body = self.value().partition(b"\r\n\r\n")
        self.clear()
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Answered(int(first.split()[1]), headers, body)


class Scene:
    """The front; `echo` is served, and whatever a test publishes. It is open, or has these checks."""

    def __init__(self, *checks: CallerCheck, events: Events = UNHEARD, **settings: Any) -> None:
        self.events = events
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.settings = Settings(
            **{"grace": 5, "heartbeat": 8, "max_wait": 60, "open": not checks, **settings}
        )
        self.store = ScriptedFrontStore(self.clock)
        self.store.publish([served("echo")])
        store: Any = self.store
        self.room, self.wheel = Waiters(), Wheel(self.clock)
        self.wheel.start()
        self.catalogue = Catalogue(self.clock, store)
        submitter = Submitter(self.clock, store, self.catalogue, self.room, events=self.events)
        self.desk = JobService(store, self.catalogue, self.room, submitter)
        self.readiness = Readiness(self.clock.seconds, self.catalogue)
        self.places = Places()
        self.successor = Successor(Mock(), Mock())
        self.doors = Doors(self.clock.seconds, 1000, 0, lambda address: False)
        shared = self.clock, self.wheel, self.desk, Parting(self.clock), self.doors, self.settings.prefix
        feeds = Feeds(self.clock, store, self.room, self.settings.prefix)
        context = HoldContext(*shared, self.room, self.successor, self.places, feeds, self.events)
        admission = Admission(
            self.clock, self.settings, Credentials([SECRET], checks), Proxies(self.settings.trusted_proxy)
        )
        all_pages = pages(context, self.settings, admission, self.readiness)
        limits = self.settings.body_limit, self.settings.keepalive
        self.site = Site(Connections(self.clock, all_pages, *limits, self.doors, self.events))

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Visitor:
        """Send a request on a connection of its own."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Host": "localhost", "Content-Length": str(len(data)), **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        visitor, connection = Visitor(), self.site.buildProtocol(None)
        visitor.protocol = connection
        connection.makeConnection(visitor)
        connection.dataReceived("\r\n".join(lines).encode("latin-1") + data)
        self.clock.advance(0)  # for a submission that is read in two parts
        return visitor

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answered:
        """The same for one that is answered at once."""
        visitor = self.ask(method, path, body, headers)
        answer = visitor.answer()
        assert answer is not None
        if visitor.connected:
            visitor.loseConnection()
        return answer

    def end(
        self, id: str = "", state: State = State.SUCCEEDED, payload: str = "null", follows: bool = False
    ) -> Outcome:
        """The job that was added last ends, and the front hears of it."""
        outcome = self.store.end(self.last(), state, payload, follows)
        self.room.tell(outcome)
        return outcome

    def last(self) -> str:
        """The job that was added last."""
        return self.store.ids()[-1]

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.25] * int(seconds * 4))
