"""The S3 jobs through all of relay, against a real moto; boto3 reads what they wrote."""

from __future__ import annotations

import base64
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred

from relay.jobs import s3
from relay.s3.upload import MOST_PARTS, PART, part_size
from tests.jobs.servers import BUCKET, OTHER, Moto, Source, blocks, digest
from tests.processes import RelayProcess, Response, eventually

LATER = {"Prefer": "respond-async"}
MEBIBYTE = 1 << 20


def ended(relay: RelayProcess, accepted: Response) -> dict:
    """The envelope of a job that was queued, once it is complete."""
    id = accepted.json()["id"]
    with relay.connect() as client:
        client.request("GET", f"/jobs/{id}", headers={"Prefer": "wait=60"})
        return client.response().json()


def peak(process: int) -> int:
    """The most bytes that a process ever had in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


@pytest.mark.processes
@pytest.mark.parametrize("key", ["plain.txt", "a b/ü+?&#%41~.txt", "..up/...", "x/", "?uploads"])
def test_text_is_written_under_any_key(worked: RelayProcess, moto: Moto, key: str) -> None:
    done = worked.call("POST", "/jobs/s3_put", {"key": key, "text": "grüße"})
    assert done.json()["result"]["size"] == 7
    found = moto.s3.get_object(Bucket=BUCKET, Key=key)
    assert found["Body"].read() == "grüße".encode()
    assert found["ContentType"] == "text/plain; charset=utf-8"
    assert found["ETag"].strip('"') == done.json()["result"]["etag"]


@pytest.mark.processes
@pytest.mark.parametrize("key", ["/x", "a//b", ".", "..", "../up", "a/./b", "a/..", "a\nb", "a\0", "/"])
@pytest.mark.parametrize("job", ["s3_put", "s3_copy_url", "s3_presign"])
def test_a_key_that_may_be_taken_for_another_is_refused(worked: RelayProcess, job: str, key: str) -> None:
    more = {"s3_put": {"text": ""}, "s3_copy_url": {"url": "http://localhost:1/"}, "s3_presign": {}}
    refused = worked.call("POST", f"/jobs/{job}", {"key": key, **more[job]})
    assert (refused.status, refused.json()["error"]["type"]) == (422, "/problems/bad-arguments")


@pytest.mark.processes
def test_data_is_written_into_another_bucket(worked: RelayProcess, moto: Moto) -> None:
    data = bytes(range(256))
    asked = {"key": "d", "data": base64.b64encode(data).decode(), "bucket": OTHER, "content_type": "x/y"}
    assert worked.call("POST", "/jobs/s3_put", asked).status == 200
    assert moto.read("d", OTHER) == data


@pytest.mark.processes
def test_a_bucket_that_is_not_relays_is_refused(worked: RelayProcess) -> None:
    refused = worked.call("POST", "/jobs/s3_put", {"key": "k", "text": "", "bucket": "payroll"})
    assert (refused.status, refused.json()["error"]["type"]) == (403, "/problems/bucket-refused")


@pytest.mark.processes
def test_a_presigned_url_reads_and_writes(worked: RelayProcess, moto: Moto) -> None:
    def presigned(method: str) -> str:
        signed = worked.call("POST", "/jobs/s3_presign", {"key": "by/app", "method": method})
        return signed.json()["result"]["url"]

    put = urllib.request.Request(
        presigned("PUT"), b"from the phone", {"Content-Type": "text/plain"}, method="PUT"
    )
    urllib.request.urlopen(put, timeout=10).close()
    with urllib.request.urlopen(presigned("GET"), timeout=10) as answer:
        assert answer.read() == b"from the phone" == moto.read("by/app")


@pytest.mark.processes
@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART])
def test_what_is_found_at_a_url_is_written(
    worked: RelayProcess, moto: Moto, source: Source, size: int
) -> None:
    done = worked.call("POST", "/jobs/s3_copy_url", {"url": f"{source.url}/{size}", "key": f"copy-{size}"})
    assert done.json()["result"]["size"] == size
    assert digest(iter([moto.read(f"copy-{size}")])) == digest(blocks(size))
    assert moto.s3.head_object(Bucket=BUCKET, Key=f"copy-{size}")["ContentType"] == "image/test"


@pytest.mark.processes
def test_200_megabytes_leave_the_workers_memory_flat(
    worked: RelayProcess, moto: Moto, source: Source
) -> None:
    (worker,) = worked.children("worker")
    worked.call("POST", "/jobs/s3_copy_url", {"url": f"{source.url}/{3 * PART}", "key": "warm"})
    before, size = peak(worker), 200 * MEBIBYTE
    asked = {"url": f"{source.url}/{size}", "key": "large"}
    done = ended(worked, worked.call("POST", "/jobs/s3_copy_url", asked, LATER))
    assert done["result"]["size"] == size
    assert digest(moto.s3.get_object(Bucket=BUCKET, Key="large")["Body"].iter_chunks(1 << 16)) == digest(
        blocks(size)
    )
    assert peak(worker) - before < 4 * PART  # of 25


@pytest.fixture
def sources() -> Iterator[list[Source]]:
    """Several: one host that breaks off too often would be left alone."""
    sources = [Source() for _ in range(7)]
    yield sources
    for source in sources:
        source.stop()


@pytest.mark.processes
def test_a_source_that_breaks_off_at_any_byte_leaves_no_upload(
    worked: RelayProcess, moto: Moto, sources: list[Source]
) -> None:
    size, cuts = 3 * PART, [0, 1, PART - 1, PART, PART + 1, 2 * PART, 3 * PART - 1]
    asked = [
        {"url": f"{source.url}/{size}?cut={cut}", "key": f"cut-{cut}"}
        for source, cut in zip(sources, cuts, strict=True)
    ]
    accepted = [worked.call("POST", "/jobs/s3_copy_url", arguments, LATER) for arguments in asked]
    errors = [ended(worked, each)["error"]["type"] for each in accepted]
    assert errors == ["/problems/upstream-cut"] * len(cuts)
    eventually(lambda: not moto.uploads(), "no upload is left")
    assert not moto.s3.list_objects_v2(Bucket=BUCKET, Prefix="cut-").get("Contents")


@pytest.mark.processes
@pytest.mark.parametrize("stop", [0, PART - 1, PART, 2 * PART + 1])
def test_a_cancelled_copy_leaves_no_upload(
    worked: RelayProcess, moto: Moto, source: Source, stop: int
) -> None:
    asked = {"url": f"{source.url}/{3 * PART}?stall={stop}", "key": "cancelled"}
    accepted = worked.call("POST", "/jobs/s3_copy_url", asked, LATER)
    assert source.stalled.acquire(timeout=20)
    if stop > PART:
        eventually(moto.uploads, "an upload was begun")
    worked.call("DELETE", f"/jobs/{accepted.json()['id']}")
    assert ended(worked, accepted)["state"] == "cancelled"
    eventually(lambda: not moto.uploads(), "no upload is left")


@pytest.mark.processes
def test_a_worker_that_dies_in_an_upload_leaves_none_either(
    worked: RelayProcess, moto: Moto, source: Source
) -> None:
    asked = {"url": f"{source.url}/{3 * PART}?stall={2 * PART + 1}&once=1", "key": "twice"}
    accepted = worked.call("POST", "/jobs/s3_copy_url", asked, LATER)
    assert source.stalled.acquire(timeout=20)
    eventually(moto.uploads, "an upload was begun")
    (worker,) = worked.children("worker")
    os.kill(worker, signal.SIGKILL)
    done = ended(worked, accepted)
    assert (done["state"], done["attempts"]) == ("succeeded", 2)
    assert digest(iter([moto.read("twice")])) == digest(blocks(3 * PART))
    assert not moto.uploads()


def test_parts_grow_only_where_there_would_be_too_many() -> None:
    assert part_size(None) == part_size(0) == part_size(PART * MOST_PARTS) == PART
    largest = 5 << 40
    assert part_size(largest) * MOST_PARTS >= largest
    assert part_size(PART * MOST_PARTS + 1) == PART + MEBIBYTE


@ensureDeferred
async def test_a_worker_makes_some_copies_at_once_and_the_others_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running: list[Deferred[None]] = []

    async def copies(*_: object) -> str:
        running.append(Deferred())
        await running[-1]
        return "done"

    monkeypatch.setattr(s3, "_copy", copies)
    settings = {"s3_buckets": "b", "s3_access_key": "a", "s3_secret_key": "s", "s3_region": "r"}
    context: Any = SimpleNamespace(settings=settings, attempt=1)
    asked = [Deferred.fromCoroutine(s3.s3_copy_url(context, "http://x/", f"k{n}")) for n in range(20)]
    asked[-1].addErrback(lambda _: "cancelled").cancel()
    ended = 0
    while ended < len(running):
        assert len(running) - ended <= s3.COPIES
        running[ended].callback(None)
        ended += 1
    assert [await done for done in asked] == ["done"] * 19 + ["cancelled"]
