"""Whether relay may use its keys in a Redis, and whose what is in them is."""

from __future__ import annotations

from collections.abc import Iterator

from relay.doctor.diagnosis import Diagnosis, bad, fine, note, warn
from relay.doctor.redis_state import RedisState
from relay.model.settings import Settings
from relay.store import demands

_REDIS = "docs/running.md#redis"


def rights(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """Whether relay's user may call what relay calls."""
    more = demands.CLUSTER if settings.redis.partition("://")[0].endswith("+cluster") else ()
    smallest = demands.acl(more=more, partitions=settings.partitions, name=settings.store_name)
    if state.refused is None:
        saw = "relay's user may not call EVAL, so its other rights can't be asked for"
        yield bad("rights", saw, "relay can't work", smallest, see=_REDIS)
    elif state.refused == ("role",):
        why = "relay notices late that a server has become a replica: by what it refuses"
        yield warn("rights", "relay's user may not call role", why, "ACL SETUSER … +role", see=_REDIS)
    elif state.refused:
        saw = f"relay's user may not call {', '.join(state.refused)} on relay's keys"
        words = " ".join(f"+{command}" for command in state.refused)
        remedies = f"ACL SETUSER … {words}", f"the smallest one: {smallest}"
        yield bad("rights", saw, "jobs fail where these are needed", *remedies, see=_REDIS)
    elif state.closed:
        saw = f"relay's user may not use the keys that begin with {', '.join(state.closed)}"
        remedies = (
            f"ACL SETUSER … {' '.join(f'~{tag}*' for tag in state.closed)}",
            f"the smallest one: {smallest}",
        )
        yield bad("rights", saw, "relay can't use these partitions", *remedies, see=_REDIS)
    else:
        yield fine("rights", f"its user may call the {len(demands.rights())} commands that relay needs")


def data(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """What is in it of relay's."""
    there = demands.partitions_of(state.layout)
    if state.layout and state.layout == demands.layout(there) and there != settings.partitions:
        saw = f"the data set was made for --partitions {there}, and the settings say {settings.partitions}"
        remedy = f"--partitions {there} for every process of relay"
        yield bad("data", saw, "relay does not start", remedy, see="docs/running.md#partitions")
    elif state.layout and state.layout != demands.layout(settings.partitions):
        yield bad(
            "data",
            f"the database has keys of another version of relay (layout {state.layout}, not {demands.layout()})",
            "relay does not start",
            "let that version finish its jobs, then empty the database, or use another one",
            see="docs/deploying.md",
        )
    elif state.epoch:
        size = f" with {there} partitions" if there > 1 else ""
        yield fine("data", f"a data set of relay's{size}, epoch {state.epoch}")
    elif "GET" not in state.hidden:
        yield note("data", "no relay has used this database yet")
