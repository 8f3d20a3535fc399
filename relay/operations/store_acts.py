"""An operator's acts, on the store itself."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from relay.model.caller import ANYONE
from relay.model.problems.request import NotDurable
from relay.model.status import Outcome
from relay.operations.listings import (
    DEAD,
    Position,
    behind,
    live_lists,
    position_of,
    slice_at,
)
from relay.operations.operations import NotPossible, Operations
from relay.operations.seen import Done, JobFilter
from relay.store.found import Slice
from relay.store.gathering import PartitionAway
from relay.store.mail import MailKind
from relay.store.messages import DeadJob
from relay.store.operators import OperatorStore

ERASED = ("all", "dead", "ended")  # what is erased of an owner, one after the other


class StoreActs(Operations):
    """The half of `Operations` that changes something."""

    def __init__(self, store: OperatorStore) -> None:
        self._store = store

    # -- one job --

    async def cancel(self, id: str) -> str:
        before, outcome = await self._store.cancel(id)
        if before is None:
            raise NotPossible("there is no such job")
        if isinstance(before, Outcome):
            raise NotPossible(f"the job has ended already: {before.state}")
        return (outcome.state if outcome else before.state).value

    async def retry(self, id: str) -> str:
        known = await self._store.known(id)
        if known is None or known.dead is None:
            raise NotPossible("there is no such dead job")
        return await self._bring_back(known.dead)

    async def _bring_back(self, dead: DeadJob) -> str:
        try:
            return await self._store.bring_back(dead)
        except LookupError:
            raise NotPossible("it is no dead job any more") from None
        except ValueError as error:
            raise NotPossible(str(error)) from None
        except NotDurable as error:
            raise _not_provable(error) from None

    async def delete(self, id: str) -> None:
        if await self._store.delete([id], dead=True, ended=True):
            return
        known = await self._store.known(id)
        raise NotPossible("the job has not ended: cancel it first" if known else "there is no such job")

    # -- many jobs --

    async def retry_some(self, wanted: JobFilter, cursor: str = "") -> Done:
        found, at, nxt = await self._slice(_dead(wanted), (DEAD,), cursor)
        done = 0
        for job in found.jobs:
            is_back, found = await _tried(self._is_back(job.id), found)
            done += is_back
        return _done(done, found, at, nxt, (await self._store.totals()).dead if nxt else 0)

    async def _is_back(self, id: str) -> bool:
        """Whether it runs again: not where its arguments were not kept, another was faster, or nothing can prove that
        it is durable."""
        known = await self._store.known(id)
        if known is None or known.dead is None:
            return False
        try:
            return bool(await self._bring_back(known.dead))
        except NotPossible:
            return False

    async def delete_some(self, wanted: JobFilter, cursor: str = "") -> Done:
        found, at, nxt = await self._slice(_dead(wanted), (DEAD,), cursor)
        done, found = await _tried(self._store.delete([job.id for job in found.jobs]), found)
        return _done(done, found, at, nxt, (await self._store.totals()).dead if nxt else 0)

    async def cancel_some(self, wanted: JobFilter, cursor: str = "") -> Done:
        found, at, nxt = await self._slice(wanted, live_lists(wanted), cursor)
        done, found = await _tried(self._store.cancel_all([job.id for job in found.jobs]), found)
        return _done(done, found, at, nxt, (await self._store.totals()).jobs if nxt else 0)

    async def erase_some(self, owner: str, cursor: str = "") -> Done:
        if owner in ("", ANYONE):
            raise NotPossible("name one owner")
        at = position_of(cursor, ERASED)
        mine = JobFilter(owner=owner)
        if ERASED[at.nth] == "ended":
            erased = await self._store.erase(owner, at.cursor)
            done, found = erased.gone, Slice([], erased.cursor, erased.looked_at, erased.away)
        else:
            found = await slice_at(self._store, ERASED[at.nth], mine, at.cursor)
            ids = [job.id for job in found.jobs]
            acting = self._store.cancel_all(ids) if at.nth == 0 else self._store.delete(ids)
            done, found = await _tried(acting, found)
        return _done(done, found, at, behind(at, found, ERASED), 0)

    async def _slice(
        self, wanted: JobFilter, lists: tuple[str, ...], cursor: str
    ) -> tuple[Slice, Position, Position | None]:
        """A slice, where it is, and where the next one is."""
        if wanted.key:
            raise NotPossible("jobs can't be chosen by a key here")
        at = position_of(cursor, lists)
        found = await slice_at(self._store, lists[at.nth], wanted, at.cursor)
        return found, at, behind(at, found, lists)

    # -- names, queues, schedules, limits, processes --

    async def pause_name(self, name: str, on: bool) -> None:
        totals = await self._store.totals()
        if name not in totals.names and f"name {name}" not in totals.stopped:
            raise NotPossible(f"no worker has served {name} within a day, and there are no jobs of it")
        await self._store.stop_name(name, on)

    async def pause_queue(self, queue: str, on: bool) -> None:
        totals = await self._store.totals()
        known = {tally.queue for tally in await self._store.tallies(totals.names)}
        if queue not in known and f"queue {queue}" not in totals.stopped:
            raise NotPossible(f"there are no jobs of a queue {queue}")
        await self._store.stop_queue(queue, on)

    async def pause_schedule(self, name: str, on: bool) -> None:
        if not await self._store.pause(name, on):
            raise NotPossible(f"{name} has no schedule")

    async def fire(self, name: str) -> str:
        try:
            return await self._store.fire_now(name)
        except LookupError:
            raise NotPossible(f"{name} has no schedule, or no worker has served it within a day") from None
        except NotDurable as error:
            raise _not_provable(error) from None

    async def forget(self, scope: str) -> None:
        if not await self._store.forget(scope):
            raise NotPossible(f"nothing was learned of {scope}")

    async def quiet(self, process: str, on: bool) -> None:
        if not await self._store.tell(process, MailKind.QUIET if on else MailKind.GO_ON):
            raise NotPossible(f"there is no worker {process}")


def _not_provable(error: NotDurable) -> NotPossible:
    return NotPossible(f"the job has to be durable, and nothing can prove that it is: {error}")


def _dead(wanted: JobFilter) -> JobFilter:
    """Raises `NotPossible` where other than dead jobs are meant."""
    if wanted.state not in ("", DEAD):
        raise NotPossible(f"jobs that are {wanted.state} are not dead")
    return wanted


async def _tried(acting: Awaitable[int], found: Slice) -> tuple[int, Slice]:
    """How many of a slice something was done to, and the slice: its partition may have gone away meanwhile."""
    try:
        return await acting, found
    except PartitionAway as missing:
        away = {*found.away, missing.number}
        return 0, msgspec.structs.replace(found, away=tuple(sorted(away)))


def _done(done: int, found: Slice, at: Position, nxt: Position | None, all: int) -> Done:
    """What a slice has done. A cursor has in it how many were looked at before."""
    looked_at = at.skip + found.looked_at
    if nxt is None:
        return Done(done, found.looked_at, away=found.away)
    cursor = Position(nxt.nth, looked_at, nxt.cursor).text
    return Done(done, found.looked_at, cursor, max(0, all - looked_at), found.away)
