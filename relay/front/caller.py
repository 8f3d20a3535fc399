"""What a route asks of who calls, and the callers that need no credentials of their own."""

from __future__ import annotations

from enum import Enum

from relay.model import caller
from relay.model.caller import Caller

#: the one owner of a relay that does not ask who calls
ANONYMOUS = Caller(caller.ANONYMOUS)
LOCAL = Caller(caller.ANONYMOUS, local=True)
#: a client with a ticket may see the job that the ticket is for, whoever owns it
TICKET_HOLDER = Caller(caller.ANYONE)
#: who reads what is for all, and of a hold that is over
NOBODY = Caller("")


class Takes(Enum):
    """Whom a route is for."""

    CALLER = "a caller that may call"
    PROBE = "a caller that may call, or a proxy that looks whether relay is there"
    READER = "anybody, of a relay whose callers have credentials; else a caller that may call"
    TICKET = "a client with a ticket, which the route checks itself"
