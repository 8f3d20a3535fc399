"""Whoever listens is told all that a job puts out, once and in order, however mail and readings overtake each other."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from relay.front.feeds import audience, feed
from relay.front.feeds.feeds import Feeds
from relay.front.feeds.joining import ROOM
from relay.front.feeds.log_reads import AT_ONCE
from relay.front.feeds.told import JobEvent, ToldEvents
from relay.model.position import NOTHING, read
from relay.model.problems.request import StoreAway
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.net.outgoing import PATIENCE
from relay.store.mail import MailKind, Message
from relay.store.pieces import Listened, Piece, Place
from relay.store.standings import news, told_pieces
from relay.submitting.waiters import Waiters

ID = "0-memory-0000000000000001"


class Events:
    """A form of which nothing is made."""

    def __init__(self) -> None:
        self.told: list[JobEvent] = []

    def events(self, events: Sequence[JobEvent]) -> bytes:
        self.told += events
        return b""


class Listener:
    """One who keeps what it is told."""

    def __init__(self, feeds: Feeds, last: str = "") -> None:
        self.told: list[JobEvent] = []
        self.heard: list[ToldEvents] = []
        self.ended: Outcome | None = None
        self.failed: Failure | None = None
        self.left = 0  # bytes that its client has not taken
        self.gave_up = False
        self.joining: Any = feeds.joining("*", ID, read(last, ID))
        self.feed = self.joining.feed
        self.joining.run(self)

    def hear(self, told: ToldEvents) -> None:
        form = Events()
        told.formed(form)
        self.told += form.told
        self.heard.append(told)

    def hear_end(self, told: ToldEvents, outcome: Outcome) -> None:
        self.hear(told)
        self.ended = outcome
        self.leave()

    def hear_failure(self, failure: Failure) -> None:
        self.failed = failure

    def has_joined(self) -> None:
        self.joining = None

    def unsent(self) -> int:
        return self.left

    def give_up(self) -> None:
        self.gave_up = True
        self.leave()

    def leave(self) -> None:
        if self.joining is not None:
            self.joining.stop()
        self.feed.part(self)

    def pieces(self) -> list[tuple[int, int]]:
        """Which it was told: of which start, and its number."""
        return [read(event.id, ID).piece for event in self.told if event.name == "output"]

    @property
    def last(self) -> str:
        return next((event.id for event in reversed(self.told) if event.id), "")


class SlowStore:
    """Knows one job. What it answers, and what it writes into the inbox, arrives when a test says so; each in its
    order."""

    def __init__(self) -> None:
        self.log: list[Piece] = []
        self.known: JobStatus | Outcome = JobStatus(ID, "echo", State.QUEUED, 1)
        self.is_away = False
        self.listens = False
        self.answers: deque[Callable[[], None]] = deque()
        self.mail: deque[Message | Outcome] = deque()
        self.asked = 0
        self.portion = 7

    async def listen(self, owner: str, id: str, after: Place) -> Listened:
        self.asked += 1
        answer: Deferred[Listened] = Deferred()
        if self.is_away:
            self.answers.append(lambda: answer.called or answer.errback(StoreAway()))
        else:
            self.listens = isinstance(self.known, JobStatus)
            left = [piece for piece in self.log if piece.place > after]
            found = Listened(self.known, left[: self.portion], len(left) > self.portion, False)
            self.answers.append(lambda: answer.called or answer.callback(found))
        return await answer

    async def mute(self, id: str) -> None:
        self.listens = False

    # -- what the job does --

    def tell(self) -> None:
        if self.listens and isinstance(self.known, JobStatus):
            self.mail.append(Message(MailKind.NEWS, ID, news(self.known)))

    def start(self) -> None:
        starts = self.known.starts + 1 if isinstance(self.known, JobStatus) else 0
        self.known = JobStatus(ID, "echo", State.RUNNING, 1, 2, starts, starts=starts)
        self.tell()

    def retry(self) -> None:
        starts = self.known.starts if isinstance(self.known, JobStatus) else 0
        self.known = JobStatus(ID, "echo", State.SCHEDULED, 1, 0, starts, starts=starts)
        self.tell()

    def emit(self, count: int) -> None:
        assert isinstance(self.known, JobStatus)
        starts = self.known.starts
        number = sum(piece.starts == starts for piece in self.log)
        new = [Piece(starts, number + nth, starts, str(number + nth)) for nth in range(1, count + 1)]
        self.log += new
        if self.listens:
            self.mail.append(Message(MailKind.PIECES, ID, told_pieces(new)))

    def end(self) -> None:
        assert isinstance(self.known, JobStatus)
        starts = self.known.starts
        self.known = Outcome(ID, "echo", State.SUCCEEDED, 1, 2, 3, 4, starts, "null")
        self.mail.append(self.known)
        self.listens = False


class Play:
    """A front that listens to the job."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.store = SlowStore()
        self.waiters = Waiters()
        store: Any = self.store
        self.feeds = Feeds(self.clock, store, self.waiters)
        self.listeners: list[Listener] = []

    def listener(self, last: str = "") -> Listener:
        self.listeners.append(Listener(self.feeds, last))
        return self.listeners[-1]

    def answer(self) -> None:
        """What was asked first is answered."""
        if self.store.answers:
            self.store.answers.popleft()()

    def deliver(self) -> None:
        """The next message arrives."""
        if self.store.mail:
            message = self.store.mail.popleft()
            if isinstance(message, Outcome):
                self.waiters.tell(message)
            else:
                self.feeds.hear(message)

    def settle(self) -> None:
        """All arrives."""
        for _ in range(10_000):
            if not (self.store.answers or self.store.mail or self.clock.getDelayedCalls()):
                return
            self.answer()
            self.deliver()
            self.clock.advance(0.05)
        pytest.fail("it never ends")

    def happen(self, drawn: random.Random) -> None:
        """Something or other."""
        known = self.store.known
        runs = isinstance(known, JobStatus) and known.state is State.RUNNING
        what = drawn.choices(
            ["emit", "state", "listen", "leave", "answer", "deliver", "time"], [5, 0.5, 1, 0.7, 4, 4, 2]
        )
        if what == ["emit"] and runs:
            self.store.emit(drawn.randint(1, 4))
        elif what == ["state"] and isinstance(known, JobStatus):
            self.store.retry() if runs else self.store.start()
        elif what == ["listen"]:
            before = drawn.choice(self.listeners).last if self.listeners and drawn.random() < 0.7 else ""
            self.listener(before).begins = read(before, ID)  # type: ignore[attr-defined]
        elif what == ["leave"] and len(self.listeners) > 1:
            drawn.choice(self.listeners).leave()
        elif what == ["answer"]:
            self.answer()
        elif what == ["deliver"]:
            self.deliver()
        elif what == ["time"]:
            self.clock.advance(0.01)


@pytest.fixture
def play() -> Play:
    return Play()


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("few", [50, 0])
def test_nothing_is_lost_or_doubled_whatever_comes_first(
    seed: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "FEW", few)
    monkeypatch.setattr(audience, "ONE", 0.01)
    drawn, play = random.Random(seed), Play()
    monkeypatch.setattr(feed, "MOST_MAIL", drawn.choice([2, 1000]))
    for _ in range(300):
        play.happen(drawn)
    staying = [listener for listener in play.listeners if listener.feed._hears or listener.joining]
    play.settle()
    play.store.end()
    play.settle()
    log = [piece.place for piece in play.store.log]
    for listener in play.listeners:
        begins = getattr(listener, "begins", NOTHING)
        told = listener.pieces()
        rest = [place for place in log if place > begins.piece]
        assert told == rest[: len(told)]
        positions = [read(event.id, ID) for event in listener.told if event.id]
        assert all(a < b for a, b in itertools.pairwise(positions))
        if listener.ended:
            assert told == rest
    assert len(play.feeds) == 0
    assert staying == [] or any(listener.ended for listener in play.listeners)


def test_mail_that_overtakes_the_first_answer_is_told_behind_it(play: Play) -> None:
    play.store.start()
    play.store.emit(2)
    listener = play.listener()
    play.store.emit(1)
    play.deliver()  # before the answer, which is older
    assert listener.told == []
    play.answer()
    assert listener.pieces() == [(1, 1), (1, 2), (1, 3)]
    assert play.store.asked == 1


def test_one_that_has_read_more_than_others_were_told_has_them_catch_up(play: Play) -> None:
    play.store.start()
    first = play.listener()
    play.answer()
    play.store.emit(3)
    second = play.listener()  # whose answer is here before the mail
    play.answer()
    play.answer()
    play.answer()
    assert first.pieces() == second.pieces() == [(1, 1), (1, 2), (1, 3)]
    play.settle()
    play.store.emit(1)
    play.settle()
    assert first.pieces() == second.pieces() == [(1, 1), (1, 2), (1, 3), (1, 4)]
    assert play.store.asked == 4


def test_a_client_that_reads_slowly_is_read_for_as_fast_as_it_takes_it(play: Play) -> None:
    play.store.start()
    play.store.emit(20)
    listener = play.listener()
    listener.left = ROOM + 1
    play.answer()
    assert len(listener.pieces()) == 7
    play.clock.advance(1)
    assert play.store.answers == deque()
    listener.left = ROOM
    play.clock.advance(0.05)
    play.answer()
    assert len(listener.pieces()) == 14
    play.settle()
    assert len(listener.pieces()) == 20


def test_a_client_that_takes_nothing_is_given_up(play: Play) -> None:
    play.store.start()
    play.store.emit(20)
    listener = play.listener()
    listener.left = ROOM + 2
    play.answer()
    play.clock.pump([0.1] * int(10 * PATIENCE - 10))
    listener.left -= 1  # it has taken something
    play.clock.pump([0.1] * int(10 * PATIENCE - 10))
    assert not listener.gave_up
    play.clock.pump([0.1] * 30)
    assert listener.gave_up
    assert len(play.feeds) == 0


def test_a_store_that_is_away_is_asked_again(play: Play) -> None:
    play.store.start()
    play.store.emit(2)
    play.store.is_away = True
    listener = play.listener()
    play.answer()
    play.clock.advance(1)
    play.answer()
    play.store.is_away = False
    play.clock.advance(1)
    play.answer()
    assert listener.pieces() == [(1, 1), (1, 2)]


def test_one_who_leaves_while_it_reads_asks_no_more(play: Play) -> None:
    play.store.is_away = True
    listener = play.listener()
    play.answer()
    listener.leave()
    play.clock.advance(10)
    assert play.store.asked == 1
    assert len(play.feeds) == 0
    assert len(play.waiters) == 0


def test_an_outcome_that_can_not_be_known_is_told_to_all(play: Play) -> None:
    joined = play.listener()
    play.answer()
    behind = play.listener()
    play.waiters.fail(ID, StoreAway())
    assert joined.failed is not None
    assert behind.failed is not None
    for listener in (joined, behind):
        listener.leave()
    assert len(play.feeds) == 0
    after = play.listener()  # has a feed of its own
    play.settle()
    play.store.end()
    play.settle()
    assert after.ended


def test_an_end_of_which_nothing_is_kept_is_told(play: Play) -> None:
    """A job that was forgotten, and may not run again: only those who wait hear how it ended."""
    listener = play.listener()
    play.answer()
    outcome = Outcome(ID, "echo", State.FAILED, 1, 2, 3, 4, 1, "interrupted")
    play.waiters.tell(outcome)
    play.settle()
    assert listener.ended is outcome


@pytest.mark.parametrize(("count", "broadcasts"), [(10, 20), (600, 5)])
def test_many_are_told_less_often(play: Play, count: int, broadcasts: int) -> None:
    """With all that came until then."""
    play.store.start()
    listeners = [play.listener() for _ in range(count)]
    play.settle()
    heard: list[int] = []
    hear = listeners[0].hear
    listeners[0].hear = lambda told: (heard.append(1), hear(told))  # type: ignore[method-assign,assignment]
    for _ in range(20):
        play.store.emit(1)
        play.deliver()
        play.clock.advance(0.005)
    play.settle()
    assert abs(len(heard) - broadcasts) <= 1
    assert listeners[0].pieces() == listeners[-1].pieces() == [(1, number) for number in range(1, 21)]


def test_one_who_leaves_was_told_what_it_is_said_to_have_been(play: Play) -> None:
    """Another front goes on from there."""
    play.store.start()
    listeners = [play.listener() for _ in range(600)]
    play.settle()
    for _ in range(2):
        play.store.emit(1)
        play.deliver()
    assert listeners[0].pieces() == [(1, 1)]
    listeners[0].leave()
    assert listeners[0].pieces() == [(1, 1), (1, 2)]
    assert listeners[0].feed.course.at.piece == (1, 2)


def test_a_repair_has_all_told_what_they_missed(play: Play) -> None:
    play.store.start()
    listener = play.listener()
    play.settle()
    play.store.emit(2)
    play.store.mail.clear()
    play.feeds.repaired(1)
    play.settle()
    assert listener.pieces() == []
    play.feeds.repaired(0)
    play.settle()
    assert listener.pieces() == [(1, 1), (1, 2)]


def test_what_was_lost_is_told_anew_after_a_repair(play: Play) -> None:
    """The store has fewer pieces than were told, of the same start."""
    play.store.start()
    listener = play.listener()
    play.store.emit(3)
    play.settle()
    play.store.log = [Piece(1, 1, 1, "other")]
    play.feeds.repaired(0)
    play.settle()
    assert [event.name for event in listener.told[-3:]] == ["reset", "started", "output"]
    assert listener.told[-1].data == b'{"attempt":1,"data":other}'


def test_mail_that_was_too_much_to_be_kept_is_read(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though what was kept of it begins another start, before which nothing seems to be missing."""
    monkeypatch.setattr(feed, "MOST_MAIL", 2)
    play.store.start()
    listener = play.listener()
    play.store.emit(1)
    play.store.retry()
    play.store.start()
    play.store.emit(1)
    while play.store.mail:
        play.deliver()
    play.settle()
    assert listener.pieces() == [(1, 1), (2, 1)]


def test_what_comes_while_one_reads_is_not_read_again(play: Play) -> None:
    """However much it is: else whoever comes late to a quick job would read for ever."""
    play.store.start()
    first = play.listener()
    play.settle()
    second = play.listener()
    for _ in range(5):
        play.store.emit(1)
        play.deliver()
    play.answer()
    assert play.store.asked == 2
    assert first.pieces() == second.pieces() == [(1, number) for number in range(1, 6)]


def test_many_who_come_at_once_have_the_log_read_a_few_times(play: Play) -> None:
    play.store.start()
    play.store.emit(7)
    listeners = [play.listener() for _ in range(200)]
    play.settle()
    assert play.store.asked <= 2 * (AT_ONCE + 1)
    formed = {id(told): told for each in listeners for told in each.heard if [*told]}
    assert len(formed) <= 2 * (AT_ONCE + 1)
    assert {tuple(each.pieces()) for each in listeners} == {tuple((1, number) for number in range(1, 8))}


def test_an_end_that_comes_while_one_reads_is_told_to_it(play: Play) -> None:
    play.store.start()
    listener = play.listener()
    play.store.emit(1)
    play.store.end()
    while play.store.mail:
        play.deliver()  # before the answer, which is older
    play.settle()
    assert listener.ended
    assert listener.pieces() == [(1, 1)]
    assert len(play.feeds) == 0


def test_one_who_goes_while_it_is_told_is_told_no_more(play: Play) -> None:
    play.store.start()
    listener = play.listener()
    listener.hear = lambda told: listener.leave()  # type: ignore[method-assign]
    play.settle()
    assert len(play.feeds) == 0
    assert listener.feed._hears == ()
    assert play.store.asked == 1
