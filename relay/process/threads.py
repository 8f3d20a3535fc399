"""The threads that a worker's blocking functions run in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool


def threads_of(reactor: Any, most: int) -> tuple[Callable[..., Any], Callable[[], int]]:
    """Something that calls a blocking function in a thread, and something that says how many threads are busy. Jobs
    that await others keep their threads, beside `most`."""
    from relay.worker.runner import MOST_WAITING

    pool = ThreadPool(0, most + MOST_WAITING, "handlers")
    reactor.callWhenRunning(pool.start)
    reactor.addSystemEventTrigger("after", "shutdown", pool.stop)
    return (
        lambda function, **arguments: deferToThreadPool(reactor, pool, function, **arguments),
        lambda: len(pool.working),
    )
