"""What relay asks of a Redis server: the rights of its user, and how its keys are laid out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from relay.redis.sentinel import SWITCH
from relay.store.keys import Keys
from relay.store.scripts import read, script

#: commands that are sent by other than scripts
SENT = frozenset({"ping", "select", "info", "eval", "evalsha", "get", "role", "wait", "xread", "xtrim"})
#: what makes jobs cheaper (`relay.store.calls`); without these rights all goes on
FASTER = ("fcall", "function|load")
#: what is asked of Sentinels; the last one by redis-py
ASKED = (
    "subscribe",
    *(f"sentinel|{word}" for word in ("get-master-addr-by-name", "master", "replicas", "masters")),
)
#: what is asked of the nodes of a Cluster besides
CLUSTER = ("cluster|info", "cluster|slots")
#: commands of which only a relay has use whose durable jobs wait for the disk; Redis 7.0 does not know the first
FOR_DISK = ("waitaof", "config|get")
_OLDEST = 7  # major version of Redis, for the flags of scripts
_CALLED = re.compile(r"redis\.p?call\('(\w+)'")
_LAYOUT = re.compile(r"^local LAYOUT = '(\w+)'", re.MULTILINE)
_VERB = re.compile(r"\A(?:--!.*\n)?-- (\w+):")


@cache
def sources() -> tuple[str, ...]:
    """The names of all Lua sources."""
    folder = files("relay.store") / "lua"
    return tuple(sorted(each.name[:-4] for each in folder.iterdir() if each.name.endswith(".lua")))


@cache
def rights() -> frozenset[str]:
    """The commands that relay's user has to be allowed, in small letters."""
    called = {word.lower() for name in sources() for word in _CALLED.findall(read(name))}
    return SENT | called


def acl(user: str = "relay", more: Sequence[str] = (), partitions: int = 1, name: str = "") -> str:
    """The smallest ACL of a user for relay, whose password is to be put in, with `more` rights than on one server: for
    a store of this name, with so many partitions."""
    sent = ("ping", "select", "info", "eval", "evalsha")
    rest = sorted(rights() - {*sent})
    words = " ".join(f"+{word}" for word in (*sent, *FASTER, *rest, *more))
    keys = " ".join(f"~{Keys(number, partitions, name).tag}*" for number in range(partitions))
    return f"ACL SETUSER {user} on >secret {keys} -@all {words}"


def sentinel_acl(user: str = "relay") -> str:
    """The smallest ACL of a user for relay at a Sentinel."""
    words = " ".join(f"+{word}" for word in ASKED)
    return f"ACL SETUSER {user} on >secret resetchannels &{SWITCH} -@all {words}"


@cache
def layout(partitions: int = 1) -> str:
    """How this version lays out the keys of a store with so many partitions (``open.lua``)."""
    found = _LAYOUT.search(read("open"))
    assert found is not None, "open.lua says it"
    return found[1] if partitions == 1 else f"{found[1]}/{partitions}"


def partitions_of(layout: str) -> int:
    """For how many partitions a data set was made, by its key `layout`, which is "" where there is none yet."""
    return int(layout.partition("/")[2] or 1)


def other_layout(kept: str, partitions: int) -> str:
    """Why a data set with this key `layout` is not used by a relay that was told of so many partitions."""
    if kept.partition("/")[0] != layout():
        return _OTHER_VERSION
    return (
        f"the data set was made for --partitions {partitions_of(kept)}, not {partitions}: the number can't be changed "
        "while there is anything in it"
    )


_OTHER_VERSION = (
    "the database holds jobs of another version of relay: let that version finish them, then empty the database, "
    "or use another one"
)


@cache
def verbs() -> Mapping[str, str]:
    """The verb of each script, by its hash."""
    named = (name for name in sources() if (found := _VERB.match(read(name))) and found[1] == name)
    return {script(name).sha: name for name in named}


def unfit(info: Mapping[str, str]) -> str:
    """Why relay can't work with a server, by what it says of itself; "" if it can."""
    if int(info.get("redis_version", "7").partition(".")[0]) < _OLDEST:
        return f"Redis {info['redis_version']} is too old: relay needs {_OLDEST}.0 or later"
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        return f"maxmemory-policy is {info['maxmemory_policy']}, which loses jobs: set it to noeviction"
    return ""
