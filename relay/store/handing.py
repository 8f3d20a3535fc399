"""Jobs that the store hands to idle sessions as soon as they are submitted (``lua/handing.lua``)."""

from __future__ import annotations

import msgspec

from relay.model.job import Claim
from relay.store.codec import STAMP, claim_of
from relay.store.mail import Message


class HandedJob(msgspec.Struct, frozen=True, gc=False):
    """A job that was handed to a session, claimed by its turn `number`."""

    session: str
    number: int
    claim: Claim


def read_handed(message: Message) -> HandedJob:
    """What a message of `MailKind.HANDED` tells: ``SESSION TURN JOB``, the job as it is kept. Its first attempt begins
    when it is submitted."""
    session, number, kept = message.data.split(b" ", 2)
    return HandedJob(session.decode(), int(number), claim_of(message.id, kept, 1, int(kept[:STAMP]), 1, ""))
