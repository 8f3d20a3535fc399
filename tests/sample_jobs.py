"""Handlers for the tests, and a sample for the type checker: this file has to pass mypy --strict."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay import Context, JobError, job


@dataclass(frozen=True, slots=True)
class Box:
    width: int
    height: int


@job
def area(box: Box, scale: Annotated[int, Meta(ge=1)] = 1) -> int:
    return box.width * box.height * scale


@job(name="whoami")
async def tell(context: Context) -> dict[str, Any]:
    return {
        "id": context.job_id,
        "attempt": context.attempt,
        "key": context.idempotency_key,
        "pid": os.getpid(),
    }


@job
def decline() -> None:
    raise JobError("insufficient funds", status=402, type="card-declined", decline_code="funds")


@job
def log_in_elsewhere() -> None:
    raise JobError(status=401, type="token-expired")


@job
def stumble() -> None:
    raise RuntimeError("a secret detail")


@job(timeout=0.2)
def forever() -> Deferred[None]:
    return Deferred()


@job(timeout=600)
def patient() -> Deferred[None]:
    return Deferred()


@job
async def large(size: int, seconds: float = 0) -> str:
    from twisted.internet import reactor

    await deferLater(reactor, seconds)
    return "x" * size


@job
def big(size: int) -> str:
    return "x" * size


@job
def unwritable() -> object:
    return threading.Lock()


@job(thread=True)
def blocking(seconds: float) -> str:
    time.sleep(seconds)
    return threading.current_thread().name


@job(thread=True)
def lines_of(context: Context, url: str) -> int:
    response = context.wait(lambda: context.http.get(url))
    return len(context.wait(response.text).splitlines())


@job(thread=True)
def wait_for_a_coroutine(context: Context) -> str:
    async def name() -> str:
        return threading.current_thread().name

    return context.wait(name)


@job(retries=1)
async def second_time(context: Context) -> int:
    if context.attempt == 1:
        raise RuntimeError("not the first time")
    return context.attempt


@job(timeout=600)
def reporting(context: Context) -> Deferred[None]:
    context.progress(0.5, "half of it")
    return Deferred()
