"""Payments, pictures, reports, and what an application calls besides."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import httpx
import pydantic

from relay import Context, JobError, Retry, Shared, job
from relay.graph import PROBLEMS as GRAPH_PROBLEMS
from relay.graph import Graph
from relay.outbound import pieces
from relay.s3 import PROBLEMS as S3_PROBLEMS
from relay.s3 import S3

BANK = os.environ.get("MYAPP_BANK", "https://bank.example")
MODEL = os.environ.get("MYAPP_MODEL", "https://model.example/v1/chat")


class CardDeclined(JobError):
    """The bank declined the card. Ask for another card."""

    status, slug, title = 402, "card-declined", "The card was declined"


# -- payments --


@job(timeout=30, retries=3, problems=(CardDeclined,))
async def charge(context: Context, cents: int, card: str) -> str:
    """Charge a card, once however often it is tried."""
    body = {"amount": cents, "card": card}
    headers = {"Idempotency-Key": context.idempotency_key}
    response = await context.http.post(f"{BANK}/charges", json=body, headers=headers)
    if response.code >= 500:
        raise Retry("the bank is away")
    answer = await response.json()
    if response.code == 402:
        raise CardDeclined(answer["reason"], decline_code=answer["code"])
    if response.code == 429:
        raise Retry("the bank is busy", after=30)
    return answer["id"]


@job(once=True, timeout=30)
async def pay_out(context: Context, cents: int) -> str:
    """Never done twice."""
    response = await context.http.post(f"{BANK}/payouts", json={"amount": cents})
    return (await response.json())["id"]


class Address(pydantic.BaseModel):
    street: str = pydantic.Field(min_length=1)
    country: Annotated[str, pydantic.Field(pattern="^[A-Z]{2}$")]


@job
async def ship(order: int, to: Address) -> dict[str, Any]:
    """Arguments are checked before the job is queued."""
    return {"order": order, "to": to.model_dump()}


# -- pictures and documents --


@job(thread=True, timeout=20)
def thumbnail(context: Context, pixels: list[int], size: int) -> list[int]:
    """A blocking library, in a thread."""
    assert threading.current_thread() is not threading.main_thread()
    step = max(1, len(pixels) // size)
    context.progress(1, "scaled")
    return pixels[::step][:size]


@job(timeout=20)
async def pdf(context: Context, text: str) -> int:
    """A program makes a document."""
    done = await context.process("sed", "s/^/%PDF /", input=text.encode())
    if done.code:
        raise JobError(done.errors.decode())
    return len(done.output)


# -- reports --


@job(timeout=60)
async def import_csv(context: Context, text: str) -> int:
    """Says how far it is."""
    rows = list(csv.DictReader(io.StringIO(text)))
    for number, row in enumerate(rows, 1):
        await asyncio.sleep(0.01)
        context.progress(number / len(rows), row["name"])
    return len(rows)


@job(timeout=60)
async def square(number: int) -> int:
    await asyncio.sleep(0.05)
    return number * number


@job(timeout=60)
async def squares(context: Context, count: int) -> int:
    """Many sub-jobs at once."""
    return sum(await context.gather(*(context.submit(square, number=n) for n in range(count))))


@job(timeout=60, retries=2)
async def order(context: Context, cents: int) -> dict[str, Any]:
    """One step after the other; a step that was done is not done again."""
    number = await context.step("number", lambda: context.job_id)
    paid = await context.submit(charge, cents=cents, card="visa")
    sent = await context.submit(ship, order=cents, to=Address(street="Main", country="DE"))
    return {"number": number, "paid": paid, "sent": sent}


@job(cron="0 3 * * *", timezone="Europe/Berlin")
async def nightly(context: Context) -> str:
    assert context.scheduled is not None
    return context.scheduled.isoformat()


@job(timeout=600)
async def long_report(context: Context, pages: int) -> dict[str, Any]:
    """Goes on where it was when its worker has ended."""
    done: list[int] = context.last or []
    began = len(done)
    for page in range(began, pages):
        await asyncio.sleep(0.2)
        done.append(page)
        await context.checkpoint(done)
        context.progress(len(done) / pages)
    return {"pages": done, "starts": context.starts, "began": began}


# -- of each user, of each account --


@job(most=1, per="user", timeout=60)
async def sync(context: Context, user: int) -> int:
    """Never twice at once for a user."""
    await context.sleep(0.2)
    return user


@job(limit="60/m", per="account", timeout=60)
async def publish(account: str, text: str) -> str:
    return f"{account}: {text}"


@job(timeout=2, retries=1)
async def stuck() -> None:
    await asyncio.Event().wait()


# -- what it calls --


@job(timeout=30, problems=S3_PROBLEMS)
async def keep(context: Context, key: str, text: str) -> int:
    stored = await S3(context).put(key, text.encode(), "text/plain")
    return stored.size


@job(timeout=30, problems=GRAPH_PROBLEMS)
async def likes(context: Context, post: str) -> int:
    found = await Graph(context).get(post, fields="reactions.summary(total_count)")
    return found["reactions"]["summary"]["total_count"]


@job(timeout=60)
async def ask(context: Context, prompt: str) -> str:
    """Words as a model says them."""
    response = await context.http.post(MODEL, json={"prompt": prompt}, unbuffered=True, max_bytes=0)
    said, rest = "", b""
    async for piece in pieces(response, 1):
        rest += piece
        *lines, rest = rest.split(b"\n")
        for line in filter(None, lines):
            said += json.loads(line.removeprefix(b"data: "))["word"]
            context.progress(0.5, said)
    return said


def open_database(settings: Mapping[str, str]) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(settings.get("database", ":memory:"), check_same_thread=False)
    database.execute("create table if not exists seen (name text)")
    yield database
    database.close()


Database = Annotated[sqlite3.Connection, Shared(open_database)]


@job
async def remember(database: Database, name: str) -> int:
    """A connection that all jobs of a worker share."""
    database.execute("insert into seen values (?)", (name,))
    return database.execute("select count(*) from seen").fetchone()[0]


def make_client() -> httpx.AsyncClient:
    return httpx.AsyncClient()


@job
async def ping(client: Annotated[httpx.AsyncClient, Shared(make_client)], url: str) -> int:
    """Any client of asyncio."""
    return (await client.get(url)).status_code
