"""Finds out who calls: asks each check in turn, and counts the attempts that fail."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import NoReturn

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from relay.front.callers.check import CallerCheck, schemes_of
from relay.http.forwarding import Proxies
from relay.http.request import Request
from relay.model.caller import Caller
from relay.model.problems.caller import CallersAway, Unauthorized
from relay.serving.failures import Failures
from relay.serving.refusals import Refusals

LONGEST = 10.0  # seconds for all checks of one request


class Identities:
    """The checks of a front, in the order in which they are asked."""

    def __init__(
        self, clock: IReactorTime, checks: Sequence[CallerCheck], refusals: Refusals, proxies: Proxies
    ) -> None:
        self._clock = clock
        self._checks = checks
        self._failures = Failures(clock.seconds)
        self._refusals = refusals
        self._proxies = proxies
        self._schemes = schemes_of(checks)
        shown = " or ".join(f"Authorization: {scheme} …" for scheme in self._schemes)
        self._wanted = f"send {shown}" if shown else "send what the operator's own check asks for"

    def unnamed(self) -> Unauthorized:
        """What is answered to a request that has no credentials."""
        error = Unauthorized(self._wanted, given=False)
        error.offer(self._schemes)
        return error

    def recall(self, request: Request) -> Caller | None:
        """The caller, if one of the checks knows it already."""
        for check in self._checks:
            caller = check.recall(request)
            if caller is not None:
                return caller
        return None

    def identify(self, request: Request) -> Deferred[Caller | None]:
        """The caller; None if the request has no credentials. Fails with `Unauthorized`, `TooManyFailures`, and
        whatever a check raises."""
        found = Deferred.fromCoroutine(self._identify(request, self._proxies.client(request)))
        return found if found.called else found.addTimeout(LONGEST, self._clock).addErrback(_away)

    async def _identify(self, request: Request, address: str) -> Caller | None:
        with self._failures.attempt(address):
            try:
                return await self._ask(request)
            except Unauthorized as error:
                error.offer(self._schemes)
                self._failures.failed(address)
                self._refusals.told(address, "a caller", error)
                raise

    async def _ask(self, request: Request) -> Caller | None:
        for check in self._checks:
            found = check.identify(request)
            if isinstance(found, Awaitable):
                found = await found
            if found is not None:
                return found
        if request.values("authorization"):
            raise Unauthorized(f"these are not credentials that relay accepts: {self._wanted}")
        return None


def _away(failure: Failure) -> NoReturn:
    failure.trap(TimeoutError)
    raise CallersAway from failure.value
