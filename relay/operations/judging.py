"""Whether a relay is well: what is wrong with it, in words, and what to do next. It works on values alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from relay.operations import job_rules, minute_rules, process_rules
from relay.operations.finding import BAD, NOTE, WARNING, Finding, Looks, seconds_since
from relay.operations.minute import Minute
from relay.operations.seen import Overview, StoreInfo
from relay.telemetry.snapshot import Snapshot

_ORDER = {BAD: 0, WARNING: 1, NOTE: 2}
_GONE = 60.0  # seconds after which the last minute of a process that is silent is no longer the last minute
#: each finds one kind of trouble; of one level, what is rather a cause stands before what follows of it
RULES: tuple[Callable[[Looks], Iterator[Finding]], ...] = (
    process_rules.redis,
    process_rules.partitions,
    process_rules.fronts,
    minute_rules.restarts,
    job_rules.unserved,
    job_rules.room,
    minute_rules.not_provable,
    job_rules.untold,
    minute_rules.upstreams,
    minute_rules.under_way,
    minute_rules.stalls,
    minute_rules.clients_cut,
    job_rules.full,
    minute_rules.failing,
    job_rules.old,
    process_rules.silent,
    process_rules.late,
    process_rules.descriptors,
    job_rules.behind_limits,
    job_rules.dead,
    minute_rules.limited,
    job_rules.paused,
    process_rules.quiet,
    process_rules.versions,
    process_rules.strangers,
)
#: those that need no answer of the store
_WITHOUT_STORE = (
    minute_rules.restarts,
    minute_rules.upstreams,
    minute_rules.under_way,
    minute_rules.stalls,
    minute_rules.clients_cut,
)
#: the overview of a relay whose store does not answer
AWAY = Overview(0, "", [], [], [], StoreInfo(reached=False))


def judge(
    overview: Overview, previous: Overview | None = None, snapshots: Iterable[Snapshot] = ()
) -> list[Finding]:
    """What is wrong, worst first; nothing where all is well. `previous` is what was seen some seconds or minutes ago,
    None at the first look; `snapshots` what processes told last."""
    looks = Looks(overview, previous, Minute(_present(overview, snapshots)))
    rules = RULES
    if not overview.store.reached:
        rules = (process_rules.store_away, *_WITHOUT_STORE)
    elif process_rules.refuses_changes(overview.store):  # nor can processes tell that they are there
        rules = (process_rules.redis, *_WITHOUT_STORE)
    found = [finding for rule in rules for finding in rule(looks)]
    return sorted(found, key=lambda finding: _ORDER[finding.level])


def _present(overview: Overview, snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """Those whose last minute is about now."""
    silent = {each.name for each in overview.processes if seconds_since(each.seen, overview) >= _GONE}
    return (each for each in snapshots if each.info.name not in silent)


def is_well(findings: list[Finding]) -> bool:
    """Whether nothing is wrong, nor will be."""
    return all(finding.level == NOTE for finding in findings)
