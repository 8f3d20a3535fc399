"""Calls that another client makes, such as one of HTTP/2: counted, traced and refused as those of `context.http`.

They take no place at their host: such a client has bounds of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.web.client import URI

from relay.model.problems.upstream import UpstreamError
from relay.outbound.ear import Ear
from relay.outbound.host import FAILING, Host, Hosts


class HasStatus(Protocol):
    """An answer of HTTP."""

    @property
    def status(self) -> int: ...


Answered = TypeVar("Answered", bound=HasStatus)


@dataclass(slots=True, eq=False)
class WatchedCall:
    """A call that is under way. `is_shared`: one that was under way with it was cut."""

    began: float
    answered: bool = False
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class OtherCalls:
    """Those of one attempt at a job."""

    clock: IReactorTime
    hosts: Hosts
    ear: Ear

    async def call(self, method: str, url: bytes, make: Callable[[], Awaitable[Answered]]) -> Answered:
        """The answer that `make` gets. Raises what that raises, and `upstream-unavailable` where it is not called."""
        uri = URI.fromBytes(url)
        host = self.hosts.of(uri.scheme, uri.host, uri.port)
        watched = WatchedCall(self.clock.seconds())
        heard, status, error = self.ear.begin(uri.host, method.encode(), url, None, watched.began), 0, ""
        host.calls.add(watched)
        try:
            answer = await self._judged(host, watched, make)
            status = answer.status
            return answer
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            host.calls.discard(watched)
            heard.end(self.clock.seconds(), status, error)

    async def _judged(
        self, host: Host, watched: WatchedCall, make: Callable[[], Awaitable[Answered]]
    ) -> Answered:
        host.breaker.admit(self.clock.seconds())
        try:
            answer = await make()
        except BaseException as error:
            is_cut = isinstance(error, UpstreamError) and error.type == "upstream-cut"
            if is_cut and watched.is_shared:
                host.breaker.gave_up()
            else:
                host.breaker.ended(error, self.clock.seconds())
            if is_cut:
                _share(host)
            raise
        if answer.status in FAILING:
            host.breaker.failed(self.clock.seconds())
        else:
            host.breaker.succeeded()
        return answer


def _share(host: Host) -> None:
    """A connection was cut: those under way that share it are cut as well, which speaks against the host once."""
    for other in host.calls:
        if isinstance(other, WatchedCall):
            other.is_shared = True
