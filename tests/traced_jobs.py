"""Handlers with spans of their own, and one that tells what a call of its carries."""

from __future__ import annotations

import asyncio

from opentelemetry import trace

from relay import Context, job

tracer = trace.get_tracer("traced_jobs")


@job
async def calls(context: Context, url: str) -> str:
    """Call a URL within a span; its answer."""
    await asyncio.sleep(0)
    with tracer.start_as_current_span("own"):
        return await (await context.http.get(url)).text()


@job
async def in_a_thread_of_its(context: Context) -> str:
    return await context.thread(present)


@job(thread=True)
def in_a_thread() -> str:
    return present()


@job
async def in_a_task() -> str:
    async def below() -> str:
        await asyncio.sleep(0.01)
        return present()

    return await asyncio.create_task(below())


@job
async def parent(context: Context) -> str:
    """A sub-job's answer."""
    answer: str = await context.submit(in_a_thread)
    return answer


def present() -> str:
    """The id of the present span."""
    return f"{trace.get_current_span().get_span_context().span_id:016x}"
