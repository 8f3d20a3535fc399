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


def makeService(options: usage.Options) -> IService:
    """The service that the command line asks for. A wrong setting ends the program with one line."""
    role = options.subCommand or "all"
    given = {**_given(options), **(_given(options.subOptions) if options.subCommand else {})}
    return make(role, given, _owner(options.parent))


def _owner(twistd: Mapping[str, Any] | None) -> Owner:
    """The user and group that twistd will switch to."""
    if twistd is None:
        return NOBODY
    uid, gid = twistd["uid"], twistd["gid"]
    return (-1 if uid is None else uid, -1 if gid is None else gid)


def make(role: str, given: dict[str, Any], owner: Owner = NOBODY) -> IService:
    """The service of a role. Settings that are not `given` come from ``RELAY_…`` and the file; `owner` is the user and
    group that will run it."""
    from twisted.internet import reactor

    from relay.process import everything, logs, service, signals, sockets, variables
    from relay.timing import clock

    signals.hold_back()
    clock.steady(reactor)
    sockets.keep_to_ourselves()
    roles: dict[str, Callable[[Any, Settings], IService]] = {
        "all": lambda reactor, settings: everything.everything(reactor, settings, given, owner),
        "front": service.front,
        "worker": service.worker,
    }
    try:
        variables.check(os.environ)
        config = config_path(given)
        settings = Settings.read({k: v for k, v in given.items() if k != "config"}, os.environ, config)
        logs.arrange(settings, "supervisor" if role == "all" else role)
        made = roles[role](reactor, settings)
    except SettingError as error:
        raise SystemExit(f"relay: {error}") from error
    setproctitle(f"relay {role}")  # its command line may have shown secrets
    if role != "all":
        stop = signals.Stop(reactor)
        signals.install(reactor, stop, lambda: None, {SIGHUP: stop})  # whoever runs it starts it again
    return made


def _given(options: usage.Options) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in options.items() if value not in (None, 0, [])}
