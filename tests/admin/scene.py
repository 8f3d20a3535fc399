"""An admin listener in memory, over a store in memory; one client at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock

from relay.admin.listener import AdminListener, AdminTools
from relay.admin.standing import Standing
from relay.http.forwarding import Proxies
from relay.model.caller import FREE
from relay.model.problems.request import StoreAway
from relay.model.token import digest_of, make_token
from relay.operations.store_operations import StoreOperations
from relay.serving.token_file import TokenFile
from relay.store.memory.fronts import MemoryFrontStore
from relay.store.memory.operators import MemoryOperatorStore
from relay.store.memory.store import MemoryStore
from relay.store.messages import Submission
from relay.store.terms import StoreSettings
from relay.telemetry.snapshot import Snapshot
from tests.front.scene import Answered, Visitor
from tests.store.test_store import a_job

HERE = "127.0.0.1"


class NeverListens:
    """Stands for the endpoint: requests come without one."""

    def __str__(self) -> str:
        return "http://127.0.0.1:8081"

    def listen(self, factory: Any) -> Deferred[Any]:
        return Deferred()


class Desk:
    """The listener, and what a test may change: `why` it is not ready, whether the store is `away`, what processes
    tell (`snapshots`)."""

    def __init__(self, directory: Path | None = None, *operators: str, is_wide: bool = False) -> None:
        """`operators` are in a file of tokens in the directory, each named as what it may; ``app`` is none."""
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.store = MemoryStore(self.clock, StoreSettings(60, 10, 1000))
        self.tokens = {name: make_token() for name in operators}
        self.path = directory / "tokens.toml" if directory is not None else None
        self.snapshots: list[Snapshot] = []
        self.why = ""
        self.away = False
        operations = StoreOperations(MemoryOperatorStore(self.store))
        tools = AdminTools(
            clock=self.clock,
            endpoint=NeverListens(),  # type: ignore[arg-type]
            operations=operations,
            snapshots=self._told,
            own=lambda: self.snapshots[:1],
            standing=Standing(lambda: self.why, self._ask, self.clock.seconds),
            proxies=Proxies(["10.0.0.1"]),
            hosts=["relay.example"],
            file=self._file() if operators else None,
            is_wide=is_wide,
            now=self.clock.seconds,
        )
        self.listener = AdminListener(tools)

    def _file(self) -> TokenFile:
        self.write()
        self.file = TokenFile(str(self.path), FREE, now=self.clock.seconds)
        self.file.read()
        return self.file

    def write(self, *left_out: str, expires: str = "") -> None:
        """Write the file of tokens, without some."""
        assert self.path is not None
        tables = [
            f'[{name}]\nsha256 = ["{digest_of(token).hex()}"]\n{expires}'
            + ("" if name == "app" else f'operator = "{name}"\n')
            for name, token in self.tokens.items()
            if name not in left_out
        ]
        self.path.write_text("\n".join(tables))
        self.path.chmod(0o600)

    async def _told(self) -> list[Snapshot]:
        return self.snapshots

    async def _ask(self) -> None:
        if self.away:
            raise StoreAway

    def add(self) -> str:
        """Submit a job; its id."""
        front, ids = MemoryFrontStore(self.store, ""), list[str]()
        added = ensureDeferred(front.submit(Submission(front.mint(), a_job())))
        added.addCallback(lambda receipt: ids.append(receipt.id))
        return ids[0]

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str = "",
        address: str = HERE,
        **headers: str,
    ) -> Answered:
        """Ask from an address, and what is answered; underscores in names of headers are dashes, and bytes are the body
        as it is."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = {"Host": "localhost:8081", "Content-Length": str(len(data))}
        given |= {"Content-Type": "application/json"} if body is not None else {}
        given |= {"Authorization": f"Bearer {self.tokens.get(token, token)}"} if token else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}" for name, value in given.items() if value]
        visitor = Visitor()
        visitor.protocol = self.listener.site.buildProtocol(IPv4Address("TCP", address, 5000))
        visitor.protocol.makeConnection(visitor)
        visitor.protocol.dataReceived(
            "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + data
        )
        self.clock.advance(0)
        answer = visitor.answer()
        assert answer is not None
        visitor.loseConnection()
        return answer

    def ask(self, method: str, token: str = "", **arguments: Any) -> Answered:
        """Ask a method of the API."""
        return self.call("POST", f"/api/{method}", arguments, token)
