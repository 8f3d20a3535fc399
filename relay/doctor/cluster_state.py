"""What the nodes of a Redis Cluster say of it, and of the slots that relay's keys are in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from relay.doctor.no_redis import why_not
from relay.doctor.redis_state import DEADLINE, NoRedis
from relay.redis.address import Address, shown_host
from relay.redis.blocking import connect
from relay.redis.blocking_cluster import slots_by
from relay.redis.mistakes import no_node
from relay.redis.slots import Node, SlotMap, SlotRange, slot_of
from relay.store.keys import Keys

if TYPE_CHECKING:
    from redis import Redis

_SETTINGS = ("cluster-require-full-coverage", "cluster-allow-reads-when-down", "cluster-node-timeout")


class PartitionHome(msgspec.Struct, frozen=True):
    """Where a partition of the store is: its number, its slot, and the node that has it, "" where none has. `half`:
    what the node says if half of the slot's keys are elsewhere. `claimed`: other nodes that are said to have the slot.
    """

    partition: int
    slot: int
    node: str
    half: str = ""
    claimed: tuple[str, ...] = ()


class ClusterState(msgspec.Struct, frozen=True):
    """`silent`: why a node does not tell, by node · `down`: nodes for which the Cluster is down · `uncovered`: slots
    that no node has · `lone`: masters without a replica · `settings`: of a node that has a partition, {} where relay's
    user may not ask."""

    nodes: int
    masters: int
    silent: dict[str, str]
    down: tuple[str, ...]
    uncovered: int
    lone: tuple[str, ...]
    places: tuple[PartitionHome, ...]
    settings: dict[str, str]


def look_at_cluster(address: Address, keys: Sequence[Keys], deadline: float = DEADLINE) -> ClusterState:
    """Ask all nodes that there are, each of which has so many seconds, about the partitions of these keys. Raises
    `NoRedis`."""
    told: dict[Node, tuple[bool, SlotMap]] = {}
    silent: dict[str, str] = {}
    waiting = list(address.hosts)
    for node in waiting:  # which grows
        try:
            told[node] = _of_node(address, node, deadline)
            waiting += [other for other in told[node][1].nodes() if other not in waiting]
        except NoRedis as error:
            silent[shown_host(*node)] = str(error)
    if not told:
        raise NoRedis(f"{address.shown}: {next(iter(silent.values()))}")
    return _state(address, told, silent, keys, deadline)


def _state(
    address: Address,
    told: dict[Node, tuple[bool, SlotMap]],
    silent: dict[str, str],
    keys: Sequence[Keys],
    deadline: float,
) -> ClusterState:
    down = tuple(shown_host(*node) for node, (is_well, _) in told.items() if not is_well)
    best = next((found for is_well, found in told.values() if is_well), next(iter(told.values()))[1])
    owners = {each.owner: each for each in best.ranges}
    return ClusterState(
        nodes=len(best.nodes()),
        masters=len(owners),
        silent=silent,
        down=down,
        uncovered=best.uncovered(),
        lone=tuple(shown_host(*each.owner) for each in owners.values() if not each.replicas),
        places=tuple(
            _place(address, each, best, [found for _, found in told.values()], deadline) for each in keys
        ),
        settings=dict(_settings(address, keys[0], deadline)),
    )


def _of_node(address: Address, node: Node, deadline: float) -> tuple[bool, SlotMap]:
    from redis.exceptions import RedisError

    at = address.server_at(*node)
    client = connect(at, deadline)
    try:
        return slots_by(client, node)
    except (RedisError, OSError, ValueError) as error:
        raise NoRedis(no_node(str(error)) or why_not(at, error, deadline)) from error
    finally:
        client.close()


def _place(
    address: Address, keys: Keys, best: SlotMap, told: list[SlotMap], deadline: float
) -> PartitionHome:
    slot = slot_of(keys.tag)
    there = best.of(slot)
    if there is None:
        return PartitionHome(keys.partition, slot, "")
    others = {shown_host(*other.owner) for other in _others(slot, there, told)}
    half = _half(connect(address, deadline, keys.tag), keys)
    return PartitionHome(keys.partition, slot, shown_host(*there.owner), half, tuple(sorted(others)))


def _others(slot: int, there: SlotRange, told: list[SlotMap]) -> Iterator[SlotRange]:
    for found in told:
        other = found.of(slot)
        if other is not None and other.name != there.name:
            yield other


def _half(client: Redis, keys: Keys) -> str:
    """What the owner says to a script on a partition's keys if it has only half of them; "" if it has all, or can't
    be asked."""
    from redis.exceptions import AskError, RedisError, TryAgainError

    try:
        client.execute_command("EVAL", "return 1", len(keys.declared), *keys.declared)
    except AskError as error:
        return f"ASK {error}"
    except TryAgainError as error:
        return f"TRYAGAIN {error}"
    except (RedisError, OSError):
        return ""
    finally:
        client.close()
    return ""


def _settings(address: Address, keys: Keys, deadline: float) -> Iterator[tuple[str, str]]:
    from redis.exceptions import RedisError

    client = connect(address, deadline, keys.tag)
    try:
        for name in _SETTINGS:
            for key, value in client.execute_command("CONFIG GET", name).items():
                yield _text(key), _text(value)
    except (RedisError, OSError):
        return
    finally:
        client.close()


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
