"""relay as it is laid out for `scale`: servers, fronts and workers on this machine, and what they have used."""

from __future__ import annotations

import contextlib
import re
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import valkey

from bench.load import load
from bench.processes import Group, free_port, wait_for_port
from bench.systems import HERE, TWISTD
from relay.redis.embedded import find_server

SLOTS = 16384
_SCRIPTS = re.compile(r'^relay_redis_script_seconds_count\{.*verb="(submit|turn)"\} (\S+)$', re.MULTILINE)
_SERVER = {"appendonly": "yes", "save": "", "maxmemory-policy": "noeviction", "protected-mode": "no"}


@dataclass(frozen=True)
class Layout:
    """How many there are of each. More than one server are a Cluster, and have equal shares of the slots."""

    partitions: int = 1
    fronts: int = 1
    workers: int = 1
    servers: int = 1

    def __str__(self) -> str:
        return ", ".join(
            f"{count} {name if count > 1 else name[:-1]}" for name, count in asdict(self).items()
        )


@dataclass
class Used:
    """What was used until now, by all of one kind together: µs of CPU, commands by their kind, bytes to and from
    servers."""

    cpu: Counter[str]
    commands: Counter[str]
    bytes: int

    def since(self, before: Used, each: float) -> dict[str, Any]:
        """The difference, divided by `each`."""

        def divided(after: Counter[str], before: Counter[str]) -> dict[str, float]:
            return {name: (after[name] - before[name]) / each for name in after}

        return {
            "cpu": divided(self.cpu, before.cpu),
            "commands": divided(self.commands, before.commands),
            "bytes": (self.bytes - before.bytes) / each,
        }


class Relay:
    """A layout that runs. `options` are more words for fronts, `worker` for workers."""

    def __init__(
        self, directory: Path, layout: Layout, server: str, options: tuple[str, ...], worker: tuple[str, ...]
    ) -> None:
        self.layout, self.group = layout, Group(directory)
        self._directory, self._server, self._options, self._worker = directory, server, options, worker
        self.servers = [valkey.Valkey(port=free_port()) for _ in range(layout.servers)]
        self.ports = [free_port() for _ in range(layout.fronts)]
        self._admin = [free_port() for _ in range(layout.fronts + layout.workers)]

    def start(self) -> None:
        """Until all of it takes jobs."""
        for nth, server in enumerate(self.servers):
            self._start_server(f"redis{nth}", _port(server))
        if len(self.servers) > 1:
            self._join()
        admin = iter(self._admin)
        for nth in range(self.layout.workers):
            self.add_worker(f"worker{nth}", "--admin", _at(next(admin)), *self._worker)
        for nth, port in enumerate(self.ports):
            words = ("--listen", f"{_at(port)}:backlog=4096", "--max-held", "20000", "--drain", "1")
            self._twistd(f"front{nth}", "front", "--admin", _at(next(admin)), *words, *self._options)
        for port in self._admin + self.ports:
            wait_for_port(port, 90)
        time.sleep(2 + self.layout.partitions)  # inboxes and promises to serve are in each partition

    def add_worker(self, name: str, *options: str) -> None:
        """One more."""
        self._twistd(name, "worker", "--jobs", "bench.jobs", "--drain", "1", *options)

    def _twistd(self, name: str, role: str, *options: str) -> None:
        store = ("--redis", self.url, "--partitions", str(self.layout.partitions))
        command = [TWISTD, "-n", "--pidfile=", "relay", role, *store, *options]
        self.group.start(name, command, cwd=HERE.parent)

    @property
    def url(self) -> str:
        """Where the servers are."""
        hosts = ",".join(f"127.0.0.1:{_port(server)}" for server in self.servers)
        return f"redis+cluster://{hosts}" if len(self.servers) > 1 else f"redis://{hosts}/0"

    def _start_server(self, name: str, port: int) -> None:
        words: dict[str, Any] = {"port": port, "dir": self._directory / name, **_SERVER}
        if len(self.servers) > 1:
            words |= {"cluster-enabled": "yes", "cluster-port": free_port()}
        words["dir"].mkdir()
        command = [self._server or find_server()]
        self.group.start(
            name, command + [part for word in words.items() for part in (f"--{word[0]}", str(word[1]))]
        )
        wait_for_port(port)

    def _join(self) -> None:
        """The servers are one Cluster."""
        count = len(self.servers)
        for nth, server in enumerate(self.servers):
            server.execute_command("CLUSTER", "SET-CONFIG-EPOCH", nth + 1)
            share = nth * SLOTS // count, (nth + 1) * SLOTS // count - 1
            server.execute_command("CLUSTER", "ADDSLOTSRANGE", *share)
            bus = self.servers[0].config_get("cluster-port")["cluster-port"]
            server.execute_command("CLUSTER", "MEET", "127.0.0.1", _port(self.servers[0]), bus)
        while not all(self._is_whole(server) for server in self.servers):
            time.sleep(0.1)

    def _is_whole(self, server: Any) -> bool:
        info = server.execute_command("CLUSTER", "INFO")
        return b"cluster_state:ok" in info and b"cluster_slots_ok:%d" % SLOTS in info

    # -- what it uses --

    def used(self) -> Used:
        """Until now. Scripts are those that submit and take turns, as the processes have counted them."""
        cpu = Counter(client=_client_cpu())
        for name, spent in self.group.cpu().items():
            cpu[name.rstrip("0123456789")] += spent
        cpu["redis"] = 0
        commands, sent = self._scripts(), 0
        for server in self.servers:
            info = server.info("everything")
            cpu["redis"] += 1e6 * (info["used_cpu_user_main_thread"] + info["used_cpu_sys_main_thread"])
            commands["read"] += info.get("cmdstat_xread", {}).get("calls", 0)
            sent += info["total_net_input_bytes"] + info["total_net_output_bytes"]
        return Used(cpu, commands, sent)

    def _scripts(self) -> Counter[str]:
        counted: Counter[str] = Counter(submit=0, turn=0, read=0)
        for port in self._admin:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as page:
                for verb, count in _SCRIPTS.findall(page.read().decode()):
                    counted[verb] += float(count)
        return counted

    def memory(self) -> int:
        """Bytes that the servers use."""
        return sum(server.info("memory")["used_memory"] for server in self.servers)

    def ask(self, in_flight: int, seconds: float, path: str = "/jobs/echo", **headers: str) -> int:
        """Have so many clients, divided among the fronts, each post one job after the other; how many were answered."""
        shares = [len(range(nth, in_flight, len(self.ports))) for nth in range(len(self.ports))]
        urls = [f"http://127.0.0.1:{port}{path}" for port in self.ports]
        asked = [(url, share) for url, share in zip(urls, shares, strict=True) if share]
        with ThreadPoolExecutor(len(asked)) as pool:
            loaded = list(pool.map(lambda each: load(each[0], seconds, each[1], headers), asked))
        if any(each.failed for each in loaded):
            raise RuntimeError(f"{self.layout}: some were not answered: {loaded}")
        return sum(each.requests for each in loaded)


def _port(server: Any) -> int:
    port: int = server.connection_pool.connection_kwargs["port"]
    return port


def _at(port: int) -> str:
    return f"tcp:{port}:interface=127.0.0.1"


def _client_cpu() -> float:
    """µs that programs which have ended have used: wrk."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e6 * (used.ru_utime + used.ru_stime)


@contextlib.contextmanager
def laid_out(
    layout: Layout, server: str = "", options: tuple[str, ...] = (), worker: tuple[str, ...] = ()
) -> Iterator[Relay]:
    """It runs until the end; `server` is a program, the one that comes with relay unless it is said."""
    with tempfile.TemporaryDirectory(prefix="relay-scale-") as directory:
        relay = Relay(Path(directory), layout, server, options, worker)
        try:
            relay.start()
            yield relay
        finally:
            relay.group.stop()
