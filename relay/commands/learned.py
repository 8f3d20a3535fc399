"""What was learned of limits, for an operator: ``python -m relay.learned --redis URL [--forget SCOPE]``.

Prints each scope (a host, a host and the value that jobs are counted by, or the lane of a limit: ``@name``) with the
rate and the pause that were learned. With ``--forget`` what was learned of one scope is deleted. Ends with status 1 if
nothing is known of that scope or Redis does not answer, 2 for a bad URL.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from relay.commands.at_store import opened_store
from relay.commands.ending import Unreached
from relay.model.limits import Learned
from relay.model.settings import Settings
from relay.model.text import printable
from relay.redis.address import Address, AddressError


def table(learned: Mapping[str, Learned]) -> Iterator[str]:
    """A line for each scope, below a head."""
    rows = [("scope", "rate", "pause")]
    for scope, said in sorted(learned.items()):
        rate = f"{said.rate.calls} in {said.rate.window:g} s" if said.rate.window else "-"
        rows.append((printable(scope), rate, f"{said.pause:.0f} s" if said.pause else "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for scope, rate, pause in rows:
        yield f"{scope:<{widths[0]}}  {rate:<{widths[1]}}  {pause}"


async def run(reactor: Any, address: Address, forget: str, settings: Settings) -> None:
    """Print what was learned, or forget what was learned of one scope (exit status 1 if that is nothing)."""

    try:
        async with opened_store(reactor, address, settings) as store:
            if not forget:
                print("\n".join(table(await store.learned())))
            elif not await store.forget(forget):
                raise SystemExit(f"relay: nothing was learned of {printable(forget)}")
    except Unreached as error:
        raise SystemExit(f"relay: {error}") from None


def main(words: list[str]) -> None:
    """Run the command with these words of its command line."""
    parser = argparse.ArgumentParser(
        prog="python -m relay.learned", description="What was learned of limits."
    )
    parser.add_argument(
        "--redis", default=os.environ.get("RELAY_REDIS", ""), help="where the store is: a URL"
    )
    parser.add_argument("--forget", default="", metavar="SCOPE", help="what was learned of it counts no more")
    parser.add_argument(
        "--store-name", default=os.environ.get("RELAY_STORE_NAME", ""), help="the name in its store's keys"
    )
    given = parser.parse_args(words)
    try:
        address = Address.parse(given.redis)
    except AddressError as error:
        parser.error(f"--redis: {error}")
    settings = Settings(store_name=given.store_name)
    react(lambda reactor: Deferred.fromCoroutine(run(reactor, address, given.forget, settings)))
