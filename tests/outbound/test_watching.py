"""Calls that another client makes: counted, and kept from a host that fails."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import CancelledError, Deferred

from relay.outbound import UpstreamError
from relay.outbound.host import OPENS_AFTER
from tests.outbound.conftest import Scene

URL = "https://api.example.com/3/device"
HOST = "api.example.com"


@dataclass
class Said:
    status: int


async def call(scene: Scene, said: int | BaseException) -> int:
    async def ends() -> Said:
        if isinstance(said, BaseException):
            raise said
        return Said(said)

    return (await scene.job().watch("POST", URL, ends)).status


@ensureDeferred
@pytest.mark.parametrize("said", [200, 404, 503, UpstreamError("upstream-cut", ""), CancelledError()])
async def test_each_is_told_with_its_status(scene: Scene, said: int | BaseException) -> None:
    if isinstance(said, int):
        assert await call(scene, said) == said
    else:
        with pytest.raises(type(said)):
            await call(scene, said)
    status = said if isinstance(said, int) else 0
    assert scene.events.calls == [(HOST, "POST", status, "0-a-b", URL)]


@ensureDeferred
async def test_it_is_under_way_until_it_has_ended(scene: Scene) -> None:
    answered: Deferred[Said] = Deferred()

    async def waits() -> Said:
        return await answered

    calling = Deferred.fromCoroutine(scene.job().watch("POST", URL, waits))
    assert scene.upstreams.under_way()[HOST][0] == 1
    answered.callback(Said(200))
    await calling
    assert scene.upstreams.under_way()[HOST] == (0, 0.0)


@ensureDeferred
@pytest.mark.parametrize(
    "said", [502, 503, 504, UpstreamError("upstream-timeout", ""), UpstreamError("upstream-cut", "")]
)
async def test_a_host_that_keeps_failing_is_left_alone(scene: Scene, said: int | UpstreamError) -> None:
    for _ in range(OPENS_AFTER):
        if isinstance(said, int):
            await call(scene, said)
        else:
            with pytest.raises(UpstreamError):
                await call(scene, said)
    with pytest.raises(UpstreamError) as caught:
        await call(scene, 200)
    assert caught.value.type == "upstream-unavailable"
    assert scene.events.breakers == [(HOST, True)]


@ensureDeferred
@pytest.mark.parametrize("said", [429, 500, UpstreamError("upstream-tls", ""), CancelledError()])
async def test_what_does_not_speak_against_a_host_does_not_count(
    scene: Scene, said: int | BaseException
) -> None:
    for _ in range(OPENS_AFTER):
        if isinstance(said, int):
            await call(scene, said)
        else:
            with pytest.raises(type(said)):
                await call(scene, said)
    assert await call(scene, 200) == 200


@ensureDeferred
async def test_calls_that_are_cut_together_count_once(scene: Scene) -> None:
    for _ in range(OPENS_AFTER - 1):
        connection: Deferred[None] = Deferred()

        async def shares(connection: Deferred[None] = connection) -> Said:
            await connection
            raise UpstreamError("upstream-cut", "")

        waiting = [Deferred.fromCoroutine(scene.job().watch("POST", URL, shares)) for _ in range(3)]
        for each in waiting:
            each.addErrback(lambda failure: failure.trap(UpstreamError))
        connection.callback(None)
        for each in waiting:
            await each
    assert scene.events.breakers == []
    with pytest.raises(UpstreamError):
        await call(scene, UpstreamError("upstream-cut", ""))
    assert scene.events.breakers == [(HOST, True)]
