"""relay holds HTTP requests open while their jobs run elsewhere.

::

    client ── POST ──▶ front ── submit ──▶ Redis ◀── turn ── worker ──▶ handler (Deferred, treq)
    client ◀─ answer ─ front ◀── inbox ─── Redis ◀── turn ── worker ◀── result

The map of the house; imports go down only:

=====================  ====================================================================================
`relay.tap`            what ``twistd relay`` calls: command line → settings → service
`relay.service`        the composition root: the only room that builds and connects
`relay.supervise`      the processes of ``relay all``, each of them a `relay.kept`
`relay.front`          HTTP: routes, holds, heartbeats (a held request lives in `relay.front.hold`)
`relay.worker`         claims jobs, runs their handlers, reports how they ended
`relay.store`          the only room that knows Redis: keys, scripts, connections, the embedded server
`relay.outbound`       the HTTP client that handlers get
`relay.celery`         Celery tasks as jobs
`relay.state`, `relay.handlers`, `relay.registry`, `relay.context`, `relay.errors`, `relay.envelope`,
`relay.limits`, `relay.settings`, `relay.upstream`
                       core: values and rules, no reactor, no Redis, no Klein
=====================  ====================================================================================

A module of handlers needs four names, and these are they.
"""

from relay.context import Context
from relay.errors import JobError
from relay.handlers import job
from relay.limits import Limit
from relay.version import VERSION as __version__

__all__ = ["Context", "JobError", "Limit", "__version__", "job"]
