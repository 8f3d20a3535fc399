"""Who calls, as routes are told, and what a route asks of who calls."""

from __future__ import annotations

from enum import Enum

import msgspec


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Who asks. `owner`: whose the jobs are · `local`: it is known to be a program on this machine."""

    owner: str
    local: bool = False


#: the one owner, as long as callers have no tokens
ANONYMOUS = Caller("anonymous")
LOCAL = Caller("anonymous", local=True)
#: whoever has a ticket may see the job that it is for, whose ever it is
TICKET_HOLDER = Caller("*")


class Takes(Enum):
    """Whom a route is for."""

    CALLER = "who may call"
    PROBE = "who may call, and proxies that look whether relay is there"
    TICKET = "whoever has a ticket, which the route checks itself"
