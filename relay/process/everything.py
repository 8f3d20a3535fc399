"""The composition root of ``relay all``: the embedded Redis, fronts and workers as processes, and their supervisor."""

from __future__ import annotations

import math
import os
import signal
import site
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from twisted.logger import Logger

from relay import version
from relay.front.credentials import check_files
from relay.model.settings import SettingError, Settings
from relay.process import admin, check, ending, orphans, reexec, signals, sockets, waiting
from relay.process.admin import AdminSocket
from relay.process.board import Boards
from relay.process.check import Check
from relay.process.managed import ManagedProcess, Program
from relay.process.reexec import Inherited, ManagedState
from relay.process.stores import EMBEDDED, router_of
from relay.process.supervisor import SILENCE, Reexecution, Supervisor
from relay.process.telemetry import telemetry_of
from relay.redis.embedded import NOBODY, Embedded, EmbeddedError, NoServer, Owner, RunningServer
from relay.store.operators import RedisOperatorStore
from relay.store.terms import terms_of

_log = Logger()


def everything(
    reactor: Any, settings: Settings, given: Mapping[str, Any] | None = None, owner: Owner = NOBODY
) -> Supervisor:
    """The embedded Redis, fronts and workers as processes, started again when they die, run as `owner`. `given` are the
    settings of the command line, which count again when the supervisor restarts. Raises `SettingError`."""
    check_files(reactor, settings)
    waiting.check(settings)
    if settings.partitions > 1 and settings.redis in ("", EMBEDDED):
        raise SettingError("--partitions: the embedded Redis has one; name another with --redis")
    left = reexec.inherited()
    listening, operators = _sockets(reactor, settings, owner, left)
    pairs = list(zip(settings.listen, listening, strict=True))
    pairs += [(operators.description, operators.bound)] if operators is not None else []
    for description, each in pairs:
        reactor.addSystemEventTrigger("after", "shutdown", sockets.remove, sockets.path_of(each, description))
    is_embedded = settings.redis in ("", EMBEDDED)
    embedded = _embedded(settings, owner, left) if is_embedded else None
    renewal = _renewal(reactor, settings, given or {}, pairs, embedded)
    if embedded is not None:
        settings = msgspec.structs.replace(settings, redis=embedded.url)
    supervisor = _supervisor(reactor, settings, listening, embedded, renewal, left, operators)
    ending.install(reactor)
    orphans.install(reactor)
    others: dict[int, Callable[[], None]] = {
        signal.SIGHUP: supervisor.restart,
        signal.SIGUSR2: supervisor.reload,
    }
    signals.install(reactor, signals.Stop(reactor), supervisor.stop_at_once, others)
    return supervisor


def _sockets(
    reactor: Any, settings: Settings, owner: Owner, left: Inherited | None
) -> tuple[list[socket.socket], AdminSocket | None]:
    """For clients, and for operators. Clients have the first choice of a port; of what is left to a supervisor that
    restarts, operators take theirs first, because the rest is closed."""
    if left is None:
        return _listening(reactor, settings, owner), admin.bind(reactor, settings, "all")
    operators = admin.bind(reactor, settings, "all", left)
    return _inherited(reactor, settings, left), operators


def _supervisor(
    reactor: Any,
    settings: Settings,
    listening: Sequence[socket.socket],
    embedded: Embedded | None,
    renewal: Reexecution,
    left: Inherited | None,
    operators: AdminSocket | None,
) -> Supervisor:
    """The supervisor with its children; `left` is its state if it was restarted."""
    programs = _programs(settings, listening)
    telemetry = telemetry_of(reactor, "supervisor", settings)
    boards = Boards(reactor.seconds)
    telemetry.others = boards.snapshots

    def place(role: str, number: int) -> ManagedProcess:
        made = ManagedProcess(reactor, role, number, programs[role])
        made.boards, made.on_restart = boards, partial(telemetry.events.restarted, role)
        return made

    children = [place("front", n + 1) for n in range(settings.fronts)]
    children += [place("worker", n + 1) for n in range(settings.workers)]
    redis = ManagedProcess(reactor, "redis", 0, _redis_program(embedded)) if embedded else None
    router = router_of(reactor, settings, telemetry.events)
    store = RedisOperatorStore(router, terms_of(settings), telemetry.name)
    telemetry.register = store.register
    supervisor = Supervisor(reactor, redis, children, store, renewal, telemetry.name)
    supervisor.hang_up = partial(_close, listening)
    supervisor.ready.addCallback(lambda _: _announce(settings.listen, listening))
    if operators is not None:
        view = admin.AdminView(store, supervisor.why_not, telemetry.snapshots)
        supervisor.beside.append(admin.listener(reactor, settings, operators, view))
    if left is not None:
        supervisor.adopt(left, place)
    if embedded is not None and redis is not None:
        supervisor.release, redis.is_noise = embedded.close, embedded.is_advice
    return supervisor


def _renewal(
    reactor: Any,
    settings: Settings,
    given: Mapping[str, Any],
    bound: Sequence[tuple[str, socket.socket]],
    embedded: Embedded | None,
) -> Reexecution:
    """How a supervisor with these settings, and these sockets by their endpoints, restarts in place."""
    present = check.Present(settings.redis, settings.data, tuple(description for description, _ in bound))
    return Reexecution(
        partial(check.again, reactor, _environment(), dict(given), present),
        partial(_go_on, bound, embedded),
    )


def _close(listening: Sequence[socket.socket]) -> None:
    """Close the listening sockets, so that the kernel refuses clients that come while fronts drain, and they ask
    another relay. A socket that systemd also holds keeps its clients waiting for the next relay."""
    for bound in listening:
        bound.close()


def _announce(descriptions: Sequence[str], listening: Sequence[socket.socket]) -> None:
    for bound, description in zip(listening, descriptions, strict=True):
        _log.info("relay listens on {address}", address=sockets.shown(bound, description))


def _listening(reactor: Any, settings: Settings, owner: Owner) -> list[socket.socket]:
    """Bind the sockets while handlers are checked, so that a mistake is reported here, not by a worker that dies again
    and again."""
    with Check({**_environment(), **settings.environ()}, owner):
        return sockets.bound(reactor, settings, settings.listen)


def _inherited(reactor: Any, settings: Settings, left: Inherited) -> list[socket.socket]:
    """The sockets that were bound before, and new ones; sockets that are no longer wanted are closed."""
    found = [left.take_socket(description) for description in settings.listen]
    missing = [text for text, bound in zip(settings.listen, found, strict=True) if bound is None]
    new = iter(sockets.bound(reactor, settings, missing))
    for description, descriptor in left.sockets:
        with socket.socket(fileno=descriptor) as unwanted:
            sockets.remove(sockets.path_of(unwanted, description))
    return [bound or next(new) for bound in found]


def _go_on(
    listening: Sequence[tuple[str, socket.socket]],
    embedded: Embedded | None,
    kept: list[ManagedState],
    buried: list[tuple[str, str]],
) -> None:
    """Restart in place, and keep the sockets, Redis and the running children."""
    bound = [(description, each.fileno()) for description, each in listening]
    running = embedded.running() if embedded is not None else (-1, "")
    reexec.go_on(Inherited(bound, kept, buried, *running))


def _programs(settings: Settings, listening: Sequence[socket.socket]) -> dict[str, Program]:
    """By role."""
    environment = {**_environment(), **settings.environ()}

    def program(role: str, succeeded: float, silence: float, handed: Sequence[socket.socket] = ()) -> Program:
        command = [sys.executable, "-m", "relay.process.child", role]
        is_front = role == "front"
        return Program(command, environment, settings.drain, succeeded, silence, handed, is_front, tells=True)

    return {
        "front": program("front", settings.drain, math.inf, listening),
        "worker": program("worker", max(settings.drain, settings.drain_limit), settings.stall + SILENCE),
    }


def _redis_program(embedded: Embedded) -> Program:
    return Program(embedded.command(), os.environ, 0, 0, shut_down=embedded.shut_down)


def _embedded(settings: Settings, owner: Owner, left: Inherited | None) -> Embedded:
    running = RunningServer(left.lock, left.redis) if left is not None else None
    try:
        is_durable = settings.durable == "disk"
        return Embedded(settings.data, settings.redis_memory, owner, running, is_durable)
    except NoServer as error:
        raise SettingError(f"--redis: {error}") from error
    except (EmbeddedError, OSError) as error:
        raise SettingError(f"--data: {error}") from error


def _environment() -> dict[str, str]:
    """The environment of a child, with the path of this very relay."""
    environment = dict(os.environ)
    folder = str(Path(version.__file__).parents[1])
    if folder not in (*site.getsitepackages(), site.getusersitepackages()):
        paths = [folder, *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment
