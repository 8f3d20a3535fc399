"""Handlers that run on although their attempts were stopped: the places that they take, and their log lines."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from relay.model.job import Claim

REMIND = 60.0  # seconds between two reminders
_NAMED = 10  # jobs that a reminder names


class Overdue:
    """The attempts of one worker whose handlers do not stop; each takes one of its `places` until it does."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, places: int) -> None:
        self._clock = clock
        self._places = places
        self._since: dict[tuple[str, int], tuple[Claim, float]] = {}
        self._reminder: IDelayedCall | None = None

    def has(self, claim: Claim) -> bool:
        return _key(claim) in self._since

    def add(self, claim: Claim) -> None:
        """A handler runs on after it was stopped."""
        self._since[_key(claim)] = claim, self._clock.seconds()
        self._log.warn(
            "the handler of job {id} ({name}) does not stop: "
            "{taken} of {places} places are taken by such handlers",
            **self._fields(claim),
        )
        if self._reminder is None:
            self._reminder = self._clock.callLater(REMIND, self._remind)
        self._say_if_starving()

    def remove(self, claim: Claim) -> None:
        """A handler has ended; nothing happens if it was not overdue."""
        claimed, since = self._since.pop(_key(claim), (None, 0.0))
        if claimed is None:
            return
        self._log.info(
            "the handler of job {id} ({name}) has ended, {seconds:.1f} s late: "
            "{taken} of {places} places are taken by such handlers",
            seconds=self._clock.seconds() - since,
            **self._fields(claim),
        )
        if not self._since and self._reminder is not None:
            self._reminder.cancel()
            self._reminder = None

    def _fields(self, claim: Claim) -> dict[str, object]:
        return {
            "id": claim.id,
            "name": claim.job.name,
            "taken": len(self._since),
            "places": self._places,
        }

    def _remind(self) -> None:
        self._reminder = self._clock.callLater(REMIND, self._remind)
        jobs = [f"{claim.id} ({claim.job.name})" for claim, _ in list(self._since.values())[:_NAMED]]
        self._log.warn(
            "{taken} of {places} places are taken by handlers that do not stop: {jobs}",
            taken=len(self._since),
            places=self._places,
            jobs=", ".join(jobs) + (", …" if len(self._since) > _NAMED else ""),
        )
        self._say_if_starving()

    def _say_if_starving(self) -> None:
        if len(self._since) >= self._places:
            self._log.error(
                "this worker starves: handlers that do not stop hold all of its {places} places, "
                "so it takes no more jobs. Restart it",
                places=self._places,
            )


def _key(claim: Claim) -> tuple[str, int]:
    return claim.id, id(claim)
