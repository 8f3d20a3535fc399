"""The command ``relay submit``: a job is submitted to a front, as any client does it, and its result is written."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import Any, NoReturn

import msgspec

from relay.client import CallRefused, Client, HeardEvent, OutcomeUnknown
from relay.client.asking import CallTerms
from relay.commands.reaching import token_in
from relay.commands.run_arguments import json_object, json_value
from relay.commands.submit_arguments import USUAL_URL
from relay.model.settings import PREFIX, SettingError
from relay.model.state import State
from relay.model.text import printable

NOT_DONE, MISTAKE, NOT_WELL, INTERRUPTED = 1, 2, 3, 130  # exit statuses


def run(asked: Namespace) -> NoReturn:
    """Submit the job, and exit with a status that says how it ended."""
    try:
        status = SubmittingCommand(asked).run()
    except (SettingError, ValueError) as error:
        status = _say(str(error), MISTAKE)
    except (CallRefused, OutcomeUnknown) as error:
        status = _say(str(error), NOT_DONE)
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.stdout.flush()
    sys.exit(status)


class SubmittingCommand:
    """One job. Raises `SettingError` and `ValueError` for a mistake on the command line or in the environment."""

    def __init__(self, asked: Namespace) -> None:
        self._asked = asked
        self._arguments = _arguments(asked)
        self._url = asked.url or os.environ.get(f"{PREFIX}URL", "") or USUAL_URL
        token = token_in(asked.token_file, os.environ, f"{PREFIX}TOKEN")
        self._client = Client(self._url, token, asked.subject or "", on_trouble=self._tell_trouble)
        self._is_told = False

    def run(self) -> int:
        """The exit status. Raises `CallRefused`, `OutcomeUnknown`."""
        asked = self._asked
        key, notify = asked.key or "", asked.notify or ""
        with self._client as client:
            if asked.asynchronous:
                submit = client.submitting(key, asked.delay, asked.deadline, notify)
                _write(submit(asked.name, **self._arguments))
                return 0
            heard = _show if asked.events else None
            terms = CallTerms(key, asked.delay, asked.deadline, heard, notify)
            return self._ended(client.outcome(asked.name, self._arguments, terms))

    def _tell_trouble(self, why: str) -> None:
        if not self._is_told:
            self._is_told = True
            _say(f"no answer from {self._url} yet, so the same is sent again and again ({why})", 0)

    def _ended(self, envelope: dict[str, Any]) -> int:
        succeeded = envelope["state"] == State.SUCCEEDED.value
        if self._asked.events:
            _write(_line(envelope))
        elif self._asked.envelope:
            _write(_text(envelope))
        elif succeeded:
            _write(_text(envelope.get("result")))
        if not succeeded:
            problem = envelope.get("error", {})
            why = problem.get("detail") or problem.get("title") or ""
            return _say(f"{envelope['job']} {envelope['state']}: {why}", NOT_WELL)
        return 0


def _arguments(asked: Namespace) -> dict[str, Any]:
    members = json_object(sys.stdin.read() if asked.json == "-" else asked.json)
    for name, value, is_json in asked.arguments:
        members[name] = json_value(name, value) if is_json else value
    return members


def _show(event: HeardEvent) -> None:
    _write(_line({"event": event.name, "id": event.id, "data": event.data}))
    sys.stdout.flush()


def _line(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _say(why: str, status: int) -> int:
    sys.stderr.write(f"relay: {' '.join(printable(why).split())}\n")
    return status
