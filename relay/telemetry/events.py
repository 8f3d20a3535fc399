"""All that happens in a process and is told, as typed calls.

`Events` hears all of it and does nothing: those who want to count, log or trace override what they need. `Several`
passes everything on to more than one. An override must be quick, and must not raise: it is called on the way of each
request.

Times are milliseconds since the epoch by Redis' clock where they are integers, and seconds that something took where
they are floats. A job's id is "" where there is no job.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from relay.model.job import Claim
from relay.model.status import Outcome


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A request that was answered, or whose client went away.

    `status`: 0 where nothing was sent, 200 for a committed answer · `held`: seconds for which it was held, 0 for a
    request that was not · `committed`: whether heartbeats were sent · `end`: ``answered``, ``incomplete`` (the wait was
    over first), ``reattach``, ``abandoned`` (the client went away), ``cut`` (relay failed), ``passed`` (to another
    front) · `path`: without its query, and without a ticket · `silent`: seconds until heartbeats were sent, or until
    the answer where none was · `late`: seconds from the job's end, by Redis' clock, to its outcome being written, 0
    where none was · `sent`: bytes of the answer's body, 0 where they were not counted · `key`: digest of an idempotency
    key · `trace`: the traceparent that a submission's job carries, or that the request came with.
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
    problem: str = ""  # slug of what was refused
    silent: float = 0.0
    late: float = 0.0
    sent: int = 0
    key: str = ""


class Events:
    """Hears what happens, and does nothing."""

    # -- fronts: clients --

    def submitted(self, job: str, caller: str, is_new: bool) -> None:
        """A submission was accepted; it joined a job that was there already where it `is_new` not."""

    def limited(self, caller: str, limit: str) -> None:
        """A caller was refused because of one of its limits: ``rate``, ``queued``, ``held``, ``body``, ``failures``."""

    def held(self, id: str) -> None:
        """A request begins to be held."""

    def committed(self, id: str, seconds: float) -> None:
        """A held request was answered with 200 and a first heartbeat, so long after it came."""

    def beat(self) -> None:
        """A heartbeat was sent."""

    def outcome_written(self, outcome: Outcome, seconds: float) -> None:
        """A held request was given its outcome, so long after the job ended."""

    def asked(self, asked: Asked) -> None:
        """A request is over."""

    # -- workers: attempts --

    def claimed(self, claim: Claim) -> None:
        """A job was handed to this worker. ``claim.started - claim.created`` is how long it waited in all."""

    def ended(self, claim: Claim, how: str, problem: str, seconds: float, size: int) -> None:
        """An attempt has ended after so many seconds. `how`: an outcome's state, or ``retried``, ``postponed``, ``given
        back``, ``dead``, ``undone``. `problem`: the slug of what it failed with, "" for none. `size`: bytes of the
        result or problem that is reported, 0 for none."""

    def called(self, host: str, method: str, status: int, seconds: float, id: str, url: str) -> None:
        """A handler's call to an API has ended; `status` is 0 where there was no answer."""

    def breaker(self, host: str, is_open: bool) -> None:
        """Calls to a host are refused from now on, or let through again."""

    def stalled(self, id: str, seconds: float) -> None:
        """A handler blocks its worker, for so many seconds by now."""

    # -- all: the store, the process --

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


class Several(Events):
    """Passes each event on to all readers, in their order. Made by `several`, which overrides what they override."""

    def __init__(self, readers: Sequence[Events]) -> None:
        self.readers = readers
