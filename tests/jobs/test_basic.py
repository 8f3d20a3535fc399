"""The jobs to try relay with, called as what they are: functions."""

from __future__ import annotations

import pytest

from relay.handlers.declare import handler
from relay.jobs.basic import echo, sleep
from relay.model.problems.request import BadArguments


def test_echo_gives_back_what_was_sent() -> None:
    assert echo({"a": 1}) == {"a": 1}
    assert handler(echo).decode("{}") == {"message": None}


@pytest.mark.parametrize("seconds", ["-1", "3601", '"1"'])
def test_sleep_takes_seconds_within_an_hour(seconds: str) -> None:
    with pytest.raises(BadArguments):
        handler(sleep).decode(f'{{"seconds": {seconds}}}')
