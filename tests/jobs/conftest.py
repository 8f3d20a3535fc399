"""A whole relay whose jobs find the services that they are for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.jobs.graph_server import Graph
from tests.jobs.receiver import Receiver
from tests.jobs.servers import Moto, Source
from tests.processes import RelayProcess


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    moto = Moto(tmp_path_factory.mktemp("moto"))
    moto.start()
    yield moto
    moto.stop()


@pytest.fixture(scope="session")
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.stop()


@pytest.fixture(scope="session")
def graph() -> Iterator[Graph]:
    graph = Graph()
    yield graph
    graph.stop()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="session")
def worked(
    tmp_path_factory: pytest.TempPathFactory, moto: Moto, graph: Graph, receiver: Receiver
) -> Iterator[RelayProcess]:
    """A relay with one worker."""
    settings = [*moto.settings(), *graph.settings(), *receiver.settings(), "--allow-private", "--grace", "1"]
    modules = ["--jobs", "relay.jobs", "--jobs", "tests.jobs.told_jobs"]
    relay = RelayProcess(tmp_path_factory.mktemp("worked"), "all", *settings, *modules)
    relay.start()
    yield relay
    relay.stop()
