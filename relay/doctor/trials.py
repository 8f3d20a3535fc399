"""What is tried at a target, in this order. Each trial notes what came of it; nothing is judged here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from relay.doctor.edge import Edge, look_at_edge
from relay.doctor.line import Conversation, Line, converse
from relay.doctor.seen import LATE, Beating, Echo, Seen, Streamed, echo_of
from relay.doctor.sizes import Sizes
from relay.doctor.target import Target
from relay.model.ids import random_name

PATH = "/jobs/-probe"
ANSWER = 10.0  # seconds for an answer that is sent at once
PATIENCE = 2.0  # seconds for a 100, before a body is sent without it
MOST_LOOKS = 12  # at the fronts' counts: each goes to one of the fronts, by the proxy's choice
CLIENT = "192.0.2.1"  # an address that is nobody's (RFC 5737)
#: what relay reads, besides Authorization
ASKED: Mapping[str, str] = {
    "Content-Type": "application/json",
    "Prefer": "wait=5",
    "Idempotency-Key": '"relay-doctor"',
    "Relay-Delay": "0",
    "Relay-Deadline": "60",
    "Relay-On-Disconnect": "continue",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
STREAM = Beating(seconds=3.0, grace=0.5, every=0.5)
PACKED = "gzip, br"  # what such an answer may be compressed with, as far as clients say
LONGER = 2.0  # seconds for the end of one that was held
SOON = 0.25  # seconds until the long ones are committed
LONG_BEATS = 1.0  # seconds between heartbeats of the long probe
LEAST = 2.0  # seconds that are worth while for the long ones
FULL = 202  # the status of a probe that a front has no room for
_HELD = ("stream", "quiet", "quiet_body", "beating")
_STEPS = ("the edge", "headers", "requests that are sent twice", "sizes", "waiting")


class NotThere(Exception):
    """Nothing could be tried; the message says why."""


class Trials:
    """Tries a target for `most` seconds at most. `body_limit` is relay's. `tell` is called with the part of the time
    that has passed, and what is tried."""

    def __init__(
        self,
        target: Target,
        most: float,
        body_limit: int,
        insecure: bool = False,
        tell: Callable[[float, str], None] = lambda part, what: None,
    ) -> None:
        self._target = target
        self._most = most
        self._until = time.monotonic() + most
        self._body_limit = body_limit
        self._insecure = insecure
        self._tell = tell
        self._step = _STEPS[0]
        self._verify = True

    def run(self) -> Seen:
        """Try everything. Raises `NotThere`."""
        seen = Seen(self._target, self._look_at_edge())
        steps = (self._headers, self._cut, self._sizes, self._waits)
        for step, name in zip(steps, _STEPS[1:], strict=True):
            self._step = name
            self._progress(0.0)
            try:
                step(seen)
            except OSError as error:  # the target was there, and is not now
                raise NotThere(f"{self._target.shown} went away: {error.strerror or error}") from error
        return seen

    def _look_at_edge(self) -> Edge:
        try:
            edge = look_at_edge(self._target)
        except OSError as error:
            raise NotThere(f"{self._target.shown} can't be reached: {error.strerror or error}") from error
        if edge.distrust and not self._insecure:
            raise NotThere(
                f"the certificate of {self._target.authority} is not to be trusted ({edge.distrust}): nothing was sent "
                "there; --insecure looks nevertheless"
            )
        self._verify = not edge.distrust
        return edge

    # -- the trials --

    def _headers(self, seen: Seen) -> None:
        line = self._line()
        seen.echo = self._ask(self._probe("", dict(ASKED), b"{}"), line)
        if echo_of(seen.echo) is None:
            raise NotThere(refused(self._target, seen.echo))
        if seen.echo.heard.keeps_alive and not seen.echo.ended:
            seen.again = self._ask(self._look(), line)
        line.close()
        if not self._target.token:
            seen.named = self._ask(self._look({"Authorization": "Bearer relay-doctor"}))
        seen.forged = self._ask(self._look({"X-Forwarded-For": CLIENT}))
        self._note_front(seen, seen.echo)

    def _cut(self, seen: Seen) -> None:
        nonce = random_name(10)
        seen.cut = self._ask(self._probe(f"cut=1&nonce={nonce}", {}))
        seen.resent = self._arrivals(seen, nonce)

    def _sizes(self, seen: Seen) -> None:
        Sizes(lambda request, later: self._ask(request, later=later), self._probe, self._body_limit).run(seen)

    def _waits(self, seen: Seen) -> None:
        """A short one with heartbeats, and at the same time three for all the time that is left."""
        told, left = echo_of(seen.echo), self._until - time.monotonic()
        seconds = round(min(left, told.longest if told is not None else left), 1)
        nonce = random_name(10)
        seen.stream = self._held(STREAM, packed=PACKED)
        if seconds >= LEAST:
            seen.quiet = self._held(Beating(seconds, seconds), nonce)
            seen.quiet_body = self._held(Beating(seconds, SOON))
            seen.beating = self._held(Beating(seconds, SOON, LONG_BEATS))
        held = [each for each in (seen.stream, seen.quiet, seen.quiet_body, seen.beating) if each is not None]
        self._go_on(seen, [each.talk for each in held], max(seconds, STREAM.seconds) + LONGER)
        if seen.quiet is not None:
            seen.quiet.arrivals = self._arrivals(seen, nonce)
        for name in _HELD:
            each = getattr(seen, name)
            if each is not None and each.talk.heard.status == FULL:
                setattr(seen, name, None)
                seen.is_full = True

    def _go_on(self, seen: Seen, talks: list[Conversation], seconds: float) -> None:
        """Heartbeats that come late are tried once more: a machine that is busy for a second is no proxy that keeps
        something back."""
        until = time.monotonic() + seconds
        self._converse(talks, STREAM.seconds + LATE, close=False)
        if seen.stream is not None and seen.stream.is_late():
            seen.stream = self._held(STREAM, packed=PACKED)
            talks.append(seen.stream.talk)
            until = max(until, time.monotonic() + STREAM.seconds + LONGER)
        self._converse(talks, until - time.monotonic())

    # -- how --

    def _line(self) -> Line:
        return Line(self._target, self._verify)

    def _probe(
        self, query: str, headers: dict[str, str], body: bytes = b"", size: int | None = None
    ) -> bytes:
        return self._target.request("POST", f"{PATH}?{query}", headers, body, size)

    def _look(self, headers: dict[str, str] | None = None, nonce: str = "") -> bytes:
        return self._target.request("GET", f"{PATH}?nonce={nonce}", headers or {})

    def _held(self, plan: Beating, nonce: str = "", packed: str = "") -> Streamed:
        query = plan.query() + (f"&nonce={nonce}" if nonce else "")
        asked = {"Content-Type": "application/json"} | ({"Accept-Encoding": packed} if packed else {})
        return Streamed(plan, Conversation(self._line(), self._probe(query, asked, b"{}")))

    def _ask(self, request: bytes, line: Line | None = None, later: bytes = b"") -> Conversation:
        talk = Conversation(line or self._line(), request, later)
        if later:
            converse([talk], PATIENCE)
            talk.send_later()
        self._converse([talk], ANSWER, close=line is None)
        return talk

    def _converse(self, talks: Sequence[Conversation], seconds: float, close: bool = True) -> None:
        converse(talks, seconds, self._progress)
        for talk in talks:
            if close:
                talk.line.close()

    def _progress(self, passed: float) -> None:
        left = max(0.0, self._until - time.monotonic())
        self._tell(1.0 - left / self._most, self._step)

    def _arrivals(self, seen: Seen, nonce: str) -> int:
        """How often a request came to fronts, as far as those that answer now know."""
        counts: dict[str, int] = {}
        for _ in range(MOST_LOOKS):
            talk = self._ask(self._look(nonce=nonce))
            echo = self._note_front(seen, talk)
            if echo is not None:
                counts[echo.front] = echo.arrivals
            if sum(counts.values()) > 1:
                break
        return sum(counts.values())

    def _note_front(self, seen: Seen, talk: Conversation) -> Echo | None:
        echo = echo_of(talk)
        if echo is not None:
            seen.fronts.add(echo.front)
        return echo


def refused(target: Target, talk: Conversation) -> str:
    """Why a probe was not answered as one."""
    heard = talk.heard
    detail = str(heard.json().get("detail") or heard.json().get("title") or "")
    at = f"{target.shown}{PATH}"
    if heard.status and talk.is_cut:
        return f"{at} was answered with {heard.shown}, and cut after {len(heard.body):,} bytes of the body"
    if not heard.status:
        return f"{at} was not answered: {talk.ended or f'nothing came for {ANSWER:g} s'}"
    if 300 <= heard.status < 400:
        return f"{at} is redirected to {heard.header('Location')}: give that URL"
    if heard.status in (401, 403):
        why = f": {detail}" if detail else ""
        lost = "Is the token valid? Authorization may have been lost on the way"
        remedy = lost if target.token else "Give --token-file, or let it in (--allow, --trusted-proxy)"
        return f"{at} is refused with {heard.shown}{why}. {remedy}; see docs/running.md#who-may-call"
    if heard.status == 404:
        return f"{at} is not there ({heard.shown}): start the fronts with --probes, and have /jobs/ lead to relay"
    return f"{at} was answered with {heard.shown}, not as a probe is"
