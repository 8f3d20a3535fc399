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
#: a client with a ticket may see the job that the ticket is for, whoever owns it
TICKET_HOLDER = Caller("*")


class Takes(Enum):
    """Whom a route is for."""

    CALLER = "a caller that may call"
    PROBE = "a caller that may call, or a proxy that looks whether relay is there"
    TICKET = "a client with a ticket, which the route checks itself"
