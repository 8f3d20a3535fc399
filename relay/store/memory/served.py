"""What workers publish to the store in memory: which jobs they serve, and how these are declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from relay.store.member import FORGET_SERVED
from relay.store.memory.limits import Limits
from relay.store.memory.schedules import Schedules
from relay.store.messages import Definitions, JobDefinition
from relay.store.parts import SERVED_TTL
from relay.store.roster import Roster


@dataclass(slots=True)
class Declaration:
    """The one that counts of a name. Times are milliseconds."""

    mark: str
    since: int  # when the worker that published first last began to say so
    until: int  # when the promise to serve it runs out
    text: bytes


class Declarations:
    """Of two declarations of a name that one counts whose worker began later to publish, as long as it does."""

    def __init__(self, now: Callable[[], int], limits: Limits, schedules: Schedules) -> None:
        self._now = now
        self._limits = limits
        self._schedules = schedules
        self._declared: dict[str, Declaration] = {}
        #: raised whenever one changes
        self.version = 0

    def publish(self, roster: Roster, since: int) -> int:
        """A worker serves these; `since` when it publishes, 0 for the first time. The same, as it is from now on."""
        now = self._now()
        since = since or now
        changed = False
        for name, mark, text in roster:
            known = self._declared.get(name)
            if known is not None and known.mark == mark:
                if since > known.since and known.text != text:  # what is only read has changed
                    known.text, changed = text, True
                known.since, known.until = max(known.since, since), now + int(SERVED_TTL * 1000)
            elif known is None or known.since <= since or known.until <= now:
                self._declare(name, mark, text, max(since, known.since if known else 0))
                changed = True
        self.version += changed
        return since

    def _declare(self, name: str, mark: str, text: bytes, since: int) -> None:
        declared = msgspec.json.decode(text, type=JobDefinition)
        if declared.limit is not None:
            self._limits.declare(declared.limit)
        if declared.schedule is None:
            self._schedules.remove(name)
        self._declared[name] = Declaration(mark, since, self._now() + int(SERVED_TTL * 1000), text)

    def is_declared(self, name: str, mark: str) -> bool:
        """Whether this declaration was published, and counts."""
        return name in self._declared and self.counts(name, mark)

    def counts(self, name: str, mark: str) -> bool:
        """Whether a worker with this declaration gets jobs of this name. Before any was published, each does."""
        known = self._declared.get(name)
        return known is None or known.mark == mark

    def queue(self, name: str) -> str:
        """The queue of this name, "" for one that is not declared."""
        known = self._declared.get(name)
        return msgspec.json.decode(known.text, type=JobDefinition).queue if known else ""

    def until(self, name: str) -> int:
        """Until when a worker has promised to serve it."""
        return self._declared[name].until if name in self._declared else 0

    def forget(self) -> None:
        """Drop the names that nobody has served for a day."""
        gone = [
            name
            for name, declared in self._declared.items()
            if declared.until <= self._now() - int(FORGET_SERVED * 1000)
        ]
        for name in gone:
            del self._declared[name]
            self.version += 1

    def catalogue(self) -> Definitions:
        """What is declared now."""
        now = self._now()
        return Definitions(
            self.version,
            {name: declared.text for name, declared in self._declared.items()},
            {name: (now - declared.until) / 1000 for name, declared in self._declared.items()},
        )
