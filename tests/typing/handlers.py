"""What type checkers say of handlers: mypy and basedpyright read this file, and nothing runs it.

An expected error is ignored by its code; an ignore that is not needed is an error itself.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=error
from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, assert_type

import treq
from pydantic import BaseModel
from twisted.internet.defer import Deferred, succeed
from twisted.web.http_headers import Headers

from relay import Context, Discard, JobError, Limit, Response, Retry, Shared, job, on_start, on_stop
from relay.handlers.finished import Finished


class Address(BaseModel):
    street: str


class Pool:
    async def get(self) -> str:
        return ""


async def make_pool(settings: Mapping[str, str]) -> AsyncIterator[Pool]:
    yield Pool()


def make_plain() -> Iterator[Pool]:
    yield Pool()


# -- handlers --


@job
def plain(context: Context, n: int = 1, at: datetime | None = None) -> int:
    return n


@job(timeout=5, retries=2, limit=Limit("5/s"), problems=(JobError,), most=3, per="address")
async def with_options(address: Address, pool: Annotated[Pool, Shared(make_pool)]) -> Address:
    assert_type(await pool.get(), str)
    return address


@job(then=plain)
async def blocking(pool: Annotated[Pool, Shared(make_plain)]) -> None: ...


@on_start
async def begin(settings: Mapping[str, str]) -> None: ...


@on_stop
def end() -> Deferred[None]:
    return succeed(None)


assert_type(plain(n=1, context=Any), int)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def uses(context: Context) -> None:
    assert_type(context.settings["a"], str)
    assert_type(context.stopped, str)
    assert_type(await context.sleep(1.5), None)
    assert_type(await context.thread(plain, context, n=2), int)
    assert_type(await context.process("true", "-x", input=b"", environment={"A": "b"}, max_bytes=0), Finished)
    finished = await context.process("true")
    assert_type((finished.code, finished.output, finished.errors), tuple[int, bytes, bytes])
    raise Retry("later", after=3)


async def calls(context: Context) -> bytes:
    response = await context.http.get("https://example.com", params={"a": [1, 2], "b": "c"}, max_bytes=0)
    assert_type(response, Response)
    assert_type(response.code, int)
    assert_type(response.headers, Headers)
    assert_type(await response.text(), str)
    assert_type(await response.json(), Any)
    assert_type(await response.content(), bytes)
    await context.http.get("https://example.com", {"Accept": "text/plain"})
    await context.http.post(
        "https://example.com",
        json={"a": 1},
        headers={"A": "b", "C": ["d"]},
        auth=("a", "b"),
        cookies={"a": "b"},
        timeout=3,
        idempotent=True,
        stall=5,
        own=True,
        private=False,
        allow_redirects=False,
    )
    await context.http.put("https://example.com", data=b"x")
    await context.http.patch("https://example.com", data={"field": "x"})
    await context.http.delete("https://example.com")
    await context.http.head("https://example.com", unbuffered=True)
    await context.http.request("POST", "https://example.com", files={"f": "text"})
    return await treq.content(response)


def callbacks(context: Context) -> Deferred[int]:
    def length(body: bytes) -> int:
        return len(body)

    def body(response: Response) -> Deferred[bytes]:
        return response.content()

    assert_type(
        context.http.get("https://example.com").addCallback(treq.content).addCallback(len), Deferred[int]
    )
    return context.http.get("https://example.com").addCallback(body).addCallback(length)


def in_a_thread(context: Context) -> None:
    assert_type(context.wait(lambda: context.http.get("https://example.com")), Response)
    assert_type(context.wait(lambda: context.process("true")), Finished)
    assert_type(context.wait(lambda: context.sleep(1)), None)


# -- mistakes --


@job(timeout="5")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore
def bad_timeout() -> None: ...


@job(retries=2.5)  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore
def bad_retries() -> None: ...


@job(tiemout=5)  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore
def bad_option() -> None: ...


@job(then=42)  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore
def bad_following() -> None: ...


async def mistakes(context: Context) -> None:
    context.progress("half")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _ = context.attmept  # type: ignore[attr-defined]  # pyright: ignore
    context.job_id = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    await context.sleep("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await context.thread(plain, context, n="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await context.process("true", input="text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await context.process(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await context.http.get("https://example.com", stal=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await context.http.post("https://example.com", max_bytes="many")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await context.http.post("https://example.com", data="text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await context.http.put("https://example.com", headers=[("A", "b")])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _ = (await context.http.get("https://example.com")).status  # type: ignore[attr-defined]  # pyright: ignore
    raise Retry("x", after="30")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def more_mistakes() -> None:
    Discard(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    JobError("x", status="402")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Limit(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Shared("make")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
