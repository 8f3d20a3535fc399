"""A connection to Redis that waits for its answers: for threads without a reactor, and for commands at a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relay.redis.address import Address

if TYPE_CHECKING:
    from redis import Redis


def connect(address: Address, deadline: float) -> Redis:
    """A client that tries once, waits for `deadline` seconds, and in the older protocol asks for nothing that its user
    may not be allowed. It connects with its first command."""
    from redis import Redis
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
    if address.scheme == "unix":
        return Redis(unix_socket_path=address.host, **options)
    return Redis(address.host, address.port, ssl=address.scheme == "rediss", **options)
