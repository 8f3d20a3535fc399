"""A relay whose jobs note each time that they run, and a proxy that cuts: fixtures, which a ``conftest.py`` imports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes import RelayProcess
from tests.stack.cutting import CuttingProxy


@pytest.fixture(scope="package")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    directory = tmp_path_factory.mktemp("counting")
    times = ["--grace", "0.2", "--heartbeat", "0.5", "--max-wait", "1"]
    modules = ["--jobs", "tests.stack.counted_jobs", "--jobs", "tests.sample_jobs"]
    noted = ["--set", f"counted={directory}/counted"]
    relay = RelayProcess(directory, "all", *times, *modules, *noted, "--concurrency", "1000")
    relay.start()
    yield relay
    assert relay.stop() == 0
    assert relay.tracebacks() == 0, relay.log_tail()


@pytest.fixture(scope="package")
def proxy(counting: RelayProcess) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(counting.port)
    yield proxy
    proxy.close()
