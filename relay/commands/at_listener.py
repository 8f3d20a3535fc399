"""The operations of a relay by its admin listener."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from relay.commands.ending import Unreached
from relay.commands.reaching import ListenerReach
from relay.model.problems.request import StoreAway
from relay.net.posts import Posts
from relay.operations.operations import Operations
from relay.operations.remote import RemoteOperations


@asynccontextmanager
async def remote_operations(reactor: Any, meant: ListenerReach) -> AsyncIterator[Operations]:
    """The operations, as long as they are needed. Raises `Unreached`."""
    try:
        yield RemoteOperations(Posts(reactor), meant.url, meant.token)
    except StoreAway as away:
        named = "" if away.detail in ("", StoreAway.title) else f": {away.detail}"
        raise Unreached(f"{meant.url} answers, but its store does not{named}") from None
