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


@pytest.fixture(scope="package")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RelayProcess]]:
    """The fronts; no worker is needed."""
    directory = tmp_path_factory.mktemp("doctor")
    redis = RedisProcess(directory)
    redis.start()
    options = ["--redis", redis.url, "--open", "--probes", "--trusted-proxy", "127.0.0.1", "--max-wait", "60"]
    options += ["--body-limit", str(BODY_LIMIT)]
    fronts = [RelayProcess(directory, "front", *options, port=free_port()) for _ in range(2)]
    for front in fronts:
        front.start()
    yield fronts
    for front in fronts:
        front.stop()
    redis.stop()


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
