"""A whole relay under real Sentinels, whose master dies, hangs, or is told to make way: no held client is lost."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.doctor.redis_state import look_at_redis
from relay.doctor.sentinel_state import look_at_sentinels
from relay.redis.address import Address
from relay.store import demands
from tests.processes import RelayProcess, Response, eventually
from tests.topologies.sentinels import Sentinels

pytestmark = [pytest.mark.processes, pytest.mark.long]
HELD, LONGEST = 100, 8.0


class Held:
    """Clients with keys, each held by a front until its job is done."""

    def __init__(self, relay: RelayProcess) -> None:
        self.answers: dict[int, Response] = {}
        self._relay = relay
        chance = random.Random(7)
        waits = [chance.uniform(3, LONGEST) for _ in range(HELD)]
        self._threads = [threading.Thread(target=self._wait, args=each) for each in enumerate(waits)]
        for thread in self._threads:
            thread.start()
        relay.wait_until_held(HELD)

    def _wait(self, n: int, seconds: float) -> None:
        headers = {"Prefer": "wait=40, heartbeat=2"}
        body = {"n": n, "seconds": seconds}
        self.answers[n] = self._relay.call("PUT", f"/jobs/marked/key-{n}", body, headers)

    def end(self) -> None:
        for thread in self._threads:
            thread.join()

    def results(self) -> Counter[str]:
        """How many clients got their own result, and how many something else."""
        told = (
            "own"
            if answer.json().get("result") == n
            else f"{answer.status} {answer.json().get('type') or answer.json().get('state')}"
            for n, answer in self.answers.items()
        )
        return Counter(told)


@contextmanager
def relay_at(url: str, directory: Path) -> Iterator[RelayProcess]:
    runs = directory / "runs"
    runs.touch()
    modules = ["--jobs", "tests.redis.failover_jobs", "--jobs", "jobs.basic"]
    given = ["--redis", url, "--fronts", "1", "--workers", "2", "--concurrency", "100"]
    relay = RelayProcess(directory, "all", *given, *modules, environment={"RUNS": str(runs)})
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


class Probe:
    """New jobs all the time; when each was asked for, and whether it was answered well."""

    def __init__(self, relay: RelayProcess) -> None:
        self.seen: list[tuple[float, int]] = []
        self._relay = relay
        self._goes_on = True
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        while self._goes_on:
            began = time.monotonic()
            status = self._relay.call("POST", "/jobs/echo", {"message": 1}, {"Prefer": "wait=5"}).status
            self.seen.append((began, status))
            time.sleep(0.02)

    def end(self) -> float:
        """Seconds from the first request that was refused to the end of the last one."""
        self._goes_on = False
        self._thread.join()
        away = [n for n, (_, status) in enumerate(self.seen) if status != 200]
        return self.seen[min(away[-1] + 1, len(self.seen) - 1)][0] - self.seen[away[0]][0] if away else 0.0


def broken(sentinels: Sentinels, directory: Path, breaking: Callable[[], object]) -> tuple[Held, float, int]:
    """What the clients were told, how long new jobs were refused, and how many jobs ran more than once."""
    with relay_at(sentinels.url(), directory) as relay:
        relay.wait_until_jobs_are_known()
        held = Held(relay)
        probe = Probe(relay)
        breaking()
        held.end()
        away = probe.end()
        runs = Counter((directory / "runs").read_text().split())
        twice = sum(times > 1 for times in runs.values())
        return held, away, twice


def test_nothing_is_lost_when_the_master_dies(sentinels: Sentinels, tmp_path: Path) -> None:
    held, away, twice = broken(sentinels, tmp_path, sentinels.kill)
    assert held.results() == {"own": HELD}
    assert away < sentinels.down_after + 2
    assert twice == 0


def test_nothing_is_lost_when_the_master_makes_way(sentinels: Sentinels, tmp_path: Path) -> None:
    held, away, _ = broken(sentinels, tmp_path, sentinels.failover)
    assert held.results() == {"own": HELD}
    assert away < 2


def test_nothing_is_lost_when_the_master_hangs_and_comes_back_as_one_that_knows_nothing(
    sentinels: Sentinels, tmp_path: Path
) -> None:
    old = sentinels.master()

    def hang() -> None:
        old.hang()
        sentinels.wait_for_another(old)
        time.sleep(1)
        old.go_on()

    held, away, _ = broken(sentinels, tmp_path, hang)
    assert held.results() == {"own": HELD}
    assert away < sentinels.down_after + 2
    eventually(lambda: old.follows, "the old master follows the new one")


def test_the_smallest_rights_are_enough_at_the_servers_and_at_the_sentinels(tmp_path: Path) -> None:
    user = demands.sentinel_acl().replace("ACL SETUSER", "user")
    there = Sentinels(tmp_path / "there", settings=[user])
    try:
        there.start()
        for node in there.nodes:
            node.ask(*demands.acl().split())
        url = there.url("relay:secret@", "?sentinel_user=relay&sentinel_password=secret")
        with relay_at(url, tmp_path) as relay:
            relay.wait_until_jobs_are_known()
            there.failover()
            eventually(lambda: relay.call("POST", "/jobs/echo", {"message": 1}).status == 200, "it goes on")
            assert "NOPERM" not in relay.log_tail(1000)
        state = look_at_sentinels(Address.parse(url))
        assert [each.failed for each in state] == ["", "", ""]
        assert {each.master for each in state} == {(there.master().host.address, there.master().port)}
        assert look_at_redis(Address.parse(url)).refused == ()
    finally:
        there.stop()
