"""A line of the log for each attempt's end, and one for each request: cheap to make, and easy to search.

As text, ``key=value`` in a fixed order, ``-`` for nothing; a value that is more than visible ASCII is quoted as in
JSON. As JSON, the members of `JobLine` and `RequestLine`, texts that say nothing left out. What clients chose is
bounded, and shown so that it can't look like another line.

Lines are collected, and written together: at most `PAUSE` later, or when there are `MOST`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from relay.model.job import Claim
from relay.model.memo import Memo
from relay.telemetry.events import OPEN, Asked, Events
from relay.telemetry.stamp import local, shown, utc
from relay.telemetry.words import LONGEST_WORD, plain, quoted

PAUSE = 0.1  # seconds
MOST = 200  # lines
LONGEST_LINE = 3968  # bytes: less than what a pipe takes as a whole
JOB, REQUEST = "relay.job", "relay.request"  # their loggers
_METHOD, _ADDRESS, _TRACE, _PROBLEM = 16, 48, 55, 100  # characters; none has more, unless somebody lies
_MOST_WORDS = 2000
_GOOD = ("succeeded", "given back")
_UNANSWERED = ("abandoned", "cut")

Write = Callable[[list[str]], None]
Later = Callable[[float, Callable[[], None]], object]


class JobLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The end of one attempt. `waited`: seconds from the submission to this start · `ran`: seconds of the attempt ·
    `taken`, `made`: bytes of arguments and result · `attempts`: how many it may have."""

    time: str  # UTC, RFC 3339
    level: str
    process: str  # as in the log: "worker 1"
    logger: str
    message: str
    id: str
    job: str
    end: str  # as in `Events.ended`
    attempt: int
    attempts: int
    owner: str
    queue: str
    waited: float
    ran: float
    taken: int
    made: int
    problem: str = ""
    parent: str = ""
    trace: str = ""


class RequestLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The end of one request; the members that are not of `JobLine` are as in `Asked`."""

    time: str
    level: str
    process: str
    logger: str
    message: str
    method: str
    path: str
    status: int
    end: str
    address: str
    seconds: float
    held: float
    silent: float
    late: float
    beats: int
    sent: int
    id: str = ""
    job: str = ""
    owner: str = ""
    problem: str = ""
    key: str = ""
    trace: str = ""
    closed: float = OPEN


class LineBatch:
    """Collects lines. `later` is called with seconds and a function, as `IReactorTime.callLater`; `write` gets lines
    without their ends, and must not raise."""

    def __init__(self, write: Write, later: Later) -> None:
        self._write = write
        self._later = later
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        """Have a line written soon."""
        self._lines.append(line)
        if len(self._lines) == 1:
            self._later(PAUSE, self.flush)
        elif len(self._lines) >= MOST:
            self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        lines, self._lines = self._lines, []
        if lines:
            self._write(lines)


class EventLines(Events):
    """Writes a line for some events. `title` is the process's name in the log, `failures` whether only what went wrong
    is written, `now` the seconds since 1970."""

    def __init__(
        self, batch: LineBatch, title: str, is_json: bool, failures: bool, now: Callable[[], float]
    ) -> None:
        self._batch = batch
        self._title = title
        self._failures = failures
        self._now = now
        self._is_json = is_json
        self._words: Memo[str, str] = Memo(_MOST_WORDS)

    def _word(self, text: str) -> str:
        """What others chose, and often choose again."""
        known = self._words.get(text)
        if known is None:
            known = plain(text) if self._is_json else quoted(text)
            if len(text) <= LONGEST_WORD:
                self._words[text] = known
        return known


class JobLines(EventLines):
    """Writes a line for each attempt's end. A failure is whatever neither succeeded nor is given back."""

    def ended(self, claim: Claim, how: str, problem: str, seconds: float, size: int) -> None:
        """An attempt has ended: a line for it, unless only failures are wanted."""
        if self._failures and how in _GOOD:
            return
        waited = (claim.started - claim.created) / 1000 if claim.started else 0.0
        how = how.replace(" ", "-")
        if self._is_json:
            self._batch.add(self._json(claim, how, problem, waited, seconds, size))
            return
        job = claim.job
        known = self._words  # a look there costs half a call of `_word`
        self._batch.add(
            f"{local(int(self._now()))} [{self._title} {JOB}#info] id={claim.id} job={job.name} end={how} "
            f"problem={known.get(problem) or self._word(problem[:_PROBLEM])} attempt={claim.attempt}/{job.attempts} "
            f"owner={known.get(job.owner) or self._word(job.owner)} queue={job.queue} "
            f"waited={waited:.3f} ran={seconds:.3f} taken={len(job.arguments)} made={size} "
            f"parent={job.parent or '-'} trace={job.trace or '-'}"
        )

    def _json(self, claim: Claim, how: str, problem: str, waited: float, ran: float, size: int) -> str:
        job = claim.job
        line = JobLine(
            time=utc(self._now()),
            level="info",
            process=self._title,
            logger=JOB,
            message=f"{job.name} {how}",
            id=claim.id,
            job=job.name,
            end=how,
            attempt=claim.attempt,
            attempts=job.attempts,
            owner=self._words.get(job.owner) or self._word(job.owner),
            queue=job.queue,
            waited=_thousandths(waited),
            ran=_thousandths(ran),
            taken=len(job.arguments),
            made=size,
            problem=self._word(problem[:_PROBLEM]) if problem else "",
            parent=job.parent,
            trace=job.trace,
        )
        return msgspec.json.encode(line).decode()


PROBES = ("/healthz", "/readyz")  # each balancer asks them each second or so


class RequestLines(EventLines):
    """Writes a line for each request. A failure is one that was answered with an error, or not at all."""

    def asked(self, asked: Asked) -> None:
        """A request is over: a line for it, unless only failures are wanted, or it was a probe that found all well."""
        if asked.status == 200 and asked.path in PROBES:
            return
        if self._failures and 0 < asked.status < 400 and asked.end not in _UNANSWERED:
            return
        if self._is_json:
            self._batch.add(self._json(asked))
            return
        a, known = asked, self._words  # a look there costs half a call of `_word`
        trace = quoted(a.trace[:_TRACE]) if a.trace else "-"
        seconds = shown(a.seconds)  # within the grace three are the same
        held = seconds if a.held == a.seconds else shown(a.held)
        silent = seconds if a.silent == a.seconds else shown(a.silent)
        self._batch.add(
            f"{local(int(self._now()))} [{self._title} {REQUEST}#info] "
            f"method={known.get(a.method) or self._word(a.method[:_METHOD])} "
            f"path={known.get(a.path) or self._word(a.path)} status={a.status} end={a.end} "
            f"problem={known.get(a.problem) or self._word(a.problem[:_PROBLEM])} id={a.id or '-'} "
            f"job={a.job or '-'} owner={known.get(a.owner) or self._word(a.owner)} "
            f"address={known.get(a.address) or self._word(a.address[:_ADDRESS])} "
            f"seconds={seconds} held={held} silent={silent} late={shown(a.late)} "
            f"closed={'-' if a.closed == OPEN else shown(a.closed)} "
            f"beats={a.beats} sent={a.sent} key={a.key or '-'} trace={trace}"
        )

    def _json(self, a: Asked) -> str:
        known = self._words
        method = known.get(a.method) or self._word(a.method[:_METHOD])
        seconds = _thousandths(a.seconds)
        line = RequestLine(
            time=utc(self._now()),
            level="info",
            process=self._title,
            logger=REQUEST,
            message=f"{method} {a.job or '-'} {a.status}",
            method=method,
            path=known.get(a.path) or self._word(a.path),
            status=a.status,
            end=a.end,
            address=known.get(a.address) or self._word(a.address[:_ADDRESS]),
            seconds=seconds,
            held=seconds if a.held == a.seconds else _thousandths(a.held),
            silent=seconds if a.silent == a.seconds else _thousandths(a.silent),
            late=_thousandths(a.late),
            beats=a.beats,
            sent=a.sent,
            id=a.id,
            job=a.job,
            owner=known.get(a.owner) or self._word(a.owner),
            problem=self._word(a.problem[:_PROBLEM]) if a.problem else "",
            key=a.key,
            trace=plain(a.trace[:_TRACE]) if a.trace else "",
            closed=OPEN if a.closed == OPEN else _thousandths(a.closed),  # the very default is left out
        )
        return msgspec.json.encode(line).decode()


def _thousandths(seconds: float) -> float:
    """Cheaper than `round`."""
    return int(seconds * 1000) / 1000
