"""A Redis Cluster: which of its nodes has a slot, asked before a connection that may lead to the wrong one, and once a
second meanwhile.

What moves a link, in the order of how fast it is heard:

- ``MOVED``, said by the node that had the slot: where it leads to is used at once.
- A node that refuses otherwise (``CLUSTERDOWN``), or can't be connected to: the nodes are asked before the next try.
- The question of each second, for a node that says nothing, or is cut off with a part of the Cluster. What it finds
  counts once the new owner says so itself: others hear late of what has moved.

A node whose Cluster is down for it is asked last, because it may be cut off: what it knows is old. ``ASK`` is never
followed (`relay.redis.refusal`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred, succeed
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.logger import Logger

from relay.redis.address import Address, shown_host
from relay.redis.mistakes import no_node
from relay.redis.questions import Questions
from relay.redis.refusal import LinkLost, Refused
from relay.redis.server import Server, Topology
from relay.redis.slots import Node, SlotMap, SlotRange, read_moved, read_slots, slot_of
from relay.redis.wire import Connects
from relay.timing.made_once import MadeOnce
from relay.timing.recurring import recurring

ASKED = 1.0  # seconds that a node has for the question where the slots are
WATCH = 1.0  # seconds between two questions
_QUESTION = (("CLUSTER", "INFO"), ("CLUSTER", "SLOTS"))


class Cluster(Topology):
    """The nodes of a Cluster, of which `address` names some. `reach` connects to one; `mix` puts those that were
    learned into an order of this process's own, so that each of many processes asks another one."""

    def __init__(
        self,
        clock: IReactorTime,
        address: Address,
        reach: Callable[[Node], Connects],
        mix: Callable[[list[Node]], None] = random.shuffle,
    ) -> None:
        self.shown = address.shown
        self.greeting = tuple(address.greeting)
        self.reach = reach
        self._mix = mix
        self._seeds = address.hosts
        self._nodes = list(address.hosts)  # in the order in which they are asked
        self._is_stopped = False
        self._servers: dict[int, SlotServer] = {}
        self._questions = Questions(clock, ASKED)
        self._confirming = Questions(clock, ASKED)
        self._looks = MadeOnce(self._looked, 0.0, clock.seconds)  # one at a time, for all who need it
        self._watching = recurring(clock, self._watch)

    def server_of(self, key: str) -> SlotServer:
        """The node that has this key."""
        slot = slot_of(key)
        return self._servers.setdefault(slot, SlotServer(self, slot))

    @property
    def is_sure(self) -> bool:
        """A node that most masters do not hear answers nobody (CLUSTERDOWN) before another takes its place."""
        return True

    def start(self) -> None:
        self._watching.start(WATCH, now=False)

    def stop(self) -> Deferred[None]:
        """Ask no more."""
        self._is_stopped = True
        if self._watching.running:
            self._watching.stop()
        self._questions.close()
        self._confirming.close()
        return succeed(None)

    def look(self) -> Deferred[SlotMap]:
        """What a node says of the slots now. Fails with `Refused` where they refuse to, with `LinkLost` where none
        answers."""
        return self._looks.get().addCallback(_found)

    async def _looked(self) -> SlotMap | Exception:
        """The same, where nobody may wait for it any more."""
        try:
            return await self._look()
        except Exception as error:
            return error

    async def _look(self) -> SlotMap:
        """Ask one node after the other, first those that answered well."""
        doubtful: SlotMap | None = None
        failed: Exception = LinkLost("no node of the Cluster was asked")
        tried: list[Node] = []
        for node in list(self._nodes):
            if self._is_stopped:
                break
            try:
                is_well, found = await self._ask(self._questions, node)
            except Exception as error:
                failed = error if isinstance(error, Refused) else _at(node, error, failed)
            else:
                if is_well:
                    self._learn(found, tried)
                    return found
                doubtful = doubtful or found
            tried.append(node)
        if doubtful is None:
            raise failed
        self._learn(doubtful, tried)
        return doubtful

    async def _ask(self, questions: Questions, node: Node) -> tuple[bool, SlotMap]:
        """Whether the Cluster is up for a node, and the slots as it knows them."""
        info, slots = await questions.ask(node, self.reach(node), self.greeting, *_QUESTION)
        if isinstance(slots, Exception):
            wrong = no_node(str(slots))
            raise Refused(f"{shown_host(*node)}: {wrong}") if wrong else slots
        # one that keeps INFO to itself is believed
        return isinstance(info, Exception) or b"cluster_state:ok" in info, read_slots(slots, node)

    def _learn(self, found: SlotMap, tried: list[Node]) -> None:
        """Ask the nodes of a map from now on, and those of the URL; those that were tried in vain come last."""
        nodes = list(found.nodes())
        if set(nodes) - set(self._nodes):
            self._mix(nodes)
        else:
            nodes.sort(key=self._nodes.index)
        known = dict.fromkeys((*nodes, *self._seeds))
        vain = [node for node in tried if node in known]
        self._nodes = [*(node for node in known if node not in vain), *vain]

    async def _watch(self) -> None:
        """See whether slots have moved without a word to their links."""
        try:
            found = await self.look()
            for server in list(self._servers.values()):
                there = found.of(server.slot)
                if there is None:
                    continue
                if there.owner == server.owner:
                    server.followed_by(there.replicas)
                elif await self._confirms(there, server.slot):
                    server.leads_to(there.owner)
        except Exception:
            return  # whoever needs to know hears it when it connects

    async def _confirms(self, there: SlotRange, slot: int) -> bool:
        """Whether the owner itself says that it has a slot."""
        is_well, found = await self._ask(self._confirming, there.owner)
        own = found.of(slot)
        return is_well and own is not None and own.name == there.name


class SlotServer(Server):
    """The node that has a slot. `owner` is what was heard of it last, None before that."""

    _log = Logger()

    def __init__(self, cluster: Cluster, slot: int) -> None:
        self.slot = slot
        self.shown = f"{cluster.shown} (slot {slot})"
        self.on_moved: list[Callable[[str], None]] = []
        self.owner: Node | None = None
        self._replicas = 0
        self._cluster = cluster
        self._is_doubtful = True

    @property
    def greeting(self) -> Sequence[tuple[Any, ...]]:
        return self._cluster.greeting

    def connect(self, factory: Any) -> Deferred[IProtocol]:
        return ensureDeferred(self._connect(factory))

    def led_astray(self, said: str) -> None:
        moved = read_moved(said, self.owner) if self.owner is not None else None
        self._is_doubtful = moved is None
        if moved is not None:
            self.leads_to(moved)

    @property
    def replicas(self) -> int:
        """As its Cluster says: one of these takes its place."""
        return self._replicas

    def followed_by(self, replicas: Sequence[Node]) -> None:
        """These are its replicas now."""
        self._replicas = len(replicas)

    def leads_to(self, owner: Node) -> None:
        """The slot is there. Links that lead to another node are cut."""
        before, self.owner = self.owner, owner
        if before in (None, owner):
            return
        for listener in self.on_moved:
            try:
                listener(f"what it had is at {shown_host(*owner)} now")
            except Exception:
                self._log.failure("a link to a node of the Cluster can't be cut")

    async def _connect(self, factory: Any) -> IProtocol:
        owner = await self._found()
        try:
            return await self._cluster.reach(owner).connect(factory)
        except Exception:
            self._is_doubtful = True
            raise

    async def _found(self) -> Node:
        if self.owner is None or self._is_doubtful:
            there = (await self._cluster.look()).of(self.slot)
            if there is None:
                raise LinkLost(f"no node of the Cluster has slot {self.slot}")
            self._is_doubtful = False
            self.followed_by(there.replicas)
            self.leads_to(there.owner)
        assert self.owner is not None
        return self.owner


def _found(looked: SlotMap | Exception) -> SlotMap:
    if isinstance(looked, Exception):
        raise looked
    return looked


def _at(node: Node, error: Exception, before: Exception) -> Exception:
    """What is said where no node answered: the first refusal, else the last error."""
    if isinstance(before, Refused):
        return before
    why = "it does not answer" if isinstance(error, TimeoutError) else str(error) or repr(error)
    return LinkLost(f"{shown_host(*node)}: {why}")
