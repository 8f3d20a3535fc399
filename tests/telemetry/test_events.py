"""What happens is told to those who want to hear it, and to nobody else."""

from __future__ import annotations

from twisted.logger import LogEvent

from relay.telemetry.events import UNHEARD, Asked, Events, several


class Hearing(Events):
    """Hears two events."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def beat(self) -> None:
        self.heard.append("beat")

    def asked(self, asked: Asked) -> None:
        self.heard.append(asked)


class Failing(Events):
    """Hears one, and can't."""

    def beat(self) -> None:
        raise ValueError


def test_one_reader_is_asked_itself_and_none_is_nobody() -> None:
    reader = Hearing()
    assert several([reader]) is reader
    assert several([]) is UNHEARD


def test_each_reader_hears_what_it_overrides() -> None:
    first, second = Hearing(), Hearing()
    both = several([first, Events(), second])
    both.beat()
    both.store_lost()
    assert first.heard == second.heard == ["beat"]


def test_an_event_that_nobody_overrides_costs_no_detour() -> None:
    both = several([Hearing(), Hearing()])
    assert "store_lost" not in vars(both)
    assert both.store_lost.__func__ is Events.store_lost  # type: ignore[attr-defined]


def test_what_is_made_of_several_can_be_one_of_several() -> None:
    first, second, third = Hearing(), Hearing(), Hearing()
    several([several([first, second]), third]).beat()
    assert first.heard == second.heard == third.heard == ["beat"]


def test_a_request_is_put_together_only_where_somebody_hears_of_it() -> None:
    assert not several([Failing(), Events()]).wants_asked
    assert several([Failing(), Hearing()]).wants_asked
    assert Hearing().wants_asked


def test_a_reader_that_fails_is_logged_once_and_the_others_hear(no_logged_failures: list[LogEvent]) -> None:
    hearing = Hearing()
    both = several([Failing(), hearing])
    both.beat()
    both.beat()
    assert hearing.heard == ["beat", "beat"]
    assert [event["name"] for event in no_logged_failures] == ["beat"]
    no_logged_failures.clear()
