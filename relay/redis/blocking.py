"""A connection to Redis that waits for its answers: for threads without a reactor, and for commands at a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relay.redis.address import Address
from relay.redis.blocking_cluster import client_of_owner
from relay.redis.slots import Node

if TYPE_CHECKING:
    from redis import Redis


def connect(address: Address, deadline: float, key: str = "") -> Redis:
    """A client of the server that has this key. It tries once, waits for `deadline` seconds, and in the older protocol
    asks for nothing that its user may not be allowed. It connects with its first command, and finds the server anew for
    each connection that it makes."""
    if address.kind == "sentinel":
        return _of_sentinels(address, deadline)
    if address.kind == "cluster":
        return _of_cluster(address, deadline, key)
    return _of_server(address, deadline)


def _of_server(address: Address, deadline: float) -> Redis:
    from redis import Redis

    options = options_of(address, deadline)
    if address.scheme == "unix":
        return Redis(unix_socket_path=address.host, **options)
    return Redis(address.host, address.port, **options)


def _of_sentinels(address: Address, deadline: float) -> Redis:
    from redis.sentinel import Sentinel

    asked = options_of(address.sentinels()[0], deadline)
    sentinels = Sentinel(address.hosts, sentinel_kwargs=asked, **options_of(address, deadline))
    found: Redis = sentinels.master_for(address.name)
    return found


def _of_cluster(address: Address, deadline: float, key: str) -> Redis:
    def client_of(node: Node, seconds: float) -> Redis:
        return _of_server(address.server_at(*node), seconds)

    return client_of_owner(client_of, address.hosts, options_of(address, deadline), key, deadline)


def options_of(address: Address, deadline: float) -> dict[str, Any]:
    """How a server is connected to, and greeted, as words for redis-py."""
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options: dict[str, Any] = {
        "db": address.database,
        "username": address.user or None,
        "password": address.password or None,
        "socket_timeout": deadline,
        "socket_connect_timeout": deadline,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if address.scheme == "rediss":
        files = {"ca_certs": address.tls.ca, "certfile": address.tls.cert, "keyfile": address.tls.key}
        options |= {"ssl": True, **{f"ssl_{name}": path for name, path in files.items() if path}}
    return options
