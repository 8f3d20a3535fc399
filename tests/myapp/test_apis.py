"""The application's calls to S3, Graph, a language model and others, through a real relay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.jobs.graph_server import Graph
from tests.jobs.servers import Moto
from tests.myapp.model import WORDS, model
from tests.processes import RelayProcess

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    moto = Moto(tmp_path_factory.mktemp("moto"))
    moto.start()
    yield moto
    moto.stop()


@pytest.fixture(scope="module")
def graph() -> Iterator[Graph]:
    graph = Graph()
    yield graph
    graph.stop()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, moto: Moto, graph: Graph) -> Iterator[RelayProcess]:
    """The application, among the services that it calls."""
    with model() as url:
        relay = RelayProcess(
            tmp_path_factory.mktemp("myapp"),
            *("all", "--jobs", "tests.myapp.jobs", "--allow-private", "--grace", "30"),
            *moto.settings(),
            *graph.settings(),
            environment={"MYAPP_MODEL": url},
        )
        relay.start()
        yield relay
        relay.stop()
        assert relay.tracebacks() == 0, relay.log_tail()


def result(app: RelayProcess, job: str, **arguments: Any) -> Any:
    """What a job returned that was held."""
    outcome = app.call("POST", f"/jobs/{job}", arguments).json()
    assert outcome["state"] == "succeeded", outcome
    return outcome["result"]


def test_a_text_is_kept_in_s3(app: RelayProcess, moto: Moto) -> None:
    assert result(app, "keep", key="notes/1", text="hello") == 5
    assert moto.read("notes/1") == b"hello"


def test_the_likes_of_a_post_are_counted(app: RelayProcess) -> None:
    assert result(app, "likes", post="1234") == 7


def test_a_model_is_heard_to_its_end(app: RelayProcess) -> None:
    assert result(app, "ask", prompt="what?") == "".join(WORDS)


def test_a_client_of_asyncio_is_shared(app: RelayProcess, moto: Moto) -> None:
    assert [result(app, "ping", url=f"{moto.url}/moto-api/") for _ in range(3)] == [200, 200, 200]
