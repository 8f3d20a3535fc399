"""The command ``relay run``: one job in this process, its progress and its errors on standard error."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import Any, NoReturn

from relay.model.settings import SettingError, Settings, config_path
from relay.process import waiting

REFUSED = 2  # exit status of a job that could not begin


def run(asked: Namespace) -> NoReturn:
    """Run the job, and exit with its status."""
    try:
        settings = _settings(asked)
        waiting.install("worker", settings)
    except SettingError as error:
        _refuse(str(error))
    from relay.commands.one_run import NotBegun, OneRun  # which import the reactor

    written, sys.stdout = sys.stdout, sys.stderr  # what handlers print is no part of the result
    try:
        status = OneRun(settings, written).run(asked)
    except (SettingError, NotBegun) as error:
        _refuse(str(error))
    for stream in (written, sys.stderr):
        stream.flush()
    os._exit(status)  # a thread of a handler may run on


def _settings(asked: Namespace) -> Settings:
    given: dict[str, Any] = {"allow_private": True} if asked.allow_private else {}
    given |= {name: value for name in ("jobs", "set") if (value := getattr(asked, name))}
    return Settings.read(given, os.environ, config_path(vars(asked)))


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"relay: {why}\n")
    sys.stderr.flush()
    os._exit(REFUSED)
