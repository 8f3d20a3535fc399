"""A blocking connection to the node of a Cluster that has a key: it is found anew for each connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from relay.redis.slots import Node, SlotMap, read_slots, slot_of

if TYPE_CHECKING:
    from redis import Redis

_SHORTEST = 0.2  # seconds for the answer of one node

#: a client of a node, for so many seconds
ClientOf = Callable[[Node, float], "Redis"]


def client_of_owner(
    client_of: ClientOf, nodes: tuple[Node, ...], options: dict[str, Any], key: str, deadline: float
) -> Redis:
    """A client of the node that has a key; `nodes` are asked which one that is, `client_of` makes clients of them. It
    gives its connection up where the node says that it is not the one to ask."""
    from redis import Connection, ConnectionPool, Redis, SSLConnection
    from redis.exceptions import ClusterDownError, MovedError, ReadOnlyError

    with_tls = options.pop("ssl", False)
    base: Any = SSLConnection if with_tls else Connection
    found = _Finder(client_of, nodes, slot_of(key), deadline)

    class ToOwner(base):  # type: ignore[misc]
        def _connect(self) -> Any:
            self.host, self.port = found()
            return super()._connect()

        def read_response(self, *words: Any, **named: Any) -> Any:
            try:
                return super().read_response(*words, **named)
            except (MovedError, ClusterDownError, ReadOnlyError):
                self.disconnect()
                raise

    return Redis(connection_pool=ConnectionPool(connection_class=ToOwner, max_connections=1, **options))


def slots_by(client: Redis, node: Node) -> tuple[bool, SlotMap]:
    """Whether the Cluster is up for a node, and the slots as it knows them. Raises `redis.exceptions.RedisError`."""
    from redis.exceptions import ResponseError

    found = read_slots(_said(client, "SLOTS"), node)
    try:
        return b"cluster_state:ok" in _said(client, "INFO"), found
    except ResponseError:  # one that keeps INFO to itself is believed
        return True, found


def _said(client: Redis, what: str) -> Any:
    """The answer to a question about the Cluster, as it comes."""
    connection: Any = client.connection_pool.get_connection()
    try:
        connection.send_command("CLUSTER", what)
        return connection.read_response()
    finally:
        client.connection_pool.release(connection)


class _Finder:
    """Which of the nodes has a slot. One that answers well is asked first the next time."""

    def __init__(self, client_of: ClientOf, nodes: tuple[Node, ...], slot: int, deadline: float) -> None:
        self._client_of = client_of
        self._nodes = list(nodes)
        self._slot = slot
        self._share = max(_SHORTEST, deadline / len(nodes))  # of one node, in seconds

    def __call__(self) -> Node:
        from redis.exceptions import ConnectionError, RedisError

        doubtful: SlotMap | None = None
        failed: Exception = ConnectionError("no node of the Cluster answers")
        for node in list(self._nodes):
            try:
                is_well, found = self._ask(node)
            except (RedisError, OSError, ValueError) as error:
                failed = error
            else:
                if is_well:
                    return self._owner(found)
                doubtful = doubtful or found
            self._nodes.remove(node)
            self._nodes.append(node)
        if doubtful is None:
            raise failed
        return self._owner(doubtful)

    def _ask(self, node: Node) -> tuple[bool, SlotMap]:
        client = self._client_of(node, self._share)
        try:
            return slots_by(client, node)
        finally:
            client.close()

    def _owner(self, found: SlotMap) -> Node:
        from redis.exceptions import ConnectionError

        there = found.of(self._slot)
        if there is None:
            raise ConnectionError(f"no node of the Cluster has slot {self._slot}")
        return there.owner
