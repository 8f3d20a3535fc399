"""The check of handlers: ``python -m relay.process.checking``, a process that `relay.process.check` starts.

The settings come in the environment; the last line of its output says what is wrong.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import msgspec

from relay.front.credentials import check_files
from relay.model.settings import SettingError, Settings, config_path
from relay.process.check import AGAIN, LONGEST, REFUSED, Again
from relay.process.reexec import FORMAT
from relay.redis.embedded import NoServer, find_server


def _settings() -> Settings:
    text = os.environ.pop(AGAIN, "")
    if not text:
        return Settings.read({}, os.environ)
    asked = msgspec.json.decode(text, type=Again)
    options = {name: value for name, value in asked.given.items() if name != "config"}
    settings = Settings.read(options, os.environ, config_path(asked.given))
    for name in ("redis", "data"):
        if getattr(settings, name) != getattr(asked.running, name):
            raise SettingError(f"--{name} has changed: stop relay and start it again")
    if asked.running.format != FORMAT:
        raise SettingError(
            "this version can't take over the running processes: stop relay and start it again"
        )
    _can_be_served(settings, asked.running.listen)
    return settings


def _can_be_served(settings: Settings, bound: Sequence[str]) -> None:
    """Check what would break the restarted supervisor, its imports first, because nothing would be left to report
    it."""
    from twisted.internet import reactor

    from relay.process import admin, sockets, stores, variables, waiting
    from twisted.plugins import relay_plugin  # noqa: F401

    variables.check(os.environ)
    check_files(reactor, settings)
    waiting.check(settings)
    if settings.redis in ("", stores.EMBEDDED):
        find_server()  # which could be uninstalled by now
    sockets.bound(reactor, settings, [text for text in settings.listen if text not in bound])
    if admin.endpoint_of(settings, "all") not in bound:
        admin.bind(reactor, settings, "all")


def main() -> None:
    """Exit without waiting for what the modules may have started."""
    from relay.front.callers.custom import load
    from relay.handlers.registry import chosen
    from relay.process import tracing

    status = 0
    if AGAIN in os.environ:
        signal.alarm(int(LONGEST))  # whoever waits for it waits no longer
    try:
        settings = _settings()
        sys.dont_write_bytecode = sys.dont_write_bytecode or settings.reload
        if settings.callers:
            load(settings.callers)
        tracing.check(settings)
        chosen(settings)
    except (SettingError, NoServer) as error:
        print(f"\n{error}", flush=True)  # noqa: T201 - on a line of its own, for the parent
        status = REFUSED
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
