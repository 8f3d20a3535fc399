"""Probes: what ``relay doctor`` sends to see what stands between clients and relay (`relay.front.hold.probe`)."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import msgspec

from relay.front.hold.context import HoldContext
from relay.front.hold.probe import NAME, ProbeHold, ProbePlan, about
from relay.front.routes.app import Routes, new_app
from relay.front.routes.holding import Holding
from relay.http.exchange import Served
from relay.http.forwarding import Proxies, forwarded
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.caller import Caller
from relay.model.ids import random_name
from relay.model.memo import Memo
from relay.model.problems.request import Malformed

_MOST_NONCES = 1000  # that are remembered
_NONCE = re.compile(r"[a-z0-9]{1,40}")
#: headers whose values are told to whoever sent a probe: those that relay reads, and those that proxies add
_SHOWN = re.compile(
    r"(accept-encoding|connection|content-length|content-type|expect|forwarded|host|idempotency-key|prefer"
    r"|proxy-connection|relay-(delay|deadline|on-disconnect)|te|traceparent|transfer-encoding|via|x-forwarded-\w+"
    r"|x-real-ip)"
)


class ProbeRoutes(Routes):
    """``/jobs/-probe``, among the addresses of jobs, so that what a proxy does with those it does with this."""

    app = new_app()

    def __init__(self, context: HoldContext, holding: Holding, proxies: Proxies, longest: float) -> None:
        self._context = context
        self._holding = holding
        self._proxies = proxies
        self._longest = longest  # seconds
        self._front = random_name(5)  # to tell this front from others
        self._arrivals: Memo[str, int] = Memo(_MOST_NONCES)

    @app.route(f"/jobs/{NAME}", methods=["GET"])
    def look(self, request: Request, caller: Caller) -> HttpAnswer:
        """How a request arrives here, and how often one with this nonce did before."""
        body = self._told(request, self._arrivals.get(self._nonce(request), 0))
        return HttpAnswer(200, "application/json", body, about(self._context.prefix))

    @app.route(f"/jobs/{NAME}", methods=["POST"])
    def probe(self, request: Request, caller: Caller) -> Served:
        """Be held by a plan: ``for``, ``grace`` and ``every`` are seconds, ``cut=1`` has the connection cut, ``nonce``
        says which requests are the same."""
        plan, nonce = self._plan(request), self._nonce(request)
        if nonce:
            self._arrivals[nonce] = self._arrivals.get(nonce, 0) + 1
        if not self._holding.has_room(caller):
            return HttpAnswer(202, "application/json", self._told(request, 0), about(self._context.prefix))
        return ProbeHold(
            self._context, plan, caller, lambda: self._told(request, self._arrivals.get(nonce, 0))
        )

    def _plan(self, request: Request) -> ProbePlan:
        given = _query(request)
        seconds = {name: self._seconds(name, given.get(name, "0")) for name in ("for", "grace", "every")}
        return ProbePlan(seconds["for"], seconds["grace"], seconds["every"], given.get("cut") == "1")

    def _seconds(self, name: str, text: str) -> float:
        if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text) or float(text) > self._longest:
            raise Malformed(f"{name} must be a number of seconds up to {self._longest:g}")
        return float(text)

    def _nonce(self, request: Request) -> str:
        nonce = _query(request).get("nonce", "")
        if nonce and not _NONCE.fullmatch(nonce):
            raise Malformed("nonce has up to 40 characters, a-z and 0-9")
        return nonce

    def _told(self, request: Request, arrivals: int) -> bytes:
        shown = {name: values for name, values in request.headers.items() if _SHOWN.fullmatch(name)}
        return msgspec.json.encode(
            {
                "front": self._front,
                "arrivals": arrivals,
                "longest": self._longest,
                "version": request.version,
                "address": request.address,
                "client": self._proxies.client(request),
                "trusted": self._proxies.trusts(request.address),
                "forwarded": forwarded(request),
                "headers": shown,
                "names": sorted(request.headers),
                "body": len(request.body),
            }
        )


def _query(request: Request) -> dict[str, str]:
    text = request.target.partition(b"?")[2].decode("latin-1")
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
