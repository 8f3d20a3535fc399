"""Puts together what a process has of a store: its partitions, each with a link of its own, and an inbox in each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.logger import Logger

from relay.model.settings import SettingError, Settings
from relay.net.client_tls import TLSFileError
from relay.process import ending
from relay.redis.address import Address, AddressError
from relay.redis.connection import Connection
from relay.redis.health import Health
from relay.redis.topology import Server, Topology, topology_of
from relay.store.durability import Durability
from relay.store.inbox import Inbox, RedisInbox
from relay.store.inboxes import Deliver, Inboxes
from relay.store.keys import Keys
from relay.store.partition import Partition
from relay.store.proof import ANY_PROOF, ProofWanted
from relay.store.router import Router
from relay.telemetry.events import UNHEARD, Events

EMBEDDED = "embedded:"
_log = Logger()


def address_of(settings: Settings) -> Address:
    """Where the store is. Raises `SettingError`."""
    if settings.redis in ("", EMBEDDED):
        raise SettingError(
            "--redis is required here: only `relay all` starts a Redis of its own (as in --redis redis://host:6379/0)"
        )
    try:
        address = Address.parse(settings.redis)
        address.tls.check()
    except (AddressError, TLSFileError) as error:
        raise SettingError(f"--redis: {error}") from error
    return address


def router_of(reactor: Any, settings: Settings, events: Events = UNHEARD) -> Router:
    """The partitions of the store that the settings name. A server that can't be used ends the process. Raises
    `SettingError`."""
    address = address_of(settings)
    topology = topology_of(reactor, address)
    wanted = ProofWanted(settings.durable, settings.durable_replicas, address.kind != "server")
    made = Partitions(reactor, topology, lambda why: give_up(reactor, why), events, wanted)
    return Router(made.all(settings.partitions, settings.store_name), topology)


class Partitions:
    """Makes partitions on a topology. Links that lead to one server share what is said of it. `give_up` is called with
    the reason where one can't be used."""

    def __init__(
        self,
        reactor: Any,
        topology: Topology,
        give_up: Callable[[str], None],
        events: Events = UNHEARD,
        wanted: ProofWanted = ANY_PROOF,
    ) -> None:
        self._reactor = reactor
        self._topology = topology
        self._give_up = give_up
        self._events = events
        self._wanted = wanted
        self._healths: dict[Server, Health] = {}

    def all(self, partitions: int, name: str) -> list[Partition]:
        """Those of the store of this name, which has so many."""
        return [self._made(Keys(number, partitions, name)) for number in range(partitions)]

    def _made(self, keys: Keys) -> Partition:
        server = self._topology.server_of(keys.tag)
        link = self._link(server)
        link.on_lost = self._events.store_lost
        durability = Durability(
            self._reactor, keys, partial(self._link, server), self._wanted, replicas=lambda: server.replicas
        )
        partition = Partition(self._reactor, link, keys, self._events, durability)
        partition.on_unfit = lambda why: self._give_up(f"--redis: {why}")
        return partition

    def _link(self, server: Server) -> Connection:
        link = Connection(self._reactor, server, self._healths.get(server))
        self._healths[server] = link.health
        link.on_broken = self._give_up
        return link


def give_up(reactor: Any, why: str) -> None:
    """End the process, because no service is better than one that loses jobs or does nothing."""
    _log.critical("relay: {why}", why=why)
    ending.fail(reactor)


def inboxes_of(reactor: Any, router: Router, process: str) -> Callable[[Deliver], Inbox]:
    """Makes the inboxes of a process, one in each partition."""
    links = [_inbox_link(reactor, router, partition) for partition in router.all()]

    def made(deliver: Deliver) -> Inbox:
        found = []
        for partition, link in zip(router.all(), links, strict=True):
            number = partition.keys.partition
            key = partition.keys.inbox(process)
            inbox = RedisInbox(reactor, link, key, partial(deliver, partition=number))
            inbox.on_end = lambda failure: give_up(reactor, f"an inbox is no longer read: {failure.value!r}")
            found.append(inbox)
        return Inboxes(found)

    return made


def _inbox_link(reactor: Any, router: Router, partition: Partition) -> Connection:
    link = Connection(reactor, router.server_of(partition), partition.health)
    link.on_refused = partition.refused
    link.on_broken = lambda why: give_up(reactor, why)
    link.on_lost = partition.events.store_lost
    return link
