"""How often a worker does what nobody asks it for."""

from __future__ import annotations

from dataclasses import dataclass

from relay.submitting.outcomes import EARLY
from relay.worker.claiming import IDLE
from relay.worker.firings import LOOK


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two times."""

    sweep: float = 1.0
    publish: float = 5.0  # its promise to serve
    idle: float = IDLE  # turns, at most
    forget: float = 10.0  # once to twice as long a job has to get here after it was cancelled
    early: float = EARLY
    look: float = LOOK  # at schedules
