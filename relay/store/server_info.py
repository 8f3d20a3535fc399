"""What a server says of itself, as far as relay's user may ask."""

from __future__ import annotations

from twisted.logger import LogLevel

from relay.redis.connection import Connection, LinkLost, Refused

_MUTE = ("NOPERM", "ERR")  # what a server answers to INFO that keeps it to itself, or has renamed it
_MUTE_WARNING = (
    "refuses INFO ({error}). relay can't check its version or its maxmemory-policy, and treats every reconnection "
    "as a possible loss of data"
)


async def info_of(link: Connection) -> dict[str, str]:
    """What it answers to INFO; {} where it keeps that to itself. A replica that does not tell its ROLE is left, and
    raises `LinkLost`."""
    try:
        reply = await link.command("INFO")
    except Refused as refusal:
        if refusal.word not in _MUTE:
            raise
        link.health.complain("mute", LogLevel.warn, _MUTE_WARNING, error=str(refusal))
        return {}
    if b"\nrole:slave" in reply:
        link.drop("it is a replica")
        raise LinkLost("it is a replica")
    return dict(line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)


async def policy_of(link: Connection) -> dict[str, str]:
    """How it writes to its disk; {} where it does not say."""
    try:
        told = await link.command("CONFIG", "GET", "appendfsync")
    except Refused:
        return {}
    return {"appendfsync": told[1].decode()} if isinstance(told, list) and len(told) == 2 else {}
