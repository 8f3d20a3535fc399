"""The HTTP client that handlers get: treq, made safe against what is at the other end.

::

    handler ──▶ client.Http       one for each attempt: treq's own client, with retries, and closed with its attempt
                   │   learning.Learning   what answers say of limits, and for whom that counts
                   │   gate.Gate      waits where the API is known to limit its callers, with all workers
                   │   redirects.Redirects   follows them, and keeps secrets from other origins
                   ▼
                agent.JobAgent    one hop: a place at its host, timeouts out of the job's time, its breaker
                   │   host.Host      places and breaker of one host
                   │   body.Body      the answer's body: decoded, counted, timed, and let go of
                   ▼
                connection.Connection   HTTP, with bounds on all that is not body
                   ▼
                guard.Endpoints   connections, to public addresses only

`url` checks what is called, `options` says what can be said of a call. `decoder` decompresses, `headers`, `response`
and `charset` make text of it. `pieces` reads a body as slowly as it is wanted, `announced` what APIs say of their
limits; `problems` names what Twisted and treq raise, `upstreams` has what all calls of a worker share. `watching` has
what counts for calls of another client, too.
"""

from __future__ import annotations

from relay.model.problems.upstream import UpstreamError, UpstreamLimited
from relay.outbound.client import Http
from relay.outbound.gate import Gate, Limiter
from relay.outbound.guard import Endpoints
from relay.outbound.headers import media_type
from relay.outbound.host import Hosts
from relay.outbound.job import AttemptOfJob
from relay.outbound.options import CallOptions, OptionsOfCall
from relay.outbound.pieces import pieces
from relay.outbound.public import is_public
from relay.outbound.response import Response
from relay.outbound.upstreams import Upstreams

__all__ = [
    "AttemptOfJob",
    "CallOptions",
    "Endpoints",
    "Gate",
    "Hosts",
    "Http",
    "Limiter",
    "OptionsOfCall",
    "Response",
    "UpstreamError",
    "UpstreamLimited",
    "Upstreams",
    "is_public",
    "media_type",
    "pieces",
]
