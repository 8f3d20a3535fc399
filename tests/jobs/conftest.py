"""A whole relay whose jobs find the services that they are for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
def worked(tmp_path_factory: pytest.TempPathFactory, moto: Moto) -> Iterator[RelayProcess]:
    """A relay with one worker."""
    relay = RelayProcess(tmp_path_factory.mktemp("worked"), "all", *moto.settings(), "--allow-private")
    relay.start()
    yield relay
    relay.stop()
