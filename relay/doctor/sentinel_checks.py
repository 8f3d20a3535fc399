"""Whether Sentinels can tell relay where the master is, and name another one when it is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from relay.doctor.diagnosis import Diagnosis, bad, fine, note, warn
from relay.doctor.sentinel_state import SentinelState
from relay.redis.address import shown_host
from relay.store import demands

_PAGE = "docs/topologies.md#sentinel"
_SLOW = 10_000  # milliseconds until a master is taken for gone, above which clients wait for long

SentinelCheck = Callable[[Sequence[SentinelState], str], Iterator[Diagnosis]]


def reached(states: Sequence[SentinelState], name: str) -> Iterator[Diagnosis]:
    """Whether they answer."""
    silent = [state for state in states if state.failed]
    told = [f"{state.at}: {state.failed}" for state in silent]
    if len(silent) == len(states):
        yield bad(
            "sentinels", f"none answers: {told[0]}", "relay finds no master", *_remedy(told[0]), see=_PAGE
        )
    elif silent:
        seen = f"{len(silent)} of {len(states)} can't be asked: {told[0]}"
        yield warn("sentinels", seen, "relay relies on the others", *_remedy(told[0]), see=_PAGE)
    elif len(states) < 3:
        seen = f"the URL names {'one' if len(states) == 1 else 'two'}"
        yield warn("sentinels", seen, "relay finds no master while it is away", "name all of them", see=_PAGE)
    else:
        yield fine("sentinels", f"all {len(states)} answer")


def _remedy(told: str) -> list[str]:
    if "NOPERM" in told or "no permissions" in told:
        return [demands.sentinel_acl()]
    if "authenticat" in told.lower() or "WRONGPASS" in told or "password" in told:
        return ["their own user and password are options of the URL: ?sentinel_user=…&sentinel_password=…"]
    return []


def known(states: Sequence[SentinelState], name: str) -> Iterator[Diagnosis]:
    """Whether they know the master, and agree where it is."""
    asked = [state for state in states if not state.failed]
    without = [state for state in asked if state.master is None]
    if without:
        names = sorted({known for state in asked for known in state.names})
        hint = f"they know {', '.join(names)}" if names else "SENTINEL MASTERS tells which they know"
        why = "relay does not start" if len(without) == len(asked) else "relay relies on the others"
        yield bad("master", f"{without[0].at} knows no master {name!r}", why, hint, see=_PAGE)
    said = sorted({shown_host(*state.master) for state in asked if state.master})
    if len(said) > 1:
        why = "a failover goes on, or some are cut off from others: relay believes the newest (config-epoch)"
        yield bad("master", f"they name different masters: {', '.join(said)}", why, see=_PAGE)
    elif said:
        yield fine("master", f"{name} is at {said[0]}")


def failover(states: Sequence[SentinelState], name: str) -> Iterator[Diagnosis]:
    """Whether another server takes over when the master is gone, and how soon."""
    told = [state for state in states if state.told]
    if not told:
        return
    no_quorum = [state.quorum for state in told if state.quorum] or _too_few(told, len(states))
    if no_quorum:
        why = "no other server takes over when the master is gone"
        yield bad("failover", no_quorum[0], why, "start the other Sentinels, three in all", see=_PAGE)
    replicas = max(state.number("num-slaves") for state in told)
    if not replicas:
        why = "no other server can take over when the master is gone"
        yield bad("failover", f"{name} has no replica", why, "REPLICAOF on another server", see=_PAGE)
    silence = max(state.number("down-after-milliseconds") for state in told)
    if silence > _SLOW:
        why = "clients of new jobs are refused that long when it dies; those that are held wait"
        seen = f"a master is taken for gone after {silence / 1000:.0f} s"
        yield note("failover", seen, why, f"SENTINEL SET {name} down-after-milliseconds 5000", see=_PAGE)
    if replicas and not no_quorum and silence <= _SLOW:
        there = "one replica is known" if replicas == 1 else f"{replicas} replicas are known"
        seen = f"{there}; a master is taken for gone after {silence / 1000:g} s"
        yield fine("failover", seen)


def _too_few(told: Sequence[SentinelState], asked: int) -> list[str]:
    """The same by how many answered, where none may be asked for the quorum; the URL has to name all of them."""
    others = max(state.number("num-other-sentinels") for state in told)
    needed = max(max(state.number("quorum") for state in told), (others + 1) // 2 + 1)
    if asked <= others or len(told) >= needed:
        return []
    return [f"{len(told)} of {others + 1} Sentinels answer, and a failover takes {needed}"]


SENTINEL_CHECKS: tuple[SentinelCheck, ...] = (reached, known, failover)


def check_sentinels(states: Sequence[SentinelState], name: str) -> list[Diagnosis]:
    """What all checks say of the Sentinels that watch a master of this name."""
    return [diagnosis for check in SENTINEL_CHECKS for diagnosis in check(states, name)]
