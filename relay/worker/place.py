"""What the attempts of one worker share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from relay.model.job import Claim
from relay.worker.around import Surrounded
from relay.worker.aside import InThread
from relay.worker.end import Ends
from relay.worker.left import JobTasks
from relay.worker.overdue import Overdue
from relay.worker.shareds import Shareds


@dataclass(frozen=True, slots=True)
class Place:
    """What the attempts of one worker share."""

    clock: IReactorTime
    in_thread: InThread
    ends: Ends
    overdue: Overdue
    shareds: Shareds
    tasks: JobTasks = field(default_factory=JobTasks)
    #: does what stands around an attempt; None where nothing does
    around: Callable[[Claim], Surrounded] | None = None
