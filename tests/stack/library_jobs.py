"""Handlers as developers write them with the libraries that asyncio has, for the tests."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import asyncpg
import httpx
import openai
from aiobotocore.session import get_session

from relay import Context, job

#: what all jobs of a worker share, made by the first that needs it
shared: dict[str, Any] = {}


@job(timeout=30)
async def by_httpx(url: str) -> Any:
    async with httpx.AsyncClient(timeout=None) as client:
        return (await client.get(url)).json()


@job(timeout=1)
async def by_httpx_in_a_second(url: str) -> Any:
    async with httpx.AsyncClient(timeout=None) as client:
        return (await client.get(url)).json()


@job(timeout=30)
async def by_aiohttp(url: str) -> Any:
    """With a session that outlives the job."""
    session = shared.setdefault("session", aiohttp.ClientSession())
    async with session.get(url) as response:
        return await response.json()


@job(timeout=30)
async def by_openai(context: Context, url: str, question: str) -> str:
    async with openai.AsyncOpenAI(api_key="none", base_url=url) as client:
        answer = await client.chat.completions.create(
            model="test", messages=[{"role": "user", "content": question}], stream=True
        )
        said = ""
        async for chunk in answer:
            said += chunk.choices[0].delta.content or ""
            context.progress(0.5, said)
        return said


@job(timeout=30)
async def by_aiobotocore(url: str, bucket: str) -> str:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    async with get_session().create_client("s3", endpoint_url=url, **keys) as s3:
        await s3.create_bucket(Bucket=bucket)
        await s3.put_object(Bucket=bucket, Key="x", Body=b"hello")
        answer = await s3.get_object(Bucket=bucket, Key="x")
        async with answer["Body"] as body:
            return (await body.read()).decode()


async def pool_of(url: str) -> asyncpg.Pool:
    lock = shared.setdefault("lock", asyncio.Lock())
    async with lock:
        if "pool" not in shared:
            shared["pool"] = await asyncpg.create_pool(url, min_size=1, max_size=2)
        pool: asyncpg.Pool = shared["pool"]
        return pool


@job(timeout=30)
async def by_asyncpg(url: str, query: str) -> Any:
    return await (await pool_of(url)).fetchval(query)


@job(timeout=1)
async def by_asyncpg_in_a_second(url: str, query: str) -> Any:
    return await (await pool_of(url)).fetchval(query)


@job(timeout=30)
async def by_relays_client(context: Context, url: str) -> list[Any]:
    """In tasks of asyncio."""

    async def get() -> Any:
        return await (await context.http.get(url)).json()

    async with asyncio.timeout(25), asyncio.TaskGroup() as group:
        tasks = [group.create_task(get()) for _ in range(2)]
        return [await get(), *[await task for task in tasks]]
