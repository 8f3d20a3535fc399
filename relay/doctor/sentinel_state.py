"""What Sentinels say of the master that they watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from relay.doctor.no_redis import why_not
from relay.doctor.redis_state import DEADLINE
from relay.redis.address import Address, Host
from relay.redis.blocking import connect
from relay.redis.mistakes import no_sentinel

if TYPE_CHECKING:
    from redis import Redis


class SentinelState(msgspec.Struct, frozen=True):
    """`at`: where it is · `failed`: why it could not be asked, "" where it could · `master`: where it says that the
    master is, None where it knows none of that name · `names`: of the masters that it knows, () where it does not
    tell · `told`: what it says of the master, {} where it does not tell · `quorum`: its words where it could not have
    a failover now."""

    at: str
    failed: str = ""
    master: Host | None = None
    names: tuple[str, ...] = ()
    told: Mapping[str, str] = {}
    quorum: str = ""

    def number(self, name: str) -> int:
        """A number that it says of the master, -1 where it does not."""
        return int(self.told.get(name, "-1"))


def look_at_sentinels(address: Address, deadline: float = DEADLINE) -> list[SentinelState]:
    """Ask all Sentinels of an address, one after the other; each has so many seconds for each answer."""
    return [_looked(sentinel, address.name, deadline) for sentinel in address.sentinels()]


def _looked(sentinel: Address, name: str, deadline: float) -> SentinelState:
    from redis.exceptions import RedisError

    client = connect(sentinel, deadline)
    try:
        return _told(client, sentinel.shown, name)
    except (RedisError, OSError) as error:
        failed = no_sentinel(str(error)) or why_not(sentinel, error, deadline)
        return SentinelState(sentinel.shown, failed=failed)
    finally:
        client.close()


def _told(client: Redis, at: str, name: str) -> SentinelState:
    found = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
    master = (_text(found[0]), int(found[1])) if found else None
    told, _ = _asked(client, "MASTER", name)
    all_masters, _ = _asked(client, "MASTERS")
    _, quorum = _asked(client, "CKQUORUM", name)
    return SentinelState(
        at,
        master=master,
        names=tuple(sorted(_pairs(each).get("name", "") for each in all_masters or ())),
        told=_pairs(told or ()),
        quorum=quorum if quorum.startswith("NOQUORUM") else "",
    )


def _asked(client: Redis, *words: str) -> tuple[Any, str]:
    """Its answer, and what it says where it refuses."""
    from redis.exceptions import ResponseError

    try:
        return client.execute_command("SENTINEL", *words), ""
    except ResponseError as error:
        return None, str(error)


def _pairs(told: Any) -> dict[str, str]:
    """Names and values that stand one behind the other."""
    words = [_text(word) for word in told]
    return dict(zip(words[::2], words[1::2], strict=False))


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
