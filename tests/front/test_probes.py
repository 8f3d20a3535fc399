"""Probes are held and answered as jobs' requests are, and tell how a request came."""

from __future__ import annotations

from typing import Any

import pytest

from relay.telemetry.events import Asked, Events
from tests.front.scene import Scene, Visitor

PATH = "/jobs/-probe"


@pytest.fixture
def scene() -> Scene:
    return Scene(probes=True)


def told(answer: Any) -> Any:
    assert answer is not None
    return answer.json()


def test_a_front_answers_no_probes_unless_it_is_told_to() -> None:
    assert Scene().call("POST", PATH).status == 404


def test_a_probe_is_silent_for_its_grace_and_then_gets_the_bytes_that_held_requests_get(scene: Scene) -> None:
    probe = scene.ask("POST", f"{PATH}?for=5&grace=2&every=1")
    job = scene.ask("POST", "/jobs/echo", {}, {"Prefer": "grace=2, heartbeat=1"})
    scene.pass_time(1.75)
    assert probe.value() == b""
    scene.pass_time(2.5)
    scene.end()
    (head, body), (other_head, other_body) = (seen.value().split(b"\r\n\r\n", 1) for seen in (probe, job))
    beats = body.partition(b"{")[0]
    assert beats.count(b"1\r\n\n\r\n") == 3
    assert other_body.startswith(beats)
    own = {b"Relay-Job-Id", b"Location", b"Relay-Source", b"Retry-After", b"Preference-Applied", b"Date"}
    lines = [
        [line for line in each.split(b"\r\n") if line.split(b":")[0] not in own]
        for each in (head, other_head)
    ]
    assert lines[0] == lines[1]


def test_a_probe_that_ends_in_its_grace_has_a_whole_answer(scene: Scene) -> None:
    probe = scene.ask("POST", f"{PATH}?for=2&grace=3")
    scene.pass_time(2.25)
    answer = probe.answer()
    assert answer is not None
    assert (answer.status, "content-length" in answer.headers) == (200, True)
    assert answer.headers["location"] == PATH


def test_a_committed_probe_ends_with_what_it_tells_and_lets_go_of_everything(scene: Scene) -> None:
    probe = scene.ask("POST", f"{PATH}?for=2&every=1")
    scene.pass_time(1)
    assert (len(scene.wheel), len(scene.doors)) == (1, 1)
    scene.pass_time(1.25)
    assert probe.value().endswith(b"0\r\n\r\n")
    assert not probe.connected
    assert (len(scene.wheel), len(scene.doors)) == (0, 0)


def test_a_probe_that_is_to_be_cut_gets_nothing(scene: Scene) -> None:
    probe = scene.ask("POST", f"{PATH}?cut=1&nonce=a1")
    assert (probe.value(), probe.aborted) == (b"", True)
    assert scene.call("GET", f"{PATH}?nonce=a1").json()["arrivals"] == 1


def test_each_arrival_with_a_nonce_counts(scene: Scene) -> None:
    for _ in range(2):
        scene.ask("POST", f"{PATH}?cut=1&nonce=a1")
    seen = scene.call("GET", f"{PATH}?nonce=a1").json()
    assert seen["arrivals"] == 2
    assert scene.call("GET", f"{PATH}?nonce=b2").json()["arrivals"] == 0
    assert scene.call("GET", PATH).json()["front"] == seen["front"]


def test_a_probe_tells_how_it_came_and_no_credentials(scene: Scene) -> None:
    headers = {"Authorization": "Bearer secret", "Prefer": "wait=3", "X-Inner-Key": "secret"}
    answer = scene.call("GET", PATH, headers=headers)
    seen = answer.json()
    assert seen["version"] == "1.1"
    assert seen["headers"]["prefer"] == ["wait=3"]
    assert {"authorization", "x-inner-key"} <= set(seen["names"])
    assert b"secret" not in answer.body


@pytest.mark.parametrize("query", ["for=61", "for=-1", "for=x", "grace=1e3", "nonce=A!", f"nonce={'a' * 41}"])
def test_a_plan_beyond_the_bounds_is_refused(scene: Scene, query: str) -> None:
    assert scene.call("POST", f"{PATH}?{query}").status == 400


def test_a_probe_counts_among_the_held_requests() -> None:
    scene = Scene(probes=True, max_held=1)
    scene.ask("POST", f"{PATH}?for=5&grace=5")
    assert scene.call("POST", f"{PATH}?for=5&grace=5").status == 202
    assert scene.call("GET", "/readyz").json()["held"] == 1


def test_a_probe_ends_when_the_front_drains(scene: Scene) -> None:
    probe = scene.ask("POST", f"{PATH}?for=50&grace=50")
    scene.desk.draining = True
    scene.pass_time(1.25)
    assert probe.answer() is not None


@pytest.mark.parametrize("seconds", [1, 3])
def test_a_client_that_goes_takes_its_probe_with_it(scene: Scene, seconds: float) -> None:
    probe: Visitor = scene.ask("POST", f"{PATH}?for=50&grace=2&every=1")
    scene.pass_time(seconds)
    probe.loseConnection()
    assert (len(scene.wheel), len(scene.doors)) == (0, 0)


class Ends(Events):
    """Hears how requests end."""

    wants_asked = True

    def __init__(self) -> None:
        self.cheap: list[tuple[int, str]] = []
        self.whole: list[tuple[str, int, str]] = []

    def request_ended(self, status: int, end: str) -> None:
        self.cheap.append((status, end))

    def asked(self, asked: Asked) -> None:
        self.whole.append((asked.path, asked.status, asked.end))


@pytest.mark.parametrize(
    ("query", "seconds", "leaves", "ended"),
    [
        ("for=0", 0, False, (200, "answered")),
        ("for=2&grace=2", 3, False, (200, "answered")),
        ("for=2&every=1", 3, False, (200, "answered")),
        ("cut=1", 0, False, (0, "answered")),
        ("for=9&grace=9", 1, True, (0, "abandoned")),
        ("for=9&every=1", 2, True, (200, "abandoned")),
    ],
)
def test_the_end_of_a_probe_is_told_once(
    query: str, seconds: float, leaves: bool, ended: tuple[int, str]
) -> None:
    ends = Ends()
    scene = Scene(probes=True, events=ends)
    probe = scene.ask("POST", f"{PATH}?{query}")
    scene.pass_time(seconds)
    if leaves:
        probe.loseConnection()
    assert ends.cheap == [ended]
    assert ends.whole == [(PATH, *ended)]
