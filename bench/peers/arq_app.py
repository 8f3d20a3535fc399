"""uvicorn + Starlette + arq: enqueue, and wait for the result, as arq's docs have it. Its polls are set by POLL."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

POLL = float(os.environ.get("POLL", "0.5"))
REDIS = RedisSettings.from_dsn(os.environ["REDIS"])


async def echo(ctx: dict[str, Any], message: object) -> object:
    return message


class WorkerSettings:
    functions = [echo]
    redis_settings = REDIS
    poll_delay = POLL
    max_jobs = int(os.environ.get("JOBS", "10"))


async def hold(request: Request) -> JSONResponse:
    job = await request.app.state.pool.enqueue_job("echo", (await request.json())["message"])
    return JSONResponse({"result": await job.result(poll_delay=POLL)})


async def queue(request: Request) -> JSONResponse:
    job = await request.app.state.pool.enqueue_job("echo", (await request.json())["message"])
    return JSONResponse({"id": job.job_id}, 202)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.pool = await create_pool(REDIS)
    yield


app = Starlette(
    routes=[Route("/hold", hold, methods=["POST"]), Route("/queue", queue, methods=["POST"])],
    lifespan=lifespan,
)
