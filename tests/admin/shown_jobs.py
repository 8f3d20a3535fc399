"""Jobs that the dashboard is looked at with."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from relay import Context, JobError, job


@job(timeout=600, queue="slow")
def patient() -> Deferred[None]:
    """Ends when it is told to."""
    return Deferred()


@job(retries=1)
async def fragile(text: str = "") -> None:
    """Fails twice, and is dead."""
    raise JobError(f"it broke: {text}", type="broken", retryable=True)


@job
async def quick(number: int = 0) -> int:
    """Ends at once."""
    return number


@job(cron="0 3 1 1 *")
async def nightly() -> str:
    """Runs once a year."""
    return "done"


@job
async def called(context: Context, url: str) -> int:
    """Calls an API that may say when to come again."""
    return (await context.http.get(url)).code
