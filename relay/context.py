"""What a running handler is told about its job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.logger import Logger

if TYPE_CHECKING:
    from relay.outbound import Http


@dataclass(frozen=True, slots=True)
class Context:
    """Given to a handler that has a parameter annotated with this class."""

    job_id: str
    attempt: int
    """1 for the first time that the job is started."""
    deadline: float
    """When the job will be stopped: seconds since the epoch."""
    idempotency_key: str
    """The same for every attempt of this job, and no other's: for calls that must not be made twice."""
    trace: str
    """The submission's ``traceparent``; "" without one. Calls through `http` carry it on."""
    http: Http
    """A treq client: pooled, with timeouts out of the job's time, retries, and kept from private addresses."""
    settings: Mapping[str, str]
    """What the operator set for handlers, with ``--set NAME=VALUE``."""
    log: Logger
    _progress: Callable[[float, str], None]

    def progress(self, fraction: float, message: str = "") -> None:
        """Say how far the job is: `fraction` from 0 to 1, and a word for the people who look."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"a fraction is between 0 and 1, not {fraction}")
        self._progress(fraction, message)
