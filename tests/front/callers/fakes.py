"""A check of who calls, for tests: names and passwords of nobody."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from relay.callers import Caller, RequestHead, Unauthorized


class Passwords:
    """``Authorization: Test NAME``: the callers it knows; ``late`` is found out when `found` fires."""

    def __init__(self, *callers: Caller) -> None:
        self.callers = {caller.owner.partition(":")[2]: caller for caller in callers}
        self.known: set[str] = set()
        self.asked = 0
        self.found: Deferred[Caller | None] = Deferred()

    def recall(self, request: RequestHead) -> Caller | None:
        name = request.header("authorization").removeprefix("Test ")
        return self.callers[name] if name in self.known else None

    def identify(self, request: RequestHead) -> Caller | Deferred[Caller | None] | None:
        self.asked += 1
        scheme, _, name = request.header("authorization").partition(" ")
        if scheme != "Test":
            return None
        if name == "late":
            return self.found
        if name not in self.callers:
            raise Unauthorized("there is no such name")
        return self.callers[name]
