"""What relay asks of a Redis server: the rights of its user, and how its keys are laid out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from relay.store.keys import Keys
from relay.store.scripts import read, script

#: commands that are sent by other than scripts
SENT = frozenset({"ping", "select", "info", "eval", "evalsha", "get", "wait", "xread", "xtrim"})
#: commands of which only a relay has use whose durable jobs wait for the disk; Redis 7.0 does not know the first
FOR_DISK = ("waitaof", "config|get")
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


def acl(user: str = "relay") -> str:
    """The smallest ACL of a user for relay, whose password is to be put in."""
    sent = ("ping", "select", "info", "eval", "evalsha")
    rest = sorted(rights() - {*sent})
    words = " ".join(f"+{word}" for word in (*sent, *rest))
    return f"ACL SETUSER {user} on >secret ~{Keys().tag}* -@all {words}"


@cache
def layout() -> str:
    """How this version lays out its keys (``open.lua``)."""
    found = _LAYOUT.search(read("open"))
    assert found is not None, "open.lua says it"
    return found[1]


@cache
def verbs() -> Mapping[str, str]:
    """The verb of each script, by its hash."""
    named = (name for name in sources() if (found := _VERB.match(read(name))) and found[1] == name)
    return {script(name).sha: name for name in named}
