"""The entry point of ``twistd relay``: command line → settings → service."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import SIGHUP
from typing import Any

from setproctitle import setproctitle
from twisted.application.service import IService
from twisted.python import usage

from relay.model.settings import SettingError, Settings, config_path, fields, unit
from relay.process import pidfile
from relay.redis.embedded import NOBODY, Owner
from relay.version import VERSION


def _options() -> type[usage.Options]:
    """The settings as command-line options; only those that are given are kept."""
    parameters: list[list[Any]] = [["config", None, None, "TOML file with these settings"]]
    flags: list[list[Any]] = []
    members: dict[str, Any] = {"optParameters": parameters, "optFlags": flags, "opt_version": _version}
    for name, kind, default, about in fields():
        option = name.replace("_", "-")
        if kind is bool:
            flags.append([option, None, about])
        elif kind is tuple:
            members[f"opt_{name}"] = _repeatable(name, about, default)
        else:
            parameters.append([option, None, None, about + _shown(default, unit(name))])
    return type("SettingsOptions", (usage.Options,), members)


def _shown(default: Any, unit: str) -> str:
    counted = "" if unit in ("", "count") else f" {unit}"
    return f" [default: {default}{counted}]" if default != "" else ""


def _version(self: usage.Options) -> None:
    """Show relay's version and exit."""
    sys.stdout.write(f"relay {VERSION}\n")
    sys.exit()


def _repeatable(name: str, about: str, default: tuple[str, ...]) -> Callable[[usage.Options, str], None]:
    def option(self: usage.Options, value: str) -> None:
        self.setdefault(name, []).extend(value.split(",") if name == "queues" else [value])

    option.__doc__ = f"{about} [default: {', '.join(default)}]" if default else about
    return option


_SettingsOptions = _options()


class AllOptions(_SettingsOptions):  # type: ignore[misc, valid-type]
    """Options of ``twistd relay all``."""

    synopsis = "[all] [options]"
    longdesc = (
        "Run everything on this machine: an embedded Redis, fronts and workers, restarted when they die."
    )


class FrontOptions(_SettingsOptions):  # type: ignore[misc, valid-type]
    """Options of ``twistd relay front``."""

    synopsis = "front --redis URL [options]"
    longdesc = "Run one front: it accepts requests, holds them and answers them."


class WorkerOptions(_SettingsOptions):  # type: ignore[misc, valid-type]
    """Options of ``twistd relay worker``."""

    synopsis = "worker --redis URL [options]"
    longdesc = "Run one worker: it runs jobs."


class RelayOptions(AllOptions):
    """Options of ``twistd relay``."""

    synopsis = "[all|front|worker] [options]"
    longdesc = "Hold HTTP requests while their jobs run. The default command is all."
    subCommands = [
        ["all", None, AllOptions, "run everything on this machine (the default)"],
        ["front", None, FrontOptions, "run one front"],
        ["worker", None, WorkerOptions, "run one worker"],
    ]

    def postOptions(self) -> None:
        """Remove a stale pid file, which would keep twistd from starting."""
        if self.parent is not None and self.parent["pidfile"]:
            pidfile.remove_stale(Path(self.parent["pidfile"]))


Options = RelayOptions  # by the name that twistd asks for


def makeService(options: usage.Options) -> IService:
    """The service that the command line asks for. A wrong setting ends the program with one line."""
    role = options.subCommand or "all"
    given = {**_given(options), **(_given(options.subOptions) if options.subCommand else {})}
    twistd: Mapping[str, Any] = options.parent or {}
    return make(role, given, _owner(options.parent), twistd.get("reactor") or "")


def _owner(twistd: Mapping[str, Any] | None) -> Owner:
    """The user and group that twistd will switch to."""
    if twistd is None:
        return NOBODY
    uid, gid = twistd["uid"], twistd["gid"]
    return (-1 if uid is None else uid, -1 if gid is None else gid)


def make(role: str, given: dict[str, Any], owner: Owner = NOBODY, chosen: str = "") -> IService:
    """The service of a role. Settings that are not `given` come from ``RELAY_…`` and the file; `owner` is the user and
    group that will run it, `chosen` the reactor that twistd was told to use."""
    from relay.process import signals

    signals.hold_back()
    try:
        settings = _settings(role, given, chosen)
        made = _made(role, settings, given, owner)
    except SettingError as error:
        raise SystemExit(f"relay: {error}") from error
    except KeyboardInterrupt:  # while the handlers are looked at, in a process of its own
        raise SystemExit("relay: interrupted before it began") from None
    setproctitle(f"relay {role}")  # its command line may have shown secrets
    return made


def _settings(role: str, given: dict[str, Any], chosen: str) -> Settings:
    """And what has to be done before anything asks for a reactor."""
    from relay.process import variables, waiting

    variables.check(os.environ)
    options = {name: value for name, value in given.items() if name != "config"}
    settings = Settings.read(options, os.environ, config_path(given))
    waiting.install(role, settings, chosen)
    return settings


def _made(role: str, settings: Settings, given: dict[str, Any], owner: Owner) -> IService:
    from twisted.internet import reactor

    from relay.process import admin, everything, logs, service, signals, sockets
    from relay.process.telemetry import telemetry_of
    from relay.timing import clock

    clock.steady(reactor)
    sockets.keep_to_ourselves()
    logs.arrange(settings, "supervisor" if role == "all" else role)
    if role == "all":
        return everything.everything(reactor, settings, given, owner)
    telemetry = telemetry_of(reactor, role, settings)
    make_it = service.front if role == "front" else service.worker
    main = make_it(reactor, settings, telemetry)
    made: IService = admin.beside(reactor, settings, role, main, telemetry)
    stop = signals.Stop(reactor)
    signals.install(reactor, stop, lambda: None, {SIGHUP: stop})  # whoever runs it starts it again
    return made


def _given(options: usage.Options) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in options.items() if value not in (None, 0, [])}
