"""The addresses of a front, over a store in memory."""

from __future__ import annotations

import time
from typing import Any
from unittest.mock import patch

import pytest
from twisted.logger import LogEvent

from relay.model import tickets
from relay.model.problems.request import QueueFull, StoreAway
from relay.model.state import State
from relay.model.tickets import Ticket
from tests.front.scene import SECRET, Scene, served

LATER = {"Prefer": "respond-async"}


@pytest.fixture
def scene() -> Scene:
    return Scene()


# -- submit --


def test_a_submission_is_held_until_its_job_ends(scene: Scene) -> None:
    client = scene.ask("POST", "/jobs/echo", {"message": 1})
    assert client.answer() is None
    assert len(scene.wheel) == 1
    scene.end(payload='{"a":1}')
    answer = client.answer()
    assert answer is not None
    assert (answer.status, answer.json()["result"]) == (200, {"a": 1})
    assert answer.headers["location"] == f"/jobs/{scene.last()}"


def test_one_that_does_not_wait_is_202_and_nobody_is_told_of_its_outcome(scene: Scene) -> None:
    answer = scene.call("POST", "/jobs/echo", None, LATER)
    assert (answer.status, answer.json()["state"]) == (202, "queued")
    assert answer.headers["preference-applied"] == "respond-async"
    assert scene.store.job(scene.last()).inbox == ""
    assert len(scene.room) == 0


def test_one_whose_client_is_about_to_attach_has_its_outcome_sent_here(scene: Scene) -> None:
    answer = scene.call("POST", "/jobs/echo", None, {"Prefer": "wait=0"})
    assert (answer.status, "preference-applied" in answer.headers) == (202, False)
    assert scene.store.job(scene.last()).inbox == "front"
    assert len(scene.room) == 0


def test_a_delayed_one_is_scheduled_and_not_waited_for(scene: Scene) -> None:
    answer = scene.call("POST", "/jobs/echo", None, {"Relay-Delay": "1.5"})
    assert (answer.status, answer.json()["state"]) == (202, "scheduled")
    assert scene.store.job(scene.last()).inbox == ""


def test_the_same_key_is_the_same_job_whether_it_runs_or_has_ended(scene: Scene) -> None:
    first = scene.ask("PUT", "/jobs/echo/key", {"a": 1})
    second = scene.ask("POST", "/jobs/echo", {"a": 1.0}, {"Idempotency-Key": '"key"'})
    assert len(scene.store.ids()) == 1
    scene.end(payload="7")
    results = [answer and answer.json()["result"] for answer in (first.answer(), second.answer())]
    assert results == [7, 7]
    again = scene.call("PUT", "/jobs/echo/key", {"a": 1})
    assert (again.json()["result"], again.headers["idempotency-replayed"]) == (7, "true")
    other = scene.call("PUT", "/jobs/echo/key", {"a": 2})
    assert (other.status, other.json()["type"]) == (422, "/problems/key-reused")


def test_a_job_that_failed_before_is_answered_with_its_own_status(scene: Scene) -> None:
    scene.call("PUT", "/jobs/echo/key", None, LATER)
    scene.end(state=State.FAILED, payload='{"type":"/problems/declined","status":402}')
    assert scene.call("PUT", "/jobs/echo/key").status == 402


def test_past_max_held_clients_are_told_to_come_back(scene: Scene) -> None:
    scene = Scene(max_held=1)
    scene.ask("POST", "/jobs/echo")
    assert scene.call("POST", "/jobs/echo").status == 202
    assert scene.call("GET", f"/jobs/{scene.last()}", None, {"Prefer": "wait=9"}).json()["state"] == "queued"


def test_a_key_can_be_required() -> None:
    scene = Scene(require_key=True)
    assert scene.call("POST", "/jobs/echo").json()["type"] == "/problems/key-required"
    assert scene.call("PUT", "/jobs/echo/a", None, LATER).status == 202


def test_while_a_front_drains_a_wait_is_short_and_never_committed(scene: Scene) -> None:
    scene.desk.draining = True
    client = scene.ask("POST", "/jobs/echo")
    scene.pass_time(3.5)
    answer = client.answer()
    assert answer is not None
    assert (answer.status, answer.json()["reattach"]) == (202, True)


def test_while_a_front_drains_into_its_successor_waits_are_as_always(scene: Scene) -> None:
    scene.desk.draining = scene.successor.takes = True
    client = scene.ask("POST", "/jobs/echo")
    scene.pass_time(3.5)
    assert client.answer() is None


@pytest.mark.parametrize(
    ("error", "status", "slug"), [(StoreAway(), 503, "store-away"), (QueueFull(), 503, "queue-full")]
)
def test_what_the_store_refuses_is_a_problem_and_leaves_nobody_waiting(
    scene: Scene, error: Exception, status: int, slug: str
) -> None:
    scene.call("POST", "/jobs/echo", None, LATER)  # the catalogue is known
    scene.store.fails = error
    answer = scene.call("POST", "/jobs/echo")
    assert (answer.status, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert int(answer.headers["retry-after"]) >= 1
    assert (len(scene.room), len(scene.wheel)) == (0, 0)


# -- look, attach, cancel --


def submitted(scene: Scene) -> str:
    """The address of a job that nobody waits for."""
    return scene.call("PUT", "/jobs/echo/key", None, LATER).headers["location"]


@pytest.mark.parametrize("by_key", [False, True])
def test_a_look_is_200_whatever_became_of_the_job(scene: Scene, by_key: bool) -> None:
    address = submitted(scene)
    address = "/jobs/echo/key" if by_key else address
    assert scene.call("GET", address).json()["state"] == "queued"
    scene.store.begin(scene.last())
    assert scene.call("GET", address).json()["state"] == "running"
    scene.end(state=State.FAILED, payload='{"type":"/problems/declined","status":402}')
    answer = scene.call("GET", address)
    assert (answer.status, answer.json()["state"]) == (200, "failed")


@pytest.mark.parametrize("by_key", [False, True])
def test_a_look_that_waits_is_held(scene: Scene, by_key: bool) -> None:
    address = submitted(scene)
    client = scene.ask("GET", "/jobs/echo/key" if by_key else address, None, {"Prefer": "wait=20"})
    assert client.answer() is None
    scene.end(state=State.FAILED, payload='{"type":"/problems/declined","status":402}')
    answer = client.answer()
    assert answer is not None
    assert (answer.status, answer.headers["preference-applied"]) == (200, "wait=20")


def test_one_that_comes_too_late_to_wait_is_answered_at_once(scene: Scene) -> None:
    address = submitted(scene)
    scene.end()
    assert scene.call("GET", address, None, {"Prefer": "wait=20"}).json()["complete"] is True
    assert (len(scene.room), len(scene.wheel)) == (0, 0)


def test_head_never_waits_and_has_no_body(scene: Scene) -> None:
    answer = scene.call("HEAD", submitted(scene), None, {"Prefer": "wait=20"})
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 50


def test_a_job_that_waits_is_cancelled_at_once(scene: Scene) -> None:
    address = submitted(scene)
    for _ in range(2):  # said again it is the same
        answer = scene.call("DELETE", address)
        assert (answer.status, answer.json()["state"]) == (200, "cancelled")


def test_a_job_that_runs_is_told_to_stop(scene: Scene) -> None:
    address = submitted(scene)
    scene.store.begin(scene.last())
    answer = scene.call("DELETE", address)
    assert (answer.status, answer.json()["state"]) == (202, "running")


def test_a_job_that_has_ended_can_not_be_cancelled(scene: Scene) -> None:
    address = submitted(scene)
    scene.end()
    answer = scene.call("DELETE", address)
    assert (answer.status, answer.json()["type"]) == (409, "/problems/already-complete")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("id", "status"), [("0-memory-x", 404), ("0-elsewhere-x", 410)], ids=["unknown", "of another data set"]
)
def test_a_job_that_is_not_there_is_404_or_410(scene: Scene, method: str, id: str, status: int) -> None:
    assert scene.call(method, f"/jobs/{id}").status == status


def test_an_outcome_counts_as_collected_where_a_client_was_told(scene: Scene) -> None:
    address = submitted(scene)
    id = scene.last()
    scene.end(follows=True)
    scene.call("HEAD", address)
    assert scene.store.collections == []
    scene.call("GET", address)
    scene.call("PUT", "/jobs/echo/key")
    assert scene.store.collections == [id, id]


# -- tickets --


def ticket(
    scene: Scene, prefer: str = "", replayed: bool = False, left: float = 60, secret: str = SECRET
) -> str:
    submitted(scene)
    return "/tickets/" + tickets.sign(secret, Ticket(scene.last(), time.time() + left, prefer, replayed))


def test_a_ticket_waits_for_its_job_and_is_answered_as_its_submission(scene: Scene) -> None:
    client = scene.ask("GET", ticket(scene, replayed=True))
    assert client.answer() is None
    scene.end(state=State.FAILED, payload='{"type":"/problems/declined","status":402}')
    answer = client.answer()
    assert answer is not None
    assert answer.status == 402
    again = scene.call("GET", ticket(scene, replayed=True))
    assert (again.status, again.headers["idempotency-replayed"]) == (402, "true")


def test_what_a_ticket_prefers_counts_before_what_its_bearer_does(scene: Scene) -> None:
    address = ticket(scene, prefer="respond-async")
    assert scene.call("GET", address, None, {"Prefer": "wait=20"}).status == 202
    assert scene.call("GET", ticket(scene), None, LATER).status == 202
    assert scene.call("HEAD", address).status == 200


@pytest.mark.parametrize(("left", "secret"), [(-60, SECRET), (60, "somebody else's secret")])
def test_a_ticket_that_is_not_good_lets_nobody_in(
    scene: Scene, left: float, secret: str, lines: list[str]
) -> None:
    address = ticket(scene, left=left, secret=secret)
    answer = scene.call("GET", address)
    assert (answer.status, answer.json()["type"]) == (403, "/problems/forbidden")
    refused = [line for line in lines if "a ticket from" in line]
    assert len(refused) == 1
    assert address not in refused[0]


# -- what is asked --


@pytest.mark.parametrize(
    ("headers", "body", "status", "slug"),
    [
        ({"Content-Type": "text/plain"}, {}, 415, "not-json"),
        ({"Content-Type": "application/json; charset=latin-1"}, {}, 415, "not-json"),
        ({"Content-Encoding": "gzip"}, {}, 415, "not-json"),
        ({"Idempotency-Key": '"no end'}, {}, 400, "malformed"),
        ({"Idempotency-Key": ""}, {}, 400, "malformed"),
        ({"Idempotency-Key": "k" * 256}, {}, 400, "malformed"),
        ({"Relay-Delay": "soon"}, {}, 400, "malformed"),
        ({"Relay-Delay": "9999999"}, {}, 400, "malformed"),
        ({"Relay-Delay": "1e999"}, {}, 400, "malformed"),
        ({"Relay-Delay": "1e"}, {}, 400, "malformed"),
        ({"Relay-Delay": "0x10"}, {}, 400, "malformed"),
        ({"Relay-Delay": ""}, {}, 400, "malformed"),
        ({"Relay-Deadline": ""}, {}, 400, "malformed"),
        ({"Relay-Notify": ""}, {}, 400, "malformed"),
        ({"Relay-Notify": "a b"}, {}, 400, "malformed"),
        ({"Relay-Notify": "x" * 1025}, {}, 400, "malformed"),
        ({"Relay-On-Disconnect": ""}, {}, 400, "malformed"),
        ({"Relay-Deadline": "-1"}, {}, 400, "malformed"),
        ({"Relay-On-Disconnect": "explode"}, {}, 400, "malformed"),
        ({}, b"[1]", 400, "malformed-body"),
        ({}, b"{", 400, "malformed-body"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_can_not_be_read_is_refused(
    scene: Scene, headers: dict[str, str], body: Any, status: int, slug: str
) -> None:
    answer = scene.call("POST", "/jobs/echo", body, headers)
    assert (answer.status, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert scene.store.ids() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": 'Application/JSON; charset="UTF-8"'},
        {"Content-Encoding": "identity"},
        {"Idempotency-Key": r'"a \"quoted\" key"'},
        {"Relay-Deadline": "0.5"},
        {"Relay-Deadline": "29.997123417000002"},
        {"Relay-Delay": "1e-05"},
        {"Relay-Delay": "1.5E+2"},
        {"Relay-On-Disconnect": "continue"},
        {"traceparent": "nonsense"},
    ],
    ids=str,
)
def test_what_can_be_read_is_taken(scene: Scene, headers: dict[str, str]) -> None:
    assert scene.call("POST", "/jobs/echo", {}, {**headers, **LATER}).status == 202
    assert scene.store.job(scene.last()).trace == ""


def test_a_deadline_however_near_is_one(scene: Scene) -> None:
    """In milliseconds it would be none."""
    with patch.object(scene.store, "submit", wraps=scene.store.submit) as submit:
        scene.call("POST", "/jobs/echo", {}, {"Relay-Deadline": "1e-05", **LATER})
    assert submit.call_args.args[0].deadline == 1


def test_a_trace_is_carried_on(scene: Scene) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    scene.call("POST", "/jobs/echo", {}, {"traceparent": trace, **LATER})
    assert scene.store.job(scene.last()).trace == trace


# -- who goes away --


@pytest.mark.parametrize(("wants", "state"), [("cancel", "cancelled"), ("continue", "queued")])
def test_a_client_that_goes_takes_its_job_along_if_it_said_so(scene: Scene, wants: str, state: str) -> None:
    client = scene.ask("PUT", "/jobs/echo/key", {}, {"Relay-On-Disconnect": wants})
    client.loseConnection()
    scene.pass_time(6)
    assert scene.call("GET", "/jobs/echo/key").json()["state"] == state


def test_unless_it_comes_back_in_time(scene: Scene) -> None:
    headers = {"Relay-On-Disconnect": "cancel"}
    scene.ask("PUT", "/jobs/echo/key", {}, headers).loseConnection()
    scene.pass_time(4)
    client = scene.ask("PUT", "/jobs/echo/key", {}, headers)
    scene.pass_time(6)
    scene.end()
    assert client.answer() is not None


# -- what is where --


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/jobs", 404),
        ("GET", "/jobs/", 404),
        ("GET", "//jobs/echo", 404),
        ("GET", "/jobs/Echo/key", 404),
        ("POST", f"/jobs/{'a' * 65}", 404),
        ("POST", "/jobs/unknown", 404),
        ("GET", "/problems/nothing", 404),
        ("GET", "/jobs/echo", 405),
        ("PATCH", "/jobs/0-memory-x", 405),
        ("POST", "/readyz", 405),
    ],
)
def test_what_is_not_there_is_a_problem(scene: Scene, method: str, path: str, status: int) -> None:
    answer = scene.call(method, path)
    assert (answer.status, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_method_that_is_refused_is_told_which_are_not(scene: Scene) -> None:
    assert scene.call("PATCH", "/jobs/0-memory-x").headers["allow"] == "DELETE, GET, HEAD"


def test_names_that_many_clients_guess_are_not_all_remembered(scene: Scene) -> None:
    for number in range(1100):
        scene.call("POST", f"/jobs/guess{number}")
    assert scene.call("POST", "/jobs/echo", None, LATER).status == 202


def test_a_front_is_ready_once_it_has_swept_a_store_that_workers_serve(scene: Scene) -> None:
    assert scene.call("GET", "/readyz").json() == {"ready": False, "why": "the store is away", "held": 0}
    scene.readiness.swept()
    assert scene.call("GET", "/readyz").json()["why"] == "no worker serves any job"
    scene.ask("POST", "/jobs/echo")
    answer = scene.call("GET", "/readyz")
    assert (answer.status, answer.json()) == (200, {"ready": True, "held": 1})
    scene.desk.draining = True
    answer = scene.call("GET", "/readyz")
    assert (answer.status, answer.json()["why"]) == (503, "draining")
    assert scene.call("GET", "/healthz").json() == {"alive": True}


@pytest.mark.parametrize("slug", ["no-worker", "upstream-timeout"])
def test_a_problem_says_what_it_means(scene: Scene, slug: str) -> None:
    said = scene.call("GET", f"/problems/{slug}").json()
    assert said["type"] == slug
    assert len(said["meaning"]) > 40


def test_a_prefix_is_in_addresses_and_types() -> None:
    scene = Scene(prefix="/v1")
    assert scene.call("POST", "/jobs/echo", None, LATER).headers["location"].startswith("/v1/jobs/")
    assert scene.call("POST", "/jobs/unknown").json()["type"] == "/v1/problems/unknown-job"


def test_an_error_of_ours_is_a_500_that_says_nothing_and_is_logged(
    scene: Scene, no_logged_failures: list[LogEvent]
) -> None:
    scene.call("POST", "/jobs/echo", None, LATER)
    scene.store.fails = ZeroDivisionError("of ours")
    answer = scene.call("GET", f"/jobs/{scene.last()}")
    assert (answer.status, answer.json()["type"]) == (500, "/problems/internal-error")
    assert b"of ours" not in answer.body
    assert no_logged_failures.pop()["path"] == f"/jobs/{scene.last()}"


# -- for whom --


def test_internal_jobs_are_for_no_client_and_local_ones_for_those_of_this_machine(scene: Scene) -> None:
    scene.store.publish([served("inside", internal=True), served("here", local=True)])
    for name in ("inside", "here"):
        assert scene.call("POST", f"/jobs/{name}").json()["type"] == "/problems/unknown-job"


def test_as_long_as_no_worker_has_come_no_job_is_unknown() -> None:
    scene = Scene()
    scene.store._declared.clear()
    for headers in ({}, LATER):
        answer = scene.call("POST", "/jobs/echo", None, headers)
        assert (answer.status, answer.json()["type"]) == (503, "/problems/no-worker")


def test_a_job_whose_workers_are_gone_is_queued_for_who_does_not_wait(scene: Scene) -> None:
    scene.store.publish([served("gone")], overdue=5)
    assert scene.call("POST", "/jobs/gone").json()["type"] == "/problems/no-worker"
    assert scene.call("POST", "/jobs/gone", None, LATER).status == 202
