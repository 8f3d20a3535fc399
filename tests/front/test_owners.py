"""An owner sees its own jobs only, whatever another tries."""

from __future__ import annotations

import time

import pytest

from relay.front.routes.tickets import OF_ONE_JOB
from relay.handover import Handover
from relay.model import ids
from relay.model.caller import Allowance, Caller, owner_of_subject
from relay.model.problems.request import StoreAway
from relay.model.tickets import Ticket, sign
from tests.front.callers.fakes import Passwords
from tests.front.scene import SECRET, Scene

ALICE, BOB = {"Authorization": "Test alice"}, {"Authorization": "Test bob"}
QUEUED = {"Prefer": "respond-async"}


@pytest.fixture
def scene() -> Scene:
    return Scene(Passwords(Caller("sub:alice"), Caller("sub:bob")))


@pytest.fixture
def theirs(scene: Scene) -> str:
    """A job of Alice's, with a key."""
    answer = scene.call("PUT", "/jobs/echo/order", {"a": 1}, {**ALICE, **QUEUED})
    assert answer.status == 202
    return str(answer.json()["id"])


def test_another_owner_does_not_find_a_job(scene: Scene, theirs: str) -> None:
    paths = [
        f"/jobs/{theirs}",
        "/jobs/echo/order",
        f"/jobs/{theirs}-then",
        f"/tickets/{ticket(theirs, 'sub:bob')}",
    ]
    for path in paths:
        for method in ("GET", "HEAD") if "tickets" in path else ("GET", "HEAD", "DELETE"):
            answers = [
                scene.call(method, path, headers={**BOB, **held})
                for held in ({}, {"Prefer": "wait=5"})
                if not (method == "DELETE" and "order" in path)
            ]
            assert {answer.status for answer in answers} <= {404}, (method, path)
    assert scene.call("GET", f"/jobs/{theirs}", headers=ALICE).json()["state"] == "queued"
    assert scene.call("GET", "/jobs/echo/order", headers=ALICE).json()["id"] == theirs


def test_the_store_is_not_asked_about_an_id_with_another_owners_mark(scene: Scene, theirs: str) -> None:
    scene.store.fails = StoreAway()
    assert scene.call("GET", f"/jobs/{theirs}", headers=BOB).status == 404
    assert scene.call("GET", f"/jobs/{theirs}", headers=ALICE).status == 503


def test_each_owner_has_keys_of_its_own(scene: Scene, theirs: str) -> None:
    mine = scene.call("PUT", "/jobs/echo/order", {"other": 2}, {**BOB, **QUEUED})
    assert mine.status == 202
    assert mine.json()["id"] != theirs
    assert scene.call("PUT", "/jobs/echo/order", {"other": 2}, {**ALICE, **QUEUED}).status == 422


def test_an_outcome_is_its_owners_too(scene: Scene, theirs: str) -> None:
    scene.end(theirs)
    assert scene.call("GET", f"/jobs/{theirs}", headers=BOB).status == 404
    assert scene.call("DELETE", f"/jobs/{theirs}", headers=BOB).status == 404
    assert scene.call("GET", "/jobs/echo/order", headers=BOB).status == 404
    assert scene.call("GET", f"/jobs/{theirs}", headers=ALICE).json()["state"] == "succeeded"


def ticket(id: str, owner: str = "") -> str:
    return sign(SECRET, Ticket(id, time.time() + 60, "", False, owner))


def test_a_ticket_is_for_the_owners_job(scene: Scene, theirs: str) -> None:
    for owner, status in (("sub:alice", 200), ("", 200), ("sub:bob", 404), ("token:alice", 404)):
        assert scene.call("HEAD", f"/tickets/{ticket(theirs, owner)}").status == status


def test_a_token_and_a_user_of_the_same_name_are_two_owners() -> None:
    scene = Scene(Passwords(Caller("token:alice")))
    theirs = scene.call("PUT", "/jobs/echo/order", {}, {**ALICE, **QUEUED}).json()["id"]
    assert scene.call("HEAD", f"/tickets/{ticket(theirs, 'sub:alice')}").status == 404
    assert scene.call("HEAD", f"/tickets/{ticket(theirs, 'token:alice')}").status == 200


def test_an_id_has_the_mark_of_its_owner() -> None:
    minted = ids.mint(0, "abcdefgh")
    marked = ids.marked(minted, "sub:alice")
    assert ids.parse(marked) is not None
    assert ids.JOB_ID.fullmatch(marked)
    for id in (marked, f"{marked}-then"):
        assert ids.may_belong(id, "sub:alice")
        assert not ids.may_belong(id, "sub:bob")
    assert ids.may_belong(minted, "sub:bob")  # of a relay that knew no owners
    assert ids.may_belong(f"{minted}-then", "sub:bob")
    others = sum(ids.may_belong(ids.marked(ids.mint(0, "a"), "sub:alice"), "sub:bob") for _ in range(1000))
    assert others <= 1


def test_held_places_of_a_caller_are_limited_and_the_job_is_queued_all_the_same() -> None:
    scene = Scene(
        Passwords(Caller("token:alice", name="token:alice", allowance=Allowance(held=2)), Caller("sub:bob"))
    )
    first, second = (scene.ask("POST", "/jobs/echo", {}, ALICE) for _ in range(2))
    assert (first.answer(), second.answer()) == (None, None)
    third = scene.call("POST", "/jobs/echo", {}, ALICE)
    assert (third.status, third.json()["state"]) == (202, "queued")
    assert (
        scene.call("GET", f"/jobs/{third.json()['id']}", headers={**ALICE, "Prefer": "wait=9"}).status == 200
    )
    assert scene.ask("POST", "/jobs/echo", {}, BOB).answer() is None
    first.loseConnection()
    fourth = scene.ask("POST", "/jobs/echo", {}, ALICE)
    assert fourth.answer() is None
    scene.pass_time(6)  # both are committed
    assert scene.call("POST", "/jobs/echo", {}, ALICE).status == 202
    scene.end()
    for visitor in (second, fourth):
        visitor.loseConnection()
    assert scene.ask("POST", "/jobs/echo", {}, ALICE).answer() is None


@pytest.mark.parametrize("subject", [" alice", "alice ", " alice ", " "])
def test_a_user_whose_name_has_a_space_at_its_ends_is_not_taken_for_another(subject: str) -> None:
    with pytest.raises(ValueError, match="begin or end with a space"):
        owner_of_subject(subject)
    with pytest.raises(ValueError, match="begin or end with a space"):
        Handover("http://127.0.0.1:1", SECRET, token="rly_").look("0-a-b", subject=subject)
    assert owner_of_subject("alice smith") == "sub:alice smith"


def test_a_ticket_can_not_fill_all_places(scene: Scene, theirs: str) -> None:
    path = f"/tickets/{ticket(theirs, 'sub:alice')}"
    visitors = [scene.ask("GET", path) for _ in range(OF_ONE_JOB.held + 5)]
    answers = [answer for visitor in visitors if (answer := visitor.answer()) is not None]
    assert [answer.status for answer in answers] == [202] * 5
    assert scene.ask("GET", f"/jobs/{theirs}", headers={**ALICE, "Prefer": "wait=9"}).answer() is None
