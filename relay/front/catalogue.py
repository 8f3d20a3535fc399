"""The jobs that workers serve, as a front knows them, and the check of arguments against their schemas."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import msgspec
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime

from relay.errors import BadArguments, MalformedBody, NoWorker, UnknownJob
from relay.store.messages import Served
from relay.store.store import Store

_MOST_ERRORS = 20  # misfits named in one answer
_NO_ARGUMENTS: dict[str, Any] = {}


class Offer:
    """A job that can be submitted."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._validator = jsonschema_rs.validator_for(served.schema, validate_formats=True)

    def read(self, body: bytes) -> dict[str, Any]:
        """The arguments in a body; raises `MalformedBody`, `BadArguments` with each misfit named."""
        arguments = _decode(body) if body.strip() else _NO_ARGUMENTS
        if not self._validator.is_valid(arguments):
            raise BadArguments(errors=self._misfits(arguments))
        return arguments

    def lane(self, arguments: Mapping[str, Any]) -> str:
        """Where a job with these arguments waits, if its starts are limited; "" if not."""
        limit = self.served.limit
        if limit is None or limit.per not in arguments:
            return f"@{limit.name}" if limit else ""
        value = msgspec.json.encode(arguments[limit.per], order="sorted")
        return f"@{limit.name} {hashlib.blake2b(value, digest_size=10).hexdigest()}"

    def _misfits(self, arguments: dict[str, Any]) -> list[dict[str, str]]:
        misfits = []
        for error in self._validator.iter_errors(arguments):
            misfits.append({"at": "/".join(("", *map(str, error.instance_path))), "detail": error.message})
            if len(misfits) == _MOST_ERRORS:
                break
        return misfits


def _decode(body: bytes) -> dict[str, Any]:
    try:
        arguments = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedBody(str(error)) from error
    except RecursionError as error:
        raise MalformedBody("nested too deeply") from error
    if not isinstance(arguments, dict):
        raise MalformedBody(f"a JSON {type(arguments).__name__}, not an object")
    return arguments


def fingerprint(arguments: Mapping[str, Any]) -> str:
    """The same for the same arguments, however they were written down."""
    return hashlib.blake2b(msgspec.json.encode(arguments, order="sorted"), digest_size=15).hexdigest()


class Catalogue:
    """What can be submitted, kept as fresh as the last sweep; asked again before a name is refused."""

    def __init__(self, clock: IReactorTime, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._version = ("", -1)  # of which epoch
        self._offers: dict[str, Offer] = {}
        self._served_until: dict[str, float] = {}  # by our clock
        self._waiting: list[Deferred[None]] = []

    async def offer(self, name: str, held: bool) -> Offer:
        """The offer of this name; raises `UnknownJob`, and `NoWorker`: for one that will be waited for, and as long as
        no worker has come at all."""
        offer = self._offers.get(name)
        if offer is None or (held and self._is_overdue(name)):
            await self.refresh()
            offer = self._offers.get(name)
        if not self._offers:
            raise NoWorker("no worker has said yet what it serves")
        if offer is None:
            raise UnknownJob(f"no worker serves {name!r}")
        if held and self._is_overdue(name):
            raise NoWorker
        return offer

    async def hear(self, version: int) -> None:
        """A sweep told the store's version."""
        known = (self._store.partition.epoch, version) == self._version
        if not known or any(self._is_overdue(name) for name in self._offers):
            await self.refresh()

    def refresh(self) -> Deferred[None]:
        """Ask the store, once for all who want to know at the same time."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            ensureDeferred(self._refresh()).addBoth(self._refreshed)
        return waiting

    def _refreshed(self, result: Any) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(result)  # a Failure too is passed on

    async def _refresh(self) -> None:
        catalogue = await self._store.catalogue()
        version = (self._store.partition.epoch, catalogue.version)
        if version != self._version:
            # a store that was reset knows no jobs until workers have come back: it does not make ours unknown
            self._offers |= {name: Offer(served) for name, served in catalogue.jobs.items()}
            self._version = version
        now = self._clock.seconds()
        self._served_until |= {name: now - overdue for name, overdue in catalogue.overdue.items()}

    def _is_overdue(self, name: str) -> bool:
        return self._clock.seconds() > self._served_until.get(name, 0.0)
