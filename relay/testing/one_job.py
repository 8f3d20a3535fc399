"""One handler, run as a worker runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from relay.testing.answers import Api
from relay.testing.outcomes import Ran
from relay.testing.relay import Relay


def run(
    handler: Callable[..., Any],
    /,
    *,
    api: Api | None = None,
    settings: Mapping[str, str] | None = None,
    now: datetime | None = None,
    overrides: Mapping[Callable[..., Any], Any] | None = None,
    real_network: bool = False,
    **arguments: Any,
) -> Ran:
    """Run a job to its end: its arguments are checked, its timeout counts, failed attempts are tried again after their
    pauses, and time skips. The options are those of `Relay`; all others are arguments of the job. Arguments that do not
    fit raise `BadArguments`, a call to an API that `api` says nothing of raises `NotStubbed`; how the job ended is in
    what is returned."""
    options: dict[str, Any] = {"api": api, "settings": settings, "now": now, "overrides": overrides}
    with Relay(handler, schedules=False, real_network=real_network, **options) as relay:
        return relay.run(handler, **arguments)


async def run_async(handler: Callable[..., Any], /, **options: Any) -> Ran:
    """Like `run`, in a thread: for tests in an event loop that has other things to do meanwhile. Where none runs it is
    like `run`."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return run(handler, **options)
    return await loop.run_in_executor(None, partial(run, handler, **options))
