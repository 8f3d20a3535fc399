"""Durable jobs that others submit, for tests with real processes."""

from __future__ import annotations

from relay import Context, job


@job(durable=True)
def paid(n: int) -> int:
    return n


@job
async def paying(context: Context, n: int) -> int:
    return await context.submit(paid, n=n)


@job(durable=True, every=1, internal=True)
def closing() -> None:
    """Fired each second."""
