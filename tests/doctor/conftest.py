"""Two fronts that answer probes, and what stands in front of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.doctor.diagnosis import Diagnosis, Severity
from relay.doctor.promised import Promised
from relay.doctor.target import Target
from relay.doctor.trials import Trials
from relay.doctor.way_checks import judge
from relay.model.settings import Settings
from tests.processes import RedisProcess, RelayProcess, free_port

BODY_LIMIT = 100_000
SETTINGS = Settings(max_wait=60, body_limit=BODY_LIMIT)
#: seconds that tell an answer that is cut after 2 s from one that is not
MOST = 8.0

Examine = Callable[..., dict[str, Diagnosis]]


def probed_front(redis: RedisProcess, directory: Path) -> RelayProcess:
    """A front that answers probes, which needs no worker for that."""
    options = ["--redis", redis.url, "--open", "--probes", "--trusted-proxy", "127.0.0.1", "--max-wait", "60"]
    front = RelayProcess(directory, "front", *options, "--body-limit", str(BODY_LIMIT), port=free_port())
    front.start()
    return front


@pytest.fixture(scope="package")
def one(redis_process: RedisProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A front."""
    front = probed_front(redis_process, tmp_path_factory.mktemp("one"))
    yield front
    front.stop()


@pytest.fixture(scope="package")
def probed(
    redis_process: RedisProcess, one: RelayProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[RelayProcess]]:
    """Two fronts."""
    other = probed_front(redis_process, tmp_path_factory.mktemp("other"))
    yield [one, other]
    other.stop()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """For a proxy's files."""
    return tmp_path


def examine(
    port: int, most: float = MOST, scheme: str = "http", insecure: bool = False, token: str = ""
) -> dict[str, Diagnosis]:
    """What the doctor finds at a port of this machine, by check; of several of one check the worst."""
    order = list(Severity)
    target = Target.parse(f"{scheme}://localhost:{port}", token)
    seen = Trials(target, most, BODY_LIMIT, insecure).run()
    worst: dict[str, Diagnosis] = {}
    for diagnosis in judge(seen, Promised.by(SETTINGS)):
        before = worst.get(diagnosis.check)
        if before is None or order.index(diagnosis.severity) > order.index(before.severity):
            worst[diagnosis.check] = diagnosis
    return worst


def wrongs(found: dict[str, Diagnosis]) -> set[str]:
    """The checks that something is wrong with."""
    return {
        check for check, diagnosis in found.items() if diagnosis.severity in (Severity.WARN, Severity.BAD)
    }
