"""What a worker works with, made by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from relay.outbound import Upstreams
from relay.store.inbox import Inbox
from relay.store.inboxes import Deliver
from relay.store.workers import WorkerStore
from relay.telemetry.events import UNHEARD, Events
from relay.telemetry.tracing import UNTRACED, Tracing
from relay.worker.aside import InThread
from relay.worker.causes import with_causes
from relay.worker.left import JobTasks
from relay.worker.pace import Pace
from relay.worker.programs import Spawn, no_programs
from relay.worker.thread_waits import FromThread


@dataclass(frozen=True, slots=True)
class WorkerTools:
    """They are shared by all that a worker is made of."""

    clock: IReactorTime
    store: WorkerStore
    inbox: Callable[[Deliver], Inbox]
    upstreams: Upstreams
    in_thread: InThread
    from_thread: FromThread
    #: ends the process, for a reason, so that another takes its place
    give_up: Callable[[str], None] = lambda why: None
    tasks: JobTasks = field(default_factory=JobTasks)
    #: called when no job runs any more, and the process is about to end
    leave: Callable[[], None] = lambda: None
    #: called when all is done, and ends what else runs in the process
    finish: Callable[[], Deferred[None]] = lambda: succeed(None)
    spawn: Spawn = no_programs
    pace: Pace = Pace()
    #: makes of what a handler raised what the log shows
    show: Callable[[Failure], Failure] = with_causes
    events: Events = UNHEARD
    tracing: Tracing = UNTRACED
