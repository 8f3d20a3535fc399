"""Checks proofs: that a server knows a secret of this relay."""

from __future__ import annotations

import time
from collections.abc import Sequence

from relay.front.caller import ANONYMOUS
from relay.front.callers.check import SUBJECT, subject_of
from relay.http.forwarding import Proxies
from relay.http.request import Request
from relay.model import proofs
from relay.model.caller import Caller
from relay.model.problems.caller import Forbidden
from relay.model.proofs import ProofError, Signed
from relay.serving.refusals import Refusals


class Prover:
    """Checks them against `secrets`, and logs those that are refused."""

    def __init__(self, secrets: Sequence[str], refusals: Refusals, proxies: Proxies) -> None:
        self._secrets = secrets
        self._refusals = refusals
        self._proxies = proxies

    def prove(self, request: Request) -> Caller | None:
        """Whoever a request with a valid proof is for; None for one without a proof, and without secrets. Raises
        `Forbidden` for a bad proof."""
        if not self._secrets or not request.values("relay-proof"):
            return None
        proof, key = request.header("relay-proof"), request.header("idempotency-key")
        signed = Signed(request.method, request.path(), key, request.body, request.header(SUBJECT))
        owner = subject_of(request)
        try:
            proofs.check(self._secrets, proof, signed, time.time())
        except ProofError as error:
            self._refusals.told(self._proxies.client(request), "a proof", error)
            raise Forbidden(str(error)) from error
        return Caller(owner) if owner else ANONYMOUS
