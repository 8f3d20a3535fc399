"""What a front does for callers, where a store, a catalogue or a client is not as it was a moment ago."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred

from relay.front.accepted import Accepted
from relay.front.submission import SubmitRequest
from relay.front.submitter import COME_BACK
from relay.front.wait_request import WaitRequest
from relay.model.caller import Caller
from relay.model.digests import digest
from relay.model.job import JobTemplate
from relay.model.problems.request import NoSuchJob, StoreAway
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.messages import LimitDefinition
from tests.front.scene import Scene, served

HELD = SubmitRequest(Caller("me"), "echo", b'{"a": 1}', "", WaitRequest())
KEYED = msgspec.structs.replace(HELD, key="key")
NEARBY = msgspec.structs.replace(HELD, caller=Caller("me", local=True))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def begun(scene: Scene, order: SubmitRequest, held: bool = True) -> tuple[Deferred[Any], list[Any]]:
    """A submission, and what came of it."""
    told: list[Any] = []
    submitting = maybeDeferred(scene.desk.submitted, order, held)
    submitting.addBoth(told.append)
    return submitting, told


def submitted(scene: Scene, order: SubmitRequest, held: bool = True) -> Accepted:
    (accepted,) = begun(scene, order, held)[1]
    assert isinstance(accepted, Accepted), accepted
    return accepted


def slow(scene: Scene) -> list[Deferred[None]]:
    """Have the store take its time from now on; each of its answers to a submission goes when this is fired."""
    waiting: list[Deferred[None]] = []
    submit = scene.store.submit

    def later(submission: Any) -> Any:
        waiting.append(Deferred())
        receipt = submit(submission)
        return waiting[-1].addCallback(lambda _: receipt)

    scene.store.submit = later  # type: ignore[method-assign]
    return waiting


def test_a_job_is_queued_as_its_worker_declared_it(scene: Scene) -> None:
    follow = JobTemplate("next", "default", 1, 2, False)
    limit = LimitDefinition("graph", 5, 1.0, "user")
    declared = served("echo", queue="slow", priority=7, attempts=3, once=True, limit=limit, then=follow)
    scene.store.publish([declared])
    submitted(scene, msgspec.structs.replace(HELD, body=b'{"user": "anna"}', trace="t"))
    job = scene.store.job(scene.last())
    assert (job.queue, job.priority, job.attempts, job.once, job.then) == ("slow", 7, 3, True, follow)
    assert (job.owner, job.inbox, job.trace, job.key, job.fingerprint) == ("me", "front", "t", "", "")
    assert job.lane.startswith("@graph ")


@pytest.mark.parametrize("notifies", [True, False])
def test_whom_to_notify_is_kept_where_the_job_that_follows_takes_it(scene: Scene, notifies: bool) -> None:
    follow = JobTemplate("next", "default", 1, 2, False)
    scene.store.publish([served("echo", then=follow, notifies=notifies)])
    submitted(scene, msgspec.structs.replace(HELD, notify="device"))
    assert scene.store.job(scene.last()).notify == ("device" if notifies else "")


def test_who_waits_is_waited_for_and_its_submission_kept(scene: Scene) -> None:
    accepted = submitted(scene, HELD)
    assert isinstance(accepted.known, JobStatus)
    assert accepted.waiter is not None
    kept = scene.room.resubmission(accepted.known.id)
    assert kept is not None
    assert kept.job == scene.store.job(scene.last())
    told: list[Outcome] = []
    accepted.waiter.hear(told.append)
    assert told == [scene.end()] or told[0].state is State.SUCCEEDED


def test_an_outcome_that_is_quicker_than_the_receipt_is_told(scene: Scene) -> None:
    answers = slow(scene)
    told = begun(scene, HELD)[1]
    outcome = scene.end()
    assert told == []
    answers[0].callback(None)
    waited: list[Any] = []
    told[0].waiter.hear(waited.append)
    assert waited == [outcome]


def test_a_client_that_goes_while_its_submission_is_on_its_way_leaves_nothing_here(scene: Scene) -> None:
    answers = slow(scene)
    submitting, told = begun(scene, HELD)
    submitting.cancel()
    assert (len(told), len(scene.room)) == (1, 0)
    answers[0].callback(None)
    scene.pass_time(COME_BACK + 1)
    assert isinstance(scene.store._known[scene.last()], JobStatus)


def test_and_takes_its_job_along_if_it_wanted_to(scene: Scene) -> None:
    answers = slow(scene)
    submitting, _ = begun(scene, msgspec.structs.replace(HELD, wait=WaitRequest(cancel=True)))
    submitting.cancel()
    answers[0].callback(None)
    scene.pass_time(COME_BACK + 1)
    assert scene.store._known[scene.last()].state is State.CANCELLED


@pytest.mark.parametrize("cancel", [True, False])
def test_a_submission_that_fails_after_its_client_has_gone_is_nobodys(scene: Scene, cancel: bool) -> None:
    answers = slow(scene)
    submitting, _ = begun(scene, msgspec.structs.replace(HELD, wait=WaitRequest(cancel=cancel)))
    submitting.cancel()
    answers[0].errback(StoreAway())
    scene.pass_time(COME_BACK + 1)


def test_a_submission_that_a_store_gives_up_as_it_stops_is_nobodys(scene: Scene) -> None:
    answers = slow(scene)
    _, told = begun(scene, msgspec.structs.replace(HELD, wait=WaitRequest(cancel=True)))
    answers[0].errback(CancelledError())
    assert told[0].check(CancelledError)
    scene.pass_time(COME_BACK + 1)


def test_a_key_whose_job_is_gone_the_next_moment_is_a_store_that_is_away(scene: Scene) -> None:
    """For the client may send the same again, which a 404 would keep it from."""
    submitted(scene, KEYED, held=False)

    async def gone(owner: str, id: str) -> Any:
        raise NoSuchJob

    scene.store.look = gone  # type: ignore[method-assign]
    (failure,) = begun(scene, KEYED)[1]
    assert failure.check(StoreAway)
    assert len(scene.room) == 0


def test_a_key_whose_job_ends_meanwhile_is_a_replay_and_nobody_waits(scene: Scene) -> None:
    submitted(scene, KEYED, held=False)
    look, outcomes = scene.store.look, []

    async def ended(owner: str, id: str) -> Any:
        outcomes.append(scene.store.end(id))
        return await look(owner, id)

    scene.store.look = ended  # type: ignore[method-assign]
    accepted = submitted(scene, KEYED)
    assert (accepted.known, accepted.waiter, accepted.replayed) == (outcomes[0], None, True)
    assert len(scene.room) == 0


def test_a_long_body_lets_others_have_their_turn(scene: Scene) -> None:
    told = begun(scene, msgspec.structs.replace(HELD, body=b'{"a": "' + b"x" * 100_000 + b'"}'))[1]
    assert told == []
    scene.clock.advance(0)
    assert isinstance(told[0], Accepted)


def test_a_local_job_is_for_clients_of_this_machine(scene: Scene) -> None:
    scene.store.publish([served("echo", local=True)])
    assert len(begun(scene, HELD)[1][0].value.problem()) >= 3
    submitted(scene, NEARBY)


def test_a_store_that_is_away_as_an_outcome_is_collected_or_a_job_abandoned_is_of_no_consequence(
    scene: Scene,
) -> None:
    submitted(scene, HELD, held=False)
    outcome = scene.end(follows=True)
    scene.store.fails = StoreAway()
    scene.desk.collected(outcome)
    scene.desk.abandon(outcome.id)
    scene.pass_time(COME_BACK + 1)


def test_a_digest_keeps_owners_names_and_keys_apart() -> None:
    said = [("me", "a", "b"), ("me", "ab", ""), ("m", "ea", "b"), ("me", "a", "B")]
    assert len({digest(*scope) for scope in said}) == len(said)
    assert digest(*said[0]) == digest(*said[0])
    assert digest(*said[0]).isalnum()
