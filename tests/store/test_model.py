"""The store against a plain model: verbs in any order, answers lost and verbs sent again, on a real server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import msgspec
import pytest
import pytest_twisted
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import blockingCallFromThread, deferToThread

from relay.model.job import Claim
from relay.model.limits import Rate
from relay.model.problems.caller import RateExceeded, TooManyQueued
from relay.model.problems.request import KeyReused
from relay.model.state import TRANSITIONS, State
from relay.model.status import JobStatus, Outcome
from relay.store.handing import read_handed
from relay.store.mail import Message
from relay.store.messages import Fenced, Receipt, Report, Submission, Turn, Turned
from relay.store.standings import read_standing
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import a_job, roster

ECHO = roster("echo")
LATER = 10**9  # milliseconds: never, as far as a test goes
SUSPECT, MOST = 3, 5  # deaths
DAY = 86_400.0  # seconds: no job more than a rate allows at once, as far as a test goes
#: what each caller may take: jobs a day, jobs at once
CALLERS = {"": (0, 0), "few": (0, 2), "few a day": (6, 3), "slow": (4, 0)}


@dataclass
class ModelJob:
    """What should be true of a job."""

    priority: int
    attempts_allowed: int
    once: bool
    key: str
    fingerprint: str
    caller: str = ""
    owner: str = "me"
    fair: bool = False
    id: str = ""
    state: State = State.QUEUED
    place: tuple[int, int] = (0, 0)
    suspected: bool = False
    holder: str = ""
    turn: int = 0
    attempt: int = 0
    tries: int = 0
    uncounted: int = 0
    cancelled: bool = False  # while it runs
    deaths: list[str] = field(default_factory=list)  # the sessions
    payload: str = ""
    checkpoint: str = ""
    unique: str = ""
    fresh: bool = False  # its success is the answer to others

    @property
    def counted(self) -> str:
        """The caller of whose places it takes one up; "" for none."""
        return self.caller if CALLERS[self.caller][1] else ""

    def submission(self, delay: int = 0) -> Submission:
        record = a_job(
            priority=self.priority,
            attempts=self.attempts_allowed,
            once=self.once,
            key=self.key,
            fingerprint=self.fingerprint,
            owner=self.owner,
            caller=self.counted,
            fair=self.fair,
            unique=self.unique,
            fresh=LATER if self.fresh else 0,
        )
        calls, queued = CALLERS[self.caller]
        rate = Rate(calls, DAY) if calls else Rate()
        return Submission(self.id, record, delay, 0, self.caller, rate, queued)


@dataclass
class ModelSession:
    process: str
    number: int = 1
    claims: dict[str, Claim] = field(default_factory=dict)
    last: Turn | None = None
    claimed: list[str] = field(default_factory=list)  # by the last turn
    handed: list[str] = field(default_factory=list)  # since then


class Machine(RuleBasedStateMachine):
    """Every rule does a thing to the store and to the model, and compares what comes back."""

    make_store: MakeStore
    redis: RedisProcess

    @initialize(jobs=st.integers(0, 8))
    def begin(self, jobs: int) -> None:
        self.redis.client.flushall()
        self.store: Store = self.make_store("front")
        self.do(self.store.sweep())
        self.jobs: dict[str, ModelJob] = {}
        self.sessions: dict[str, ModelSession] = {}
        self.blame: dict[str, str] = {}  # session → the job that is guilty of its death
        self.trial: dict[str, str] = {}  # the sessions that try a suspect, or empty themselves to
        self.rounds: dict[tuple[int, str], tuple[int, int]] = {}  # the last one of each priority and owner
        self.took = dict.fromkeys(CALLERS, 0)  # jobs that count for a rate
        self.ones: dict[str, str] = {}  # by `unique`, the job that was added last
        self.joined: dict[
            str, tuple[str, str]
        ] = {}  # by key of one that joined a job: its fingerprint, the job
        self.is_stopped = False  # the name of all jobs: none begins
        self.seq = 0
        self.opened = 0
        self.minted = 0
        for process in ("p", "q"):
            self.redis.client.xadd(f"{{r0}}:inbox:{process}", {"-": "h"})
            self.do_open(process, lost=False)
        for _ in range(jobs):
            self.do_submit(ModelJob(0, 2, False, "", ""), later=False, lost=False)

    def do(self, coroutine: Any) -> Any:
        from twisted.internet import reactor

        return blockingCallFromThread(reactor, ensureDeferred, coroutine)

    def next_place(self, job: ModelJob) -> tuple[int, int]:
        self.seq += 1
        return (-job.priority, self.seq)

    def place_in_turn(self, job: ModelJob) -> tuple[int, int]:
        """Of a job that is not queued yet: the first place of any job that waits behind the owner's last one."""
        arrived, turn = self.next_place(job), (job.priority, job.owner)
        if not job.fair:
            return arrived
        last = self.rounds.get(turn, (-job.priority, 0))
        rounds = [self.jobs[id].place for id in self.waiting(suspected=False)]
        found = min((place for place in rounds if last < place < arrived), default=arrived)
        if turn not in self.rounds:
            gone = [other for other in self.rounds if other[0] == job.priority and self.rounds[other] < found]
            for other in gone:
                del self.rounds[other]
        self.rounds[turn] = found
        return found

    def waiting(self, suspected: bool) -> list[str]:
        queued = [
            id for id, job in self.jobs.items() if job.state is State.QUEUED and job.suspected is suspected
        ]
        return sorted(queued, key=lambda id: (self.jobs[id].place, id))

    def move(self, id: str, state: State) -> None:
        job = self.jobs[id]
        assert state in TRANSITIONS[job.state]
        job.state, job.holder = state, ""

    # -- submissions --

    @rule(
        priority=st.integers(-2, 2),
        attempts=st.integers(1, 2),
        once=st.booleans(),
        key=st.sampled_from(["", "", "a", "b"]),
        fingerprint=st.sampled_from(["f", "f", "g"]),
        caller=st.sampled_from(list(CALLERS)),
        owner=st.sampled_from(["me", "you"]),
        fair=st.booleans(),
        unique=st.sampled_from(["", "", "one", "two"]),
        fresh=st.booleans(),
        later=st.booleans(),
        lost=st.booleans(),
    )
    def submit(self, later: bool, lost: bool, attempts: int, **drawn: Any) -> None:
        self.do_submit(ModelJob(attempts_allowed=attempts, **drawn), later, lost)

    def do_submit(self, job: ModelJob, later: bool, lost: bool) -> None:
        job.id = self.mint()
        submission = job.submission(LATER if later else 0)
        idle = self.idle()
        for again in (False, True) if lost else (False,):
            (receipt,) = self.do(self.send(submission, again))
        same, fingerprint = self.known_by_key(job)
        one = self.one(job) if not same else ""
        if one:
            self.check_joined(job, one, receipt, lost)
        elif not same and (refused := self.refusal(job)):
            assert isinstance(receipt, refused)
        elif not same:
            assert isinstance(receipt, Receipt)
            assert receipt.id == submission.id
            self.took[job.caller] += 1
            self.add(job, later)
            self.hand(job, idle)
        elif fingerprint != job.fingerprint:
            assert isinstance(receipt, KeyReused)
        else:
            assert isinstance(receipt, Receipt)
            assert (receipt.id, receipt.new) == (same, False)
            assert (receipt.outcome is not None) is self.jobs[same].state.complete

    def known_by_key(self, job: ModelJob) -> tuple[str, str]:
        """The job that a submission's key stands for, and with which fingerprint."""
        for id, other in self.jobs.items():
            if job.key and other.key == job.key:
                return id, other.fingerprint
        return self.joined.get(job.key, ("", ""))

    def one(self, job: ModelJob) -> str:
        """The job that a submission joins, or whose outcome it is given."""
        id = self.ones.get(job.unique, "")
        other = self.jobs.get(id)
        if other is None or (other.state.complete and not (other.state is State.SUCCEEDED and other.fresh)):
            return ""
        return id

    def check_joined(self, job: ModelJob, id: str, receipt: Any, lost: bool) -> None:
        """Nobody has more jobs by that. What is sent again does not count, and is not refused."""
        calls, _ = CALLERS[job.caller]
        is_too_often = bool(calls) and self.took[job.caller] >= calls
        self.took[job.caller] += not is_too_often
        if is_too_often and not lost:
            assert isinstance(receipt, RateExceeded)
            return
        assert isinstance(receipt, Receipt)
        assert (receipt.id, receipt.new) == (id, False)
        assert (receipt.outcome is not None) is self.jobs[id].state.complete
        if job.key:
            self.joined[job.key] = id, job.fingerprint

    def refusal(self, job: ModelJob) -> type[Exception] | None:
        calls, most = CALLERS[job.caller]
        if most and self.alive(job.caller) >= most:
            return TooManyQueued
        return RateExceeded if calls and self.took[job.caller] >= calls else None

    def alive(self, caller: str) -> int:
        return sum(job.counted == caller and not job.state.complete for job in self.jobs.values())

    def add(self, job: ModelJob, later: bool = False) -> None:
        if not later:
            job.place = self.place_in_turn(job)
        self.jobs[job.id] = job
        if job.unique:
            self.ones[job.unique] = job.id
        job.state = State.SCHEDULED if later else State.QUEUED

    def idle(self) -> dict[str, bool]:
        """The session that waits for jobs, and whether it may be handed some. Of several all but the first have been
        woken, for which is told of a job is chance, and a case is to be the same when it is run again."""
        redis = self.redis.client
        (key,) = [*redis.scan_iter("{r0}:idle:*")] or ["{r0}:idle:none"]
        others = sorted(redis.hkeys(key))[1:]
        if others:
            redis.hdel(key, *others)
        return {name.decode(): b" " in said for name, said in redis.hgetall(key).items()}

    def hand(self, job: ModelJob, idle: dict[str, bool]) -> None:
        """A job that was added begins at once where the idle session that is told of it takes jobs, and all is well."""
        told = idle.keys() - self.idle().keys()
        run = self.redis.client.hget("{r0}:run", job.id)
        assert len(told) == (len(idle) > 0 and job.state is State.QUEUED)
        is_odd = (
            job.caller
            or job.fair
            or job.once
            or self.is_stopped
            or self.trial
            or self.waiting(suspected=True)
        )
        inboxes = {name for name in told if self.redis.client.exists(f"{{r0}}:inbox:{name.split('.')[0]}")}
        if is_odd or not any(idle[name] for name in inboxes):
            assert run is None
            return
        (name,) = told
        session = self.sessions[name]
        ((_, mail),) = self.redis.client.xrevrange(f"{{r0}}:inbox:{session.process}", count=1)
        text = mail[job.id.encode()]
        handed = read_handed(Message(chr(text[0]), job.id, text[1:]))
        assert (text[:1], handed.session, handed.number) == (b"j", name, session.number)
        assert (handed.claim.job, handed.claim.attempt, handed.claim.starts) == (job.submission().job, 1, 1)
        self.move(job.id, State.RUNNING)
        job.holder, job.turn, job.attempt = name, session.number, 1
        session.claims[job.id] = handed.claim
        session.handed.append(job.id)

    def mint(self) -> str:
        """An id in the order of submission, so that a case is the same when it is run again."""
        self.minted += 1
        return f"0-{self.store.partition.epoch}-{self.minted:04}"

    async def send(self, submission: Submission, again: bool) -> Any:
        return await self.store.submissions.send([submission], again)

    # -- sessions --

    @rule(process=st.sampled_from(["p", "q"]), lost=st.booleans())
    def open(self, process: str, lost: bool) -> None:
        self.do_open(process, lost)

    def do_open(self, process: str, lost: bool) -> None:
        self.opened += 1
        name = f"{process}.{self.opened}"
        for _ in range(1 + lost):
            assert self.do(self.store.adopt("", name, 1, ECHO, [])) == set()
        self.sessions[name] = ModelSession(process)

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), lost=st.booleans())
    def go_on_under_another(self, data: st.DataObject, lost: bool) -> None:
        """A worker opens another session in place of one that the store may have closed long ago."""
        old = data.draw(st.sampled_from(list(self.sessions)))
        session = self.sessions.pop(old)
        self.opened += 1
        name = f"{session.process}.{self.opened}"
        offered = (
            data.draw(st.lists(st.sampled_from(list(session.claims)), unique=True)) if session.claims else []
        )
        claims = [session.claims[id] for id in offered]
        for _ in range(1 + lost):
            taken = self.do(self.store.adopt(old, name, 1, ECHO, claims))
        successor = self.sessions[name] = ModelSession(session.process)
        if old in self.trial:
            self.trial[name] = self.trial.pop(old)
        assert taken == {id for id in offered if self.may_go_on(id, old)}
        for id in offered:
            forgiven = self.forgive(self.jobs[id], old)
            if id in taken:
                self.adopt(id, session.claims[id], forgiven, name, successor)
        for id, job in self.jobs.items():
            if job.holder == old:
                self.give_back(id)

    def may_go_on(self, id: str, old: str) -> bool:
        job = self.jobs[id]
        return not job.state.complete and (job.state is not State.RUNNING or job.holder == old)

    def give_back(self, id: str) -> None:
        job = self.jobs[id]
        if job.cancelled:
            self.move(id, State.CANCELLED)
            job.payload = ""
            return
        self.move(id, State.QUEUED)
        job.uncounted += 1
        job.suspected = False

    def forgive(self, job: ModelJob, alive: str) -> bool:
        before, job.deaths = job.deaths, [session for session in job.deaths if session != alive]
        return len(job.deaths) < len(before)

    def deaths_of(self, id: str) -> list[str]:
        """Those that count: no other job is to blame for them."""
        return [session for session in self.jobs[id].deaths if self.blame.get(session, id) == id]

    def adopt(self, id: str, claim: Claim, forgiven: bool, name: str, successor: ModelSession) -> None:
        job = self.jobs[id]
        job.tries -= forgiven
        if job.state is State.SCHEDULED:
            job.place = self.next_place(job)
        job.state, job.holder, job.turn, job.attempt = State.RUNNING, name, 1, claim.attempt
        job.suspected = False
        successor.claims[id] = claim

    @precondition(lambda self: self.sessions)
    @rule(
        data=st.data(), want=st.integers(0, 4), lost=st.booleans(), hears=st.sampled_from([True, True, False])
    )
    def turn(self, data: st.DataObject, want: int, lost: bool, hears: bool) -> None:
        """`hears`: the session was told of what it was handed."""
        name = data.draw(st.sampled_from(list(self.sessions)))
        session = self.sessions[name]
        heard = len(session.handed) * hears if data.draw(st.sampled_from([True, True, False])) else -1
        unheard = set(session.handed) if heard < len(session.handed) else set()
        held = [id for id, job in self.jobs.items() if job.holder == name and id not in unheard]
        ended = data.draw(st.lists(st.sampled_from(held), unique=True)) if held else []
        states = st.sampled_from(
            [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SCHEDULED, State.QUEUED]
        )
        ends = [
            (self.end(id, data.draw(states), data.draw(st.booleans())), self.jobs[id].turn) for id in ended
        ]
        foreign = [id for id, job in self.jobs.items() if job.holder not in ("", name)][:1]
        ends += [(Report(id, State.SUCCEEDED, '"foreign"'), self.jobs[id].turn) for id in foreign]
        session.number += 1
        holds = len(held) - len(ended)
        left = data.draw(st.lists(st.sampled_from(held), unique=True)) if held else []
        checkpoints = [
            (id, self.jobs[id].turn, f'"{name} {session.number}{" " * data.draw(st.integers(0, 9))}"')
            for id in left
        ]
        others = [(id, self.jobs[id].turn, '"foreign"') for id in foreign]
        turn = Turn(session.number, want, tuple(ends), holds=holds, checkpoints=tuple(checkpoints + others))
        turn = msgspec.structs.replace(turn, heard=heard)
        for id, _, said in checkpoints:
            self.jobs[id].checkpoint = said
        turned = self.do_turn(name, turn, foreign, unheard)
        if lost:
            again = self.do(self.store.turn(name, turn))
            assert again.claims == turned.claims
            assert again.refused == []
        with pytest.raises(Fenced):
            self.do(self.store.turn(name, Turn(session.number - 1, 9)))

    def do_turn(self, name: str, turn: Turn, foreign: list[str], unheard: set[str]) -> Turned:
        session = self.sessions[name]
        turned: Turned = self.do(self.store.turn(name, turn))
        assert turned.refused == foreign
        for end, _ in turn.ends[: len(turn.ends) - len(foreign)]:
            self.settle(session, end)
        self.promote()
        again = [id for id in session.handed if id in unheard and self.jobs[id].holder == name]
        expected = self.claim(name, session, max(0, turn.want - len(again)), turn.holds + len(again)) + again
        for id in again:
            self.jobs[id].turn = session.number
        session.last, session.claimed, session.handed = turn, expected, []
        assert [claim.id for claim in turned.claims] == expected
        for claim in turned.claims:
            job = self.jobs[claim.id]
            assert (claim.attempt, claim.starts) == (job.tries + 1, job.tries + job.uncounted + 1)
            assert claim.checkpoint == job.checkpoint
        session.claims |= {claim.id: claim for claim in turned.claims}
        return turned

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), lost=st.booleans(), hears=st.booleans())
    def end_all(self, data: st.DataObject, lost: bool, hears: bool) -> None:
        """A session ends what it holds and asks for more, until there is none: then it may be handed some, of which it
        hears, or not."""
        name = data.draw(st.sampled_from(list(self.sessions)))
        session = self.sessions[name]
        for _ in range(20):
            held = [id for id, job in self.jobs.items() if job.holder == name]
            ends = tuple((self.end(id, State.SUCCEEDED, True), self.jobs[id].turn) for id in held)
            session.number += 1
            turn = Turn(session.number, 9, ends, heard=len(session.handed))
            if not self.do_turn(name, turn, [], set()).claims:
                break
        self.do_submit(ModelJob(0, 2, False, "", ""), later=False, lost=lost)
        session.number += 1
        known = len([id for id, job in self.jobs.items() if job.holder == name]) - len(session.handed)
        unheard = set() if hears else set(session.handed)
        holds, heard = known + len(session.handed) * hears, len(session.handed) * hears
        self.do_turn(name, Turn(session.number, 2, holds=holds, heard=heard), [], unheard)

    @precondition(lambda self: any(session.last for session in self.sessions.values()))
    @rule(data=st.data())
    def send_a_turn_again(self, data: st.DataObject) -> None:
        """What it claimed is told as before, and what was handed since; less what is not held any more."""
        asking = {name: session.last for name, session in self.sessions.items() if session.last}
        name = data.draw(st.sampled_from(list(asking)))
        session = self.sessions[name]
        again = self.do(self.store.turn(name, asking[name]))
        session.claimed, session.handed = session.claimed + session.handed, []
        own = [id for id in session.claimed if self.jobs[id].holder == name]
        assert [claim.id for claim in again.claims] == own

    def end(self, id: str, state: State, at_once: bool) -> Report:
        return Report(id, state, f'"{id}"', 0 if at_once else LATER)

    def settle(self, session: ModelSession, end: Report) -> None:
        job = self.jobs[end.id]
        if job.cancelled and end.state in (State.SCHEDULED, State.QUEUED):
            self.move(end.id, State.CANCELLED)
            job.payload = ""
            return
        self.move(end.id, end.state)
        job.suspected = False
        if end.state is State.SCHEDULED:
            job.tries += 1
            job.payload = "at once" if not end.delay else ""
        elif end.state is State.QUEUED:
            job.uncounted += 1
            job.payload = ""
        else:
            job.payload = end.payload

    def promote(self) -> None:
        """Whatever is due by now goes to the end of its queue, in the order of ids within one moment."""
        for id in sorted(self.jobs):
            job = self.jobs[id]
            if job.state is State.SCHEDULED and job.payload == "at once":
                job.place = self.place_in_turn(job)
                self.move(id, State.QUEUED)
                job.payload = ""

    def claim(self, name: str, session: ModelSession, want: int, holds: int) -> list[str]:
        if self.is_trying(name, holds, want):
            taken = self.waiting(suspected=True)[:1] if holds == 0 else []
        else:
            ready = self.waiting(suspected=False)
            waiting = len(ready) + len(self.waiting(suspected=True))
            taken = ready[: min(want, ceil(waiting / len(self.sessions)))] if not self.is_stopped else []
        for id in taken:
            self.move(id, State.RUNNING)
            job = self.jobs[id]
            job.suspected = False
            job.holder, job.turn, job.attempt = name, session.number, job.tries + 1
        return taken

    def finds_a_suspect(self) -> bool:
        """Whoever was found innocent meanwhile is none any more."""
        for id in self.waiting(suspected=True) if not self.is_stopped else ():
            if len(self.deaths_of(id)) >= SUSPECT:
                return True
            self.jobs[id].suspected = False
        return False

    def is_trying(self, name: str, holds: int, want: int) -> bool:
        if holds and self.trial.get(name) == "tries":
            return True
        can_try = want > 0 and self.finds_a_suspect()
        others = self.trial.keys() - {name}
        if not can_try or (holds and name not in self.trial and others):
            self.trial.pop(name, None)
            return False
        self.trial[name] = "empties" if holds else "tries"
        return True

    def gone(self, name: str) -> None:
        del self.sessions[name]
        self.trial.pop(name, None)

    @rule(on=st.sampled_from([True, False, False]), lost=st.booleans())
    def stop_or_go_on(self, on: bool, lost: bool) -> None:
        """An operator has no job begin any more, or again."""
        assert self.do(self.store.stop_name("echo", on)) is (self.is_stopped is not on)
        if lost:
            assert not self.do(self.store.stop_name("echo", on))
        self.is_stopped = on

    # -- the end of sessions --

    @precondition(lambda self: self.sessions)
    @rule(process=st.sampled_from(["p", "q"]), stalled=st.booleans())
    def die(self, process: str, stalled: bool) -> None:
        """If it stood still for too long, its watchdog has said whose doing that was."""
        died = {name for name, session in self.sessions.items() if session.process == process}
        held = {id for id, job in self.jobs.items() if job.holder in died}
        for session in died:
            if blames := [id for id, job in self.jobs.items() if job.holder == session and stalled]:
                self.redis.client.set(f"{{r0}}:blame:{session}", blames[0])
                self.blame[session] = blames[0]
        back = self.do(self.store.reap(process))
        assert {job.id for job in back} == held
        for job in back:  # in this order one is found guilty before its neighbours are judged, or after
            self.bury_or_give_back(job.id)
        for name in died:
            self.gone(name)

    def bury_or_give_back(self, id: str) -> None:
        job = self.jobs[id]
        if job.cancelled or (job.once and not job.checkpoint):
            self.move(id, State.CANCELLED if job.cancelled else State.FAILED)
            job.payload = "" if job.cancelled else "interrupted"
            return
        deaths = []
        if self.blame.get(job.holder, id) == id:
            job.tries += 1
            job.deaths.append(job.holder)
            deaths = self.deaths_of(id)
        else:
            job.uncounted += 1
        if len(deaths) >= MOST:
            for session in deaths:
                self.blame.setdefault(session, id)
            self.move(id, State.FAILED)
            job.payload = "worker-died"
            return
        self.move(id, State.QUEUED)
        job.suspected = len(deaths) >= SUSPECT

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), lost=st.booleans())
    def leave(self, data: st.DataObject, lost: bool) -> None:
        name = data.draw(st.sampled_from(list(self.sessions)))
        held = {id for id, job in self.jobs.items() if job.holder == name}
        assert set(self.do(self.store.leave(name))) == held
        if lost:
            assert self.do(self.store.leave(name)) == []
        for id in held:
            self.give_back(id)
        self.gone(name)
        with pytest.raises(Fenced):
            self.do(self.store.turn(name, Turn(99, 9)))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), lost=st.booleans())
    def cancel(self, data: st.DataObject, lost: bool) -> None:
        id = data.draw(st.sampled_from(list(self.jobs)))
        job = self.jobs[id]
        for _ in range(1 + lost):
            _, after = self.do(self.store.cancel(job.owner, id))
        assert (after is None) is (job.state is State.RUNNING)
        if job.state in (State.QUEUED, State.SCHEDULED):
            self.move(id, State.CANCELLED)
            job.payload = ""
        elif job.state is State.RUNNING:
            job.cancelled = True

    # -- the end of everything --

    @rule(data=st.data())
    def lose_data(self, data: st.DataObject) -> None:
        """Redis forgets all but its name: workers go on with what they run, fronts submit again what is waited for."""
        redis = self.redis.client
        for key in redis.keys("*"):
            if key not in (b"{r0}:epoch", b"{r0}:seq"):
                redis.delete(key)
        forgotten, sessions, self.jobs, self.sessions = self.jobs, self.sessions, {}, {}
        self.blame, self.trial, self.rounds = {}, {}, {}
        self.is_stopped = False
        self.ones, self.joined = {}, {}
        self.took = dict.fromkeys(CALLERS, 0)
        for old, session in sessions.items():
            self.restore(old, session, [job for job in forgotten.values() if job.holder == old])
        waited_for = [job for id, job in forgotten.items() if id not in self.jobs and not job.state.complete]
        known = {job.key for job in self.jobs.values() if job.key}
        again = [job for job in waited_for if data.draw(st.booleans()) and job.key not in known]
        for job in sorted(again, key=lambda job: job.fair):  # as a front: it lets owners take turns, or not
            (receipt,) = self.do(self.store.submit_again([job.submission()]))
            if one := self.one(job):
                assert receipt.id == one
                if job.key:
                    self.joined[job.key] = one, job.fingerprint
                continue
            self.forget(job)
            self.add(job)

    def restore(self, old: str, session: ModelSession, held: list[ModelJob]) -> None:
        self.opened += 1
        name = f"{session.process}.{self.opened}"
        claims = {job.id: session.claims[job.id] for job in held}
        assert self.do(self.store.adopt(old, name, 1, ECHO, [*claims.values()])) == set(claims)
        self.sessions[name] = ModelSession(session.process, claims=claims)
        for job in held:
            claim = claims[job.id]
            self.forget(job)
            job.tries, job.uncounted = claim.attempt - 1, claim.starts - claim.attempt
            job.state, job.holder, job.turn, job.place = State.RUNNING, name, 1, self.next_place(job)
            self.jobs[job.id] = job
            if job.unique:
                self.ones.setdefault(job.unique, job.id)

    def forget(self, job: ModelJob) -> None:
        """What is kept beside a job."""
        job.tries = job.uncounted = 0
        job.deaths, job.suspected, job.cancelled = [], False, False
        job.checkpoint = job.payload = job.holder = ""

    # -- what has to be true all the time --

    @invariant()
    def as_many_jobs_of_a_caller_are_counted_as_live(self) -> None:
        counted = {caller: self.alive(caller) for caller in CALLERS if caller and self.alive(caller)}
        kept = self.redis.client.hgetall("{r0}:alive")
        assert {caller.decode(): int(jobs) for caller, jobs in kept.items()} == counted

    @invariant()
    def every_job_stands_as_it_should(self) -> None:
        if not getattr(self, "jobs", None):
            return
        replies = self.do(self.store.partition.verb("look", "*", *self.jobs))
        ready = self.waiting(suspected=False)
        for (id, job), reply in zip(self.jobs.items(), replies, strict=True):
            known = read_standing(id, reply)
            assert known is not None
            assert known.state is job.state
            if isinstance(known, Outcome):
                assert known.payload == job.payload
            elif isinstance(known, JobStatus) and job.state is State.QUEUED and not job.suspected:
                assert known.position == ready.index(id) + 1

    @invariant()
    def nothing_is_left_of_what_has_ended(self) -> None:
        if not getattr(self, "jobs", None):
            return
        redis = self.redis.client
        kept = {id.decode(): said.decode() for id, said in redis.hgetall("{r0}:checkpoint").items()}
        assert kept == {
            id: job.checkpoint for id, job in self.jobs.items() if job.checkpoint and not job.state.complete
        }
        bytes_of_jobs = sum(map(len, redis.hvals("{r0}:job"))) + sum(map(len, kept.values()))
        bytes_of_jobs += sum(map(len, redis.hvals("{r0}:history")))
        assert int(redis.get("{r0}:bytes") or 0) == bytes_of_jobs
        alive = {id.encode() for id, job in self.jobs.items() if not job.state.complete}
        running = {id.encode() for id, job in self.jobs.items() if job.state is State.RUNNING}
        assert set(redis.hkeys("{r0}:job")) == alive
        assert set(redis.hkeys("{r0}:run")) == running
        for sparse in ("tries", "uncounted", "crash", "history", "wait", "left", "progress"):
            assert set(redis.hkeys(f"{{r0}}:{sparse}")) <= alive
        for counted, of in (("later", "delay"), ("graves", "dead")):
            assert sum(map(int, redis.hvals(f"{{r0}}:{counted}"))) == redis.zcard(f"{{r0}}:{of}")
        cancelled = {id.encode() for id, job in self.jobs.items() if job.cancelled}
        assert set(redis.hkeys("{r0}:cancel")) == cancelled & running
        for name in self.sessions:
            held = {id.encode() for id, job in self.jobs.items() if job.holder == name}
            assert set(redis.zrange(f"{{r0}}:held:{name}", 0, -1)) == held
        sets = {key.decode().removeprefix("{r0}:held:") for key in redis.scan_iter("{r0}:held:*")}
        assert sets <= self.sessions.keys()
        assert {name.encode() for name in self.sessions} == set(redis.zrange("{r0}:session", 0, -1))
        trial = {
            name.decode(): does.decode().split()[0] for name, does in redis.hgetall("{r0}:trial").items()
        }
        assert trial == self.trial


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("histories", [50, pytest.param(400, marks=pytest.mark.long)])
async def test_the_store_does_as_its_model(
    redis: RedisProcess, make_store: MakeStore, histories: int
) -> None:
    from twisted.internet import reactor

    class OnServer(Machine):
        pass

    OnServer.make_store = staticmethod(lambda name: blockingCallFromThread(reactor, make_store, name))
    OnServer.redis = redis
    quickly = settings(
        max_examples=histories,
        stateful_step_count=40,
        deadline=None,
        database=None,
        derandomize="CI" in os.environ,  # there the same cases each time, elsewhere others
        suppress_health_check=list(HealthCheck),
    )
    await deferToThread(run_state_machine_as_test, OnServer, settings=quickly)
