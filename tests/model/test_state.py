"""The table of transitions."""

from __future__ import annotations

from relay.model.state import TRANSITIONS, State


def test_what_has_no_way_out_is_complete() -> None:
    complete = {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED}
    assert {state for state in State if state.complete} == complete


def test_every_state_is_reached_from_the_two_that_jobs_begin_in() -> None:
    reached = {State.QUEUED, State.SCHEDULED}
    while new := {after for before in reached for after in TRANSITIONS[before]} - reached:
        reached |= new
    assert reached == set(State)
