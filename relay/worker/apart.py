"""Jobs that would have to live in two partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from relay.model.settings import SettingError
from relay.store.messages import JobDefinition
from relay.store.placing import limit_of


def check_limits(definitions: Iterable[JobDefinition], home: Callable[[str], object]) -> None:
    """Raise `SettingError` for a job under a limit whose outcome is given to a job under another one, which lives in
    another partition: each would be counted where it lives, and the outcome is handed over within one. `home` tells
    the partition that a pin decides."""
    for each in definitions:
        if each.limit is None or each.then is None:
            continue
        own, next_one = limit_of(each.limit.lane()), limit_of(each.then.lane)
        if next_one and home(own) != home(next_one):
            raise SettingError(
                f"--partitions: {each.name} is under the limit {own[1:]}, and {each.then.name}, which is given its "
                f"outcome, under the limit {next_one[1:]}: with so many partitions these are counted apart. "
                f"Give both the same limit (Limit(name=…)), or let {each.name} submit {each.then.name} itself "
                "(context.submit) instead of then="
            )
