"""Calls to S3 as such, where moto has no words for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import Credentials
from pytest_twisted import ensureDeferred

from relay import JobError
from relay.jobs.s3 import s3_copy_url
from relay.s3 import S3, Bucket, S3Error
from relay.s3.upload import Upload
from tests.outbound.conftest import Scene, scene
from tests.outbound.hostile import OK, Hostile

__all__ = ["scene"]
ACCESS = {"s3_access_key": "a", "s3_secret_key": "b"}


@ensureDeferred
async def test_a_call_that_is_told_to_slow_down_waits_in_place(scene: Scene) -> None:
    bucket = Bucket("photos", scene.api.url, "us-east-1", Credentials("a", "b"))
    reply = await bucket.call(scene.job(), "POST", scene.api.url + "/slows-down-once")
    assert reply.body == b"<Fine/>"
    assert [scopes for scopes, _ in scene.limits.learned] == [[scene.api.url.removeprefix("http://")]]


@ensureDeferred
async def test_amazons_own_addresses() -> None:
    plain = await Bucket.open({"s3_buckets": "photos", "s3_region": "eu-west-1", **ACCESS})
    assert plain.url("a/b c") == "https://photos.s3.eu-west-1.amazonaws.com/a/b%20c"
    dotted = await Bucket.open({"s3_buckets": "photos, my.photos", **ACCESS}, "my.photos")
    assert dotted.url("k", partNumber=1) == "https://s3.us-east-1.amazonaws.com/my.photos/k?partNumber=1"


@ensureDeferred
async def test_a_relay_without_buckets_says_so() -> None:
    with pytest.raises(JobError) as caught:
        await Bucket.open(ACCESS)
    assert caught.value.type == "not-configured"


@ensureDeferred
async def test_a_bucket_makes_no_url_of_a_key_that_may_be_taken_for_another() -> None:
    bucket = await Bucket.open({"s3_buckets": "photos", **ACCESS})
    for key in ("../x", "a/../b", "/a", "a//b", "a\r\n"):
        with pytest.raises(JobError):
            bucket.url(key)
        with pytest.raises(JobError):
            bucket.presigned("GET", key, 60)


@ensureDeferred
async def test_a_url_is_made_for_what_s3_takes_only(scene: Scene) -> None:
    s3 = S3(context(scene, {"s3_buckets": "photos", **ACCESS}))
    assert "X-Amz-Expires=604800" in await s3.presign("PUT", "key", 604_800)
    wrong: list[tuple[Any, Any]] = [("DELETE", 60), ("get", 60), ("GET", 0), ("GET", -1), ("PUT", 604_801)]
    for method, seconds in wrong:
        with pytest.raises(JobError) as caught:
            await s3.presign(method, "key", seconds)
        assert caught.value.type == "bad-arguments"


@ensureDeferred
@pytest.mark.parametrize("length", [b"", b"Content-Length: 1001\r\n"])
async def test_no_more_is_copied_than_the_operator_allows(scene: Scene, length: bytes) -> None:
    source = Hostile(scene.reactor)
    settings = {"s3_buckets": "photos", "s3_endpoint": scene.api.url, "s3_copy_largest": "1000", **ACCESS}
    url = source.answer(OK + length + b"\r\n" + bytes(1001))
    with pytest.raises(JobError) as caught:
        await s3_copy_url(context(scene, settings), url, "key")
    assert caught.value.type == "upstream-too-large"
    assert scene.api.requests == []
    with pytest.raises(JobError) as caught:
        await s3_copy_url(context(scene, {**settings, "s3_copy_largest": "much"}), url, "key")
    assert caught.value.type == "not-configured"
    await source.stop()


@ensureDeferred
async def test_a_server_that_is_no_s3_is_told_of_as_one_that_failed(scene: Scene) -> None:
    server = Hostile(scene.reactor)
    server.answer(OK + b"Content-Length: 2\r\n\r\nok")
    bucket = Bucket("photos", server.url, "us-east-1", Credentials("a", "b"))
    with pytest.raises(S3Error):
        await Upload(bucket, scene.job(), "key").begin("text/plain")
    await server.stop()


def context(scene: Scene, settings: dict[str, str]) -> Any:
    return SimpleNamespace(settings=settings, attempt=1, http=scene.job(lane="@s3"))
