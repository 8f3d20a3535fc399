"""One host that is called: how many calls at once, and a breaker for when it keeps failing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from twisted.internet.defer import DeferredSemaphore

from relay.model.problems.upstream import UpstreamError
from relay.telemetry.events import UNHEARD, Events
from relay.timing.backoff import Backoff

OPENS_AFTER = 10  # failures in a row
PROBE = Backoff(5.0, limit=60.0)  # before a host that keeps failing is probed
FAILING = (502, 503, 504)  # statuses that speak against a host
MOST_HOSTS = 5_000  # kept in mind


class Breaker:
    """Lets calls through until too many in a row have failed; then none for a while, then one, to see.

    ==========  =============================  ========================================
    state       a call                         goes to
    ==========  =============================  ========================================
    closed      is let through                 open after `OPENS_AFTER` failures
    open        is refused                     half open when the pause is over
    half open   one is let through, a probe    closed if it succeeds, open for twice as long if not
    ==========  =============================  ========================================
    """

    def __init__(self, tell: Callable[[bool], None] = lambda is_open: None) -> None:
        """`tell` is called when it opens, with True, and when it closes again."""
        self._tell = tell
        self._failures = 0
        self._probes = 0  # that failed in a row
        self._until = 0.0
        self._probing = False

    @property
    def closed(self) -> bool:
        return self._failures < OPENS_AFTER

    def admit(self, now: float) -> None:
        """Let a call through; raises `upstream-unavailable`. Each call that is let through has to be told of."""
        if self.closed:
            return
        if now < self._until or self._probing:
            wait = max(1.0, self._until - now)
            raise UpstreamError(
                "upstream-unavailable", "it has been failing, and is called again later", retry_after=wait
            )
        self._probing = True

    def succeeded(self) -> None:
        """The host has answered."""
        was_open = not self.closed
        self._failures, self._probes, self._probing = 0, 0, False
        if was_open:
            self._tell(False)

    def failed(self, now: float) -> None:
        """A call failed in a way that speaks against the host."""
        if self._probing:
            self._probes += 1
        self._probing = False
        self._failures += 1
        if not self.closed:
            self._until = now + PROBE.pause(1 + self._probes)
        if self._failures == OPENS_AFTER:
            self._tell(True)

    def ended(self, error: BaseException | None, now: float) -> None:
        """A call has ended with this error, or without."""
        if error is None or (isinstance(error, UpstreamError) and not error.retryable):
            self.succeeded()  # it answers; what it says is another matter
        elif isinstance(error, UpstreamError):
            self.failed(now)
        else:
            self.gave_up()

    def gave_up(self) -> None:
        """The call was ended by ourselves: it says nothing about the host."""
        self._probing = False


class UnderWay(Protocol):
    """A call that has a place. `began`: by the clock, when it was sent · `answered`: whether its answer has begun."""

    began: float

    @property
    def answered(self) -> bool: ...


@dataclass(slots=True)
class Host:
    """Places for calls, the breaker, and the calls that are under way."""

    places: DeferredSemaphore
    breaker: Breaker
    calls: set[UnderWay] = field(default_factory=set)

    @property
    def idle(self) -> bool:
        return self.breaker.closed and not self.calls and self.places.tokens == self.places.limit


class Hosts:
    """Every host that was called lately, by scheme, name and port."""

    def __init__(self, places: int, events: Events = UNHEARD) -> None:
        self._places = places
        self._events = events
        self._hosts: dict[tuple[bytes, bytes, int], Host] = {}

    def __iter__(self) -> Iterator[Host]:
        return iter(self._hosts.values())

    def under_way(self, now: float) -> dict[str, tuple[int, float]]:
        """How many calls are under way by the name of their host, and for how many seconds the oldest has had no
        answer; `now` is by the clock."""
        found: dict[str, tuple[int, float]] = {}
        for (_, name, _), host in self._hosts.items():
            shown = name.decode("latin-1")
            count, oldest = found.get(shown, (0, 0.0))
            ages = [now - call.began for call in host.calls if not call.answered]
            found[shown] = count + len(host.calls), max([oldest, *ages])
        return found

    def of(self, scheme: bytes, name: bytes, port: int) -> Host:
        """The host of this name and port."""
        key = (scheme, name.lower(), port)
        host = self._hosts.get(key)
        if host is None:
            if len(self._hosts) >= MOST_HOSTS:
                self._hosts = {key: host for key, host in self._hosts.items() if not host.idle}
            breaker = Breaker(partial(self._events.breaker, name.decode("latin-1").lower()))
            host = self._hosts[key] = Host(DeferredSemaphore(self._places), breaker)
        return host
