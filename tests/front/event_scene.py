"""Fronts on a store in memory, and a worker whose turns a test takes: what happens to jobs, as clients are told it."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from relay.front.callers.check import CallerCheck
from relay.front.credentials import Credentials
from relay.front.front import Front, FrontTools
from relay.model.job import Claim
from relay.model.settings import Settings
from relay.model.state import State
from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.store import MemoryStore
from relay.store.memory.workers import MemoryWorkerStore
from relay.store.messages import Report, Turn
from relay.store.pieces import Emitted
from relay.store.roster import Roster
from relay.store.terms import StoreSettings
from relay.telemetry.events import UNHEARD, Events
from tests.front.scene import SECRET, Answered, Visitor, served

SETTINGS = {"grace": 5, "heartbeat": 8, "max_wait": 60, "max_connections": 100, "max_held": 50, "drain": 2}
SESSION = "worker.1"
ACCEPTS = {"Accept": "text/event-stream"}
LINES = {"Accept": "application/x-ndjson"}


def result_of(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Of one that does not wait."""
    results: list[Any] = []
    ensureDeferred(coroutine).addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result


class Seen(NamedTuple):
    """An event, as a browser has it."""

    name: str
    id: str
    data: Any


class Viewer(Visitor):
    """A client that is told events."""

    def __init__(self) -> None:
        super().__init__()
        self.head = ""
        self._rest = b""

    def body(self) -> bytes:
        """What came of the body since the last time, without its chunks."""
        data = self._rest + self.value()
        self.clear()
        if not self.head:
            head, _, data = data.partition(b"\r\n\r\n")
            self.head = head.decode()
        if "chunked" not in self.head:
            self._rest = b""
            return data
        read = b""
        while data:
            size, _, data = data.partition(b"\r\n")
            read, data = read + data[: int(size, 16)], data[int(size, 16) + 2 :]
        return read

    def events(self) -> list[Seen]:
        """The events that came since the last time; a comment is one without anything but its data."""
        return [seen(block) for block in self.body().decode().split("\n\n") if block]

    def names(self) -> list[str]:
        return [event.name for event in self.events()]

    def lines(self) -> list[Any]:
        """The lines that came since the last time, "" for a heartbeat."""
        return [json.loads(line) if line else "" for line in self.body().decode().splitlines()]

    @property
    def is_over(self) -> bool:
        return not self.connected


def seen(block: str) -> Seen:
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        assert name not in fields, block
        fields[name] = value.strip()
    data = fields.get("data", fields.get("", ""))
    return Seen(fields.get("event", ""), fields.get("id", ""), json.loads(data) if data[:1] == "{" else data)


class Endpoint:
    """Keeps the site of a front."""

    site: Any = None

    def listen(self, site: Any) -> Deferred[Any]:
        self.site = site
        return succeed(Mock(stopListening=lambda: succeed(None)))


class CountingStore(MemoryFrontStore):
    """Remembers who was listened to."""

    def __init__(self, store: MemoryStore, inbox: str) -> None:
        super().__init__(store, inbox)
        self.listened: list[tuple[str, tuple[int, int]]] = []
        self.muted: list[str] = []
        self.fails: Exception | None = None

    async def listen(self, owner: str, id: str, after: tuple[int, int]) -> Any:
        self.listened.append((id, after))
        if self.fails is not None:
            raise self.fails
        return await super().listen(owner, id, after)

    async def mute(self, id: str) -> None:
        self.muted.append(id)
        await super().mute(id)


class OneFront:
    """A front of the scene."""

    def __init__(self, scene: EventScene, name: str, checks: tuple[CallerCheck, ...]) -> None:
        self._scene = scene
        self._endpoint: Any = Endpoint()
        self.store = CountingStore(scene.store, name)
        credentials = Credentials([SECRET], checks)
        inbox = lambda deliver: scene.store.inbox(name, deliver)  # noqa: E731
        tools = FrontTools(
            scene.clock,
            self.store,
            inbox,
            [self._endpoint],
            credentials,
            pytest.fail,
            events=scene.events_heard,
        )
        self.service = Front(tools, scene.settings)
        self.service.startService()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        version: str = "1.1",
    ) -> Viewer:
        """Send a request on a connection of its own."""
        data = b"" if body is None else json.dumps(body).encode()
        given = {"Host": "localhost", "Content-Length": str(len(data)), **(headers or {})}
        lines = [f"{method} {path} HTTP/{version}", *(f"{name}: {value}" for name, value in given.items())]
        viewer, connection = Viewer(), self._endpoint.site.buildProtocol(None)
        viewer.protocol = connection
        connection.makeConnection(viewer)
        connection.dataReceived("\r\n".join([*lines, "", ""]).encode("latin-1") + data)
        self._scene.turn()
        return viewer

    def call(self, method: str, path: str, headers: dict[str, str] | None = None) -> Answered:
        """The same for one that is answered at once."""
        answer = self.ask(method, path, headers=headers).answer()
        assert answer is not None
        return answer

    def post(self, headers: dict[str, str] | None = None) -> Viewer:
        """A submission that is told events."""
        return self.ask("POST", "/jobs/echo", {}, {**ACCEPTS, **(headers or {})})

    def events(self, id: str, last: str = "", headers: dict[str, str] | None = None) -> Viewer:
        """The events of a job, from behind the `last` that the client was told."""
        given = {"Last-Event-ID": last} if last else {}
        return self.ask("GET", f"/jobs/{id}/events", headers={**given, **(headers or {})})


class EventScene:
    """A front, further ones as they are wanted, and a worker that does what a test says. `echo` is served."""

    def __init__(self, *checks: CallerCheck, events: Events = UNHEARD, **settings: Any) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.settings = Settings(**{**SETTINGS, "open": not checks, **settings})
        self.store = MemoryStore(self.clock, StoreSettings(keep=60, lease=30, queue_limit=100))
        self.worker = MemoryWorkerStore(self.store, "worker")
        self._roster = Roster([served("echo", attempts=3)])
        self._checks, self.events_heard = checks, events
        self.register()
        self.front = self.another("front")

    def another(self, name: str) -> OneFront:
        front = OneFront(self, name, self._checks)
        self.turn()
        return front

    def register(self) -> None:
        """The worker is there, and holds nothing that the store knows of."""
        self._turns = 0
        result_of(self.worker.publish(self._roster))
        result_of(self.worker.adopt("", SESSION, 0, self._roster, []))

    def turn(self) -> None:
        """All that is due now happens."""
        for _ in range(4):
            self.clock.advance(0)

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.25] * int(seconds * 4))

    def ids(self) -> list[str]:
        """The jobs that live."""
        return list(self.store.data.jobs)

    # -- what the worker does --

    def take(self, want: int = 0, **said: Any) -> list[Claim]:
        """Its next turn."""
        self._turns += 1
        claims: list[Claim] = result_of(self.worker.turn(SESSION, Turn(self._turns, want, **said))).claims
        self.turn()
        return claims

    def begin(self) -> Run:
        """It begins the job that waits."""
        (claim,) = self.take(1)
        return Run(self, claim, self._turns)


class Run:
    """One start of a job."""

    def __init__(self, scene: EventScene, claim: Claim, turn: int) -> None:
        self._scene = scene
        self.claim = claim
        self.id = claim.id
        self._turn = turn
        self._numbers = [0, 0]  # of its last piece, of its last progress

    def emit(self, *pieces: Any) -> None:
        """It puts these out."""
        emitted = []
        for piece in pieces:
            self._numbers[0] += 1
            emitted.append(Emitted(self.id, self._turn, self._numbers[0], json.dumps(piece)))
        assert result_of(self._scene.worker.emit(SESSION, emitted)) == []
        self._scene.turn()

    def progress(self, fraction: float) -> None:
        self._numbers[1] += 1
        said = {"fraction": fraction, "message": "", "start": self.claim.starts, "number": self._numbers[1]}
        self._scene.take(progress=((self.id, json.dumps(said)),), holds=1)

    def end(self, state: State = State.SUCCEEDED, payload: str = "null", **how: Any) -> None:
        self._scene.take(ends=((Report(self.id, state, payload, **how), self._turn),))

    def retry(self) -> None:
        """It failed, and is to be tried again in a second."""
        self.end(State.SCHEDULED, "{}", delay=1000)
