"""Which Celery task a job waits for, handed from one attempt to the next.

A job has one task at a time. The id of a task comes from the job's, with its number within the job, and the job's
checkpoint has that number: an attempt that follows a drain, or the death of a worker, waits for the task that is there.
An attempt that follows a task's end starts another task.

====================================  ==============================================================================
checkpoint                            meaning
====================================  ==============================================================================
none                                  nothing was queued yet
``{"task": 2}``                       the first task is over, nothing was queued after it
``{"task": 2, "until": …}``           the second may be queued, and is of use until then (seconds since the epoch)
====================================  ==============================================================================
"""

from __future__ import annotations

import time
from typing import Any

from relay.celery.bridge import Bridge
from relay.celery.problems import AWAY, CeleryAway
from relay.celery.results import Heard
from relay.celery.wire import SUCCESS, Task, TaskReply
from relay.handlers.context import Context

_LAST_WORDS = 0.5  # seconds left of a job's time to say that Celery had no answer


class Errand:
    """One attempt of a job whose work Celery does."""

    def __init__(self, context: Context) -> None:
        last: dict[str, Any] = context.last or {}
        self._context = context
        self._number = int(last.get("task", 1))
        #: whether an earlier attempt may have queued the task
        self._goes_on = "until" in last
        #: until when the task is of use: seconds since the epoch
        self.until = float(last.get("until", context.deadline))
        self.id = f"relay-{context.job_id}.{self._number}"

    async def run(self, bridge: Bridge, task: Task, heard: Heard) -> TaskReply:
        """The task's end; raises `JobError`. A task that nobody waits for any more is revoked, unless the job goes on
        in another worker."""
        try:
            reply = await self._run(bridge, task, heard)
        except CeleryAway:
            self._keep(self._number)
            raise
        except Exception:
            if self._context.stopped != "drain":
                bridge.revoke(self.id)
                self._keep(self._number + 1)
            raise
        if reply.status != SUCCESS:
            self._keep(self._number + 1)
        return reply

    async def _run(self, bridge: Bridge, task: Task, heard: Heard) -> TaskReply:
        now = time.time()
        mine = self._context.deadline - now - _LAST_WORDS
        if not self._goes_on:
            kept = self._context.checkpoint({"task": self._number, "until": self.until})
            return await bridge.run(task, heard, mine, kept)
        use = self.until - now
        seconds = min(mine, max(use - _LAST_WORDS, AWAY))
        return await bridge.go_on(task, heard, seconds, use)

    def _keep(self, number: int) -> None:
        """Set what the next attempt starts with; it is stored together with the end of this one."""
        self._context.checkpoint({"task": number})
