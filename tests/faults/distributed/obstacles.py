"""What befalls a topology and its hosts. Each fault returns when all is whole again, with the seconds for which it may
keep new requests out: until the servers themselves could know, or as long as it lasts."""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from collections.abc import Callable

from tests.faults.distributed.rig import Plan, Rig
from tests.faults.distributed.site import LEASE
from tests.topologies.cluster import Cluster
from tests.topologies.node import Node
from tests.topologies.one import One
from tests.topologies.sentinels import Sentinels

_CUT_FOR = 3.0  # seconds that a host is cut off after another server has taken over
_STEP = 3600  # seconds that a clock is set ahead or back
_PAUSE, _AT_ONCE = 0.02, 10  # seconds between so many keys of a slot that is moved, as redis-cli does it


class Obstacles:
    """The faults, each a method of its name."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._draw = rig.draw
        self._topology = rig.topology
        self._tag = ""  # of the partition that is hit
        self.promoted = 0.0  # when another server had taken over at last
        self.cut_off: list[int] = []  # the numbers of the sites that the last fault cut off

    def do(self, name: str) -> float:
        """Have one happen."""
        self.promoted, self.cut_off = 0.0, []
        self._tag = self._draw.choice(self._rig.tags())
        what: Callable[[], float] = getattr(self, name)
        seconds = what()
        if name not in UNHEALED:
            self._topology.wait_until_whole()
        return seconds

    def _pass(self, seconds: float) -> None:
        """Let something last."""
        threading.Event().wait(seconds)

    @property
    def _replicated(self) -> Sentinels | Cluster:
        assert not isinstance(self._topology, One)
        return self._topology

    @property
    def _cluster(self) -> Cluster:
        assert isinstance(self._topology, Cluster)
        return self._topology

    @property
    def _sentinels(self) -> Sentinels:
        assert isinstance(self._topology, Sentinels)
        return self._topology

    def _another(self, old: Node) -> None:
        self._replicated.wait_for_another(old, self._tag)
        self.promoted = time.monotonic()

    # -- the server that has a partition --

    def kill(self) -> float:
        """It dies, and comes back once another has taken over."""
        old = self._replicated.owner(self._tag)
        old.kill()
        self._another(old)
        old.revive()
        return self._topology.down_after

    def kill_and_hand_over(self) -> float:
        """It dies, and the one that took over has to hand over at once; the first one stays away."""
        old = self._replicated.owner(self._tag)
        old.kill()
        self._another(old)
        self._replicated.failover(self._tag)
        return self._topology.down_after

    def kill_and_revive(self) -> float:
        """It dies, and is started again at once."""
        begun = time.monotonic()
        node = self._topology.owner(self._tag)
        node.kill()
        node.revive()
        return time.monotonic() - begun

    def hang(self) -> float:
        """It is silent for longer than servers wait, and goes on as one that thinks it is the master."""
        old = self._replicated.owner(self._tag)
        old.hang()
        self._another(old)
        old.go_on()
        return self._topology.down_after

    def hang_shortly(self) -> float:
        """It is silent for less than servers wait."""
        node = self._topology.owner(self._tag)
        seconds = self._topology.down_after / 2 or 1.0
        node.hang()
        self._pass(seconds)
        node.go_on()
        return seconds

    def partition(self) -> float:
        """Its host is cut off from the others, whoever is there still reaches it."""
        network = self._rig.network
        assert network is not None
        old = self._replicated.owner(self._tag)
        self._leave_alone(old)
        others = [host for host in network.hosts if host != old.host]
        self.cut_off = [site.number for site in self._rig.sites if site.host == old.host]
        network.cut([old.host], others)
        try:
            self._another(old)
            self._pass(_CUT_FOR)
        finally:
            network.join([old.host], others)
        return self._topology.down_after

    def _leave_alone(self, node: Node) -> None:
        """Have no other master on its host: a Cluster that most masters are cut off from elects none."""
        for other in self._topology.nodes:
            if other is not node and other.host == node.host and other.is_master:
                self._replicated.hand_over(other)

    def failover(self) -> float:
        """Planned, as an operator does it."""
        self._replicated.failover(self._tag)
        self.promoted = time.monotonic()
        return 0.0

    def lag(self) -> float:
        """Its replicas are silent for a while."""
        replicas = self._replicated.replicas_of(self._replicated.owner(self._tag))
        self._hang_all(replicas, self._topology.down_after / 2)
        return 0.0

    def _hang_all(self, nodes: list[Node], seconds: float) -> None:
        for node in nodes:
            node.hang()
        self._pass(seconds)
        for node in nodes:
            node.go_on()

    def lose_writes(self) -> float:
        """It dies while its replicas are behind by half a second."""
        old = self._replicated.owner(self._tag)
        replicas = self._replicated.replicas_of(old)
        for node in replicas:
            node.hang()
        self._pass(0.5)
        old.kill()
        for node in replicas:
            node.go_on()
        self._another(old)
        old.revive()
        return self._topology.down_after + 0.5

    def cut_connections(self) -> float:
        self._topology.owner(self._tag).ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return 0.0

    # -- all servers --

    def restart_servers(self) -> float:
        """One after the other; a master hands over first."""
        for node in self._topology.nodes:
            if node.is_master:
                self._replicated.hand_over(node)
            node.restart()
            self._topology.wait_until_whole()
        return 0.0

    def restart_replicas(self) -> float:
        for node in self._topology.nodes:
            if not node.is_master:
                node.restart()
                self._topology.wait_until_whole()
        return 0.0

    def restart(self) -> float:
        """The one server there is."""
        begun = time.monotonic()
        self._topology.owner(self._tag).restart()
        return time.monotonic() - begun

    def kill_sentinel(self) -> float:
        sentinel = self._draw.choice(self._sentinels.sentinels)
        sentinel.kill()
        self._pass(1.0)
        sentinel.revive()
        return 0.0

    def hang_sentinels(self) -> float:
        """Two of them, so that there is no majority."""
        self._hang_all(list(self._draw.sample(self._sentinels.sentinels, 2)), 2.0)
        return 0.0

    # -- slots --

    def move(self) -> float:
        """The slot of a partition, ten keys at a time."""
        begun = time.monotonic()
        move = self._cluster.move(self._tag)
        move.begin()
        move.finish(_PAUSE, _AT_ONCE)
        return time.monotonic() - begun

    def move_half(self) -> float:
        """The same, left in the middle for a while."""
        begun = time.monotonic()
        move = self._cluster.move(self._tag)
        move.half(at_once=_AT_ONCE)
        self._pass(1.5)
        move.finish(at_once=_AT_ONCE)
        return time.monotonic() - begun

    def move_at_once(self) -> float:
        self._cluster.move_at_once(self._tag)
        return 0.0

    # -- relay's own processes and hosts --

    def kill_worker(self) -> float:
        self._draw.choice(self._rig.sites).kill_worker()
        return 0.0

    def stop_worker(self) -> float:
        """For longer than its lease."""
        worker = self._draw.choice(self._rig.sites).worker
        worker.signal(signal.SIGSTOP)
        self._pass(LEASE + 1)
        worker.signal(signal.SIGCONT)
        return 0.0

    def restart_relay(self) -> float:
        """Each process, one after the other."""
        for site in self._rig.sites:
            site.restart_worker()
            site.restart_front()
        return 0.0

    def step_clock(self) -> float:
        """The clock of one host goes wrong, and is put right again."""
        clock = self._draw.choice(self._rig.sites).clock
        assert clock is not None
        clock.set(self._draw.choice((-_STEP, _STEP)))
        self._pass(2.0)
        clock.set(0)
        return 0.0


#: what leaves a topology broken, and is drawn by nobody
UNHEALED = {"kill_and_hand_over"}
_ALWAYS = ("hang_shortly", "cut_connections", "kill_worker", "stop_worker", "restart_relay", "step_clock")
#: what leaves the history as it is, by the kind of topology
KEEPING = {
    "sentinel": (*_ALWAYS, "lag", "restart_replicas", "kill_sentinel", "hang_sentinels"),
    "cluster": (*_ALWAYS, "lag", "restart_replicas", "failover", "restart_servers", "move", "move_half"),
    "one": (*_ALWAYS, "kill_and_revive", "restart"),
}
#: and what may lose the last writes: replication is asynchronous, and after a failover by Sentinels' command the old
#: master takes writes until it is told to follow
LOSING = {
    "sentinel": ("kill", "failover", "hang", "partition", "lose_writes", "restart_servers"),
    "cluster": ("kill", "hang", "partition", "lose_writes"),
    "one": (),
}


#: what only one kind of server can do
ATOMIC = {("cluster", "valkey"): ("move_at_once",)}


def impossible(rig: Rig) -> set[str]:
    """What this machine does not allow."""
    return (set() if rig.network else {"partition"}) | (set() if rig.sites[0].clock else {"step_clock"})


def decks(plan: Plan, draw: random.Random, without: set[str]) -> tuple[list[str], list[str]]:
    """The faults of both stages, in their order: each once before any comes again."""
    kept = (*KEEPING[plan.topology], *ATOMIC.get((plan.topology, plan.server), ()))
    both = [[name for name in names if name not in without] for names in (kept, LOSING[plan.topology])]
    if plan.only:
        return [name for name in plan.only if name in both[0]], [
            name for name in plan.only if name not in both[0]
        ]
    count = round(plan.faults * len(both[1]) / (len(both[0]) + len(both[1])))
    return _deal(both[0], plan.faults - count, draw), _deal(both[1], count, draw)


def _deal(names: list[str], count: int, draw: random.Random) -> list[str]:
    rounds = (draw.sample(names, len(names)) for _ in range(count))
    return list(itertools.islice(itertools.chain.from_iterable(rounds), count))
