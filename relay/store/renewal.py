"""Leases that are renewed without the reactor: for a worker whose reactor stands still."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from relay.redis.address import Address
from relay.redis.blocking import connect
from relay.store.keys import Keys
from relay.store.scripts import script

if TYPE_CHECKING:
    from redis import Redis

_DEADLINE = 1.0  # seconds for a connection, and for an answer


class Renewal:
    """Speaks to the server at `address` on a blocking connection of its own, which is opened when it is needed.

    `who` tells the session of this worker and the epoch of the store. Not for the reactor's thread.
    """

    def __init__(
        self, address: Address, keys: Keys, lease: float, who: Callable[[], tuple[str, str]]
    ) -> None:
        self._address = address
        self._keys = keys
        self._lease = int(lease * 1000)
        self._who = who
        self._client: Redis | None = None

    def renew(self, blame: str = "", last: bool = False) -> bool:
        """Renew the lease, or let it end now where this is the `last` time; whether the store still knew the session.

        `blame` is the id of the job that stopped the worker: the death counts against it, and against no other job that
        the session held. Raises `redis.exceptions.RedisError`.
        """
        session, epoch = self._who()
        status, *rest = self._run(self._keys.tag, epoch, session, 0 if last else self._lease, blame)
        return bool(status == b"OK" and rest[-1])

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _run(self, *words: Any) -> list[Any]:
        from redis.exceptions import NoScriptError

        text, sha = script("renew")
        client, arguments = self._connected(), (len(self._keys.declared), *self._keys.declared, *words)
        answer: Any
        try:
            answer = client.evalsha(sha, *arguments)
        except NoScriptError:
            answer = client.eval(text.decode(), *arguments)
        return list(answer)

    def _connected(self) -> Redis:
        if self._client is None:
            self._client = connect(self._address, _DEADLINE, self._keys.tag)
        return self._client


class Renewals:
    """The leases of a worker with a session in each partition, each with what tells how many jobs it holds. Those that
    hold none are left alone. They are renewed at the same time, so that a partition that is away keeps no other from
    it."""

    def __init__(self, leases: Sequence[tuple[Renewal, Callable[[], int]]]) -> None:
        self._leases = tuple(leases)

    def renew(self, blame: str = "", last: bool = False) -> bool:
        """As `Renewal.renew`, of all: a death counts against none of their jobs but the one to `blame`. Raises what the
        first raises that fails, once all have been tried."""
        held = [lease for lease, holds in self._leases if holds()]
        if not held:
            return True
        with ThreadPoolExecutor(len(held)) as pool:
            renewing = [pool.submit(partial(lease.renew, blame, last)) for lease in held]
        known = [each.result() for each in renewing]
        return all(known)

    def close(self) -> None:
        for lease, _ in self._leases:
            lease.close()
