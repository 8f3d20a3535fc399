"""Tests of handlers, without a server, without the network, and without waiting.

=================  ===================================================================================================
`one_job`          one handler, as a worker runs it
`relay`            a whole relay: what is submitted, and what follows from it
`answers`          what stubbed APIs answer, and the requests that they were sent
`stubbed_agent`    where relay's client ends and the stubs begin
`driver`           runs all that, in the thread of a test or in another
`virtual_loop`     an event loop whose time skips; `loop_clock`: as a reactor for relay's own code
`plugin`           fixtures for pytest
=================  ===================================================================================================

Nothing here needs pytest, or a reactor that runs. The names are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relay.testing.answers import Answer, ApiRequest, NotStubbed
    from relay.testing.one_job import run, run_async
    from relay.testing.outcomes import Ran
    from relay.testing.relay import Relay

__all__ = ["Answer", "ApiRequest", "NotStubbed", "Ran", "Relay", "run", "run_async"]

_HOMES = {
    "Answer": "answers",
    "ApiRequest": "answers",
    "NotStubbed": "answers",
    "Ran": "outcomes",
    "Relay": "relay",
    "run": "one_job",
    "run_async": "one_job",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"relay.testing.{_HOMES[name]}"), name)
