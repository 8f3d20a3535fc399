"""Steps of a job: what was done once is not done again by another attempt."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from relay.model.problems.job import StepTooLarge
from relay.model.text import encodable, printable
from relay.worker import coroutines
from relay.worker.awaited import outcome_of
from relay.worker.current import CURRENT
from relay.worker.notes import Notes
from relay.worker.result import encode

LONGEST_NAME = 255  # characters
LARGEST = 64 << 10  # bytes of one result
MOST = 256 << 10  # bytes of all results of a job, and of their names
#: the step that code runs for: what it submits is told from what another step submits
STEP: ContextVar[str] = ContextVar("relay_step", default="")


class JobSteps:
    """Of one attempt. `keep` has the store keep the notes, and fires when it does."""

    _log = Logger()
    _id = ""  # of the job

    def __init__(self, notes: Notes, keep: Callable[[], Deferred[None]]) -> None:
        self._notes = notes
        self._keep = keep
        self._begun: set[str] = set()
        self._doing: dict[str, Deferred[Any]] = {}

    def run(self, name: str, function: Callable[[], Any]) -> Deferred[Any]:
        """The result of a step, new or of an earlier attempt; raises `ValueError` for a name that can't be."""
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or encodable(name) != name:
            raise ValueError(
                f"the name of a step must be a text of 1 to {LONGEST_NAME} whole characters, not {name!r:.99}"
            )
        if name in self._begun:
            raise ValueError(f"there is another step {name!r} in this job: give each step a name of its own")
        self._begun.add(name)
        done = self._notes.step(name)
        if done is not None:
            return succeed(msgspec.json.decode(done))
        doing = coroutines.run(self._do(name, function))
        if not doing.called:
            self._doing[name] = doing
            claim = CURRENT.get(None)
            self._id = claim.id if claim is not None else ""
            doing.addBoth(self._over, name)
        return doing

    def close(self) -> None:
        """The attempt has its end: what it can't store any more does not go on."""
        for name, doing in list(self._doing.items()):
            self._log.warn(
                "step {name!r} of job {id} is cancelled, because the job is over: await its steps",
                name=printable(name),
                id=self._id,
            )
            doing.cancel()
            doing.addErrback(lambda _: None)  # one that nobody looks at would be logged

    def _over(self, result: Any, name: str) -> Any:
        del self._doing[name]
        return result

    async def _do(self, name: str, function: Callable[[], Any]) -> Any:
        STEP.set(name)  # in this coroutine's own context
        try:
            result = self._fitting(name, encode(await outcome_of(function())))
        except BaseException:
            self._begun.discard(name)  # the handler may try it again
            raise
        self._notes.keep_step(name, result)
        await self._keep()
        return msgspec.json.decode(result)

    def _fitting(self, name: str, result: bytes) -> bytes:
        if len(result) > LARGEST:
            raise StepTooLarge(f"step {name!r} returned {len(result)} bytes of JSON", limit=LARGEST)
        if self._notes.size_of_steps + len(name) + len(result) > MOST:
            raise StepTooLarge(f"with step {name!r} the steps have too much", limit=MOST)
        return result
