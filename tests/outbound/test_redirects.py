"""What another origin is told by a redirect, and where redirects lead."""

from __future__ import annotations

from pytest_twisted import ensureDeferred

from tests.outbound.conftest import Scene
from tests.outbound.hostile import OK, Hostile

SECRETS = {
    "Authorization": "Bearer s",
    "Cookie": "s=1",
    "X-Api-Key": "s",
    "Idempotency-Key": "s",
    "X-Own": "s",
    "Accept": "text/plain",
    "Range": "bytes=0-9",
}


def redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@ensureDeferred
async def test_another_origin_is_told_no_secret_of_any_name(scene: Scene, hostile: Hostile) -> None:
    url = hostile.answer(redirect(scene.api.url + "/fine"))
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    response = await scene.job(trace=trace).get(url, headers=SECRETS, cookies={"c": "1"})
    assert await response.content() == b"fine"
    ((_, _, headers, _),) = scene.api.requests
    assert {*headers} == {"host", "accept", "accept-encoding", "range", "traceparent"}


@ensureDeferred
async def test_authentication_stays_with_its_origin(scene: Scene, hostile: Hostile) -> None:
    url = hostile.answer(redirect("/again"))
    hostile.answer(redirect(scene.api.url + "/fine"))
    await scene.job().get(url, auth=("me", "secret"), headers={"X-Api-Key": "s"})
    assert {"authorization", "x-api-key"} <= {*hostile.headers(0)} & {*hostile.headers(1)}
    ((_, _, headers, _),) = scene.api.requests
    assert not {"authorization", "x-api-key"} & {*headers}


@ensureDeferred
async def test_each_location_is_read_from_where_it_was_given(scene: Scene, hostile: Hostile) -> None:
    url = hostile.answer(redirect(scene.api.url + "/moved"))
    response = await scene.job().get(url)
    assert response.request.absoluteURI.decode() == scene.api.url + "/fine"
    assert [previous.code for previous in response.history()] == [302, 302]


@ensureDeferred
async def test_a_login_that_sets_a_cookie_and_redirects_works(scene: Scene, hostile: Hostile) -> None:
    head = (
        b"HTTP/1.1 303 See Other\r\nLocation: /home\r\nSet-Cookie: session=new\r\nContent-Length: 0\r\n\r\n"
    )
    url = hostile.answer(head)
    hostile.answer(OK + b"Content-Length: 2\r\n\r\nok")
    await scene.job().post(url, data={"user": "me"}, cookies={"session": "old"})
    assert hostile.asked[1].startswith("GET /home ")
    assert hostile.headers(0)["cookie"].endswith("old")
    assert hostile.headers(1)["cookie"].endswith("new")
    assert "content-type" not in hostile.headers(1)
