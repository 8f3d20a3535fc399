"""uvicorn + Starlette + SAQ: `apply` enqueues and waits, told by Redis' publications."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from saq import Queue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

queue = Queue.from_url(os.environ["REDIS"])


async def echo(ctx: dict[str, Any], *, message: object) -> object:
    return message


settings = {"queue": queue, "functions": [echo], "concurrency": int(os.environ.get("JOBS", "10"))}


async def hold(request: Request) -> JSONResponse:
    message = (await request.json())["message"]
    return JSONResponse({"result": await queue.apply("echo", message=message)})


async def enqueue(request: Request) -> JSONResponse:
    job = await queue.enqueue("echo", message=(await request.json())["message"])
    return JSONResponse({"id": job.id if job else None}, 202)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    await queue.connect()
    yield
    await queue.disconnect()


app = Starlette(
    routes=[Route("/hold", hold, methods=["POST"]), Route("/queue", enqueue, methods=["POST"])],
    lifespan=lifespan,
)
