"""uvicorn + Starlette holding requests, with a heartbeat every eight seconds or without; nothing is queued."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

BEATS = os.environ.get("BEATS") == "1"
over = asyncio.Event()


async def beats() -> AsyncIterator[bytes]:
    yield b"\n"
    while not over.is_set():
        try:
            await asyncio.wait_for(over.wait(), 8)
        except TimeoutError:
            yield b"\n"
    yield b'{"result":1}'


async def hold(request: Request) -> Response:
    await request.body()
    if BEATS:
        return StreamingResponse(beats(), media_type="application/json")
    await over.wait()
    return JSONResponse({"result": 1})


app = Starlette(routes=[Route("/hold", hold, methods=["POST"])])
