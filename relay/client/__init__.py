"""A client of relay for Python programs. It follows the rule for sending again, so each call ends with what became of
the job.

::

    Client · AsyncClient     sends, reads, waits: `client` by urllib3, `on_asyncio` by httpx2
          │   typed          what type checkers know of `call` and `submit`
          ▼
    course.CallCourse        one call: what is asked next, after which pause, and when it is over
          ├── reading        an answer as it comes: events, and one whole object, or none
          ├── asking         requests: for a job, for its state, for its end
          └── called         a job by its handler or its name: its arguments and its result as JSON

Nothing but `client` and `on_asyncio` knows a socket. No Twisted is in here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from relay.client.client import Client
from relay.client.problems import CallFailed, CallRefused, OutcomeUnknown
from relay.client.reading import HeardEvent

if TYPE_CHECKING:
    from relay.client.on_asyncio import AsyncClient

__all__ = ["AsyncClient", "CallFailed", "CallRefused", "Client", "HeardEvent", "OutcomeUnknown"]


def __getattr__(name: str) -> Any:
    if name != "AsyncClient":  # which needs an extra
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("relay.client.on_asyncio").AsyncClient
