"""The first words on a connection: who we are, which database, and whether the server is the one to talk to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import txredisapi
from twisted.internet.interfaces import IReactorTime

from relay.redis.address import shown_host
from relay.redis.mistakes import SENTINEL
from relay.redis.refusal import Elsewhere, Refused
from relay.redis.wire import RedisConnection


async def greet(
    connection: RedisConnection, words: Sequence[tuple[Any, ...]], clock: IReactorTime, seconds: float
) -> None:
    """Send these commands, each of which has so many seconds. Raises `Elsewhere` where the server turns out to be a
    replica, `Refused` where it is a Sentinel, and `txredisapi.ResponseError` where it refuses.

    A replica takes connections, answers what it can, and refuses writes only; a former master is one for as long as its
    name still leads there.
    """
    for each in words:
        await connection.execute_command(*each).addTimeout(seconds, clock)
    check_role(await _role(connection, clock, seconds))
    await connection.execute_command("PING").addTimeout(seconds, clock)


async def _role(connection: RedisConnection, clock: IReactorTime, seconds: float) -> Any:
    try:
        return await connection.execute_command("ROLE").addTimeout(seconds, clock)
    except (
        txredisapi.ResponseError
    ):  # its user may not ask, or it does not know the command: writes will tell
        return None


def check_role(said: Any) -> None:
    """Judge an answer to ``ROLE``; raises `Elsewhere`, `Refused`."""
    match said:
        case [b"slave", host, port, *_]:
            master = shown_host(host.decode("utf-8", "replace"), port)
            raise Elsewhere(f"READONLY it is a replica of {master}")
        case [b"sentinel", *_]:
            raise Refused(SENTINEL)
