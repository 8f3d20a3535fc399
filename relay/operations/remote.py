"""`Operations` of a relay elsewhere, through its admin listener (``--admin``)."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from relay.model.problems.base import RelayError
from relay.model.problems.request import StoreAway
from relay.model.text import printable
from relay.net.bodies import NotFetched
from relay.net.posts import Posted, Posts
from relay.operations.operations import NotPossible, Operations
from relay.operations.seen import (
    Done,
    JobDetail,
    JobFilter,
    JobPage,
    LimitStatus,
    Overview,
    RunningJob,
    ScheduleRow,
)
from relay.telemetry.snapshot import Snapshot
from relay.version import VERSION

SECONDS = 15.0  # for one question
Answer = TypeVar("Answer")
_PROBLEM = "application/problem+json"


class NoListener(RelayError):
    """An admin listener could not be asked, or does not answer as one does: `detail` says why, in one line."""

    status = 502


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""


class RemoteOperations(Operations):
    """`Operations` by HTTP. Each also raises `NoListener`.

    `base_url` is that of the listener, `token` an operator's, "" for none.
    """

    def __init__(self, posts: Posts, base_url: str, token: str) -> None:
        self._posts = posts
        self._base = base_url.rstrip("/")
        self._headers = {"Content-Type": "application/json", "User-Agent": f"relay/{VERSION}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    # -- to look --

    async def overview(self) -> Overview:
        return await self._ask(Overview, "overview")

    async def snapshots(self) -> list[Snapshot]:
        return await self._ask(list[Snapshot], "snapshots")

    async def running(self, process: str = "", most: int = 1000) -> list[RunningJob]:
        return await self._ask(list[RunningJob], "running", process=process, most=most)

    async def jobs(self, wanted: JobFilter, most: int = 50, cursor: str = "") -> JobPage:
        return await self._ask(JobPage, "jobs", wanted=wanted, most=most, cursor=cursor)

    async def job(self, id: str) -> JobDetail:
        return await self._ask(JobDetail, "job", id=id)

    async def schedules(self) -> list[ScheduleRow]:
        return await self._ask(list[ScheduleRow], "schedules")

    async def limits(self) -> list[LimitStatus]:
        return await self._ask(list[LimitStatus], "limits")

    # -- to act --

    async def cancel(self, id: str) -> str:
        return await self._ask(str, "cancel", id=id)

    async def retry(self, id: str) -> str:
        return await self._ask(str, "retry", id=id)

    async def delete(self, id: str) -> None:
        await self._ask(type(None), "delete", id=id)

    async def retry_some(self, wanted: JobFilter, cursor: str = "") -> Done:
        return await self._ask(Done, "retry_some", wanted=wanted, cursor=cursor)

    async def delete_some(self, wanted: JobFilter, cursor: str = "") -> Done:
        return await self._ask(Done, "delete_some", wanted=wanted, cursor=cursor)

    async def cancel_some(self, wanted: JobFilter, cursor: str = "") -> Done:
        return await self._ask(Done, "cancel_some", wanted=wanted, cursor=cursor)

    async def erase_some(self, owner: str, cursor: str = "") -> Done:
        return await self._ask(Done, "erase_some", owner=owner, cursor=cursor)

    async def pause_name(self, name: str, on: bool) -> None:
        await self._ask(type(None), "pause_name", name=name, on=on)

    async def pause_queue(self, queue: str, on: bool) -> None:
        await self._ask(type(None), "pause_queue", queue=queue, on=on)

    async def pause_schedule(self, name: str, on: bool) -> None:
        await self._ask(type(None), "pause_schedule", name=name, on=on)

    async def fire(self, name: str) -> str:
        return await self._ask(str, "fire", name=name)

    async def forget(self, scope: str) -> None:
        await self._ask(type(None), "forget", scope=scope)

    async def quiet(self, process: str, on: bool) -> None:
        await self._ask(type(None), "quiet", process=process, on=on)

    # -- how --

    async def _ask(self, kind: type[Answer], method: str, **arguments: Any) -> Answer:
        """The answer to one question, as a value of this type."""
        try:
            posted = await self._posts.post(
                f"{self._base}/api/{method}", msgspec.json.encode(arguments), self._headers, SECONDS
            )
        except NotFetched as error:
            raise NoListener(f"no answer from {self._base}: {error}") from None
        if posted.status != 200:
            raise self._refusal(method, posted)
        if posted.kind != "application/json":
            raise self._stranger(posted)
        try:
            return msgspec.json.decode(posted.body, type=kind)
        except msgspec.MsgspecError as error:
            raise self._other_version(f"its answer to {method} is not one of this version: {error}") from None

    def _refusal(self, method: str, posted: Posted) -> RelayError:
        """What a status other than 200 means."""
        if posted.kind != _PROBLEM:
            return self._stranger(posted)
        said = _said(posted.body)
        if posted.status == 404:
            return self._other_version(f"it has no {method}")
        if posted.status in _MEANINGS:
            return NoListener(f"{self._base} {_MEANINGS[posted.status]}: {said}")
        if posted.status in _KINDS:
            return _KINDS[posted.status](said)
        return NoListener(f"{self._base} refused {method}: {said} (status {posted.status})")

    def _stranger(self, posted: Posted) -> NoListener:
        kind = posted.kind or "nothing that is named"
        return NoListener(
            f"{self._base} is not an admin listener of relay: it answered {posted.status} with {kind}"
        )

    def _other_version(self, why: str) -> NoListener:
        return NoListener(f"{self._base} is of another version than this command ({VERSION}): {why}")


_MEANINGS = {
    401: "wants the token of an operator (--token-file, RELAY_OPERATOR_TOKEN)",
    403: "does not let this be done",
    429: "was shown too many wrong tokens from here",
}
_KINDS: dict[int, type[RelayError]] = {409: NotPossible, 503: StoreAway}


def _said(body: bytes) -> str:
    """What a problem says, in a line."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.MsgspecError:
        return "it does not say why"
    return printable(" ".join((problem.detail or problem.title).split()))
