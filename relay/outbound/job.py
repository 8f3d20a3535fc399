"""What a client has to know of the job that it works for."""

from __future__ import annotations

import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttemptOfJob:
    """One attempt at a job. Its `deadline` is by the clock."""

    idempotency_key: str
    deadline: float
    trace: str = ""  # traceparent of its submission
    lane: str = (
        ""  # of its job (`relay.model.job.Job.lane`): limits are learned for its value only, within a host
    )
    hosts: tuple[str, ...] = ()  # of the API that it is for: what these say counts for its lane

    def trace_of_call(self) -> bytes:
        """The traceparent of a call: the job's, with a span of its own (W3C Trace Context)."""
        version, trace_id, _, flags = self.trace.split("-")
        return f"{version}-{trace_id}-{secrets.token_hex(8)}-{flags}".encode()
