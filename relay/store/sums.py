"""What several partitions told, added up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from relay.store.found import NameTally, Part, Totals
from relay.store.messages import Definitions

_COUNTS = ("jobs", "running", "scheduled", "dead", "bytes")


def total(found: Collection[tuple[int, Totals]], away: Iterable[int] = ()) -> Totals:
    """Of all partitions, given those that answered by their numbers, one at least, and the numbers of the others."""
    each = [totals for _, totals in found]
    parts = [_part(number, totals) for number, totals in found] + [Part(number) for number in away]
    if len(parts) == 1:
        return each[0]
    sums = {count: sum(getattr(totals, count) for totals in each) for count in (*_COUNTS, "untold")}
    oldest = min((totals.oldest_untold for totals in each if totals.untold), default=0)
    names = sorted({name for totals in each for name in totals.names})
    by_number = tuple(sorted(parts, key=lambda part: part.number))
    more = {"stopped": _stopped(each), "oldest_untold": oldest, "parts": by_number}
    return msgspec.structs.replace(each[0], names=names, **more, **sums)


def _part(number: int, totals: Totals) -> Part:
    return Part(number, True, totals.epoch, *(getattr(totals, count) for count in _COUNTS))


def _stopped(found: Iterable[Totals]) -> dict[str, int]:
    """What is paused in any of them, since it was first."""
    since: dict[str, int] = {}
    for totals in found:
        for what, time in totals.stopped.items():
            since[what] = min(time, since.get(what, time))
    return since


def added(known: NameTally | None, more: NameTally) -> NameTally:
    """What waits of a name in another partition, too."""
    if known is None:
        return more
    counts = ("waiting", "limited", "scheduled", "dead")
    sums = {count: getattr(known, count) + getattr(more, count) for count in counts}
    oldest = min(known.oldest or more.oldest, more.oldest or known.oldest)
    queue, served = known.queue or more.queue, max(known.served, more.served)
    return msgspec.structs.replace(known, queue=queue, served=served, oldest=oldest, **sums)


def merged(found: Sequence[Definitions]) -> Definitions:
    """What workers have published in any of them."""
    if len(found) == 1:
        return found[0]
    declared: dict[str, bytes] = {}
    overdue: dict[str, float] = {}
    for each in found:
        for name, text in each.declared.items():
            if name not in overdue or each.overdue[name] < overdue[name]:  # the newest promise counts
                declared[name], overdue[name] = text, each.overdue[name]
    return Definitions(max(each.version for each in found), declared, overdue)
