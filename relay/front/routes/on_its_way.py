"""A request until its submission is accepted: then it is held, or answered."""

from __future__ import annotations

from twisted.python.failure import Failure

from relay.front.accepted import Accepted, Accepting
from relay.front.hold.policy import HoldPolicy
from relay.front.routes.holding import Holding
from relay.front.wait_request import WaitRequest
from relay.http.exchange import Exchange, Served
from relay.http.request import Request
from relay.model.caller import Caller


class OnItsWay:
    """Hears what came of one submission (`told`), on behalf of its exchange. `accepting` is set by whoever submits."""

    __slots__ = ("_caller", "_exchange", "_found", "_holding", "_policy", "_request", "_wait", "accepting")

    def __init__(
        self, holding: Holding, request: Request, caller: Caller, policy: HoldPolicy | None, wait: WaitRequest
    ) -> None:
        self._holding = holding
        self._request = request
        self._caller = caller
        self._policy = policy
        self._wait = wait
        self._exchange: Exchange | None = None
        self._found: Served | Failure | None = None  # before the exchange had begun
        self.accepting: Accepting | None = None

    def told(self, accepted: Accepted | Failure) -> None:
        """It was accepted, or was not."""
        found: Served | Failure
        try:
            if isinstance(accepted, Failure):
                found = accepted
            else:
                found = self._holding.hold_or_tell(accepted, self._policy, self._caller, self._wait)
        except Exception:
            found = Failure()
        if self._exchange is None:
            self._found = found
        else:
            self._exchange.go_on(found, self._request)

    # -- of its exchange --

    def begin(self, exchange: Exchange) -> None:
        self._exchange = exchange
        if self._found is not None:
            exchange.go_on(self._found, self._request)

    def half_closed(self) -> None:
        """Whoever goes on with the exchange is told again."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        assert self._exchange is not None
        self._exchange.tell_unanswered("abandoned")
        if self.accepting is not None:
            self.accepting.cancel()
