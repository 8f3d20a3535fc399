"""What the operator's settings make of what a client prefers."""

from __future__ import annotations

import pytest

from relay.front.hold.policy import LAST_WAIT, HoldPolicies, HoldPolicy
from relay.front.prefer import Preferences
from relay.front.wait_request import WaitRequest
from relay.model.settings import Settings

SETTINGS = Settings(grace=5, heartbeat=8, max_wait=600)


@pytest.fixture
def book() -> HoldPolicies:
    return HoldPolicies(SETTINGS)


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        (Preferences(), HoldPolicy(600, 5, 8, True)),
        (Preferences(wait=10), HoldPolicy(10, 5, 8, True, "wait=10")),
        (Preferences(wait=601), HoldPolicy(600, 5, 8, True)),  # not met, so not said
        (Preferences(grace=2), HoldPolicy(600, 2, 8, True, "grace=2")),
        (Preferences(grace=6), HoldPolicy(600, 5, 8, True)),
        (Preferences(heartbeat=1), HoldPolicy(600, 5, 1, True, "heartbeat=1")),
        (Preferences(heartbeat=0), HoldPolicy(600, 600, 0, True, "heartbeat=0")),
        (
            Preferences(wait=9, grace=0, heartbeat=3),
            HoldPolicy(9, 0, 3, True, "wait=9, grace=0, heartbeat=3"),
        ),
        (Preferences(True, 2), HoldPolicy(2, 2, 0, True, "respond-async, wait=2")),
        (Preferences(True, 20), HoldPolicy(5, 20, 0, True, "respond-async, wait=20")),
        (Preferences(True), None),
        (Preferences(wait=0), None),
        (Preferences(True, 0), None),
    ],
)
def test_a_submission_is_held_as_it_prefers_within_what_is_set(
    book: HoldPolicies, prefer: Preferences, expected: HoldPolicy | None
) -> None:
    assert book.of_submission(WaitRequest(prefer)) == expected


def test_a_look_shows_no_status_of_the_job_and_does_not_answer_at_once(book: HoldPolicies) -> None:
    look = book.of_look(WaitRequest(Preferences(True, 20)))
    assert look == HoldPolicy(20, 5, 8, False, "wait=20")


def test_alike_terms_are_one_object_and_not_all_that_was_ever_asked_for_is_kept(book: HoldPolicies) -> None:
    asked = WaitRequest(Preferences(wait=10), True)
    assert book.of_submission(asked) is book.of_submission(asked)
    assert book.of_submission(asked) != book.of_submission(WaitRequest(Preferences(wait=10)))
    for wait in range(1, 3000):
        book.of_submission(WaitRequest(Preferences(wait=wait)))
    assert len(book._of_submissions) <= 1000


@pytest.mark.parametrize("wait", [1, 600])
def test_at_the_end_a_wait_is_short_silent_and_promises_nothing(book: HoldPolicies, wait: int) -> None:
    terms = book.of_submission(WaitRequest(Preferences(wait=wait), True))
    assert terms is not None
    last = book.at_the_end(terms)
    assert (last.wait, last.commit, last.applied) == (min(wait, LAST_WAIT), min(wait, LAST_WAIT), "")
    assert last.cancel
