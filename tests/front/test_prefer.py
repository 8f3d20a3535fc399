"""Preferences (RFC 7240)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.front.prefer import Preferences


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], Preferences()),
        (["respond-async"], Preferences(True)),
        (["Respond-Async, WAIT=10"], Preferences(True, 10)),
        (["wait=10", "respond-async"], Preferences(True, 10)),
        (["wait=10, wait=20"], Preferences(False, 10)),
        (["wait=10", "wait=20"], Preferences(False, 10)),
        (['wait="10"'], Preferences(False, 10)),
        (["wait = 10 ; strict=yes"], Preferences(False, 10)),
        (["heartbeat=0; x, wait=0"], Preferences(False, 0, 0)),
        (['note="a, wait=5", heartbeat=3'], Preferences(False, None, 3)),
        (["wait=-1, wait=5"], Preferences()),
        (["grace=2, heartbeat=1"], Preferences(False, None, 1, 2)),
        (["durable, wait=3"], Preferences(False, 3, durable=True)),
        (["wait=ten, heartbeat=1.5, handling=lenient"], Preferences()),
    ],
)
def test_what_is_said_is_understood(fields: list[str], expected: Preferences) -> None:
    assert Preferences.parse(fields) == expected


@given(st.lists(st.text(st.characters(max_codepoint=255)), max_size=4))
def test_nothing_that_is_sent_fails(fields: list[str]) -> None:
    preferences = Preferences.parse(fields)
    assert preferences.wait is None or preferences.wait >= 0
