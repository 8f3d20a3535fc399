"""Fixtures: a real Redis, and whole relays in processes of their own. And which tests run:

===============  ==========================================================================================
``make quick``   those that start no process (``--quick``); one that does fails
``make test``    all but the long ones
``make stack``   the long ones (``--long``): all clients on all ways, whole sizes, further pools and draws
===============  ==========================================================================================

A test that takes one of the servers below starts processes; others that do are marked ``processes``.
Servers are started in synchronous session fixtures; nothing here imports the reactor at its top.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from tests.processes import RedisProcess, RelayProcess
from tests.topologies.cluster import Cluster
from tests.topologies.sentinels import Sentinels
from tests.topologies.stored import STORES, Stored

AnyStore = TypeVar("AnyStore", bound=RedisProcess | Stored)
#: fixtures that start processes
SERVERS = {"redis_process", "one_redis", "server", "relay_process", "sentinels", "cluster"}
#: what Python tells its audit hooks when a process is started
STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only the tests that start no process")
    parser.addoption("--long", action="store_true", help="the long tests only")
    parser.addoption(
        "--store", choices=STORES, help="what tests that only need a store have instead of one Redis"
    )
    parser.addoption("--store-server", choices=("redis", "valkey"), default="redis", help="its servers")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--quick"):
        sys.addaudithook(refuse_processes)


running = False  # whether a test is


def refuse_processes(event: str, arguments: tuple[object, ...]) -> None:
    """Keep ``make quick`` quick."""
    if running and event in STARTS:
        pytest.fail(f"{arguments[0]!r} is started: mark the test with `processes`")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    global running
    running = True
    try:
        return (yield)
    finally:
        running = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_quick, is_long = config.getoption("--quick"), config.getoption("--long")
    chosen: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        starts = bool(item.get_closest_marker("processes")) or SERVERS & set(
            getattr(item, "fixturenames", ())
        )
        wanted = bool(item.get_closest_marker("long")) == is_long and not (is_quick and starts)
        chosen[wanted].append(item)
    items[:] = chosen[True]
    config.hook.pytest_deselected(items=chosen[False])


@pytest.fixture(scope="session")
def one_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """One real server, whatever ``--store`` says. Tests that are about one name it `redis_process`."""
    yield from running_store(RedisProcess(tmp_path_factory.mktemp("redis")))


@pytest.fixture(scope="session")
def redis_process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisProcess | Stored]:
    """One real server for all tests that only need a store, or what ``--store`` says. No relay of another fixture uses
    it."""
    found = topology(request.config, tmp_path_factory.mktemp("store"))
    if found is None:
        yield request.getfixturevalue("one_redis")
    else:
        yield from running_store(found)


@pytest.fixture(scope="session")
def relay_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stored | None]:
    """What the whole relay has for its own alone where ``--store`` says so; None: its embedded Redis."""
    found = topology(request.config, tmp_path_factory.mktemp("relay-store"))
    if found is None:
        yield None
    else:
        yield from running_store(found)


def topology(config: pytest.Config, directory: Path) -> Stored | None:
    """What ``--store`` says, None for nothing."""
    kind = config.getoption("--store")
    return Stored(kind, directory, config.getoption("--store-server")) if kind else None


def running_store(store: AnyStore) -> Iterator[AnyStore]:
    """The same while it runs."""
    try:
        store.start()
        yield store
    finally:
        store.stop()


@pytest.fixture
def redis(redis_process: RedisProcess) -> RedisProcess:
    """The server, empty."""
    redis_process.empty()
    return redis_process


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server of the test's own, to be broken."""
    server = RedisProcess(tmp_path)
    server.start()
    yield server
    server.signal(signal.SIGCONT)
    server.stop()


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[Sentinels]:
    """A master with two replicas and three Sentinels of the test's own, to be broken."""
    found = Sentinels(tmp_path)
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A Cluster of three masters with a replica each, of the test's own, to be broken."""
    found = Cluster(tmp_path)
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="session")
def relay_process(
    relay_store: Stored | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RelayProcess]:
    """A whole relay: supervisor, Redis (or what ``--store`` says), a front and a worker, with a short grace and quick
    heartbeats."""
    store = () if relay_store is None else ("--redis", relay_store.url)
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
        *store,
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


@pytest.fixture(scope="module", autouse=True)
def freeze_what_is_imported() -> None:
    """What is there before a module's first test is not looked at by the collections after each of its tests, which
    would else take a fifth of the time of all tests."""
    gc.collect()
    gc.freeze()


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
