"""The checkpoints of running jobs: kept until the store has them, and while the job is held, in case the store loses
them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet.defer import Deferred

from relay.model.problems.job import ResultNotJson
from relay.store.portions import MOST_BYTES, MOST_ENDS
from relay.timing.quiet import Quiet
from relay.worker.result import encode

LARGEST = 64 << 10  # bytes of one


def written(value: Any, what: str = "a checkpoint") -> str:
    """The JSON of a checkpoint, or of what else may have as much. Raises `ValueError` for a value that is not JSON or
    is too large."""
    try:
        said = encode(value)
    except ResultNotJson as error:
        raise ValueError(f"{what} must be JSON: {error}") from None
    if len(said) > LARGEST:
        raise ValueError(f"{what} may have {LARGEST} bytes of JSON at most, this one has {len(said)}")
    return said.decode()


class Checkpoints:
    """The last one of each job that one session holds, and who waits until the store has it."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}  # by job
        self._untold: dict[str, list[Deferred[None]]] = {}
        self._telling: dict[str, list[Deferred[None]]] = {}  # in the turn that is under way

    def left(self) -> bool:
        """Whether there is one to tell."""
        return bool(self._untold)

    def keep(self, id: str, said: str) -> None:
        """What an earlier attempt of a job has said, and the store has."""
        self.last[id] = said

    def add(self, id: str, said: str) -> Deferred[None]:
        """A job says where it is; fires when the store has this, or what the job has said since."""
        told: Deferred[None] = Quiet()
        self.last[id] = said
        self._untold.setdefault(id, []).append(told)
        return told

    def size(self, id: str) -> int:
        """Characters that are to be told of a job."""
        return len(self.last[id]) if id in self._untold else 0

    def take(self, first: Iterable[str]) -> list[tuple[str, str]]:
        """Those to tell with the next turn, with their jobs: those of the jobs `first`, whatever their size, and some
        of the others."""
        ids = [id for id in first if id in self._untold]
        ids += self._some(set(ids), MOST_ENDS - len(ids))
        for id in ids:
            self._telling[id] = self._untold.pop(id)
        return [(id, self.last[id]) for id in ids]

    def told(self) -> None:
        """The store has what was taken."""
        telling, self._telling = self._telling, {}
        for waiting in telling.values():
            for told in waiting:
                if not told.called:  # else it was cancelled with its handler
                    told.callback(None)

    def again(self) -> None:
        """The store may have none of them."""
        telling, self._telling = self._telling, {}
        for id in self.last:
            self._untold[id] = telling.get(id, []) + self._untold.get(id, [])

    def forget(self, id: str) -> None:
        """A job is no longer held: fail those that still wait for the store."""
        self.last.pop(id, None)
        for told in self._untold.pop(id, []) + self._telling.pop(id, []):
            if not told.called:
                told.cancel()

    def _some(self, without: set[str], most: int) -> Iterator[str]:
        total = 0
        for id in self._untold:
            total += len(self.last[id])
            if most < 1 or total > MOST_BYTES:
                return
            if id not in without:
                most -= 1
                yield id
