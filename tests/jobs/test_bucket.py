"""Calls to S3 as such, where moto has no words for it."""

from __future__ import annotations

import pytest
from botocore.credentials import Credentials
from pytest_twisted import ensureDeferred

from jobs.bucket import Bucket
from relay import JobError
from tests.outbound.conftest import Scene, scene

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
