"""Whether jobs can be durable, and what a failover can lose."""

from __future__ import annotations

from collections.abc import Iterator

from relay.doctor.diagnosis import Diagnosis, bad, fine, note, warn
from relay.doctor.redis_state import RedisState
from relay.model.settings import Settings
from relay.store.proof import NoProof, ProofWanted, counts_on_replicas

_DURABLE = "docs/durable.md"
_SECOND = "a second replica: the one that takes over needs one itself"


def durable(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """What has to have a durable job before it is accepted."""
    if not state.info or state.info.get("role") == "slave":
        return
    wanted = ProofWanted(settings.durable, settings.durable_replicas, _fails_over(settings))
    try:
        proof = wanted.proof({**state.info, "appendfsync": state.settings.get("appendfsync", "")})
    except NoProof as no_proof:
        if settings.durable == "auto":
            why = "durable jobs are 503 (not-durable), others are as they were"
            yield note("durable", f"there are none: {no_proof}", why, see=_DURABLE)
        else:
            why = "relay does not start"
            yield bad("durable", f"--durable {settings.durable}: {no_proof}", why, see=_DURABLE)
        return
    replicas = state.number("connected_slaves")
    if proof.replicas > replicas == 0 and settings.durable == "auto":
        return  # that there is no replica is told already
    if proof.replicas > replicas:
        yield warn(
            "durable",
            f"a durable job needs {proof}; connected: {replicas}",
            "durable jobs are 503 (not-durable) until there are as many",
            "--durable-replicas, or more replicas",
            see=_DURABLE,
        )
    else:
        yield fine("durable", f"a durable job is accepted when it has reached {proof}")


def cut_off(state: RedisState, settings: Settings) -> Iterator[Diagnosis]:
    """Whether a master that its replicas do not hear takes jobs all the same; or one that has just taken over takes
    none. In a Cluster such a master refuses by itself."""
    info, replicas = state.info, state.number("connected_slaves")
    fails_over = counts_on_replicas(info) or (info and _fails_over(settings))
    if (
        info.get("role") == "slave"
        or not fails_over
        or settings.redis.partition("://")[0].endswith("+cluster")
    ):
        return
    if "min_slaves_good_slaves" not in info:
        limits = ("min-replicas-to-write 1", "min-replicas-max-lag 10")
        yield warn(
            "cut off",
            "min-replicas-to-write is 0",
            "a master that is cut off from its replicas goes on to take jobs, which are lost when another has taken "
            "over; durable jobs are not",
            *(limits if replicas > 1 else (_SECOND, *limits)),
            see=_DURABLE,
        )
    elif replicas == 1:
        why = "the one that takes over when the master is gone has none, and so refuses to write (NOREPLICAS)"
        yield warn(
            "cut off", "min-replicas-to-write is set, and one replica is there", why, _SECOND, see=_DURABLE
        )


def _fails_over(settings: Settings) -> bool:
    return settings.redis.partition("://")[0].endswith(("+sentinel", "+cluster"))
