"""relay holds HTTP requests open while their jobs run elsewhere.

::

    client ── POST ──▶ front ── submit ──▶ Redis ◀── turn ── worker ──▶ handler (Deferred, treq)
    client ◀─ answer ─ front ◀── inbox ─── Redis ◀── turn ── worker ◀── result

The map of the modules; imports go down only:

===================  ======================================================================================
`relay.tap`          what ``twistd relay`` calls: command line → settings → service
`relay.process`      the composition root (`service`), and the processes of ``relay all``: supervisor, children
`relay.front`        answers clients: routes, holds (a held request lives in `relay.front.hold`), heartbeats
`relay.testing`      tests of handlers: a relay in memory, with a clock that skips
`relay.solo`         a store in memory and a worker, in one process
`relay.worker`       claims jobs, runs their handlers, reports how they ended
`relay.submitting`   jobs are submitted, and waited for: of fronts and workers
`relay.store`        the verbs of fronts and workers, each one script: keys, scripts, messages
`relay.celery`       Celery tasks as jobs
`relay.client`       calls jobs of a relay elsewhere, as any client does
`relay.s3`           S3 for handlers; `relay.graph`: Facebook's Graph API
`relay.handlers`     what authors of jobs import: ``@job``, the context, the registry
`relay.outbound`     the HTTP client that handlers get
`relay.redis`        a Redis client and a Redis server of relay's own; they know no job
`relay.http`         an HTTP/1.1 server that knows no job
`relay.net`          Twisted's transports, bent
`relay.timing`       timers, recurring work, Deferreds that follow others
`relay.model`        values and rules: jobs, their states, settings, problems; no Twisted, no Redis
===================  ======================================================================================

`relay.handover` and `relay.tickets` are for other servers, which hand their waiting clients over; no Twisted is in
them. `relay.learned` is a command for operators.

A module of handlers needs the names of this package. They are imported on first use, so that `relay.handover` does not
bring Twisted into another server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from relay.version import VERSION as __version__

if TYPE_CHECKING:
    from relay.handlers.context import Context
    from relay.handlers.declare import job
    from relay.handlers.hooks import JobAttempt, around, on_start, on_stop
    from relay.handlers.shared import Shared
    from relay.handlers.sub_job import SubJob, SubJobFailed
    from relay.model.limits import Limit
    from relay.model.problems.base import JobError
    from relay.model.problems.raised import Discard, Retry
    from relay.model.problems.request import BadArguments
    from relay.outbound.response import Response

__all__ = [
    "BadArguments",
    "Context",
    "Discard",
    "JobAttempt",
    "JobError",
    "Limit",
    "Response",
    "Retry",
    "Shared",
    "SubJob",
    "SubJobFailed",
    "__version__",
    "around",
    "job",
    "on_start",
    "on_stop",
]

_HOMES = {
    "BadArguments": "model.problems.request",
    "Context": "handlers.context",
    "Discard": "model.problems.raised",
    "JobAttempt": "handlers.hooks",
    "JobError": "model.problems.base",
    "Limit": "model.limits",
    "Response": "outbound.response",
    "Retry": "model.problems.raised",
    "Shared": "handlers.shared",
    "SubJob": "handlers.sub_job",
    "SubJobFailed": "handlers.sub_job",
    "around": "handlers.hooks",
    "job": "handlers.declare",
    "on_start": "handlers.hooks",
    "on_stop": "handlers.hooks",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"relay.{_HOMES[name]}"), name)
