"""Fixtures: a real Redis, and whole relays in processes of their own.

Servers are started in synchronous session fixtures; nothing here imports the reactor at its top.
"""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from tests.processes import RedisProcess, RelayProcess


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """One real server for all tests that only need a store."""
    server = RedisProcess(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_process: RedisProcess) -> RedisProcess:
    """The server, empty."""
    redis_process.client.flushall()
    return redis_process


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server of the test's own, to be broken."""
    server = RedisProcess(tmp_path)
    server.start()
    yield server
    server.signal(signal.SIGCONT)
    server.stop()


@pytest.fixture(scope="session")
def relay_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A whole relay: supervisor, Redis, a front and a worker, with a short grace and quick heartbeats."""
    relay = RelayProcess(
        tmp_path_factory.mktemp("relay"),
        *("all", "--grace", "0.5", "--heartbeat", "1", "--body-limit", "200000", "--result-limit", "100000"),
        *(
            "--jobs",
            "relay.jobs",
            "--jobs",
            "tests.sample_jobs",
            "--allow-private",
            "--max-wait",
            "60",
            "--concurrency",
            "1000",
        ),
    )
    relay.start()
    yield relay
    relay.stop()


@pytest.fixture
def relay(relay_process: RelayProcess) -> Iterator[RelayProcess]:
    """The relay; afterwards it holds nothing, and logged no traceback that the test did not expect."""
    relay_process.expected_tracebacks = 0
    before = relay_process.tracebacks()
    yield relay_process
    relay_process.wait_until_nothing_is_held()
    assert relay_process.tracebacks() - before == relay_process.expected_tracebacks, relay_process.log_tail()


@pytest.fixture(autouse=True)
def no_logged_failures() -> Iterator[list[LogEvent]]:
    """No test passes with an error in the log, those of forgotten Deferreds included. A test that expects some
    takes them out of the list."""
    events: list[LogEvent] = []

    def watch(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error:
            events.append(event)

    globalLogPublisher.addObserver(watch)
    yield events
    gc.collect()
    globalLogPublisher.removeObserver(watch)
    assert not events, [str(event.get("log_failure") or event.get("log_format")) for event in events]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).parent.parent


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Everything that is logged, by whomever."""
    said: list[str] = []

    def note(event: LogEvent) -> None:
        said.append(formatEvent(event))

    globalLogPublisher.addObserver(note)
    yield said
    globalLogPublisher.removeObserver(note)
