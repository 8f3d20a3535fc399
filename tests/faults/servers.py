"""The Redis of a rig: one server at a time, behind an address that stays, and what can happen to it."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import valkey

from relay.store.mail import MailKind
from tests.faults.address import Address
from tests.processes import RedisProcess, eventually, free_port

LEASE = 2.0  # seconds, so that it can be lost often
#: Redis' users: one that may do anything, and one as operators make them, which may not ask INFO
USERS = {"": [], "relay:secret@": ["--user", "relay", "on", ">secret", "~*", "&*", "+@all", "-@dangerous"]}
_LOOP = "for i = 1, tonumber(ARGV[1]) do end"


class Servers:
    """One server at a time, and a replica while it takes over."""

    def __init__(self, directory: Path, draw: random.Random) -> None:
        self.random = draw
        self.user = draw.choice(list(USERS))
        self._directory = directory
        self._made = 0
        self.redis = self._make()
        self._address = Address(directory / "address.sock")
        self.back: list[float] = []  # when a server was of use again

    @property
    def url(self) -> str:
        """Where relay finds whatever server is the present one."""
        return f"unix://{self.user}{self._address.path}"

    def start(self) -> None:
        self.redis.start()
        self._address.start(self.redis.socket)

    def stop(self) -> None:
        self.redis.stop()
        self._address.stop()

    def _make(self) -> RedisProcess:
        self._made += 1
        self.tcp = free_port()
        listen = ("--port", str(self.tcp), "--bind", "127.0.0.1", "--appendfsync", "always")
        folder = self._directory / f"redis{self._made}"
        return RedisProcess(folder, *listen, *USERS[self.user])

    def cut_connections(self) -> None:
        self._on_redis(lambda redis: redis.client_kill_filter(_type="normal", skipme=True))

    def pause_redis(self) -> None:
        """Longer than the lease."""
        self.redis.signal(signal.SIGSTOP)
        time.sleep(LEASE + 0.5)
        self.redis.signal(signal.SIGCONT)

    def restart_redis(self) -> None:
        self.redis.stop()
        self.redis.start()
        self.back.append(time.monotonic())

    def kill_redis(self) -> None:
        self.redis.signal(signal.SIGKILL)
        assert self.redis.process is not None
        self.redis.process.wait()
        self.redis.start()
        self.back.append(time.monotonic())

    def fill_redis(self) -> None:
        self._on_redis(lambda redis: redis.config_set("maxmemory", 1))
        time.sleep(0.7)
        self._on_redis(lambda redis: redis.config_set("maxmemory", 0))

    def pause_clients(self) -> None:
        """Redis lives, and answers nobody."""
        how = self.random.choice(("ALL", "WRITE"))
        self._on_redis(lambda redis: redis.execute_command("CLIENT", "PAUSE", 2500, how))
        time.sleep(2.5)

    def run_a_long_script(self) -> None:
        """Somebody else's, past the time after which Redis says BUSY to all others."""
        self._on_redis(lambda redis: redis.config_set("busy-reply-threshold", 200))
        self._on_redis(lambda redis: redis.eval(_LOOP, 0, 60_000_000))

    def fill_the_disk(self) -> None:
        """Redis refuses to write (MISCONF) because it could not save: where its file goes is something else."""
        dump = self.redis.directory / "dump.rdb"
        dump.unlink(missing_ok=True)
        dump.mkdir()
        try:
            self._on_redis(lambda redis: redis.config_set("save", "3600 1000000000"))
            self._save("err")
            time.sleep(0.7)
        finally:
            dump.rmdir()
        self._save("ok")
        self._on_redis(lambda redis: redis.config_set("save", ""))

    def _save(self, expected: str) -> None:
        def has_saved() -> bool:
            info = self.redis.client.info("persistence")
            if info["rdb_bgsave_in_progress"]:
                return False
            if info["rdb_last_bgsave_status"] != expected:
                with contextlib.suppress(valkey.exceptions.ResponseError):
                    self.redis.client.bgsave()
                return False
            return True

        eventually(has_saved, f"a save that ends as {expected}")

    def fail_over(self) -> None:
        """A replica is promoted behind the same address; it has everything."""
        self._promote(lag=0, cut=True)

    def fail_over_lagging(self) -> None:
        """The same, and the last half second is lost."""
        self._promote(lag=0.5, cut=True)

    def fail_over_split(self) -> None:
        """The same, and the old one lives on for a while with those that only listen."""
        self._promote(lag=0.5, cut=False)

    def _promote(self, lag: float, cut: bool) -> None:
        old, old_port = self.redis, self.tcp
        new = self._make()
        new.start()
        new.client.execute_command("REPLICAOF", "127.0.0.1", old_port)  # a restart must not make it one again
        eventually(
            lambda: new.client.info("replication")["master_link_status"] == "up", "the replica is there"
        )
        if not lag:
            old.client.execute_command("CLIENT", "PAUSE", 5000, "WRITE")
            position = old.client.info("replication")["master_repl_offset"]
            eventually(
                lambda: new.client.info("replication")["slave_repl_offset"] >= position, "it has everything"
            )
        new.client.execute_command("REPLICAOF", "NO", "ONE")
        time.sleep(lag)
        self.redis = new
        self._address.move(new.socket, cut)
        if not cut:
            for client in old.client.client_list():
                if client["cmd"] not in ("xread", "client|list"):
                    old.client.client_kill_filter(_id=client["id"])
            time.sleep(3)
        old.signal(signal.SIGKILL)
        old.stop()
        self.back.append(time.monotonic())

    def forget_scripts(self) -> None:
        self._on_redis(lambda redis: (redis.script_flush(), redis.function_flush()))

    def lose_mail(self) -> None:
        """For a while jobs that are handed to sessions do not reach them."""
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            self._on_redis(_lose_what_is_handed)

    def flush(self) -> None:
        self._on_redis(lambda redis: redis.flushall())

    def _on_redis(self, ask: Callable[[valkey.Valkey], object]) -> None:
        with contextlib.suppress(valkey.exceptions.ConnectionError):
            ask(self.redis.client)


def _lose_what_is_handed(redis: valkey.Valkey) -> None:
    for key in redis.scan_iter("{r0}:inbox:*"):
        for entry, texts in redis.xrange(key):
            if all(text.startswith(MailKind.HANDED.value.encode()) for text in texts.values()):
                redis.xdel(key, entry)
