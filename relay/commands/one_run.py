"""One job, run in this process by its reactor."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TextIO

import msgspec
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogBeginner

from relay.commands import run_arguments
from relay.handlers.registry import Registry, chosen
from relay.model.problems.request import BadArguments
from relay.model.settings import Settings
from relay.model.state import State
from relay.model.text import did_you_mean, printable
from relay.net import reactors, resolver
from relay.outbound import Upstreams
from relay.process import own_frames
from relay.solo.kept import KeptJob
from relay.solo.solo import Solo, SoloTools
from relay.timing import clock
from relay.worker import loop
from relay.worker.causes import told
from relay.worker.definitions import served
from relay.worker.left import JobTasks
from relay.worker.sight import Origins

INTERRUPTED = 130  # exit status
_DRAIN = 0.0  # seconds for a job that is interrupted, beyond what it has to clean up


class NotBegun(Exception):
    """The job could not begin; the message says why."""


class OneRun:
    """Runs one job; its result is written to `output`."""

    def __init__(self, settings: Settings, output: TextIO) -> None:
        self._settings = msgspec.structs.replace(settings, drain=_DRAIN)
        self._output = output
        self._reactor: Any = _reactor
        self._status = INTERRUPTED
        self._refused: Exception | None = None
        self._job: KeptJob | None = None

    def run(self, asked: Namespace) -> int:
        """The exit status. Raises `NotBegun`, `SettingError`."""
        hear: Any = self._hear
        globalLogBeginner.beginLoggingTo([hear], redirectStandardIO=False, discardBuffer=True)
        clock.steady(self._reactor)
        resolver.install(self._reactor)
        registry = chosen(self._settings)
        body = _arguments(registry, asked)
        self._own = Origins(each.function for each in registry).own
        self._solo = self._made(registry, asked.retry)
        self._reactor.callWhenRunning(self._begin, asked.name, body)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._end)
        self._reactor.run()
        if self._refused is not None:
            raise NotBegun(_told(self._refused)) from self._refused
        return self._status

    def _made(self, registry: Registry, retried: bool) -> Solo:
        reactor, tasks = self._reactor, JobTasks(self._own)
        running = reactors.loop_of(reactor)
        if running is not None:
            loop.attach(running, tasks)
        settings = self._settings
        tools = SoloTools(
            clock=reactor,
            now=time.time() - reactor.seconds(),
            upstreams=lambda store: Upstreams(reactor, store, settings.allow_private, settings.per_host),
            in_thread=_in_thread(reactor),
            from_thread=reactor.callFromThread,
            spawn=reactor.spawnProcess,
            tasks=tasks,
        )
        functions = [each.function for each in registry]
        solo = Solo(tools, functions, settings, registry.hooks, retried)
        solo.added, solo.ended = self._added, self._ended
        return solo

    def _begin(self, name: str, body: bytes) -> None:
        self._solo.start()
        begun: Deferred[Any] = self._solo.ready.addCallback(lambda _: self._solo.submit(name, body))
        begun.addErrback(self._not_begun)

    def _not_begun(self, failure: Any) -> None:
        self._refused = failure.value
        self._reactor.stop()

    def _end(self) -> Deferred[None]:
        """The worker has ended, and the loop has made the turn that its tasks began. Whatever the job comes to
        meanwhile, it was interrupted."""
        self._job = None
        return self._solo.stop().addBoth(lambda _: deferLater(self._reactor, 0))

    # -- what is shown --

    def _added(self, kept: KeptJob) -> None:
        self._job = self._job or kept
        kept.on_progress = lambda fraction, message: _say(_progress(kept, fraction, message))

    def _ended(self, kept: KeptJob) -> None:
        succeeded = kept.outcome is not None and kept.outcome.state is State.SUCCEEDED
        if kept is not self._job:
            return
        if succeeded:
            text = msgspec.json.format(msgspec.json.encode(kept.result), indent=2).decode()
            self._output.write(f"{text}\n")
        else:
            _say(f"{kept.name} {kept.outcome.state.value if kept.outcome else ''}: {_told(kept.error())}")
        self._status = 0 if succeeded else 1
        self._reactor.stop()

    def _hear(self, event: LogEvent) -> None:
        """What handlers log, the errors of their attempts, and what relay warns of."""
        failure, namespace = event.get("log_failure"), str(event.get("log_namespace"))
        is_attempt = namespace.startswith("relay.worker.end")
        if failure is not None and failure.value is not None:
            _say(own_frames.shown(failure.value, self._own))
        if namespace.startswith("job."):
            _say(formatEvent(event))
        elif not is_attempt and event["log_level"] >= LogLevel.warn:
            _say(f"relay: {formatEvent(event)}")


def _in_thread(reactor: Any) -> Callable[..., Deferred[Any]]:
    return lambda function: deferToThreadPool(reactor, reactor.getThreadPool(), copy_context().run, function)


def _arguments(registry: Registry, asked: Namespace) -> bytes:
    definitions = {each.name: each for each in served(registry)}
    if asked.name not in definitions:
        meant = did_you_mean(asked.name, sorted(definitions))
        hint = "" if asked.jobs else " (--jobs MODULE names your own)"
        raise NotBegun(f"there is no job {asked.name}: {meant}{hint}")
    try:
        return run_arguments.arguments_of(asked.arguments, asked.json, definitions[asked.name].schema)
    except ValueError as error:
        raise NotBegun(str(error)) from error


def _told(error: BaseException) -> str:
    """In one line, or one for each misfit."""
    if not isinstance(error, BadArguments):
        return told(error)
    return "\n  ".join([f"{error.detail or error.title}:", *error.misfits])


def _progress(kept: KeptJob, fraction: Any, message: Any) -> str:
    try:
        return f"[{float(fraction):4.0%}] {kept.name}: {message}"
    except (TypeError, ValueError):
        return f"[   ?] {kept.name}: {message}"


def _say(text: str) -> None:
    sys.stderr.write("".join(printable(line) + "\n" for line in text.splitlines()))
    sys.stderr.flush()
