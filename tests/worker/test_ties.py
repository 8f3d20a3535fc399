"""What handlers do with their context, from the reactor's thread and from others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.handlers.sub_job import SubJob, SubmissionTerms
from relay.model.problems.request import StoreFull
from relay.worker import emitter
from relay.worker.aside import Aside, Means
from relay.worker.checkpoints import LARGEST
from relay.worker.emitter import EACH, MOST_AHEAD
from relay.worker.programs import no_programs
from relay.worker.ties import Hearers, Ties

PATIENCE = 10.0


class Reactor:
    """The reactor's thread, which is the test's: runs what other threads ask for when the test says so."""

    def __init__(self) -> None:
        self.asked: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = SimpleQueue()
        self.opened = 0
        self.closed = 0
        self.told: list[tuple[float, str]] = []
        self.kept: list[str] = []
        self.keeping: Deferred[None] = Deferred()
        self.emitted: list[tuple[int, str]] = []
        self.emitting: list[Deferred[None]] = []
        self.clock = Clock()
        self.calls: list[tuple[Callable[[], Any], Deferred[Any]]] = []
        self.means = Means(self.clock, self.in_thread, no_programs)
        self.ties = Ties(
            lambda function, *given: self.asked.put((function, given)),
            self.open,
            Hearers(self.tell, self.keep, self.emit),
            aside=lambda: Aside(self.means),
        )

    def open(self) -> Any:
        self.opened += 1
        return self

    def close(self) -> None:
        self.closed += 1

    def tell(self, fraction: float, message: str) -> None:
        self.told.append((fraction, message))

    def emit(self, number: int, said: str) -> Deferred[None]:
        self.emitted.append((number, said))
        self.emitting.append(Deferred())
        return self.emitting[-1]

    def keep(self, said: str) -> Deferred[None]:
        self.kept.append(said)
        return self.keeping

    def in_thread(self, function: Callable[[], Any]) -> Deferred[Any]:
        self.calls.append((function, Deferred()))
        return self.calls[-1][1]

    def turn(self) -> None:
        function, given = self.asked.get(timeout=PATIENCE)
        function(*given)


def in_thread(function: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


def test_a_client_is_made_when_it_is_asked_for_and_closed_with_the_attempt(reactor: Reactor) -> None:
    reactor.ties.close()
    assert (reactor.opened, reactor.closed) == (0, 0)
    for _ in range(2):
        http: Any = reactor.ties.http
        assert http is reactor
    assert (reactor.opened, reactor.closed) == (1, 1)  # opened too late, so closed at once


def test_a_thread_is_told_how_to_use_the_client(reactor: Reactor) -> None:
    with pytest.raises(RuntimeError, match=r"context\.wait\(lambda: context\.http"):
        in_thread(lambda: reactor.ties.http).result(PATIENCE)


def test_a_thread_waits_for_what_is_done_in_the_reactors(reactor: Reactor) -> None:
    slow: Deferred[str] = Deferred()
    where: list[int] = []

    def make() -> Deferred[str]:
        where.append(threading.get_ident())
        assert reactor.ties.http
        return slow

    waiting = in_thread(lambda: reactor.ties.wait(make))
    reactor.turn()
    assert where == [threading.get_ident()]
    assert not waiting.done()
    slow.callback("done")
    assert waiting.result(PATIENCE) == "done"


def test_a_thread_may_wait_for_a_coroutine_or_get_its_error(reactor: Reactor) -> None:
    async def five() -> int:
        return await succeed(5)

    async def fails() -> None:
        raise LookupError("not there")

    waiting = in_thread(lambda: reactor.ties.wait(five))
    reactor.turn()
    assert waiting.result(PATIENCE) == 5
    waiting = in_thread(lambda: reactor.ties.wait(fails))
    reactor.turn()
    with pytest.raises(LookupError, match="not there"):
        waiting.result(PATIENCE)


def test_waiting_in_the_reactors_thread_is_refused(reactor: Reactor) -> None:
    with pytest.raises(RuntimeError, match="await"):
        reactor.ties.wait(Deferred)


def test_what_a_thread_waits_for_is_cancelled_with_the_job(reactor: Reactor) -> None:
    waiting = in_thread(lambda: reactor.ties.wait(Deferred))
    reactor.turn()
    reactor.ties.cancel("cancelled")
    assert reactor.ties.stopped == "cancelled"
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)
    again = in_thread(lambda: reactor.ties.wait(lambda: succeed("cleaned up")))  # there is time for this
    reactor.turn()
    assert again.result(PATIENCE) == "cleaned up"


def test_when_the_job_is_over_a_thread_waits_for_nothing(
    reactor: Reactor, no_logged_failures: list[LogEvent]
) -> None:
    def breaks(_: Any) -> None:
        raise RuntimeError("the canceller broke")

    for make in (lambda: Deferred(lambda _: None).addBoth(lambda _: Deferred()), lambda: Deferred(breaks)):
        reactor = Reactor()
        waiting = in_thread(lambda: reactor.ties.wait(make))  # noqa: B023  # is awaited within the loop
        reactor.turn()
        reactor.ties.close()
        with pytest.raises(CancelledError):
            waiting.result(PATIENCE)
        later = in_thread(lambda: reactor.ties.wait(lambda: succeed(1)))  # noqa: B023
        reactor.turn()
        with pytest.raises(CancelledError):
            later.result(PATIENCE)
    assert no_logged_failures.pop()["log_failure"].check(RuntimeError)


def test_progress_is_told_in_the_reactors_thread_the_last_word_only(reactor: Reactor) -> None:
    reactor.ties.progress(0.1, "here")

    def speaks() -> None:
        for number in range(1000):
            reactor.ties.progress(number / 1000, str(number))

    in_thread(speaks).result(PATIENCE)
    assert reactor.told == [(0.1, "here")]
    reactor.turn()
    assert reactor.told == [(0.1, "here"), (0.999, "999")]
    assert reactor.asked.empty()


def test_progress_after_the_end_is_of_no_interest(reactor: Reactor) -> None:
    in_thread(lambda: reactor.ties.progress(0.5, "")).result(PATIENCE)
    reactor.ties.close()
    reactor.ties.progress(0.6, "")
    reactor.turn()
    assert reactor.told == []


def test_a_checkpoint_is_kept_as_json_and_its_deferred_fires_when_it_is(reactor: Reactor) -> None:
    kept = reactor.ties.checkpoint({"upload": 7, "parts": ["é", None]})
    assert reactor.kept == ['{"upload":7,"parts":["é",null]}']
    assert reactor.ties.resumes
    assert not kept.called
    reactor.keeping.callback(None)
    assert kept.called


@pytest.mark.parametrize(
    "value",
    [object(), float("nan"), "\ud800", {"a": object()}, "x" * LARGEST],
    ids=["object", "nan", "surrogate", "within", "large"],
)
def test_what_can_not_be_kept_is_refused_at_once(reactor: Reactor, value: object) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        reactor.ties.checkpoint(value)
    with pytest.raises(ValueError, match="checkpoint"):
        in_thread(lambda: reactor.ties.checkpoint(value)).result(PATIENCE)
    assert reactor.kept == []
    assert not reactor.ties.resumes


def test_a_thread_waits_until_its_checkpoint_is_kept(reactor: Reactor) -> None:
    kept = in_thread(lambda: reactor.ties.checkpoint(1))
    reactor.turn()
    assert reactor.kept == ["1"]
    assert not kept.done()
    reactor.keeping.callback(None)
    assert kept.result(PATIENCE).called


def test_a_checkpoint_of_a_job_that_was_stopped_is_kept_and_none_after_its_end(reactor: Reactor) -> None:
    reactor.ties.cancel("drain")
    reactor.ties.checkpoint(1)
    assert reactor.kept == ["1"]
    reactor.ties.close()
    with pytest.raises(CancelledError):
        reactor.ties.checkpoint(2)
    assert reactor.kept == ["1"]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda ties: ties.submission(SubmissionTerms())("f"), "submit"),
        (lambda ties: ties.gather([], False), "gather"),
        (lambda ties: ties.step("a", lambda: 1), "step"),
    ],
)
def test_sub_jobs_and_steps_of_another_thread_are_told_how(call: Callable[[Ties], Any], name: str) -> None:
    reactor = Reactor()
    error = in_thread(lambda: call(reactor.ties)).exception(PATIENCE)
    assert isinstance(error, RuntimeError)
    assert f"context.wait(lambda: context.{name}(…))" in str(error)


def test_a_thread_waits_for_a_sub_job_and_for_a_step() -> None:
    reactor = Reactor()
    sub_job: SubJob[int] = SubJob("0-a-b", "f", lambda: succeed(7))
    answer = in_thread(lambda: reactor.ties.wait(lambda: sub_job))
    reactor.turn()
    assert answer.result(PATIENCE) == 7
    step = in_thread(lambda: reactor.ties.wait(lambda: reactor.ties.step("a", lambda: (1, 2))))
    reactor.turn()
    assert reactor.kept == ['~{"steps":{"a":[1,2]}}']
    reactor.keeping.callback(None)
    assert step.result(PATIENCE) == [1, 2]


def test_a_step_and_a_checkpoint_are_kept_together() -> None:
    reactor = Reactor()
    reactor.ties.step("a", lambda: 1)
    reactor.ties.checkpoint({"at": 2})
    assert reactor.kept == ['~{"steps":{"a":1}}', '~{"steps":{"a":1},"last":{"at":2}}']
    assert reactor.ties.resumes


# -- what is put out --


def test_what_is_put_out_is_json_with_a_number(reactor: Reactor) -> None:
    told = [reactor.ties.emit(data) for data in ("é", {"a": (1, None)})]
    assert reactor.emitted == [(1, '"é"'), (2, '{"a":[1,null]}')]
    assert told == reactor.emitting
    reactor.ties.cancel("timeout")
    reactor.ties.emit(3)
    reactor.ties.close()
    with pytest.raises(CancelledError):
        reactor.ties.emit(4)
    assert reactor.emitted[2:] == [(3, "3")]


@pytest.mark.parametrize("value", [float("nan"), object(), "x" * LARGEST, "\udce9"])
def test_what_can_not_be_put_out_is_refused_at_once_and_has_no_number(
    reactor: Reactor, value: object
) -> None:
    with pytest.raises(ValueError, match="a piece"):
        reactor.ties.emit(value)
    with pytest.raises(ValueError, match="a piece"):
        in_thread(lambda: reactor.ties.emit(value)).result(PATIENCE)
    reactor.ties.emit(1)
    assert reactor.emitted == [(1, "1")]


def test_a_thread_goes_on_and_what_it_puts_out_keeps_its_order(reactor: Reactor) -> None:
    def put_out() -> None:
        for number in range(1, 4):
            assert reactor.ties.emit(number).called

    in_thread(put_out).result(PATIENCE)
    assert reactor.emitted == []
    reactor.ties.emit("then")
    reactor.turn()
    assert reactor.emitted == [(1, "1"), (2, "2"), (3, "3"), (4, '"then"')]
    assert reactor.asked.empty()


@pytest.mark.parametrize(
    ("piece", "fit", "most"),
    [("x" * (LARGEST - 2), MOST_AHEAD // LARGEST, MOST_AHEAD), (1, 10, 10 * (1 + EACH))],
    ids=["large", "small"],
)
def test_a_thread_that_is_far_ahead_waits_for_the_store(
    reactor: Reactor, monkeypatch: pytest.MonkeyPatch, piece: object, fit: int, most: int
) -> None:
    monkeypatch.setattr(emitter, "MOST_AHEAD", most)

    def put_out() -> None:
        for _ in range(fit + 1):
            reactor.ties.emit(piece)

    running = in_thread(put_out)
    reactor.turn()
    reactor.turn()
    assert len(reactor.emitted) == fit
    assert not running.done()
    for stored in reactor.emitting:
        stored.callback(None)
    running.result(PATIENCE)


def test_several_threads_that_are_far_ahead_wait_together(
    reactor: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emitter, "MOST_AHEAD", 10 * (1 + EACH))

    def put_out() -> None:
        for _ in range(20):
            reactor.ties.emit(1)

    running = [in_thread(put_out) for _ in range(5)]
    most = 0
    for _ in range(200):
        try:
            function, given = reactor.asked.get(timeout=0.1)
            function(*given)
        except Empty:  # all of them wait
            left = [stored for stored in reactor.emitting if not stored.called]
            most = max(most, len(left))
            for stored in left:
                stored.callback(None)
            if not left:
                break
    assert [each.result(PATIENCE) for each in running] == [None] * 5
    assert len(reactor.emitted) == 100
    assert 10 <= most <= 10 + 5


def test_threads_may_wait_for_the_same(reactor: Reactor) -> None:
    shared: Deferred[int] = Deferred()
    waiting = [in_thread(lambda: reactor.ties.wait(lambda: shared)) for _ in range(2)]
    reactor.turn()
    reactor.turn()
    shared.callback(7)
    assert [each.result(1) for each in waiting] == [7, 7]


def test_a_thread_hears_of_what_was_not_stored_with_its_next_piece(reactor: Reactor) -> None:
    in_thread(lambda: reactor.ties.emit(1)).result(PATIENCE)
    reactor.turn()
    reactor.emitting[0].errback(StoreFull())
    with pytest.raises(StoreFull):
        in_thread(lambda: reactor.ties.emit(2)).result(PATIENCE)
    reactor.turn()
    in_thread(lambda: reactor.ties.emit(3)).result(PATIENCE)
    reactor.turn()
    assert reactor.emitted == [(1, "1"), (2, "2"), (3, "3")]


def test_a_thread_puts_out_nothing_after_the_end(reactor: Reactor) -> None:
    in_thread(lambda: reactor.ties.emit(1)).result(PATIENCE)
    reactor.ties.close()
    reactor.turn()
    assert reactor.emitted == []
    for _ in range(2):
        with pytest.raises(CancelledError):
            in_thread(lambda: reactor.ties.emit(2)).result(PATIENCE)
