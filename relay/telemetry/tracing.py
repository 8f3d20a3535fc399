"""What is asked of a tracer while a request is submitted and a job runs. `Tracing` traces nothing.

A traceparent is as in W3C's Trace Context, "" for none. No method raises.
"""

from __future__ import annotations

from relay.model.job import Claim


class TracedCall:
    """A call to an API that is under way. `traceparent`: what it carries, "" to leave that as it is."""

    traceparent = ""

    def ended(self, status: int, error: str = "") -> None:
        """It was answered with this status, 0 for no answer; `error`: the slug of what was raised."""


UNTRACED_CALL = TracedCall()


class Tracing:
    """Traces nothing."""

    def request(self, trace: str, method: str) -> str:
        """A submission has come with a traceparent: the one that its job carries, and `Events.asked` tells."""
        return trace

    def attempt(self, claim: Claim) -> Claim:
        """A handler will be called for this claim: the same, with the traceparent that the attempt passes on."""
        return claim

    def enter(self, claim: Claim) -> None:
        """A handler is called next, in the present context (`contextvars`)."""

    def call(self, id: str, method: str, url: str) -> TracedCall:
        """The handler of a job calls an API, in the present context."""
        return UNTRACED_CALL


UNTRACED = Tracing()
