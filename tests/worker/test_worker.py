"""A worker, without its store: what it is told, and what it is given."""

from __future__ import annotations

from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from relay import job, on_start
from relay.handlers.hooks import hooks_of
from relay.handlers.registry import Registry
from relay.model.settings import Settings
from relay.model.state import State
from relay.store.mail import Message
from relay.store.messages import Report, Sweep
from relay.worker.tools import WorkerTools
from relay.worker.worker import Worker
from tests.worker.test_session import Handing, claim, told


@job(name="echo")
def never() -> Deferred[None]:
    return Deferred()


@pytest.fixture
def worker() -> Worker:
    tools = WorkerTools(
        Clock(),
        Mock(inbox="worker", partitions=1, up=lambda: [0], parts=[Mock(inbox="worker")]),
        Mock(),
        Mock(),
        Mock(),
        Mock(),
    )
    return Worker(tools, Registry([never]), Settings())


def ends(worker: Worker) -> list[Report]:
    session: Any = worker.session()
    return session._ends


def test_a_job_that_was_cancelled_before_it_got_here_is_not_begun(worker: Worker) -> None:
    """The store had given it to us, and said that it was cancelled on another connection, which was quicker."""
    late = claim(1)
    worker._told([Message("c", late.id, b"")])
    worker._cancelled.forget()
    worker.take(late, 0.0)
    assert ends(worker) == [Report(late.id, State.CANCELLED)]
    assert worker.held() == 0


def test_what_was_cancelled_long_ago_is_forgotten(worker: Worker) -> None:
    late = claim(1)
    worker._told([Message("c", late.id, b"")])
    for _ in range(2):
        worker._cancelled.forget()
    worker.take(late, 0.0)
    assert worker.held() == 1
    assert ends(worker) == []
    worker.drop(late.id)


def test_a_worker_that_is_stopped_while_a_hook_runs_ends_in_order_and_has_not_served() -> None:
    reasons, stopped = list[str](), list[Any]()
    waiting: Deferred[None] = Deferred()
    registry = Registry([never])
    registry.hooks = hooks_of([on_start(lambda: waiting)])
    upstreams, store = (
        Mock(close=lambda: succeed(None)),
        Mock(inbox="worker", partitions=1, up=lambda: [0], parts=[Mock(inbox="worker")]),
    )
    tools = WorkerTools(Clock(), store, Mock(), upstreams, Mock(), Mock(), reasons.append)
    worker = Worker(tools, registry, Settings())
    worker.startService()
    worker.stopService().addBoth(stopped.append)
    assert (stopped, reasons) == ([None], [])
    store.start.assert_not_called()


def test_a_worker_whose_hook_fails_gives_up() -> None:
    reasons = list[str]()
    registry = Registry([never])
    registry.hooks = hooks_of([on_start(lambda: fail(OSError("no")))])
    store = Mock(inbox="worker", partitions=1, up=lambda: [0], parts=[Mock(inbox="worker")])
    tools = WorkerTools(Clock(), store, Mock(), Mock(), Mock(), Mock(), reasons.append)
    Worker(tools, registry, Settings()).startService()
    (reason,) = reasons
    assert reason.startswith("on_start tests.worker.test_worker.")
    assert "failed: OSError: no" in reason
    store.start.assert_not_called()


def test_a_worker_whose_session_has_ended_gives_up_and_waits_for_nothing(
    no_logged_failures: list[Any],
) -> None:
    clock, reasons, stopped = Clock(), list[str](), list[Any]()
    parts = [Mock(inbox="worker")]
    store = Mock(
        inbox="worker",
        partitions=1,
        parts=parts,
        sweep=AsyncMock(),
        publish=AsyncMock(),
        stop=lambda: succeed(None),
    )
    inbox = Mock(stop=lambda: succeed(None))
    upstreams = Mock(close=lambda: succeed(None))
    tools = WorkerTools(clock, store, lambda _: inbox, upstreams, Mock(), Mock(), reasons.append)
    worker = Worker(tools, Registry([never]), Settings(drain=30))
    worker.take(claim(1), 0.0)
    broken: Any = worker.session()
    broken.run = lambda: fail(SystemError())
    worker.startService()
    assert reasons == ["the worker's session ended"]
    worker.stopService().addBoth(stopped.append)
    clock.pump([0.5] * 8)  # what runs has a second to clean up, and not the drain
    assert stopped == [None]
    no_logged_failures.clear()


def test_a_worker_that_is_stopped_says_at_once_that_it_takes_nothing_more() -> None:
    part = Handing()
    store = Mock(
        inbox="worker",
        partitions=1,
        up=lambda: [0],
        parts=[part],
        sweep=AsyncMock(return_value=Sweep(True, 1, [])),
        publish=AsyncMock(),
        stop=lambda: succeed(None),
    )
    tools = WorkerTools(Clock(), store, Mock(), Mock(), Mock(), Mock(), Mock())
    worker = Worker(tools, Registry([never]), Settings())
    worker.startService()
    part.answer()
    worker._told(told(1))
    part.answer()
    assert (worker.held(), part.last.want > 0) == (1, True)
    worker.stopService()
    assert part.last.want == 0
