"""The libraries that handlers of today use, on a whole relay: each answers, and hears of the end of its job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from relay.worker.coroutines import has_loop
from relay.worker.remedies import remedy
from tests.processes import PATIENCE, RelayProcess, eventually
from tests.stack import library_jobs
from tests.stack.servers import INITDB, Api, postgres, wait_for_queries

pytestmark = pytest.mark.processes

WAIT = {"Prefer": "wait=30, heartbeat=0"}
SLEEP = "select pg_sleep(600)::text"


@pytest.fixture(scope="module")
def installed() -> Iterator[str | None]:
    """The URL of a PostgreSQL, if the machine has one; it lasts longer than the pools of the relay."""
    with postgres() if INITDB is not None else nullcontext() as url:
        yield url


@pytest.fixture(scope="module", params=["asyncio", pytest.param("uvloop", marks=pytest.mark.long)])
def stack(
    request: pytest.FixtureRequest, installed: str | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RelayProcess]:
    jobs = ("--jobs", "tests.stack.library_jobs", "--allow-private", "--grace", "0.2")
    relay = RelayProcess(tmp_path_factory.mktemp("stack"), "all", "--reactor", request.param, *jobs)
    relay.start()
    yield relay
    assert relay.stop() == 0
    said = relay.log_tail(1000)
    assert not [
        word for word in ("Traceback", "never awaited", "was destroyed", "are cancelled") if word in said
    ], said


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.shutdown()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def database(installed: str | None) -> str:
    if installed is None:
        pytest.skip("needs Debian's package postgresql")
    return installed


def outcome(relay: RelayProcess, name: str, **arguments: Any) -> Any:
    return relay.call("POST", f"/jobs/{name}", arguments, WAIT).json()


def begun(relay: RelayProcess, name: str, **arguments: Any) -> str:
    answer = relay.call("POST", f"/jobs/{name}", arguments, {"Prefer": "respond-async"}).json()
    return str(answer["id"])


def cancel(relay: RelayProcess, id: str) -> None:
    relay.call("DELETE", f"/jobs/{id}")
    state = lambda: relay.call("GET", f"/jobs/{id}").json()["state"]  # noqa: E731
    eventually(lambda: state() == "cancelled", "it is cancelled")


@pytest.mark.parametrize("name", ["by_httpx", "by_aiohttp"])
def test_a_client_for_http_has_its_answer(stack: RelayProcess, api: Api, name: str) -> None:
    for _ in range(2):
        assert outcome(stack, name, url=f"{api.url}/x")["result"] == {"path": "/x"}


def test_relays_own_client_is_awaited_in_tasks(stack: RelayProcess, api: Api) -> None:
    assert outcome(stack, "by_relays_client", url=f"{api.url}/x")["result"] == [{"path": "/x"}] * 3


def test_an_answer_of_openais_is_streamed(stack: RelayProcess, api: Api) -> None:
    assert outcome(stack, "by_openai", url=f"{api.url}/v1", question="is it?")["result"] == "it is so"


def test_aiobotocore_writes_and_reads(stack: RelayProcess, s3: str) -> None:
    assert outcome(stack, "by_aiobotocore", url=s3, bucket="photos")["result"] == "hello"


def test_jobs_share_a_pool_of_asyncpg(stack: RelayProcess, database: str) -> None:
    for number in range(3):
        assert outcome(stack, "by_asyncpg", url=database, query=f"select {number}")["result"] == number


@pytest.mark.parametrize(
    ("name", "arguments", "connections"),
    [
        ("by_httpx", {"url": "{url}/hold"}, 1),
        ("by_aiohttp", {"url": "{url}/hold"}, 1),
        ("by_openai", {"url": "{url}/v1", "question": "hold on"}, 1),
        ("by_aiobotocore", {"url": "{url}", "bucket": "hold"}, 1),
        ("by_relays_client", {"url": "{url}/hold"}, 3),
    ],
)
def test_a_call_ends_when_its_job_is_cancelled(
    stack: RelayProcess, api: Api, name: str, arguments: dict[str, str], connections: int
) -> None:
    given = {key: value.format(url=api.url) for key, value in arguments.items()}
    id = begun(stack, name, **given)
    for _ in range(connections):
        assert api.held.acquire(timeout=PATIENCE)
    cancel(stack, id)
    for _ in range(connections):
        assert api.left.acquire(timeout=PATIENCE)


def test_a_query_ends_when_its_job_is_cancelled_and_the_pool_goes_on(
    stack: RelayProcess, database: str
) -> None:
    id = begun(stack, "by_asyncpg", url=database, query=SLEEP)
    wait_for_queries(database, 1)
    cancel(stack, id)
    wait_for_queries(database, 0)
    assert outcome(stack, "by_asyncpg", url=database, query="select 1")["result"] == 1


def test_a_call_ends_with_the_time_of_its_job(stack: RelayProcess, api: Api) -> None:
    answer = outcome(stack, "by_httpx_in_a_second", url=f"{api.url}/hold")
    assert answer["error"]["type"] == "/problems/job-timeout"
    assert api.held.acquire(timeout=PATIENCE)
    assert api.left.acquire(timeout=PATIENCE)


def test_a_query_ends_with_the_time_of_its_job(stack: RelayProcess, database: str) -> None:
    answer = outcome(stack, "by_asyncpg_in_a_second", url=database, query=SLEEP)
    assert answer["error"]["type"] == "/problems/job-timeout"
    wait_for_queries(database, 0)


@pytest.mark.parametrize(
    ("handler", "arguments"),
    [
        (library_jobs.by_httpx, ()),
        (library_jobs.by_aiohttp, ()),
        (library_jobs.by_aiobotocore, ("photos",)),
        (library_jobs.by_asyncpg, ("select 1",)),
    ],
)
def test_without_an_event_loop_each_error_says_what_to_do(handler: Any, arguments: tuple[str, ...]) -> None:
    if has_loop():
        pytest.skip("the tests have a reactor that runs on an event loop")
    failed: list[Failure] = []
    Deferred.fromCoroutine(handler("http://127.0.0.1:1", *arguments)).addErrback(failed.append)
    assert "--reactor asyncio" in remedy(failed[0].value, has_loop=False, in_thread=False)
