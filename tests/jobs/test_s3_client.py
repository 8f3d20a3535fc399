"""S3 as a handler uses it, against a real moto."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.threads import deferToThread

from relay.outbound import UpstreamError
from relay.s3 import S3, BucketRefused, S3Error, client
from relay.s3.client import parts_of
from relay.s3.upload import PART
from tests.jobs.servers import BUCKET, OTHER, Moto
from tests.outbound.conftest import Scene, scene

__all__ = ["scene"]
pytestmark = pytest.mark.processes


def s3_of(scene: Scene, moto: Moto, bucket: str = "", attempt: int = 1) -> S3:
    said: list[tuple[float, str]] = []
    context: Any = SimpleNamespace(
        settings=moto.given(),
        http=scene.job(),
        attempt=attempt,
        progress=lambda fraction, message: said.append((fraction, message)),
    )
    return S3(context, bucket)


async def pieces_of(data: bytes, *sizes: int) -> AsyncIterator[bytes]:
    """The bytes in pieces of these sizes, over and over."""
    at = 0
    while at < len(data):
        for size in sizes:
            yield data[at : at + size]
            at += size


@ensureDeferred
async def test_what_is_put_can_be_got_looked_at_and_deleted(scene: Scene, moto: Moto) -> None:
    s3, data = s3_of(scene, moto), b"<Error>no error</Error>"
    stored = await s3.put("a b/ü.txt", data, "text/plain")
    assert (stored.bucket, stored.key, stored.size) == (BUCKET, "a b/ü.txt", len(data))
    assert await s3.get("a b/ü.txt") == data
    found = await s3.head("a b/ü.txt")
    assert found is not None
    assert (found.size, found.type, found.etag) == (len(data), "text/plain", stored.etag)
    assert abs(datetime.now(UTC) - found.modified) < timedelta(minutes=1)
    await s3.delete("a b/ü.txt")
    await s3.delete("a b/ü.txt")
    assert await s3.head("a b/ü.txt") is None


@ensureDeferred
async def test_what_is_not_there_is_told_by_name(scene: Scene, moto: Moto) -> None:
    s3 = s3_of(scene, moto)
    with pytest.raises(S3Error) as caught:
        await s3.get("nothing")
    assert (caught.value.code, caught.value.is_missing, caught.value.retryable) == ("NoSuchKey", True, False)
    with pytest.raises(S3Error) as caught:
        async for _ in s3.read("nothing"):
            pass
    assert caught.value.code == "NoSuchKey"
    with pytest.raises(BucketRefused):
        await s3_of(scene, moto, "payroll").head("x")


@ensureDeferred
async def test_an_object_larger_than_wanted_is_not_read(scene: Scene, moto: Moto) -> None:
    s3 = s3_of(scene, moto)
    await s3.put("large", bytes(3 << 20))
    with pytest.raises(UpstreamError) as caught:
        await s3.get("large", max_bytes=1 << 20)
    assert caught.value.type == "upstream-too-large"
    assert len(await s3.get("large")) == 3 << 20


@ensureDeferred
@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART + 7])
async def test_an_upload_from_pieces_of_any_size_is_read_again_as_it_was(
    scene: Scene, moto: Moto, size: int
) -> None:
    s3, data = s3_of(scene, moto, OTHER), random.Random(size).randbytes(size)
    stored = await s3.upload("parts", pieces_of(data, 100_000, 3_000_001, 1), "x/y", size)
    assert (stored.bucket, stored.size) == (OTHER, size)
    async with aclosing(s3.read("parts", 1 << 18)) as parts:
        assert b"".join([part async for part in parts]) == data


@ensureDeferred
async def test_an_upload_whose_source_fails_leaves_nothing(scene: Scene, moto: Moto) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield bytes(PART + 1)
        raise ConnectionError

    s3 = s3_of(scene, moto)
    with pytest.raises(ConnectionError):
        await s3.upload("broken", breaks())
    await scene.upstreams.close()  # which waits for what was to be finished
    assert await deferToThread(moto.uploads) == []


@ensureDeferred
async def test_the_next_attempt_removes_what_a_dead_worker_left(scene: Scene, moto: Moto) -> None:
    await deferToThread(moto.s3.create_multipart_upload, Bucket=BUCKET, Key="left")
    await s3_of(scene, moto, attempt=2).upload("left", pieces_of(b"small", 5))
    assert await deferToThread(moto.uploads) == []


@ensureDeferred
async def test_a_list_goes_on_after_its_first_page(
    scene: Scene, moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 3)
    s3 = s3_of(scene, moto, OTHER)

    def fill() -> None:
        for number in range(10):
            moto.s3.put_object(Bucket=OTHER, Key=f"many/{number:04}", Body=b"x" * (number % 3))

    await deferToThread(fill)
    found = [each async for each in s3.list("many/")]
    assert [each.key for each in found] == [f"many/{number:04}" for number in range(10)]
    assert [each.size for each in found[:4]] == [0, 1, 2, 0]
    assert [each async for each in s3.list("nothing/")] == []


@ensureDeferred
async def test_pieces_become_parts_of_one_size() -> None:
    data = random.Random(1).randbytes(1000)
    for sizes in ((1,), (100,), (7, 301), (1000,), (300, 100)):
        parts = [part async for part in parts_of(pieces_of(data, *sizes), 100)]
        assert b"".join(parts) == data
        assert [len(part) for part in parts] == [100] * 10
    assert [part async for part in parts_of(pieces_of(b"", 1), 100)] == []
