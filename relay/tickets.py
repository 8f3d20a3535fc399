"""Tickets: whoever has one may wait for its job, for a short while.

A server that submitted a job for its client signs one (`relay.handover`), a front reads it. A ticket is what
itsdangerous makes of ``[job id, seconds since the epoch until which it is good, the client's Prefer]``, signed with
HMAC-SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from itsdangerous import BadData, URLSafeSerializer

SHORTEST_SECRET = 16  # characters
_SKEW = 5  # seconds that the clocks of two machines may differ


class TicketError(Exception):
    """A ticket that lets nobody in; the message says why."""


class Ticket(NamedTuple):
    """What a ticket says."""

    id: str
    until: float
    prefer: str


def sign(secret: str, ticket: Ticket) -> str:
    """A ticket as text, which may stand in a path as it is."""
    return str(_serializer([secret]).dumps(ticket))


def read(secrets: Sequence[str], text: str, now: float) -> Ticket:
    """A ticket that was signed with one of these secrets, and is still good; raises `TicketError`."""
    if not secrets:
        raise TicketError("no tickets are taken here: there are no --ticket-secrets")
    try:
        ticket = Ticket(*_serializer(secrets).loads(text))
    except BadData as error:
        raise TicketError("the ticket was not signed with a secret of this relay") from error
    if ticket.until + _SKEW < now:
        raise TicketError("the ticket has expired")
    return ticket


def read_secrets(path: str) -> list[str]:
    """The secrets of a file, one on each line; raises `OSError` and `ValueError`, also for a file that everybody on
    this machine may read."""
    with open(path) as file:
        if os.fstat(file.fileno()).st_mode & stat.S_IROTH:
            raise ValueError(f"{path} can be read by everybody: chmod o= {path}")
        secrets = [line.strip() for line in file if line.strip()]
    if not secrets or min(map(len, secrets)) < SHORTEST_SECRET:
        raise ValueError(f"{path} has to have a secret of {SHORTEST_SECRET} characters or more on each line")
    return secrets


def _serializer(secrets: Sequence[str]) -> URLSafeSerializer:
    """One that signs with the first secret and takes any."""
    signing = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeSerializer(list(reversed(secrets)), salt="relay.ticket", signer_kwargs=signing)
