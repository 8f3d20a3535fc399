"""Whose limits an answer teaches."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from relay.outbound import UpstreamLimited
from tests.outbound.conftest import Scene
from tests.outbound.hostile import Hostile
from tests.outbound.test_redirects import redirect

LIMITED = b"HTTP/1.1 429 Too Many\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n"
NEVER = b'HTTP/1.1 200 OK\r\nRateLimit-Policy: "a";q=1;w=86400\r\nContent-Length: 0\r\n\r\n'


@ensureDeferred
async def test_a_host_that_a_client_chose_stops_itself_for_minutes(scene: Scene, hostile: Hostile) -> None:
    with pytest.raises(UpstreamLimited):
        await scene.job(lane="@s3").get(hostile.answer(LIMITED))
    scene.limits.grants.clear()
    await scene.job(lane="@s3").get(hostile.answer(NEVER))
    (refused, limited), (policy, rated) = scene.limits.learned
    assert refused == policy == [hostile.host]
    assert (limited.pause, rated.rate.window) == (300, 300)


@ensureDeferred
@pytest.mark.parametrize("named", [True, False])
async def test_a_jobs_own_host_stops_the_jobs_of_its_lane(
    scene: Scene, hostile: Hostile, named: bool
) -> None:
    http = scene.job(lane="@graph", hosts=(hostile.host,) if named else ())
    with pytest.raises(UpstreamLimited):
        await http.get(hostile.answer(LIMITED), own=not named)
    ((scopes, learned),) = scene.limits.learned
    assert (scopes, learned.pause) == ([hostile.host, "@graph"], 86400)


@ensureDeferred
async def test_a_redirect_teaches_no_limit_of_whoever_redirects(scene: Scene, hostile: Hostile) -> None:
    own = Hostile(scene.reactor)
    http = scene.job(lane="@graph", hosts=(own.host,))
    hostile.answer(LIMITED)
    with pytest.raises(UpstreamLimited):
        await http.get(own.answer(redirect(hostile.url + "/")), own=True)
    ((scopes, _),) = scene.limits.learned
    assert scopes == [hostile.host]
    assert [scope for scope, _ in scene.limits.asked] == [own.host, hostile.host]
    http.close()
    await scene.upstreams.close()
    await own.stop()
