"""What came of all that was tried at a target."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from relay.doctor.edge import Edge
from relay.doctor.heard import Heard
from relay.doctor.line import Conversation
from relay.doctor.target import Target

LATE = 1.0  # seconds, of a heartbeat that something kept back
_HAPROXY = b"<html><body><h1>"  # how the errors of HAProxy begin, which names itself nowhere


class Echo(msgspec.Struct, frozen=True):
    """How a front saw a probe (`relay.front.routes.probes`)."""

    front: str
    arrivals: int
    longest: float  # seconds for which it holds a request
    version: str
    address: str
    client: str
    trusted: bool
    forwarded: str
    headers: dict[str, list[str]]
    names: list[str]
    body: int


def echo_of(talk: Conversation | None) -> Echo | None:
    """What a front said of this request; None if no front did."""
    told: Any = talk.heard.json() if talk is not None else {}
    try:
        return msgspec.convert(told, Echo)
    except msgspec.ValidationError:
        return None


class Beating(msgspec.Struct, frozen=True):
    """How a probe was to be answered: silent for `grace` seconds, then heartbeats each `every` seconds, 0 for none, and
    the end after `seconds`."""

    seconds: float
    grace: float
    every: float = 0.0

    def beats(self) -> list[float]:
        """When a heartbeat is sent, in seconds."""
        if self.grace >= self.seconds:
            return []
        if not self.every:
            return [self.grace]
        count = int((self.seconds - self.grace) / self.every - 1e-9) + 1
        return [self.grace + self.every * number for number in range(count)]

    def query(self) -> str:
        return f"for={self.seconds:g}&grace={self.grace:g}&every={self.every:g}"


@dataclass
class Streamed:
    """A probe that was held, and how. `arrivals`: how often it came to fronts, 0 where nobody asked."""

    plan: Beating
    talk: Conversation
    arrivals: int = 0

    def came(self) -> list[float]:
        """When each heartbeat came, in seconds."""
        came: list[float] = []
        for piece in self.talk.heard.pieces:
            before, found, _ = piece.data.partition(b"{")
            came += [piece.at] * before.count(b"\n")
            if found:
                break
        return came

    def is_late(self) -> bool:
        """Whether heartbeats came late, or not at all."""
        sent, came = self.plan.beats(), self.came()
        if self.talk.heard.header("Content-Encoding"):  # which is worse
            return False
        return len(came) < len(sent) or any(at - due > LATE for due, at in zip(sent, came, strict=False))


@dataclass
class Seen:
    """All of it; None where it was not tried, or did not come to an answer.

    `echo`: a request with all headers that relay reads · `again`: another one on the same connection · `forged`: one
    that says that it is for another client · `named`: one with credentials that nobody has, where there are no others ·
    `stream`: one with heartbeats · `resent`: how often a request came to fronts whose connection they cut ·
    `most_body`, `least_refused`: bytes of a body that came through, and of one that did not, with its `refusal` ·
    `large`: a body above relay's limit · `expecting`: one with ``Expect`` · `quiet`, `quiet_body`, `beating`: three
    long ones, silent before the head, silent after it, and with heartbeats · `is_full`: whether fronts had no room for
    some of these.
    """

    target: Target
    edge: Edge
    echo: Conversation | None = None
    again: Conversation | None = None
    forged: Conversation | None = None
    named: Conversation | None = None
    stream: Streamed | None = None
    cut: Conversation | None = None
    resent: int = 0
    most_body: int = 0
    least_refused: int = 0
    refusal: Conversation | None = None
    large: Conversation | None = None
    expecting: Conversation | None = None
    quiet: Streamed | None = None
    quiet_body: Streamed | None = None
    beating: Streamed | None = None
    is_full: bool = False
    fronts: set[str] = field(default_factory=set)

    def maker(self) -> str:
        """The program in front of relay, as it names itself: ``nginx``, ``cloudflare``; "" where it does not."""
        talks = [self.echo, self.again, self.cut, self.refusal, self.large]
        talks += [held.talk for held in (self.stream, self.quiet, self.quiet_body, self.beating) if held]
        for talk in talks:
            named = named_by(talk.heard) if talk is not None else ""
            if named:
                return named
        return ""


def named_by(heard: Heard) -> str:
    """What an answer says of who sent it, "" for nothing."""
    named = heard.header("Server") or heard.header("Via").rpartition(" ")[2]
    if named:
        return named.split("/")[0].strip()
    return "HAProxy" if heard.body.startswith(_HAPROXY) and not heard.is_of_relay else ""
