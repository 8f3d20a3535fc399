"""relay holds HTTP requests open while their jobs run elsewhere.

::

    client ── POST ──▶ front ── submit ──▶ Redis ◀── turn ── worker ──▶ handler (Deferred, treq)
    client ◀─ answer ─ front ◀── inbox ─── Redis ◀── turn ── worker ◀── result

The map of the modules; imports go down only:

=====================  ====================================================================================
`relay.tap`            what ``twistd relay`` calls: command line → settings → service
`relay.service`        the composition root: the only room that builds and connects
`relay.check`          under ``relay all``: whether the handlers can be served, found out in a process of its own
`relay.supervise`      the processes of ``relay all``, each of them a `relay.kept` (its `relay.process`, `relay.output`)
`relay.front`          HTTP: routes, holds, heartbeats (a held request lives in `relay.front.hold`)
`relay.worker`         claims jobs, runs their handlers, reports how they ended
`relay.store`          the only room that knows Redis: keys, scripts, connections, the embedded server
`relay.outbound`       the HTTP client that handlers get
`relay.celery`         Celery tasks as jobs
`relay.handover`       for other servers: hands their waiting clients over (no Twisted in it)
`relay.arguments`      what jobs take: read off signatures, published, checked alike by fronts and workers
`relay.state`, `relay.handlers`, `relay.options`, `relay.registry`, `relay.importing`, `relay.context`, `relay.errors`,
`relay.envelope`, `relay.limits`, `relay.problem`, `relay.settings`, `relay.tickets`, `relay.timers`, `relay.upstream`
                       core: values and rules, no reactor, no Redis, no Klein
=====================  ====================================================================================

A module of handlers needs the four names of this package. They are imported on first use, so that `relay.handover` does
not bring Twisted into another server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from relay.version import VERSION as __version__

if TYPE_CHECKING:
    from relay.context import Context
    from relay.errors import JobError
    from relay.handlers import job
    from relay.limits import Limit

__all__ = ["Context", "JobError", "Limit", "__version__", "job"]

_HOMES = {"Context": "context", "JobError": "errors", "Limit": "limits", "job": "handlers"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"relay.{_HOMES[name]}"), name)
