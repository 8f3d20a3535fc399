"""The command ``relay schedules``: shows when jobs are fired, pauses and resumes schedules, fires jobs by hand.

It ends with one line and with status 1 if there is no such schedule or Redis does not answer, 2 for a mistake on its
command line or in its environment.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from relay.commands.operating import operate
from relay.commands.schedule_list import as_json, lines
from relay.model.problems.base import RelayError
from relay.model.problems.request import StoreAway
from relay.model.settings import PREFIX, SettingError, config_path
from relay.model.sources import from_file
from relay.redis.address import Address, AddressError
from relay.store.operators import OperatorStore

_REMEDY = "see relay schedules list; a schedule is known when a worker with the job has started"


def run(asked: Namespace) -> None:
    """Do what the command line asks for."""
    try:
        address = Address.parse(asked.redis or usual_redis(os.environ))
    except (AddressError, SettingError) as error:
        sys.stderr.write(f"relay: {'--redis: ' * isinstance(error, AddressError)}{error}\n")
        sys.exit(2)
    react(lambda reactor: Deferred.fromCoroutine(operate(reactor, address, lambda store: act(store, asked))))


def usual_redis(environment: Mapping[str, str]) -> str:
    """The store of the processes that are started here. Raises `SettingError`."""
    given = environment.get(f"{PREFIX}REDIS") or from_file(config_path({}, environment)).get("redis")
    return str(given or "")


async def act(store: OperatorStore, asked: Namespace) -> None:
    """Do it. Raises `SystemExit` with one line for what can't be done, and `StoreAway`."""
    await _ACTIONS[asked.action](store, asked)


async def _list(store: OperatorStore, asked: Namespace) -> None:
    schedules = await store.schedules()
    sys.stdout.write(f"{as_json(schedules) if asked.json else os.linesep.join(lines(schedules))}\n")


async def _pause(store: OperatorStore, asked: Namespace) -> None:
    on = asked.action == "pause"
    if not await store.pause(asked.name, on):
        raise _unknown(asked.name)
    said = "is paused" if on else "goes on"
    sys.stderr.write(f"the schedule of {asked.name} {said}\n")


async def _fire(store: OperatorStore, asked: Namespace) -> None:
    try:
        id = await store.fire_now(asked.name)
    except LookupError:
        raise _unknown(asked.name) from None
    except StoreAway:
        raise
    except RelayError as error:
        raise SystemExit(f"relay: {asked.name} could not be fired: {error}") from None
    sys.stdout.write(f"{id}\n")


def _unknown(name: str) -> SystemExit:
    return SystemExit(f"relay: {name} has no schedule ({_REMEDY})")


_ACTIONS: dict[str, Callable[[OperatorStore, Namespace], Awaitable[None]]] = {
    "list": _list,
    "pause": _pause,
    "resume": _pause,
    "fire": _fire,
}
