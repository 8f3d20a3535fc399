"""Proofs: a server that knows a secret of ``--ticket-secrets`` may call a closed relay from anywhere.

A server that submits for its clients sends one with each request (`relay.handover`); a front checks it if nothing else
lets the caller in. A proof, the header ``Relay-Proof``, is ``<seconds since the epoch>.<signature>``. Signed are the
method, the path, the key (``Idempotency-Key`` as it was sent), the body's SHA-256, the time, and the subject for whom
the server acts (``Relay-Subject``) if there is one, with HMAC-SHA-256. It is good for a minute; within that the same
again is the same job, if it has a key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from itsdangerous import Signer

HEADER = "Relay-Proof"
GOOD_FOR = 60  # seconds, either way: clocks may differ
_FORM = re.compile(r"(\d{1,12})\.([A-Za-z0-9_-]{43})")


class ProofError(Exception):
    """A proof is not valid; the message says why."""


class Signed(NamedTuple):
    """What a proof is for. `path` is decoded, and begins with ``/jobs/`` wherever relay is mounted; `key` and `subject`
    are "" where there is none."""

    method: str
    path: str
    key: str
    body: bytes
    subject: str = ""


def prove(secret: str, signed: Signed, now: float) -> str:
    """A proof for one request."""
    seconds = int(now)
    signature = _signer([secret]).get_signature(_statement(signed, seconds))
    return f"{seconds}.{signature.decode()}"


def check(secrets: Sequence[str], proof: str, signed: Signed, now: float) -> None:
    """Raise `ProofError` unless the proof is for this request and was made recently with one of these secrets."""
    form = _FORM.fullmatch(proof)
    if form is None:
        raise ProofError("it does not have the form of a proof")
    seconds = int(form[1])
    if not _signer(secrets).verify_signature(_statement(signed, seconds), form[2]):
        raise ProofError("the proof was not made for this request with a secret of this relay")
    if abs(now - seconds) > GOOD_FOR:
        raise ProofError(f"the proof is {now - seconds:.0f} s old (the clocks may differ)")


def _statement(signed: Signed, seconds: int) -> bytes:
    method, path, key, body, subject = signed
    said = [method, path, key, hashlib.sha256(body).hexdigest(), seconds]
    return json.dumps([*said, subject] if subject else said).encode()


def _signer(secrets: Sequence[str]) -> Signer:
    """One that signs with the first secret and takes any; compares in constant time."""
    return Signer(
        list(reversed(secrets)), salt="relay.proof", key_derivation="hmac", digest_method=hashlib.sha256
    )
