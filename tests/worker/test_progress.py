"""What handlers say of their progress."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.model.status import shown_progress
from relay.worker.progress import LONGEST, words


@pytest.mark.parametrize(
    ("fraction", "kept"),
    [
        *((0.5, 0.5), (1, 1), (1.0000001, 1), (-3, 0), (float("inf"), 1), ("0.5", 0.5)),
        *((float("nan"), None), (10**400, None), (None, None), ("half", None), (object(), None)),
    ],
)
def test_a_fraction_is_within_0_and_1_or_nothing(fraction: Any, kept: float | None) -> None:
    said = words(fraction, "")
    assert (json.loads(said)["fraction"] if said else None) == kept


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("it has no text")


def test_a_message_is_a_short_text() -> None:
    def message(given: Any) -> Any:
        return json.loads(words(0.5, given))["message"]

    assert message("half of it") == "half of it"
    assert message("caf\udce9") == "caf?"
    assert message({"a": 1}) == "{'a': 1}"
    assert message(None) == ""
    assert len(message("x" * 20_000_000)) == LONGEST
    assert words(0.5, Mute()) == ""


def test_what_is_shown_of_it_is_what_was_said() -> None:
    tricky = 'a,"start":1}'
    told = words(0.5, tricky, start=2, number=7)
    assert json.loads(told) == {"fraction": 0.5, "message": tricky, "start": 2, "number": 7}
    assert shown_progress(told) == words(0.5, tricky)
    for plain in ("", words(1, tricky)):  # of an earlier version
        assert shown_progress(plain) == plain
