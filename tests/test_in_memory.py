"""A front and a worker on the store in memory: a whole relay by one clock, without a server and without a socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from relay import job
from relay.front.credentials import Credentials
from relay.front.front import Front, FrontTools
from relay.handlers.registry import Registry
from relay.model.settings import Settings
from relay.store.mail import MailKind
from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.operators import MemoryOperatorStore
from relay.store.memory.store import MemoryStore
from relay.store.memory.workers import MemoryWorkerStore
from relay.store.terms import StoreSettings
from relay.worker.tools import WorkerTools
from relay.worker.worker import Worker

SETTINGS = Settings(grace=0.5, heartbeat=2, lease=3, drain=1, max_connections=100, max_held=100)
LOCAL = IPv4Address("TCP", "127.0.0.1", 1)
running: list[Deferred[dict[str, str]]] = []


@job(retries=3)
def lasting(word: str) -> Deferred[dict[str, str]]:
    """Lasts until the test ends it."""
    running.append(Deferred())
    return running[-1]


class Endpoint:
    """Keeps the site."""

    site: Any = None

    def listen(self, site: Any) -> Deferred[Any]:
        self.site = site
        return succeed(Mock(stopListening=lambda: succeed(None)))


class Process:
    """One that lives by a clock of its own, which stops when it dies."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self.clock = Clock()
        self.name = name
        self._store = store
        self.inbox: Any = None
        self.service: Any = None

    def make_inbox(self, deliver: Any) -> Any:
        self.inbox = self._store.inbox(self.name, deliver)
        return self.inbox

    def start(self, service: Any) -> None:
        self.service = service
        service.startService()


class Relay:
    """A front, and as many workers as are started."""

    def __init__(self, *handlers: Callable[..., Any]) -> None:
        self.clock = Clock()
        self.handlers = handlers or (lasting,)
        self.store = MemoryStore(self.clock, StoreSettings(keep=60, lease=SETTINGS.lease, queue_limit=100))
        self.operator = MemoryOperatorStore(self.store)
        self.endpoint: Any = Endpoint()
        front = Process(self.store, "front")
        store = MemoryFrontStore(self.store, front.name)
        tools = FrontTools(front.clock, store, front.make_inbox, [self.endpoint], Credentials(), pytest.fail)
        front.start(Front(tools, SETTINGS))
        self.processes = [front]
        self.worker = self.start_worker("worker")

    def start_worker(self, name: str) -> Process:
        worker = Process(self.store, name)
        store, upstreams = MemoryWorkerStore(self.store, name), Mock(close=lambda: succeed(None))
        tools = WorkerTools(worker.clock, store, worker.make_inbox, upstreams, Mock(), Mock())
        worker.start(Worker(tools, Registry(self.handlers), SETTINGS))
        self.processes.append(worker)
        self.turn(0.1)
        return worker

    def kill(self, process: Process) -> None:
        self.processes.remove(process)
        process.inbox.stop()

    def turn(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.05)):
            for clock in (self.clock, *(process.clock for process in self.processes)):
                clock.advance(0.05)

    def stop(self) -> None:
        for process in self.processes:
            process.service.stopService()
        self.turn(10)
        for clock in (self.clock, *(process.clock for process in self.processes)):
            assert clock.getDelayedCalls() == []

    def post(self, word: str, name: str = "lasting", head: str = "") -> StringTransport:
        """A held submission."""
        transport = StringTransport(LOCAL, LOCAL)
        transport.abortConnection = transport.loseConnection
        protocol = self.endpoint.site.buildProtocol(LOCAL)
        transport.protocol = protocol
        protocol.makeConnection(transport)
        body = json.dumps({"word": word}).encode()
        lines = f"POST /jobs/{name} HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        protocol.dataReceived(lines.encode() + body)
        self.turn(0.1)
        return transport


def envelope(transport: StringTransport) -> dict[str, Any]:
    """The body of an answer, committed or not."""
    lines = transport.value().replace(b"\r\n", b"\n").split(b"\n")
    (body,) = [line for line in lines if line.startswith(b"{")]
    return json.loads(body)


@pytest.fixture
def relay_in_memory() -> Iterator[Relay]:
    running.clear()
    relay = Relay()
    yield relay
    relay.stop()


def test_a_request_is_held_until_its_job_has_ended(relay_in_memory: Relay) -> None:
    relay = relay_in_memory
    client = relay.post("hello")
    assert len(running) == 1
    relay.turn(5)
    assert client.value().startswith(b"HTTP/1.1 200 OK")  # committed, with heartbeats
    running[0].callback({"said": "hello"})
    relay.turn(0.1)
    answer = envelope(client)
    assert (answer["state"], answer["result"], answer["attempts"]) == ("succeeded", {"said": "hello"}, 1)


@pytest.mark.parametrize("is_seen", [True, False])
def test_what_a_dead_worker_ran_is_run_by_another(relay_in_memory: Relay, is_seen: bool) -> None:
    """At once where a supervisor sees its end, else when its lease has ended."""
    relay = relay_in_memory
    client = relay.post("again")
    relay.kill(relay.worker)
    relay.start_worker("another")
    if is_seen:
        ensureDeferred(relay.operator.reap("worker"))
    relay.turn(1)
    assert len(running) == 1 + is_seen
    relay.turn(SETTINGS.lease + 1)
    assert len(running) == 2
    running[1].callback({"said": "again"})
    relay.turn(0.1)
    assert envelope(client)["attempts"] == 2


def test_what_the_store_forgot_goes_on(relay_in_memory: Relay) -> None:
    relay = relay_in_memory
    client = relay.post("lost")
    relay.store.lose_data()
    relay.turn(5)
    assert len(running) == 1  # the worker has said what it runs
    running[0].callback({"said": "lost"})
    relay.turn(0.5)
    assert envelope(client)["result"] == {"said": "lost"}


def quiet(relay: Relay, on: bool) -> None:
    kind = MailKind.QUIET if on else MailKind.GO_ON
    assert ensureDeferred(relay.operator.tell("worker", kind)).result
    relay.turn(0.1)


def test_a_quiet_worker_ends_what_it_runs_and_claims_nothing_more_until_it_is_to_go_on(
    relay_in_memory: Relay,
) -> None:
    first = relay_in_memory.post("one")
    quiet(relay_in_memory, True)
    second = relay_in_memory.post("two")
    relay_in_memory.turn(3)
    assert len(running) == 1
    running[0].callback({"said": "one"})
    relay_in_memory.turn(0.1)
    assert envelope(first)["state"] == "succeeded"
    relay_in_memory.store.lose_data()  # it opens another session
    relay_in_memory.turn(3)
    assert len(running) == 1
    quiet(relay_in_memory, False)
    relay_in_memory.turn(0.1)
    running[1].callback({"said": "two"})
    relay_in_memory.turn(0.1)
    assert envelope(second)["result"] == {"said": "two"}


def test_a_held_client_waits_while_its_job_is_paused(relay_in_memory: Relay) -> None:
    paused = ensureDeferred(relay_in_memory.operator.stop_name("lasting", True))
    assert paused.result
    client = relay_in_memory.post("late", head="Prefer: wait=60\r\n")
    relay_in_memory.turn(5)
    assert (running, b"200 OK" in client.value()) == ([], True)  # with heartbeats
    assert ensureDeferred(relay_in_memory.operator.stop_name("lasting", False)).result
    relay_in_memory.turn(0.2)
    running[0].callback({"said": "late"})
    relay_in_memory.turn(0.1)
    assert envelope(client)["result"] == {"said": "late"}
