"""What an operator is shown, as values: the dashboard and ``--json`` show them as they stand here.

Times are milliseconds since the epoch by Redis' clock, 0 for none. Durations are seconds.
"""

from __future__ import annotations

from typing import Any

import msgspec


class NameStatus(msgspec.Struct, frozen=True):
    """The jobs of one name. `oldest`: since when the first of those that wait has been there."""

    name: str
    queue: str
    waiting: int = 0
    oldest: int = 0
    running: int = 0
    scheduled: int = 0
    dead: int = 0
    served: bool = False  # a worker serves it
    paused: int = 0  # since when, itself or its queue
    limited: int = 0  # of those that wait: those that a limit holds back


class QueueStatus(msgspec.Struct, frozen=True):
    """The jobs of one queue; `oldest` as above."""

    queue: str
    names: tuple[str, ...]
    waiting: int = 0
    oldest: int = 0
    running: int = 0
    scheduled: int = 0
    paused: int = 0


class RunningJob(msgspec.Struct, frozen=True):
    """A job that a worker runs now."""

    id: str
    name: str
    process: str
    attempt: int
    started: int
    progress: str = ""  # JSON
    cancelled: bool = False  # it was told to stop


class ProcessStatus(msgspec.Struct, frozen=True):
    """A process of relay, as it told of itself last (`seen`). `role`: ``front``, ``worker``, ``supervisor``."""

    name: str
    role: str
    title: str  # as in the log: "front 1"
    host: str
    pid: int
    version: str
    began: int
    seen: int
    held: int = 0  # requests that a front holds
    oldest_held: float = 0.0
    running: int = 0  # jobs that a worker runs
    concurrency: int = 0
    queues: tuple[str, ...] = ()  # that it serves; () for all
    quiet: bool = False  # a worker that claims nothing more until it is told to go on
    lag: float = 0.0  # seconds: the longest that its reactor was late lately
    memory: int = 0  # bytes
    descriptors: int = 0
    most_descriptors: int = 0
    secrets: tuple[str, ...] = ()  # marks of the secrets whose tickets a front takes
    tokens: str = ""  # a mark of the tokens that it knows


class StoreInfo(msgspec.Struct, frozen=True):
    """Redis, and what it keeps for relay; of several servers the worst figures, and the clients and commands of all."""

    reached: bool
    version: str = ""
    memory: int = 0  # bytes
    most_memory: int = 0  # 0 for no limit
    policy: str = ""
    persistence: str = ""  # "aof", "rdb", "none"; with what went wrong last
    replicas: int = 0
    role: str = ""
    clients: int = 0
    commands: int = 0  # that it ran in a second, lately
    latency: float = 0.0  # seconds of a round trip just now
    uptime: int = 0  # seconds
    refuses: str = ""  # its words, where it would take no job now


class PartitionStatus(msgspec.Struct, frozen=True):
    """One partition of the store. Of one that is not `reached` nothing else is known."""

    number: int
    reached: bool = False
    queued: int = 0
    running: int = 0
    scheduled: int = 0
    dead: int = 0
    bytes: int = 0  # of its live jobs
    epoch: str = ""


class Overview(msgspec.Struct, frozen=True):
    """A relay at one moment. `untold`: of the running jobs those that have ended, which nothing has proved yet (durable
    ones); `oldest_untold`: when the first did · `partitions`: of the store, where it has several; what those have that
    are not reached is in none of the other figures."""

    time: int
    epoch: str
    names: list[NameStatus]
    queues: list[QueueStatus]
    processes: list[ProcessStatus]
    store: StoreInfo
    queued: int = 0
    running: int = 0
    scheduled: int = 0
    dead: int = 0
    bytes: int = 0  # of all live jobs
    most_jobs: int = 0
    most_bytes: int = 0
    untold: int = 0
    oldest_untold: int = 0
    partitions: tuple[PartitionStatus, ...] = ()


class JobFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which jobs are meant; what is "" or 0 excludes none. A field that is not known is refused: without it, more jobs
    would be meant.

    `state`: one of `relay.model.state.State`, or ``dead`` · `owner`: as in `relay.model.caller` · `id`: how ids begin
    · `key`: an idempotency key, which needs `name` and `owner` · `problem`: slug of what it failed with · `before`,
    `after`: when it was made; a dead job: when it died.
    """

    state: str = ""
    name: str = ""
    queue: str = ""
    owner: str = ""
    id: str = ""
    key: str = ""
    problem: str = ""
    before: int = 0
    after: int = 0


class JobRow(msgspec.Struct, frozen=True):
    """A job in a list."""

    id: str
    name: str
    queue: str
    owner: str
    state: str
    created: int
    started: int = 0
    finished: int = 0
    attempts: int = 0
    problem: str = ""  # slug


class JobPage(msgspec.Struct, frozen=True):
    """Some jobs; `cursor` leads to the next ones, "" where there are none. `looked_at`: jobs that were read for it.
    `away`: the numbers of partitions that did not answer, whose jobs are left out."""

    jobs: list[JobRow]
    cursor: str = ""
    looked_at: int = 0
    away: tuple[int, ...] = ()


class AttemptStatus(msgspec.Struct, frozen=True):
    """One attempt at a job. `how`: ``running``, an outcome's state, or ``retried``, ``postponed``, ``given back``,
    ``died`` (its worker did). `started` is 0 for a time that is not known."""

    number: int
    how: str
    started: int = 0
    ended: int = 0
    problem: str = ""  # slug of what it failed with
    process: str = ""


class JobDetail(msgspec.Struct, frozen=True):
    """All that is known of one job."""

    row: JobRow
    envelope: dict[str, Any]
    attempts: list[AttemptStatus]
    arguments: str = ""  # JSON, its end cut off where it is long
    arguments_cut: bool = False
    deadline: int = 0
    due: int = 0  # when it may start, of one that waits for its time
    position: int = 0
    priority: int = 0
    most_attempts: int = 0  # of a job that lives or is dead; 0 where that is not kept
    lane: str = ""
    why_waiting: str = (
        ""  # "no worker serves it", "paused", "behind a limit", "its time has not come", "suspected"
    )
    process: str = ""  # that runs it
    parent: str = ""
    children: tuple[str, ...] = ()
    waiters: tuple[str, ...] = ()  # processes that wait for its outcome
    trace: str = ""
    expires: int = 0


class LimitStatus(msgspec.Struct, frozen=True):
    """What an API was learned to say of a limit, or what a job declares. `until`: nothing goes before."""

    scope: str
    calls: int = 0
    window: float = 0.0
    pause: float = 0.0  # seconds from now in which nothing goes
    learned: bool = True


class ScheduleRow(msgspec.Struct, frozen=True):
    """A schedule."""

    name: str
    text: str  # "*/5 * * * * UTC"
    due: int = 0
    fired: int = 0
    id: str = ""  # of the last job
    paused: int = 0
    served: bool = False
    catch_up: str = ""  # what happens with firings that were missed: ``none``, ``last``, ``all``
    timezone: str = "UTC"


class Done(msgspec.Struct, frozen=True):
    """What one slice of a long work has done. It goes on at `cursor`; "" where all is done. `away`: the numbers of
    partitions that did not answer, in which not all was done."""

    done: int
    looked_at: int = 0
    cursor: str = ""
    left: int = 0  # about how many are left to look at
    away: tuple[int, ...] = ()
