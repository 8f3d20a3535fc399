"""Who calls, as a whole front finds it out: the checks, and what is answered without credentials."""

from __future__ import annotations

import time

import pytest
from twisted.logger import LogEvent

from relay.model.caller import Allowance, Caller, JobPatterns
from relay.model.problems.caller import Unauthorized
from relay.model.proofs import Signed, prove
from relay.serving.failures import LONGEST_BAR, MOST, UNFINISHED
from tests.front.callers.fakes import Passwords
from tests.front.scene import SECRET, Scene, served

ALICE, BOB = Caller("sub:alice"), Caller("sub:bob")
AS_ALICE, AS_BOB = {"Authorization": "Test alice"}, {"Authorization": "Test bob"}


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(ALICE, BOB)


@pytest.fixture
def scene(passwords: Passwords) -> Scene:
    return Scene(passwords)


def test_a_caller_needs_credentials(scene: Scene) -> None:
    for path in ("/jobs/echo", "/jobs/0-a-b", "/nothing", "/problems", "/jobs/%2F"):
        answer = scene.call("GET", path)
        assert (answer.status, answer.json()["type"]) == (401, "/problems/unauthorized")
        assert answer.headers["www-authenticate"] == 'Bearer realm="relay"'
        assert answer.headers["relay-source"] == "relay"
    assert scene.call("POST", "/jobs/echo", {}, {**AS_ALICE, "Prefer": "respond-async"}).status == 202
    assert scene.call("GET", "/nothing", headers=AS_ALICE).status == 404


def test_credentials_that_are_not_valid_are_told_apart_from_none(scene: Scene, lines: list[str]) -> None:
    for field in ("Test mallory", "Basic YTpi", "Bearer rly_x", "Bearer", "", "x" * 5000):
        answer = scene.call("POST", "/jobs/echo", {}, {"Authorization": field})
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="relay", error="invalid_token"'
    assert [line for line in lines if "was refused: there is no such name" in line]
    assert not [line for line in lines if "mallory" in line or "rly_x" in line]


def test_two_fields_of_credentials_are_malformed(scene: Scene) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Authorization": "Test alice\r\nAuthorization: Test bob"})
    answer = visitor.answer()
    assert answer is not None
    assert answer.status == 400


def test_a_check_may_take_its_time(scene: Scene, passwords: Passwords) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Authorization": "Test late", "Prefer": "wait=0"})
    assert visitor.answer() is None
    passwords.found.callback(ALICE)
    answer = visitor.answer()
    assert answer is not None
    assert answer.status == 202
    assert scene.store.job(scene.last()).owner == "sub:alice"


def test_a_client_that_goes_while_it_is_checked_submits_nothing(scene: Scene, passwords: Passwords) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Authorization": "Test late"})
    visitor.loseConnection()
    assert passwords.found.called
    assert scene.store.ids() == []


def test_a_check_that_breaks_lets_nobody_in(
    scene: Scene, passwords: Passwords, no_logged_failures: list[LogEvent]
) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Authorization": "Test late"})
    passwords.found.errback(RuntimeError("the directory is away"))
    answer = visitor.answer()
    assert answer is not None
    assert answer.status == 500
    assert "directory" not in answer.body.decode()
    no_logged_failures.clear()


def test_guessing_is_stopped_and_known_callers_go_on(scene: Scene, passwords: Passwords) -> None:
    passwords.known.add("bob")
    answers = [
        scene.call("GET", "/jobs/0-memory-b", headers={"Authorization": f"Test {n}"}) for n in range(30)
    ]
    assert [answer.status for answer in answers] == [401] * MOST + [429] * (30 - MOST)
    assert answers[-1].headers["retry-after"] == "1"
    assert passwords.asked == MOST
    assert scene.call("GET", "/jobs/0-memory-b", headers=AS_ALICE).status == 429  # who is not known yet
    assert scene.call("GET", "/jobs/0-memory-b", headers=AS_BOB).status == 404
    scene.pass_time(1)
    assert scene.call("GET", "/jobs/0-memory-b", headers=AS_ALICE).status == 404


def test_a_server_with_a_proof_goes_on_where_others_of_its_address_fail(scene: Scene) -> None:
    for n in range(MOST + 1):
        refused = scene.call("GET", "/jobs/0-memory-b", headers={"Authorization": f"Test {n}"})
    assert refused.status == 429
    signed = Signed("POST", "/jobs/echo", "one", b"{}", "alice")
    proof = prove(SECRET, signed, time.time())
    headers = {
        "Relay-Proof": proof,
        "Relay-Subject": "alice",
        "Idempotency-Key": "one",
        "Prefer": "respond-async",
    }
    assert scene.call("POST", "/jobs/echo", b"{}", headers).status == 202
    assert scene.store.job(scene.last()).owner == "sub:alice"
    assert scene.call("POST", "/jobs/echo", b"{ }", headers).status == 403


def test_a_job_that_the_caller_may_not_call_is_403_whether_it_exists_or_not() -> None:
    caller = Caller("token:app", jobs=JobPatterns(("fetch", "s3_*")))
    scene = Scene(Passwords(caller))
    scene.store.publish([served("echo"), served("fetch"), served("s3_put")])
    headers = {"Authorization": "Test app", "Prefer": "respond-async"}
    refused = [scene.call("POST", f"/jobs/{name}", {}, headers) for name in ("echo", "nothing", "fetch2")]
    assert [(each.status, each.json()["type"]) for each in refused] == [
        (403, "/problems/job-not-allowed")
    ] * 3
    assert scene.call("PUT", "/jobs/echo/key", {}, headers).status == 403
    assert scene.call("POST", "/jobs/fetch", {}, headers).status == 202
    assert scene.call("PUT", "/jobs/s3_put/key", {}, headers).status == 202
    assert scene.call("POST", "/jobs/s3_nothing", {}, headers).status == 404


def test_a_body_that_is_larger_than_the_caller_may_send_is_413() -> None:
    scene = Scene(Passwords(Caller("token:app", allowance=Allowance(body=20))))
    headers = {"Authorization": "Test app", "Prefer": "respond-async"}
    assert scene.call("POST", "/jobs/echo", {"a": "x" * 11}, headers).status == 202
    answer = scene.call("POST", "/jobs/echo", {"a": "x" * 12}, headers)
    assert (answer.status, answer.json()["limit"]) == (413, 20)


def test_a_page_elsewhere_can_not_use_what_a_browser_sends_on_its_own() -> None:
    class Cookies(Passwords):
        def recall(self, request: object) -> Caller:
            return ALICE

    scene = Scene(Cookies())
    send = {"Prefer": "respond-async", "Cookie": "session=1"}
    assert scene.call("POST", "/jobs/echo", {}, send).status == 202
    assert scene.call("POST", "/jobs/echo", {}, {**send, "Origin": "http://localhost"}).status == 202
    for foreign in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert scene.call("POST", "/jobs/echo", {}, {**send, **foreign}).status == 403
        with_token = {**send, **foreign, **AS_ALICE}
        assert scene.call("POST", "/jobs/echo", {}, with_token).status == 202


def test_proxies_and_probes_need_no_credentials_for_health(scene: Scene) -> None:
    assert scene.call("GET", "/healthz").status == 200
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    assert scene.call("GET", "/healthz", headers=elsewhere).status == 401
    assert scene.call("GET", "/healthz", headers={**elsewhere, **AS_ALICE}).status == 200
    assert scene.call("GET", "/healthz", headers={"Authorization": "Test mallory"}).status == 401


def test_a_check_that_does_not_answer_is_given_ten_seconds(scene: Scene, passwords: Passwords) -> None:
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Authorization": "Test late"})
    scene.pass_time(9.5)
    assert visitor.answer() is None
    scene.pass_time(1)
    answer = visitor.answer()
    assert answer is not None
    assert (answer.status, answer.json()["type"]) == (503, "/problems/callers-away")
    assert int(answer.headers["retry-after"]) >= 1
    assert scene.store.ids() == []
    assert scene.call("GET", "/nothing", headers=AS_ALICE).status == 404  # it was no failed attempt


def test_what_a_problem_means_is_for_all(scene: Scene) -> None:
    refused = scene.call("GET", "/jobs/0-a-b")
    meaning = scene.call("GET", refused.json()["type"])
    assert (meaning.status, meaning.json()["status"]) == (200, 401)
    assert scene.call("GET", "/problems/nothing").status == 404


def test_unfinished_attempts_of_an_address_are_bounded_and_it_is_not_barred_for_long(
    scene: Scene, passwords: Passwords
) -> None:
    waiting = [
        scene.ask("GET", "/jobs/0-memory-b", headers={"Authorization": "Test late"}) for _ in range(120)
    ]
    refused = [visitor for visitor in waiting if visitor.value()]
    assert len(refused) == 120 - UNFINISHED
    assert {visitor.answer().status for visitor in refused} == {429}  # type: ignore[union-attr]
    passwords.found.errback(Unauthorized("there is no such name"))
    scene.pass_time(LONGEST_BAR + 1)
    assert scene.call("GET", "/jobs/0-memory-b", headers=AS_ALICE).status == 404
