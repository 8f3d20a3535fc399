"""Whether a relay is well: what is wrong with it, in words, and what to do next. It works on values alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from relay.operations import job_rules, process_rules
from relay.operations.finding import BAD, NOTE, WARNING, Finding, Looks
from relay.operations.seen import Overview

_ORDER = {BAD: 0, WARNING: 1, NOTE: 2}
#: each finds one kind of trouble
RULES: tuple[Callable[[Looks], Iterator[Finding]], ...] = (
    process_rules.fronts,
    job_rules.unserved,
    job_rules.old,
    job_rules.room,
    process_rules.redis,
    process_rules.silent,
    process_rules.late,
    process_rules.descriptors,
    job_rules.behind_limits,
    job_rules.dead,
    job_rules.paused,
    process_rules.quiet,
    process_rules.versions,
)


def judge(overview: Overview, previous: Overview | None = None) -> list[Finding]:
    """What is wrong, worst first; nothing where all is well. `previous` is what was seen some seconds or minutes ago,
    None at the first look."""
    looks = Looks(overview, previous)
    if not overview.store.reached:
        return [*process_rules.store_away(looks)]
    found = [finding for rule in RULES for finding in rule(looks)]
    return sorted(found, key=lambda finding: _ORDER[finding.level])


def is_well(findings: list[Finding]) -> bool:
    """Whether nothing is wrong, nor will be."""
    return all(finding.level == NOTE for finding in findings)
