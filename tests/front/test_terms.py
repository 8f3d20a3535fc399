"""What the operator's settings make of what a client prefers."""

from __future__ import annotations

import pytest

from relay.front.prefer import Preferences
from relay.front.terms import LAST_WAIT, Terms, TermsBook
from relay.settings import Settings

SETTINGS = Settings(grace=5, heartbeat=8, max_wait=600)


@pytest.fixture
def book() -> TermsBook:
    return TermsBook(SETTINGS)


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        (Preferences(), Terms(600, 5, 8, True)),
        (Preferences(wait=10), Terms(10, 5, 8, True, "wait=10")),
        (Preferences(wait=601), Terms(600, 5, 8, True)),  # not met, so not said
        (Preferences(grace=2), Terms(600, 2, 8, True, "grace=2")),
        (Preferences(grace=6), Terms(600, 5, 8, True)),
        (Preferences(heartbeat=1), Terms(600, 5, 1, True, "heartbeat=1")),
        (Preferences(heartbeat=0), Terms(600, 600, 0, True, "heartbeat=0")),
        (Preferences(wait=9, grace=0, heartbeat=3), Terms(9, 0, 3, True, "wait=9, grace=0, heartbeat=3")),
        (Preferences(True, 2), Terms(2, 2, 0, True, "respond-async, wait=2")),
        (Preferences(True, 20), Terms(5, 20, 0, True, "respond-async, wait=20")),
        (Preferences(True), None),
        (Preferences(wait=0), None),
        (Preferences(True, 0), None),
    ],
)
def test_a_submission_is_held_as_it_prefers_within_what_is_set(
    book: TermsBook, prefer: Preferences, expected: Terms | None
) -> None:
    assert book.of_submission(prefer, False) == expected


def test_a_look_shows_no_status_of_the_job_and_does_not_answer_at_once(book: TermsBook) -> None:
    look = book.of_look(Preferences(True, 20), False)
    assert look == Terms(20, 5, 8, False, "wait=20")


def test_alike_terms_are_one_object_and_not_all_that_was_ever_asked_for_is_kept(book: TermsBook) -> None:
    asked = Preferences(wait=10), True
    assert book.of_submission(*asked) is book.of_submission(*asked)
    assert book.of_submission(*asked) != book.of_submission(Preferences(wait=10), False)
    for wait in range(1, 3000):
        book.of_submission(Preferences(wait=wait), False)
    assert len(book._known) <= 1000


@pytest.mark.parametrize("wait", [1, 600])
def test_at_the_end_a_wait_is_short_silent_and_promises_nothing(book: TermsBook, wait: int) -> None:
    terms = book.of_submission(Preferences(wait=wait), True)
    assert terms is not None
    last = book.at_the_end(terms)
    assert (last.wait, last.commit, last.applied) == (min(wait, LAST_WAIT), min(wait, LAST_WAIT), "")
    assert last.cancel
