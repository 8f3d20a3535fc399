"""Jobs of sessions that are closed: given back in parts, and told in the log."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import starmap
from typing import Any

from twisted.logger import Logger

from relay.store import codec
from relay.store.messages import GivenBack
from relay.store.partition import Partition

_SHOWN = 20  # jobs of a dead worker that are named in the log
_log = Logger()


async def give_back(partition: Partition, verb: str, who: str, terms: str) -> list[GivenBack]:
    """Close what `who` names, by a script that is sent again as long as more has to go back."""
    back: list[GivenBack] = []
    more = True
    while more:
        more, *rows = await partition.verb(verb, who, terms)
        back += given_back_of(rows)
    return back


def given_back_of(rows: list[Any]) -> Iterator[GivenBack]:
    """What rows of `codec.GIVEN_BACK`, one after the other, say was given back."""
    return starmap(_read_given_back, codec.GIVEN_BACK.rows(rows))


@codec.GIVEN_BACK.reads
def _read_given_back(session: bytes, id: bytes, name: bytes) -> GivenBack:
    """A job of a session that was closed, of a row of `codec.GIVEN_BACK`."""
    return GivenBack(session.decode(), id.decode(), name.decode())


def log_given_back(back: list[GivenBack], why: str) -> None:
    """Name each session that was closed, and its jobs."""
    held: dict[str, list[str]] = {}
    for job in back:
        held.setdefault(job.session, []).append(f"{job.name} {job.id}")
    for session, jobs in held.items():
        shown = ", ".join(jobs[:_SHOWN]) + (", …" if len(jobs) > _SHOWN else "")
        _log.warn(
            "worker session {session} is closed, {why}: "
            "{count} jobs are returned to the queue, or have ended with it: {jobs}",
            session=session,
            why=why,
            count=len(jobs),
            jobs=shown,
        )
