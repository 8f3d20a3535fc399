"""What type checkers say of jobs from jobs: mypy and basedpyright read this file, and nothing runs it.

An expected error is ignored by its code; an ignore that is not needed is an error itself.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=error
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from twisted.internet.defer import Deferred, succeed

from relay import Context, SubJob, job


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


@job
async def alone() -> str:
    return ""


@job(thread=True)
def blocking(context: Context | None, name: str) -> bytes:
    return name.encode()


async def submits(context: Context) -> None:
    assert_type(context.submit(plain, n=1), SubJob[Box])
    assert_type(context.submit(plain, 1, 2.0), SubJob[Box])
    assert_type(context.submit(deferred, n=1), SubJob[Box])
    assert_type(context.submit(coroutine, n=1), SubJob[list[int]])
    assert_type(context.submit(alone), SubJob[str])
    assert_type(context.submit(blocking, name="a"), SubJob[bytes])
    assert_type(context.submit("by_name", anything=1), SubJob[Any])
    assert_type(await context.submit(plain, n=1), Box)
    assert_type(context.submit(coroutine, n=1).deferred(), Deferred[list[int]])


async def submits_on_terms(context: Context) -> None:
    submit = context.submission(key="k", delay=1, deadline=2.5, detached=True)
    assert_type(await submit(coroutine, n=1), list[int])
    context.submission(when=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def gathers(context: Context) -> None:
    boxes = context.submit(plain, n=1), context.submit(deferred, n=2)
    assert_type(await context.gather(*boxes), list[Box])
    assert_type(await context.gather(*boxes, return_exceptions=True), list[Box | BaseException])


async def steps(context: Context) -> None:
    async def later() -> int:
        return 1

    assert_type(await context.step("a", later), int)
    assert_type(await context.step("b", lambda: succeed("x")), str)
    assert_type(await context.step("c", lambda: 1.5), float)


def waits(context: Context) -> None:
    assert_type(context.wait(lambda: context.submit(plain, n=1)), Box)
    assert_type(context.wait(lambda: context.gather(context.submit(coroutine, n=1))), list[list[int]])


async def mistakes(context: Context) -> None:
    context.submit(plain, n="x")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    context.submit(plain)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    context.submit(plain, n=1, m=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    context.submit(7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
