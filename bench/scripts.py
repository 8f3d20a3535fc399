"""How long the longest scripts keep Redis to themselves, where there is much of everything.

``python -m bench.scripts``. What is measured is the CPU time of Redis' main thread for one call, with its append-only
file on. Nobody else is served meanwhile, so this is what each of them may have to wait.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import valkey

from bench import report
from relay.model.job import Job
from relay.redis.embedded import Embedded
from relay.store.keys import Keys
from relay.store.messages import Submission
from relay.store.scripts import script
from relay.store.submission_rows import submission_words

READY, DUE, DEAD_SESSIONS, HELD = 1_000_000, 100_000, 1_000, 100
NAMES = [f"job{n:02}" for n in range(50)]
SERVED = [f"{name}=mark" for name in NAMES]
FULL_LANES = 20_000
LEASE, TERMS = 600_000, "3600000 67108864 1048576"


@dataclass
class Lab:
    """The scripts, called one at a time."""

    client: valkey.Valkey
    keys: Keys = field(default_factory=Keys)
    epoch: str = "epoch"
    minted: int = 0
    longest: dict[str, dict[str, float]] = field(default_factory=dict)
    measured: dict[str, float] | None = None  # those of the present phase

    def run(self, verb: str, *words: Any) -> Any:
        if self.measured is None:
            return self._call(verb, *words)
        before = self._spent()
        answer = self._call(verb, *words)
        self.measured[verb] = max(self.measured.get(verb, 0.0), self._spent() - before)
        return answer

    def _call(self, verb: str, *words: Any) -> Any:
        text, sha = script(verb)
        declared = (len(self.keys.declared), *self.keys.declared)
        try:
            return self.client.execute_command("EVALSHA", sha, *declared, self.keys.tag, self.epoch, *words)
        except valkey.exceptions.NoScriptError:
            return self.client.execute_command("EVAL", text, *declared, self.keys.tag, self.epoch, *words)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What is called within is measured under this name: the longest call of each verb, in ms."""
        self.measured = self.longest.setdefault(name, {})
        yield
        self.measured = None

    def _spent(self) -> float:
        cpu = self.client.info("cpu")
        return float(cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"]) * 1000

    def submit(
        self,
        count: int,
        delay: int = 0,
        deadline: int = 0,
        lanes: int = 0,
        each: bool = False,  # in a lane of its own
        **changed: Any,
    ) -> list[str]:
        ids = []
        for first in range(0, count, 50):  # as fronts do
            words: list[Any] = []
            for nth in range(first, min(count, first + 50)):
                self.minted += 1
                lane = f"@api {nth % lanes}" if lanes and nth % 10 == 0 else f"@one {nth}" if each else ""
                name = NAMES[nth % len(NAMES)]
                fields = {
                    "name": name,
                    "queue": "default",
                    "owner": "me",
                    "inbox": "front",
                    "priority": nth % 3,
                }
                fields |= {"attempts": 3, "key": "", "fingerprint": "", "once": False, "trace": ""}
                fields |= {"arguments": '{"message":1}', "lane": lane}
                job = Job(**{**fields, **changed})
                ids.append(f"0-epoch-{self.minted:016d}")
                words += submission_words(Submission(ids[-1], job, delay, deadline))
            self.run("submit", 10_000_000, 1 << 40, "front", 0, *words)
        return ids

    def open(self, session: str, old: str = "", is_last: int = 1, *claims: Any) -> None:
        self.run("adopt", old, session, 1, LEASE, TERMS, is_last, "roster", len(NAMES), *SERVED, *claims)

    def turn(
        self, session: str, number: int, want: int, holds: int = 0, ends: list[Any] | None = None
    ) -> Any:
        words = [word for end in ends or [] for word in end]
        said = len(ends or []), *words, 0, 0
        return self.run("turn", session, number, LEASE, LEASE, TERMS, want, holds, 0, 0, -1, *said)[6]

    def claim(self, session: str, count: int, number: int = 1) -> tuple[list[Any], int]:
        """Take turns until a session holds so many: the rows of its claims, six values each, and its last turn."""
        rows: list[Any] = []
        while len(rows) < 6 * count:
            number += 1
            more = list(self.turn(session, number, count - len(rows) // 6, len(rows) // 6))
            if not more:
                break
            rows += more
        return rows, number

    def sweep(self) -> int:
        terms = TERMS, LEASE, 10_000, 604_800_000, 86_400_000, 2000
        return int(self.run("sweep", "front", 60_000, 0, *terms)[5])


def measure(scale: float = 1.0) -> dict[str, dict[str, float]]:
    """The longest call of each verb in each situation, in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as directory:
        embedded = Embedded(directory)
        server = subprocess.Popen(embedded.command(), stdout=subprocess.DEVNULL)
        try:
            client = valkey.Valkey(unix_socket_path=str(embedded.socket), socket_timeout=60)
            _wait_for(client.ping)
            client.set(Keys().tag + "epoch", "epoch")
            lab = Lab(client)
            _fill_and_work(lab, scale)
            _lanes_are_full(lab, scale)
            _time_comes(lab, scale)
            _workers_die(lab, scale)
            _large_jobs(lab)
            return lab.longest
        finally:
            server.terminate()
            server.wait()


def _wait_for(call: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            call()
        except (valkey.exceptions.ConnectionError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _fill_and_work(lab: Lab, scale: float) -> None:
    limit = {"name": "api", "calls": 10_000, "window": 3600.0}
    served = [
        word for name in NAMES for word in (name, "mark", json.dumps({"queue": "default", "limit": limit}))
    ]
    lab.run("publish", 600_000, 0, "roster", *served)
    with lab.phase(f"{READY * scale:,.0f} jobs ready, 50 names, 1,000 lanes"):
        lab.submit(int(READY * scale), lanes=1000)
        lab.open("w.1")
        number = 1
        ends: list[Any] = []
        for _ in range(60):
            number += 1
            rows = lab.turn("w.1", number, 20_000, 0, ends)
            ends = [(id, number, "succeeded", "1", 0, "") for id in rows[::6]]
        ids = [f"0-epoch-{n:016d}" for n in range(lab.minted - 500, lab.minted)]
        lab.run("attach", "*", "front2", *ids[:50])
        lab.run("cancel", "me", TERMS, ids[0])
        rows, _ = lab.claim("w.1", 20_000, number)
        for first in range(0, len(rows), 300):  # 50 claims a call
            claims = [
                word
                for id, kept, attempt, starts, started, _ in zip(
                    *(rows[first + n : first + 300 : 6] for n in range(6)), strict=True
                )
                for word in (id, attempt, started, kept, starts)
            ]
            lab.open("w.2", "w.1", int(first + 300 >= len(rows)), *claims)
        while int(lab.run("leave", "w.2", TERMS)[3]):
            pass


def _lanes_are_full(lab: Lab, scale: float) -> None:
    lanes = int(FULL_LANES * scale)
    session = ["adopt", "", "lanes.1", 1, LEASE, TERMS, 1, "lanes", 1, "limited=mark"]
    lab.run(
        "publish",
        600_000,
        0,
        "lanes",
        "limited",
        "mark",
        '{"queue":"default","limit":{"name":"one","calls":1,"window":3600}}',
    )
    lab.run(*session)
    lab.submit(lanes, each=True, name="limited")
    lab.submit(lanes, each=True, name="limited")
    with lab.phase(f"{lanes:,} lanes whose limits let one job go"):
        for number in range(2, 2 + 4 * lanes // 50):
            lab.turn("lanes.1", number, 250)


def _time_comes(lab: Lab, scale: float) -> None:
    with lab.phase(f"{DUE * scale:,.0f} jobs due at once"):
        lab.submit(int(DUE * scale), delay=1)
        while lab.sweep():
            pass
    with lab.phase(f"{DUE * scale:,.0f} deadlines pass at once"):
        lab.submit(int(DUE * scale), deadline=1, then=None, key="")
        lab.open("late.1")
        number = 1
        for _ in range(20):
            number += 1
            lab.turn("late.1", number, 500)
        while lab.sweep():
            pass


def _workers_die(lab: Lab, scale: float) -> None:
    sessions = [f"d{n}.1" for n in range(int(DEAD_SESSIONS * scale))]
    for session in sessions:
        lab.open(session)
    for session in sessions:
        lab.claim(session, HELD)
    with lab.phase(f"{len(sessions):,} sessions with {HELD} jobs each die at once"):
        session_key = lab.keys.tag + "session"
        lab.client.zadd(session_key, dict.fromkeys(sessions, 1))
        lab.client.set(lab.keys.tag + "swept", int(time.time() * 1000))
        lab.client.set(lab.keys.tag + "quiet", 0)
        while lab.sweep():
            pass
    lab.open("big.1")
    lab.claim("big.1", 20_000)
    with lab.phase("a process with 20,000 jobs dies"):
        while int(lab.run("reap", "big", TERMS)[3]):
            pass


def _large_jobs(lab: Lab) -> None:
    large = json.dumps({"x": "x" * 1_000_000})
    for _ in range(100):
        lab.submit(1, arguments=large, priority=255, name="large")
    lab.run("adopt", "", "large.1", 1, LEASE, TERMS, 1, "other", 1, "large=mark")
    with lab.phase("jobs of 1 MB"):
        number, ends = 1, []
        for _ in range(60):
            number += 1
            rows = lab.turn("large.1", number, 500, 0, ends)
            ends = [(id, number, "dead", "{}", 0, "") for id in rows[::6]][:1]
        lab.run("reap", "large", TERMS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args()
    sys.stdout.write(report.scripts({"scripts": measure(given.scale)}))


if __name__ == "__main__":
    main()
