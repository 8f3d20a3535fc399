"""Two fronts and a worker beside one Redis, for proxies to stand in front of; a relay for clients that are cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import RedisProcess, RelayProcess, eventually, free_port
from tests.stack.counting import counting as counting
from tests.stack.counting import proxy as proxy
from tests.stack.proxies import ProxiedFront

SECRET = "a secret that django and relay share"
OPTIONS = ["--open", "--trusted-proxy", "127.0.0.1", "--grace", "1", "--heartbeat", "1"]


@dataclass
class Fronts:
    """The fronts; `one` and `other` are alike."""

    redis: RedisProcess
    one: RelayProcess
    other: RelayProcess
    secrets: Path

    @property
    def ports(self) -> list[int]:
        return [front.port for front in self.both]

    @property
    def both(self) -> list[RelayProcess]:
        return [self.one, self.other]

    def alive(self) -> list[RelayProcess]:
        return [front for front in self.both if front.process and front.process.poll() is None]

    def holding(self) -> RelayProcess:
        """The front that holds the one request that is held."""

        def look() -> RelayProcess | None:
            held = [front for front in self.alive() if front.held()]
            return held[0] if held else None

        found: RelayProcess = eventually(look, "a front holds the request")
        return found

    def wait_for_log(self, text: str) -> None:
        """Until one of them has logged this."""
        eventually(lambda: any(text in front.log_tail() for front in self.both), f"{text} is logged")

    def jobs(self) -> int:
        """How many jobs are alive."""
        return int(self.redis.client.hlen("{r0}:job"))

    def end_all(self) -> None:
        """Cancel all jobs, so that nothing is held for the next test."""
        alive = self.alive()
        with alive[0].connect() as client:
            for id in self.redis.client.hkeys("{r0}:job"):
                client.request("DELETE", f"/jobs/{id.decode()}")
                client.response()
        for front in alive:
            front.wait_until_nothing_is_held()


@pytest.fixture(scope="package")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronts]:
    directory = tmp_path_factory.mktemp("fronts")
    (directory / "secrets").write_text(SECRET + "\n")
    (directory / "secrets").chmod(0o600)
    redis = RedisProcess(directory)
    redis.start()
    options = ["--redis", redis.url, *OPTIONS, "--ticket-secrets", "secrets"]
    fronts = [RelayProcess(directory, "front", *options, port=free_port()) for _ in range(2)]
    worker = RelayProcess(
        directory, "worker", "--redis", redis.url, "--jobs", "tests.sample_jobs", "--concurrency", "20000"
    )
    for process in (*fronts, worker):
        process.start()
    yield Fronts(redis, *fronts, directory / "secrets")
    for process in (*fronts, worker):
        process.stop()
    redis.stop()


@pytest.fixture
def fronts(standing: Fronts) -> Iterator[Fronts]:
    """Both fronts, alive; afterwards, too, and nothing is held."""
    yield standing
    for front in standing.both:
        if front.process is not None and front.process.poll() is not None:
            front.start()
    standing.end_all()


@pytest.fixture(scope="package")
def proxied(standing: Fronts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronts]:
    """Two more fronts, which read the PROXY protocol."""
    directory = tmp_path_factory.mktemp("proxied")
    options = ["--redis", standing.redis.url, *OPTIONS, "--ticket-secrets", str(standing.secrets)]
    fronts = [ProxiedFront(directory, *options) for _ in range(2)]
    for front in fronts:
        front.start()
    yield Fronts(standing.redis, *fronts, standing.secrets)
    for front in fronts:
        front.stop()
