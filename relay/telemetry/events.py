"""All that happens in a process and is told, as typed calls.

`Events` hears all of it and does nothing: those who want to count, log or trace override what they need. `several`
makes one of many. An override must be quick, and must not raise: it is called on the way of each request.

Times are milliseconds since the epoch by Redis' clock where they are integers, and seconds that something took where
they are floats. A job's id is "" where there is no job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from twisted.logger import Logger

from relay.model.job import Claim

OPEN = -1.0  # of a client that has not closed its side


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A request that was answered, or whose client went away.

    `status`: 0 where nothing was sent, 200 for a committed answer · `held`: seconds for which it was held, 0 for a
    request that was not · `committed`: whether heartbeats were sent · `end`: ``answered``, ``incomplete`` (the wait was
    over first), ``reattach``, ``abandoned`` (the client went away), ``cut`` (relay failed), ``passed`` (to another
    front) · `path`: without its query, and without a ticket · `silent`: seconds until heartbeats were sent, or until
    the answer where none was · `late`: seconds from the job's end, by Redis' clock, to its outcome being written, 0
    where none was · `sent`: bytes of the answer's body, 0 where they were not counted · `key`: digest of an
    idempotency key · `closed`: seconds until the client closed its side, `OPEN` where it did not, or relay can't know ·
    `trace`: the traceparent that a submission's job carries, or that the request came with.
    """

    method: str
    path: str
    status: int
    seconds: float
    id: str = ""
    job: str = ""
    owner: str = ""
    address: str = ""
    trace: str = ""
    held: float = 0.0
    committed: bool = False
    beats: int = 0
    end: str = "answered"
    problem: str = ""  # slug of what was refused, or of what the job failed with
    silent: float = 0.0
    late: float = 0.0
    sent: int = 0
    key: str = ""
    closed: float = OPEN


class Events:
    """Hears what happens, and does nothing."""

    #: whether `asked` is heard; where it is not, nobody needs to put an `Asked` together
    wants_asked: bool = False
    #: whether it can be called without a guard, because all that it does is to count
    is_safe: bool = False

    def __init_subclass__(cls) -> None:
        cls.wants_asked = cls.asked is not Events.asked

    # -- fronts: clients --

    def submitted(self, job: str, caller: str, is_new: bool) -> None:
        """A submission was accepted; it joined a job that was there already where it `is_new` not."""

    def limited(self, caller: str, limit: str) -> None:
        """A caller was refused because of one of its limits: ``rate``, ``queued``, ``held``, ``body``, ``failures``."""

    def committed(self, id: str, seconds: float) -> None:
        """A held request was answered with 200 and a first heartbeat, so long after it came."""

    def beat(self) -> None:
        """A heartbeat was sent."""

    def request_ended(self, status: int, end: str, late: float = -1.0) -> None:
        """A request is over, for those who only count: `status`, `end` and `late` as in `Asked`, but that `late` is
        below 0 where no outcome was written."""

    def abandoned(self, seconds: float) -> None:
        """The client of a held request has gone, after so many seconds: it closed its side then, and was not there for
        what was sent later. `request_ended` tells of it, too."""

    def asked(self, asked: Asked) -> None:
        """A request is over."""

    # -- workers: attempts --

    def claimed(self, claim: Claim) -> None:
        """A job was handed to this worker. ``claim.started - claim.created`` is how long it waited in all."""

    def ended(self, claim: Claim, how: str, problem: str, seconds: float, size: int) -> None:
        """An attempt has ended after so many seconds. `how`: an outcome's state, or ``retried``, ``postponed``, ``given
        back``, ``dead``, ``undone``, ``lost`` (another worker has the job). `problem`: the slug of what it failed with,
        "" for none. `size`: bytes of the result or problem that is reported, 0 for none."""

    def called(self, host: str, method: str, status: int, seconds: float, id: str, url: str) -> None:
        """A handler's call to an API has ended; `status` is 0 where there was no answer."""

    def breaker(self, host: str, is_open: bool) -> None:
        """Calls to a host are refused from now on, or let through again."""

    def stalled(self, id: str, job: str, seconds: float) -> None:
        """A handler blocks its worker, for so many seconds by now; called by another thread. `id` and `job`, its name,
        are "" where it is not known which."""

    # -- all: the store, the process --

    def not_provable(self, job: str) -> None:
        """A durable job of this name was not added, because nothing can prove that it is kept."""

    def script_run(self, verb: str, seconds: float) -> None:
        """A script, or a plain command, was answered by Redis."""

    def store_away(self, verb: str) -> None:
        """A verb got no answer in time, or was refused."""

    def store_lost(self) -> None:
        """A connection to Redis has gone."""

    def lagged(self, seconds: float) -> None:
        """The reactor came to a timer so much later than it was due."""

    def restarted(self, role: str, how: str) -> None:
        """A process of this relay has ended and has a successor: ``exited``, ``killed``, ``replaced``."""


#: for those whom nobody hears
UNHEARD = Events()
_NAMES = [name for name, value in vars(Events).items() if callable(value) and not name.startswith("_")]


def several(readers: Sequence[Events]) -> Events:
    """Passes each event on to those readers that override it, in their order."""
    if not readers:
        return UNHEARD
    return readers[0] if len(readers) == 1 else Several(readers)


class Several(Events):
    """What `several` makes of more than one. A reader that raises misses that event, and is logged once for it; what it
    was told of goes on."""

    _log = Logger()

    def __init__(self, readers: Sequence[Events]) -> None:
        for name in _NAMES:
            heard = [self._guarded(reader, name) for reader in readers if _hears(reader, name)]
            if heard:
                setattr(self, name, heard[0] if len(heard) == 1 else _each(heard))
        self.wants_asked = any(reader.wants_asked for reader in readers)

    def _guarded(self, reader: Events, name: str) -> Callable[..., None]:
        hear: Callable[..., None] = getattr(reader, name)
        if reader.is_safe:
            return hear
        failed = False

        def guarded(*told: Any) -> None:
            nonlocal failed
            try:
                hear(*told)
            except Exception:
                if not failed:
                    failed = True
                    self._log.failure(
                        "what listens to {name} failed: {reader}", name=name, reader=repr(reader)
                    )

        return guarded


def _hears(reader: Events, name: str) -> bool:
    """Whether it does anything with an event; one made by `several` has attributes of its own."""
    return name in vars(reader) or getattr(type(reader), name) is not getattr(Events, name)


def _each(heard: Sequence[Callable[..., None]]) -> Callable[..., None]:
    def tell(*told: Any) -> None:
        for hear in heard:
            hear(*told)

    return tell
