"""One partition of the store: a link, its keys, its epoch; runs scripts on it, each within its deadline."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import txredisapi
from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.errors import StoreAway, StoreFull, StoreReset
from relay.store.keys import Keys
from relay.store.link import Link, LinkLost, Reply
from relay.store.messages import Fenced
from relay.store.scripts import script

DEADLINE = 1.8  # seconds for one verb, so that a client hears of a store that is away within 2
_OLDEST = 7  # major version of Redis, for the flags of scripts


class Partition:
    """Reached through `link`, whose coming up it watches."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, link: Link) -> None:
        self.keys = Keys()
        self.clock = clock
        self._link = link
        self.epoch = ""
        self._server = ""  # the running server's own random name
        #: called once Redis turns out to be one that relay can't work with, with the reason
        self.on_unfit: Callable[[str], None] = lambda why: None
        #: called when another server, another data set, or the same one after a restart has come up: what it knows
        #: of us may be old, or nothing
        self.on_amnesia: Callable[[], None] = lambda: None
        link.on_up = self._came_up

    def start(self) -> None:
        self._link.start()

    def stop(self) -> Deferred[None]:
        return self._link.stop()

    def mint(self) -> str:
        """A new job id: partition, epoch, 80 random bits. Raises `StoreAway` before the store was ever reached."""
        if not self.epoch:
            raise StoreAway
        return f"{self.keys.partition}-{self.epoch}-{next(_names)}"

    def minted_elsewhere(self, id: str) -> bool:
        """Whether an id was made for another data set than the present one."""
        match id.split("-"):
            case [partition, epoch, _] | [partition, epoch, _, "then"]:
                return partition == str(self.keys.partition) and epoch != self.epoch
        return False

    # -- commands and scripts --

    def command(self, *words: Any) -> Deferred[Reply]:
        """A plain command; raises `StoreAway`."""
        return self.within_deadline(self._link.command(*words))

    async def verb(self, verb: str, *words: Any) -> list[Any]:
        """What a script answers, less its status and time; raises `StoreAway`, `StoreFull`, `Fenced`."""
        return (await self.timed_verb(verb, *words))[1]

    async def timed_verb(self, verb: str, *words: Any) -> tuple[int, list[Any]]:
        """The same with Redis' time (ms)."""
        answer: tuple[int, list[Any]] = await self.within_deadline(
            ensureDeferred(self._run_anew(verb, words))
        )
        return answer

    async def run(self, verb: str, words: Iterable[Any]) -> tuple[int, list[Any]]:
        """The same without a deadline, for who sends again after `LinkLost`, and begins anew after `StoreReset`."""
        if not self.epoch:
            await self._open()
        status, *answer = await self._evaluate(verb, self.keys.tag, self.epoch, *words)
        if status == b"EPOCH":
            await self._open()
            raise StoreReset
        if status != b"OK":
            raise Fenced(status.decode())
        now, _, *rest = answer
        return int(now), rest

    async def _run_anew(self, verb: str, words: Sequence[Any]) -> tuple[int, list[Any]]:
        try:
            return await self.run(verb, words)
        except StoreReset:  # it did nothing, for it did not know the present epoch
            return await self.run(verb, words)

    def within_deadline(self, deferred: Deferred[Any]) -> Deferred[Any]:
        """Raise `StoreAway` where there is no answer in time, or none that is known."""
        return deferred.addTimeout(DEADLINE, self.clock).addErrback(_as_away)

    async def _evaluate(self, verb: str, *words: Any) -> Reply:
        text, sha = script(verb)
        arguments = (len(self.keys.declared), *self.keys.declared, *words)
        try:
            return await self._link.command("EVALSHA", sha, *arguments)
        except txredisapi.ResponseError as error:
            if str(error).startswith("NOSCRIPT"):
                return await self._link.command("EVAL", text, *arguments)
            if "OOM" in str(error):
                raise StoreFull from error
            raise

    # -- the epoch --

    def _came_up(self) -> None:
        ensureDeferred(self._open()).addErrback(self._not_opened)

    def _not_opened(self, failure: Any) -> None:
        if not failure.check(LinkLost):
            self._log.error("the store can't be opened: {error}", error=failure.value)

    async def _open(self) -> None:
        """Learn which server and which data set this is; an empty one is given an epoch."""
        server = await self._check_server()
        epoch = (await self._evaluate("open", random_name(5), server)).decode()
        before, present = (self._server, self.epoch), (server, epoch)
        self._server, self.epoch = present
        if before[1] and before != present:
            self._log.warn("another store: {before} is now {present}", before=before, present=present)
            self.on_amnesia()

    async def _check_server(self) -> str:
        """The server's name of this run; raises `StoreAway` for one that relay can't work with."""
        try:
            reply = await self._link.command("INFO")
        except txredisapi.ResponseError:
            return ""  # a managed server may keep this to itself
        info = dict(line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)
        why = unfit(info)
        if why:
            self.on_unfit(why)
            raise StoreAway(why)
        return str(info.get("run_id", ""))


def unfit(info: Mapping[str, str]) -> str:
    """Why relay can't work with a server, by what it says of itself; "" if it can."""
    if int(info.get("redis_version", "7").partition(".")[0]) < _OLDEST:
        return f"Redis {info['redis_version']} is too old: relay needs {_OLDEST}.0 or later"
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        return f"maxmemory-policy is {info['maxmemory_policy']}, which loses jobs: set it to noeviction"
    return ""


def random_name(size: int) -> str:
    """So many random bytes, as lower case letters and digits."""
    return base64.b32encode(os.urandom(size)).decode().lower()


def _random_names(size: int) -> Iterator[str]:
    """`random_name` after `random_name`; the system is asked for many at once."""
    length = size * 8 // 5
    while True:
        many = random_name(size * 256)
        yield from (many[first : first + length] for first in range(0, len(many), length))


_names = _random_names(10)


def _as_away(failure: Any) -> Any:
    if failure.check(TimeoutError, LinkLost):
        raise StoreAway from failure.value
    return failure
