"""Holds a request, or tells where its job stands."""

from __future__ import annotations

from relay.front import answers
from relay.front.accepted import Accepted
from relay.front.hold.context import HoldContext
from relay.front.hold.hold import Hold
from relay.front.hold.policy import HoldPolicies, HoldPolicy
from relay.front.wait_request import WaitRequest
from relay.http.exchange import Served
from relay.http.response import HttpAnswer
from relay.model.caller import Caller
from relay.model.settings import Settings
from relay.model.status import JobStatus, Outcome
from relay.submitting.waiters import leave

TICKET = "ticket "  # how names of callers begin that have one


class Holding:
    """What routes answer with, by what the caller wants and the front has room for."""

    def __init__(self, context: HoldContext, settings: Settings) -> None:
        self._context = context
        self._settings = settings
        self._policies = HoldPolicies(settings)

    def of_submission(self, wait: WaitRequest, caller: Caller) -> HoldPolicy | None:
        """The policy of a submission; None if it is not held: the client does not wait, or `max_held` is reached, or
        what this caller may have held."""
        return None if self._is_full(caller) else self._policies.of_submission(wait)

    def of_look(self, wait: WaitRequest, caller: Caller) -> HoldPolicy | None:
        """The policy of a look at a job that is there; None if it is not held."""
        return None if self._is_full(caller) else self._policies.of_look(wait)

    def has_room(self, caller: Caller) -> bool:
        """Whether another request of this caller can be held."""
        return not self._is_full(caller)

    def _is_full(self, caller: Caller) -> bool:
        if caller.allowance.held and self._has_enough(caller):
            return True
        return self._context.wheel.count >= self._settings.max_held

    def _has_enough(self, caller: Caller) -> bool:
        """Whether as many requests of this caller are held as may be."""
        if self._context.places.has_room(caller):
            return False
        name = caller.name
        self._context.events.limited("tickets" if name.startswith(TICKET) else name, "held")
        return True

    def hold_or_tell(
        self, accepted: Accepted, policy: HoldPolicy | None, caller: Caller, wait: WaitRequest
    ) -> Served:
        """Hold the request until the job ends. Answer at once if it has ended, or if the client does not wait."""
        known = accepted.known
        if not isinstance(known, JobStatus):
            status = answers.outcome_status(known) if policy is None or policy.true_status else 200
            self._context.jobs.collected(known)
            return self.show(known, status, replayed=accepted.replayed)
        is_held = policy is not None and accepted.waiter is not None
        if is_held and caller.allowance.held:
            is_held = not self._has_enough(caller)  # others may have come meanwhile
        if is_held and policy is not None and accepted.waiter is not None:
            if self._context.jobs.draining and not self._context.successor.takes:
                policy = self._policies.at_the_end(policy)
            return Hold(self._context, policy, caller, known, accepted.waiter)
        leave(accepted.waiter)
        told = self.tell(known, 202)
        applied = ["respond-async"] * wait.prefer.respond_async + ["durable"] * wait.prefer.durable
        return told.with_head(answers.preference_applied(", ".join(applied)))

    def tell(self, known: JobStatus | Outcome, status: int, *, replayed: bool = False) -> HttpAnswer:
        """Where a job stands; an outcome is collected."""
        if isinstance(known, Outcome):
            self._context.jobs.collected(known)
        return self.show(known, status, replayed=replayed)

    def show(self, known: JobStatus | Outcome, status: int, *, replayed: bool = False) -> HttpAnswer:
        """Where a job stands, for one who only looks."""
        prefix = self._context.prefix
        if isinstance(known, Outcome):
            return answers.outcome(known, status, prefix, replayed)
        return answers.standing(known, status, prefix)
