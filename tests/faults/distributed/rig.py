"""A topology, hosts with relay on them, clients, and a probe."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.store.keys import Keys
from tests.faults.distributed.probe import Probe
from tests.faults.distributed.site import Site
from tests.processes import LOOPBACK, ROOT, Host
from tests.started import start
from tests.topologies.cluster import Cluster
from tests.topologies.network import Network, can_have_hosts
from tests.topologies.one import One
from tests.topologies.sentinels import Sentinels

HOSTS = 3  # with servers; the first ones have relay, too
KINDS: dict[str, type[Sentinels | Cluster | One]] = {"sentinel": Sentinels, "cluster": Cluster, "one": One}
DOWN_AFTER = {"sentinel": 1.0, "cluster": 2.0, "one": 0.0}  # seconds until a server is given up


@dataclass
class Plan:
    """What a run is to be."""

    topology: str = "sentinel"
    server: str = "redis"
    seed: int = 0
    jobs: int = 2000
    faults: int = 20
    at_once: int = 30  # clients
    durable: bool = False  # whether those that do not wait ask for durable jobs
    partitions: int = 1
    sites: int = 2  # hosts with relay
    only: tuple[str, ...] = ()  # the faults, each once, instead of any that are drawn
    user: str = ""  # a user of the servers', as in ``relay:secret@``


@dataclass
class Rig:
    """What a run has. `network` is None where this machine allows no hosts."""

    plan: Plan
    directory: Path
    topology: Sentinels | Cluster | One
    sites: list[Site]
    probe: Probe
    network: Network | None
    draw: random.Random

    def clients(self, seed: int, count: int) -> subprocess.Popen[bytes]:
        """A process of clients: it goes on behind `count` jobs until SIGTERM, and ends when all have their outcome."""
        places = ",".join(f"{host}:{port}" for host, port in (site.place for site in self.sites))
        words = [
            sys.executable,
            "-m",
            "tests.faults.clients",
            places,
            str(seed),
            str(count),
            str(self.directory),
        ]
        words += ["--lasting", "--at-once", str(self.plan.at_once)]
        return start([*words, *(["--durable"] if self.plan.durable else [])], cwd=ROOT)

    def tags(self) -> list[str]:
        """What the keys of each partition begin with."""
        count = self.plan.partitions
        return [Keys(number, count).tag for number in range(count)]

    def client_of(self, tag: str) -> Any:
        """A client of the server that has a partition."""
        return self.topology.owner(tag).client


@contextlib.contextmanager
def rig_of(plan: Plan, directory: Path) -> Iterator[Rig]:
    """Everything started, and ended afterwards; logs are left in the directory."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network(HOSTS)) if can_have_hosts() else None
        hosts: tuple[Host, ...] = tuple(network.hosts) if network else (LOOPBACK,) * HOSTS
        topology = KINDS[plan.topology](
            directory, plan.server, hosts=hosts, down_after=DOWN_AFTER[plan.topology]
        )
        stack.callback(topology.stop)
        stack.callback(_write_logs, topology, directory)
        topology.start()
        sites = [
            Site(directory, n, topology.url(plan.user), hosts[n], plan.partitions) for n in range(plan.sites)
        ]
        for site in sites:
            stack.callback(site.stop)
            stack.callback(site.write_logs)
            site.start()
        probe = Probe(sites)
        yield Rig(plan, directory, topology, sites, probe, network, random.Random(plan.seed))


def _write_logs(topology: Sentinels | Cluster | One, directory: Path) -> None:
    """What each server and each Sentinel said since it was started last, beside the history."""
    sentinels = topology.sentinels if isinstance(topology, Sentinels) else []
    for node in (*topology.nodes, *sentinels):
        (directory / f"server-{node.host.address}-{node.port}.log").write_text(node.log_tail(1 << 30))
