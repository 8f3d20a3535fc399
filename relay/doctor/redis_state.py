"""What a Redis server says of itself, and what it lets relay's user do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from relay.doctor.no_redis import why_not
from relay.redis.address import Address
from relay.redis.blocking import connect
from relay.redis.mistakes import SENTINEL, mistake
from relay.redis.refusal import ELSEWHERE, LATER, word_of
from relay.store import demands
from relay.store.keys import Keys
from relay.store.libraries import verb_of
from relay.store.scripts import KEYS

if TYPE_CHECKING:
    from redis import Redis

Ask = Callable[..., Any]

DEADLINE = 3.0  # seconds for a connection, and for an answer
TRIPS = 20  # that are measured
_HASH, _SHOWN = 40, 40  # characters: of a script's hash, and of its text that the slow log shows at least
_SLOW = 128  # entries of its slow log that are read
_SETTINGS = ("dir", "appendfsync", "save", "min-replicas-to-write", "timeout")
#: arguments with which a command names its keys, where the first one is not a key
_WORDS: Mapping[str, tuple[str, ...]] = {
    "ping": (),
    "info": (),
    "wait": ("0", "0"),
    "time": (),
    "role": (),
    "select": ("0",),
    "del": ("KEY",),
    "exists": ("KEY",),
    "eval": ("return 1", "1", "KEY"),
    "evalsha": ("0" * 40, "1", "KEY"),
    "xread": ("STREAMS", "KEY", "0"),
}
#: a script that may write; without a flag it is refused whenever writing is
_WRITER = "#!lua\nreturn 1"
#: whether the user may call a command; it is not called
_MAY = "return redis.acl_check_cmd(unpack(ARGV)) and 1 or 0"


class NoRedis(Exception):
    """There is no looking at it; the message says why."""


class Slow(msgspec.Struct, frozen=True):
    """A command that took long: how many milliseconds, when (seconds since 1970), what it was."""

    milliseconds: float
    at: int
    what: str


class RedisState(msgspec.Struct, frozen=True):
    """`info`, `settings`: what it says, {} where relay's user may not ask · `unwritable`: its words to a script
    that would write, "" where it would run it · `refused`: commands that relay needs and
    its user may not call, None where that can't be asked · `trips`: seconds of round trips · `ahead`: seconds by which
    its clock is ahead of this machine's · `layout`: of relay's keys, "" for none, ``1`` for that of the first version ·
    `hidden`: what could not be asked · `closed`: what the keys begin with of further partitions that
    relay's user may not read."""

    info: dict[str, str]
    settings: dict[str, str]
    unwritable: str
    refused: tuple[str, ...] | None
    trips: tuple[float, ...]
    ahead: float
    layout: str
    epoch: str
    slow: tuple[Slow, ...]
    hidden: tuple[str, ...]
    closed: tuple[str, ...] = ()

    @property
    def is_valkey(self) -> bool:
        return "valkey_version" in self.info

    def number(self, name: str) -> int:
        """A number that it says of itself; 0 where it does not."""
        try:
            return int(float(self.info.get(name, "0")))
        except ValueError:
            return 0


def look_at_redis(
    address: Address, keys: Sequence[Keys] = (Keys(),), deadline: float = DEADLINE
) -> RedisState:
    """Ask a server with these partitions of a store, which has so many seconds for each answer. Raises `NoRedis`."""
    from redis.exceptions import RedisError

    client = connect(address, deadline, keys[0].tag)
    try:
        return _looked(client, address, keys)
    except (RedisError, OSError) as error:
        raise NoRedis(f"{address.shown}: {why_not(address, error, deadline)}") from error
    finally:
        client.close()


def partitions_at(address: Address, name: str = "", deadline: float = DEADLINE) -> int:
    """How many partitions the store of this name has there; 0 where there is none of this version, or it does not
    say."""
    from redis.exceptions import RedisError

    keys = Keys(name=name)
    client = connect(address, deadline, keys.tag)
    try:
        layout = _text(client.execute_command("GET", keys.layout))
    except (RedisError, OSError):
        return 0
    finally:
        client.close()
    number = demands.partitions_of(layout)
    return number if layout == demands.layout(number) else 0


def _looked(client: Redis, address: Address, keys: Sequence[Keys]) -> RedisState:
    hidden: list[str] = []

    def ask(*words: str) -> Any:
        """What it answers; None where relay's user may not ask."""
        from redis.exceptions import ResponseError

        try:
            return client.execute_command(*words)
        except ResponseError as error:
            if word_of(str(error)) == "BUSY":  # it answers nothing else
                raise NoRedis(str(error)) from error
            if wrong := mistake(address, str(error)):
                raise NoRedis(f"{address.shown}: {wrong}") from error
            hidden.append(words[0])
            return None

    ask("PING")  # which one that can't save its data refuses
    info, tag = ask("INFO"), keys[0].tag
    if "sentinel_masters" in (info or {}):
        raise NoRedis(f"{address.shown}: {SENTINEL}")
    return RedisState(
        info={str(name): str(value) for name, value in (info or {}).items()},
        settings={str(name): str(value) for name, value in _settings(ask)},
        unwritable=_unwritable(client),
        refused=_refused(ask, keys[0]),
        trips=tuple(_trip(ask) for _ in range(TRIPS)),
        ahead=_ahead(ask),
        layout="1" if ask("EXISTS", f"{tag}queues") else _text(ask("GET", f"{tag}layout")),
        epoch=_text(ask("GET", f"{tag}epoch")),
        slow=tuple(_slow(ask("SLOWLOG GET", str(_SLOW)))),
        hidden=tuple(dict.fromkeys(hidden)),
        closed=tuple(each.tag for each in keys[1:] if ask("EVAL", _MAY, "0", "get", each.layout) == 0),
    )


def _settings(ask: Ask) -> Iterator[tuple[Any, Any]]:
    for name in _SETTINGS:
        told = ask("CONFIG GET", name)
        yield from ((_text(key), _text(value)) for key, value in (told or {}).items())


def _refused(ask: Ask, keys: Keys) -> tuple[str, ...] | None:
    """The commands that relay's user may not call; None where that can't be asked."""
    refused = []
    for command in sorted(demands.rights()):
        words = _WORDS.get(command, ("KEY", "0", "0"))
        may = ask(
            "EVAL",
            _MAY,
            "0",
            command,
            *(keys.result("doctor") if word == "KEY" else word for word in words),
        )
        if may is None:
            return None
        if not may:
            refused.append(command)
    return tuple(refused)


def _unwritable(client: Redis) -> str:
    """What it says to a script that may write, and does nothing; "" where it runs it, or refuses all scripts."""
    from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

    try:
        client.execute_command("EVAL", _WRITER, "0")
    except (OutOfMemoryError, ReadOnlyError) as error:  # whose first word the client library takes away
        return f"{'OOM' if isinstance(error, OutOfMemoryError) else 'READONLY'} {error}"
    except ResponseError as error:
        return str(error) if word_of(str(error)) in (*ELSEWHERE, *LATER) else ""
    return ""


def _trip(ask: Ask) -> float:
    began = time.perf_counter()
    ask("PING")
    return time.perf_counter() - began


def _ahead(ask: Ask) -> float:
    """Seconds by which the clock there is ahead of the one here, give or take half a round trip."""
    began = time.time()
    told = ask("TIME")
    return float(told[0]) + float(told[1]) / 1e6 - (began + time.time()) / 2 if told else 0.0


def _slow(told: Any) -> Iterator[Slow]:
    """Entries of the slow log, with the verbs of relay's scripts in place of their hashes."""
    for entry in told or ():
        yield Slow(entry["duration"] / 1000, entry["start_time"], _called(_text(entry["command"])))


def _called(command: str) -> str:
    """What was called: its name, or which script or function of relay's."""
    name, _, rest = command.partition(" ")
    verb = demands.verbs().get(rest[:_HASH].lower()) or verb_of(rest)
    if verb:
        return f"relay's {verb}"
    return "relay's first call of a script" if KEYS[:_SHOWN] in rest else name.upper()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
