"""What a process is told in its inbox; `relay.store.inbox` reads it, ``lua/mail.lua`` writes it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class MailKind(StrEnum):
    """What a message of an inbox tells of its job: the first character of what is sent."""

    OUTCOME = "o"
    LARGE = "r"  # there is an outcome, too large to be sent along
    CANCEL = "c"
    WAKE = "w"
    HANDED = "j"  # it was handed to a session
    NEWS = "n"  # where a job stands now, for who listens to it
    PIECES = "p"  # what it has put out, likewise
    BEAT = "h"
    QUIET = "q"  # claim nothing more
    GO_ON = "g"  # claim again


WHETHER_QUIET = {MailKind.QUIET.value: True, MailKind.GO_ON.value: False}


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of an inbox; its kind is a `MailKind`."""

    kind: str
    id: str
    data: bytes
