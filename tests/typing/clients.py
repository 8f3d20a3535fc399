"""What type checkers say of calls from elsewhere: mypy and basedpyright read this file, and nothing runs it.

An expected error is ignored by its code; an ignore that is not needed is an error itself.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=error
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from twisted.internet.defer import Deferred, succeed

from relay import Context, job
from relay.client import AsyncClient, CallFailed, Client, HeardEvent


@dataclass
class Box:
    width: int


@job
def plain(n: int, scale: float = 1.0) -> Box:
    return Box(int(n * scale))


@job
def deferred(context: Context, n: int) -> Deferred[Box]:
    return succeed(Box(n))


@job(retries=1)
async def coroutine(context: Context, n: int) -> list[int]:
    return [n]


@job(thread=True)
def blocking(context: Context | None, name: str) -> bytes:
    return name.encode()


def calls(client: Client) -> None:
    assert_type(client.call(plain, n=1), Box)
    assert_type(client.call(plain, 1, 2.0), Box)
    assert_type(client.call(deferred, n=1), Box)
    assert_type(client.call(coroutine, n=1), list[int])
    assert_type(client.call(blocking, name="a"), bytes)
    assert_type(client.call("by_name", anything=1), Any)
    assert_type(client.submit(coroutine, n=1), str)
    assert_type(client.look("0-a"), dict[str, Any])


def calls_on_terms(client: Client) -> None:
    def hear(event: HeardEvent) -> None:
        assert_type(event.name, str)

    assert_type(client.calling(key="k", deadline=2.5, heard=hear)(coroutine, n=1), list[int])
    assert_type(client.submitting(delay=3)(plain, 1), str)
    client.calling(when=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def awaits(client: AsyncClient) -> None:
    assert_type(await client.call(plain, n=1), Box)
    assert_type(await client.call(coroutine, n=1), list[int])
    assert_type(await client.submit(deferred, n=1), str)
    try:
        await client.calling(key="k")(blocking, name="a")
    except CallFailed as failed:
        assert_type(failed.problem, dict[str, Any])


def mistakes(client: Client) -> None:
    client.call(plain, n="one")  # type: ignore[call-overload]  # pyright: ignore
    client.call(plain, m=1)  # type: ignore[call-overload]  # pyright: ignore
    client.submit(coroutine)  # type: ignore[call-overload]  # pyright: ignore
