"""Handlers whose exceptions Sentry gets, as docs/recipes.md has it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.transport import Transport
from twisted.internet.defer import Deferred

from relay import Context, JobAttempt, JobError, around, job, on_start

sent: list[dict[str, Any]] = []


class InMemory(Transport):
    """Keeps what would be sent."""

    def capture_envelope(self, envelope: Any) -> None:
        event = envelope.get_event()
        if event is not None:
            sent.append(event)


@on_start
def sentry(settings: Mapping[str, str]) -> None:
    own = {"transport": InMemory, "release": "1", "auto_enabling_integrations": False}  # of these tests
    sentry_sdk.init(settings["sentry_dsn"], **own)


@around
def reported(attempt: JobAttempt) -> Iterator[None]:
    with sentry_sdk.isolation_scope() as scope:
        scope.set_tags({"job": attempt.name, "job_id": attempt.id, "attempt": attempt.number})
        try:
            yield
        except JobError:
            raise
        except Exception as error:
            sentry_sdk.capture_exception(error)
            raise


@job(retries=1)
def plain(word: str) -> None:
    sentry_sdk.add_breadcrumb(message=word)
    raise ValueError(word)


@job
async def waits(word: str) -> None:
    sentry_sdk.add_breadcrumb(message=f"{word} begins")
    await asyncio.sleep(1)
    logging.getLogger("own").warning("%s goes on", word)
    await asyncio.create_task(below(word))
    raise ValueError(word)


async def below(word: str) -> None:
    await asyncio.sleep(1)
    sentry_sdk.add_breadcrumb(message=f"{word} in a task")


@job(thread=True)
def in_a_thread(word: str) -> None:
    sentry_sdk.add_breadcrumb(message=word)
    raise ValueError(word)


@job
async def calls_a_thread(context: Context, word: str) -> None:
    await context.thread(sentry_sdk.add_breadcrumb, message=word)
    raise ValueError(word)


@job
def refuses(word: str) -> None:
    raise JobError(word)


@job
def lasts(word: str) -> Deferred[None]:
    return Deferred()
