"""A relay whose jobs have all kinds of arguments and results."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes import RelayProcess, eventually


@pytest.fixture(scope="session")
def described_relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """One that knows no callers, once its front knows the jobs."""
    relay = RelayProcess(
        tmp_path_factory.mktemp("described"),
        *("all", "--grace", "5", "--jobs", "tests.openapi.described_jobs", "--concurrency", "200"),
    )
    relay.start()
    try:
        eventually(
            lambda: "/jobs/area" in relay.call("GET", "/openapi.json").json()["paths"], "jobs are known"
        )
        yield relay
    finally:
        relay.stop()
    assert relay.tracebacks() == 0, relay.log_tail()
