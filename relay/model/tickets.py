"""Tickets: a client that has one may wait for its job, for a short time.

A server that submitted a job for its client signs one (`relay.handover`), a front reads it. A ticket is what
itsdangerous makes of ``[job id, seconds since the epoch until which it is good, the client's Prefer, whether its
outcome was there before, the owner of the job]``, signed with HMAC-SHA-256; the last two may be missing. Without an
owner the ticket is good whoever owns the job.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from itsdangerous import BadData, URLSafeSerializer

from relay.model.ids import JOB_ID

SHORTEST_SECRET = 16  # characters
_PATH = "/tickets/"
_SKEW = 5  # seconds that the clocks of two machines may differ


def shown_path(target: bytes) -> str:
    """The path that a request asks for, for logs: without its query, and without a ticket, however that was encoded."""
    path = target.partition(b"?")[0].decode("latin-1")
    if "%" in path and _PATH in (decoded := unquote(path, "latin-1")):
        path = decoded
    before, is_ticket, _ = path.partition(_PATH)
    return f"{before}{_PATH}…" if is_ticket else path


class TicketError(Exception):
    """A ticket is not valid; the message says why."""


class Ticket(NamedTuple):
    """What a ticket says."""

    id: str
    until: float
    prefer: str
    replayed: bool = False  # its key stood for a job that had ended before
    owner: str = ""  # of the job; another's job is not found


def sign(secret: str, ticket: Ticket) -> str:
    """A ticket as text, which may stand in a path as it is."""
    said = ticket if ticket.owner else ticket[:-1]  # as relays know it that know no owners
    return str(_serializer([secret]).dumps(said))


def read(secrets: Sequence[str], text: str, now: float) -> Ticket:
    """Read a ticket that was signed with one of these secrets and is still valid. Raises `TicketError`."""
    if not secrets:
        raise TicketError("this relay accepts no tickets: it has no --ticket-secrets")
    try:
        said = _serializer(secrets).loads(text)
    except BadData as error:
        raise TicketError("the ticket was not signed with a secret of this relay") from error
    ticket = _checked(said)
    if not now <= ticket.until + _SKEW:
        raise TicketError("the ticket has expired")
    return ticket


def _checked(said: Any) -> Ticket:
    """What a signed text says, if that is a ticket: whoever has the secret may be of another version, or mistaken."""
    kinds: tuple[Any, ...] = (str, (int, float), str, bool, str)
    if not isinstance(said, list) or not 3 <= len(said) <= len(kinds):
        raise TicketError("it is signed, but it is not a ticket")
    if not all(isinstance(value, kind) for value, kind in zip(said, kinds, strict=False)):
        raise TicketError("it is signed, but it is not a ticket")
    ticket = Ticket(*said)
    if not ticket.owner.isprintable():
        raise TicketError("it is signed, but it is not a ticket")
    if isinstance(ticket.until, bool) or not math.isfinite(ticket.until) or not JOB_ID.fullmatch(ticket.id):
        raise TicketError("it is signed, but it is not a ticket")
    return ticket


def read_secrets(path: str) -> list[str]:
    """The secrets of a file, one on each line; raises `OSError` and `ValueError`, also for a file that everybody on
    this machine may read."""
    with open(path) as file:
        if os.fstat(file.fileno()).st_mode & stat.S_IROTH:
            raise ValueError(f"{path} can be read by everybody: chmod o= {path}")
        secrets = [line.strip() for line in file if line.strip()]
    if not secrets or min(map(len, secrets)) < SHORTEST_SECRET:
        raise ValueError(f"{path} must have a secret of {SHORTEST_SECRET} characters or more on each line")
    return secrets


def _serializer(secrets: Sequence[str]) -> URLSafeSerializer:
    """One that signs with the first secret and takes any."""
    signing = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeSerializer(list(reversed(secrets)), salt="relay.ticket", signer_kwargs=signing)
