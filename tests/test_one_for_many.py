"""Jobs that many ask for, and jobs that nobody asks for: a whole relay in memory, by one clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.testing import StringTransport

from relay import Context, JobError, job
from relay.model.status import JobStatus, Outcome
from tests.test_in_memory import Relay, envelope

running: list[tuple[str, Deferred[str]]] = []
fired: list[tuple[datetime | None, str]] = []


def _run(word: str) -> Deferred[str]:
    running.append((word, Deferred()))
    return running[-1][1]


@job(unique=True)
def shared(word: str) -> Deferred[str]:
    return _run(word)


@job(unique=20.0)
def remembered(word: str) -> Deferred[str]:
    return _run(word)


@job(debounce=3.0, unique_by=())
def saved(word: str) -> Deferred[str]:
    return _run(word)


@job(debounce=3.0, unique_by="user")
def saved_by_user(word: str, user: str = "") -> Deferred[str]:
    return _run(word)


@job(every="30s")
def tick(context: Context) -> None:
    fired.append((context.scheduled, context.job_id))


@job(every="30s", catch_up="all")
def tick_all(context: Context) -> None:
    fired.append((context.scheduled, context.job_id))


@job(cron="0 8 * * *", timezone="Europe/Berlin")
def in_berlin(context: Context) -> None:
    fired.append((context.scheduled, context.job_id))


@job(every="30s", unique=True)
def slow_tick(context: Context) -> Deferred[str]:
    fired.append((context.scheduled, context.job_id))
    return _run("")


@pytest.fixture
def make() -> Iterator[Callable[..., Relay]]:
    running.clear()
    fired.clear()
    made: list[Relay] = []

    def make(*handlers: Any) -> Relay:
        made.append(Relay(*handlers))
        return made[-1]

    yield make
    for relay in made:
        relay.stop()


def words() -> list[str]:
    return [word for word, _ in running]


def head(client: StringTransport, name: str) -> str:
    lines = client.value().partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    return dict(line.partition(": ")[::2] for line in lines).get(name, "")


# -- unique --


def test_those_who_ask_for_the_same_are_answered_by_one_job(make: Any) -> None:
    relay = make(shared)
    clients = [relay.post("a", "shared", f'Idempotency-Key: "{n}"\r\n' * (n > 0)) for n in range(3)]
    other = relay.post("b", "shared")
    assert words() == ["a", "b"]
    for _, done in running:
        done.callback("done")
    relay.turn(0.5)
    answers = [envelope(client) for client in clients]
    assert answers == [answers[0]] * 3
    assert envelope(other)["id"] != answers[0]["id"]
    assert envelope(relay.post("a", "shared", 'Idempotency-Key: "2"\r\n'))["id"] == answers[0]["id"]
    relay.post("a", "shared")
    assert words() == ["a", "b", "a"]
    running[-1][1].callback("done")


def test_one_that_does_not_wait_is_told_the_job_that_it_joined(make: Any) -> None:
    relay = make(shared)
    client = relay.post("a", "shared")
    told = relay.post("a", "shared", "Prefer: respond-async\r\n")
    assert told.value().startswith(b"HTTP/1.1 202")
    assert envelope(told)["state"] == "running"
    running[0][1].callback("done")
    relay.turn(0.5)
    assert envelope(client)["id"] == envelope(told)["id"]


def test_a_success_is_the_answer_for_a_while(make: Any) -> None:
    relay = make(remembered)
    client = relay.post("a", "remembered")
    running[0][1].callback("done")
    relay.turn(10)
    again = relay.post("a", "remembered")
    assert envelope(again) == envelope(client)
    assert (head(again, "idempotency-replayed"), head(client, "idempotency-replayed")) == ("true", "")
    relay.turn(11)
    relay.post("a", "remembered")
    assert words() == ["a", "a"]
    running[1][1].errback(JobError("of the test"))
    relay.turn(0.5)
    relay.post("a", "remembered")
    assert words() == ["a", "a", "a"]
    running[2][1].callback("done")


def test_a_client_that_goes_away_does_not_cancel_what_another_asked_for(make: Any) -> None:
    relay = make(shared)
    told = relay.post("a", "shared", "Prefer: respond-async\r\n")
    goes = relay.post("a", "shared", "Relay-On-Disconnect: cancel\r\n")
    goes.protocol.connectionLost(None)
    relay.turn(10)
    running[0][1].callback("done")
    relay.turn(0.5)
    found = done(relay.store, envelope(told)["id"])
    assert isinstance(found, Outcome)
    assert found.payload == '"done"'


def done(store: Any, id: str) -> JobStatus | Outcome | None:
    found: JobStatus | Outcome | None = store.data.standing("*", id)
    return found


def test_what_was_lost_is_one_job_again(make: Any) -> None:
    relay = make(shared)
    clients = [relay.post("a", "shared") for _ in range(2)]
    relay.store.lose_data()
    relay.turn(5)
    clients.append(relay.post("a", "shared"))
    assert words() == ["a"]
    running[0][1].callback("done")
    relay.turn(0.5)
    assert len({envelope(client)["id"] for client in clients}) == 1


# -- debounce --


def test_of_several_the_last_is_run_when_no_other_has_come_for_a_while(make: Any) -> None:
    relay = make(saved_by_user)
    clients = []
    for word in ("a", "b", "c"):
        clients.append(relay.post(word, "saved_by_user"))
        relay.turn(2)
    assert words() == []
    relay.turn(2)
    assert words() == ["c"]
    later = relay.post("d", "saved_by_user")
    running[0][1].callback("done")
    relay.turn(0.5)
    answers = [envelope(client) for client in clients]
    assert answers == [answers[0]] * 3
    relay.turn(4)
    assert words() == ["c", "d"]
    running[1][1].callback("done")
    relay.turn(0.5)
    assert envelope(later)["id"] != answers[0]["id"]


def test_one_that_is_held_back_and_not_waited_for_is_told_as_scheduled(make: Any) -> None:
    relay = make(saved)
    told = [relay.post("a", "saved", "Prefer: respond-async\r\n") for _ in range(2)]
    assert [envelope(each)["state"] for each in told] == ["scheduled"] * 2
    assert len({envelope(each)["id"] for each in told}) == 1


def test_without_a_name_all_arguments_are_compared(make: Any) -> None:
    relay = make(saved)
    for word in ("a", "b", "a"):
        relay.post(word, "saved")
    relay.turn(4)
    assert sorted(words()) == ["a", "b"]
    for _, ended in running:
        ended.callback("done")


def test_it_is_run_at_last_however_often_somebody_asks(make: Any) -> None:
    relay = make(saved_by_user)
    for n in range(15):
        relay.post(str(n), "saved_by_user")
        relay.turn(2)
        assert words() == (["14"] if n == 14 else [])  # ten times as long as it is held back
    running[0][1].callback("done")


# -- schedules --


def times() -> list[int]:
    return [round(when.timestamp()) for when, _ in fired if when]


def test_a_schedule_is_fired_once_by_all_workers_together(make: Any) -> None:
    relay = make(tick)
    for name in ("another", "third"):
        relay.start_worker(name)
    relay.turn(100)
    assert times() == list(range(times()[0], times()[0] + 90, 30))
    assert times()[0] % 30 == 0
    for when, id in fired:
        assert when is not None
        assert when.utcoffset() is not None
        assert id.endswith(f"-{when:%Y%m%dt%H%M%S}z")


def test_a_schedule_goes_on_when_a_worker_dies(make: Any) -> None:
    relay = make(tick)
    relay.start_worker("another")
    relay.turn(40)
    relay.kill(relay.worker)
    relay.turn(60)
    assert times() == list(range(times()[0], times()[0] + 90, 30))


@pytest.mark.parametrize(("handler", "made_up_for"), [(tick, 1), (tick_all, 10)])
def test_what_was_missed_is_made_up_for_as_it_was_declared(
    make: Any, handler: Callable[..., Any], made_up_for: int
) -> None:
    relay = make(handler)
    relay.turn(35)
    before = len(fired)
    relay.kill(relay.worker)
    relay.turn(300)
    assert len(fired) == before
    relay.start_worker("another")
    relay.turn(1)
    assert len(fired) == before + made_up_for
    relay.turn(60)
    assert len(fired) == before + made_up_for + 2
    assert times() == sorted(set(times()))


def test_a_schedule_that_is_paused_is_not_fired(make: Any) -> None:
    relay = make(tick_all)
    relay.turn(40)
    before = len(fired)
    assert ensureDeferred(relay.operator.pause("tick_all", True)).result
    relay.turn(90)
    assert len(fired) == before
    ensureDeferred(relay.operator.pause("tick_all", False))
    relay.turn(1)
    assert len(fired) == before + 3


def test_a_firing_while_the_last_one_runs_joins_it_where_the_job_is_unique(make: Any) -> None:
    relay = make(slow_tick)
    relay.turn(100)
    assert len(fired) == 1
    running[0][1].callback("done")
    relay.turn(31)
    assert len(fired) == 2
    running[1][1].callback("done")


def test_what_was_fired_before_a_loss_is_not_fired_again(make: Any) -> None:
    relay = make(slow_tick)
    relay.turn(31)
    relay.store.lose_data()
    relay.turn(10)
    assert len(fired) == 1  # its worker has it
    running[0][1].callback("done")
    relay.turn(30)
    assert len(fired) == 2
    running[1][1].callback("done")


def test_a_handler_is_told_the_time_in_the_zone_of_its_schedule(make: Any) -> None:
    relay = make(in_berlin)
    id = ensureDeferred(relay.operator.fire_now("in_berlin")).result
    relay.turn(0.5)
    ((when, fired_id),) = fired
    assert when is not None
    assert (str(when.tzinfo), fired_id) == ("Europe/Berlin", id)
    assert id.endswith(f"-{when.astimezone(UTC):%Y%m%dt%H%M%S}z")


def test_a_job_is_fired_by_hand(make: Any) -> None:
    relay = make(tick)
    id = ensureDeferred(relay.operator.fire_now("tick")).result
    relay.turn(0.5)
    assert [each for _, each in fired] == [id]
