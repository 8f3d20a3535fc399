"""What stubbed APIs answer, and the requests that they were sent."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Api = Mapping[str, Any]
_WILD = ("/", "*")  # ends of what stands for all that begins so


class NotStubbed(AssertionError):
    """Something was called that the test says nothing of."""


@dataclass(frozen=True)
class ApiAnswer:
    """One answer of an API. One of `json`, `text`, `body` and `pieces` is its body; `pieces` come one by one, `pause`
    seconds apart. It begins `delay` seconds after the request."""

    status: int = 200
    json: Any = None
    text: str | None = None
    body: bytes = b""
    pieces: Iterable[bytes] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pause: float = 0.0

    def head(self) -> dict[str, str]:
        """Its header lines."""
        kind = "application/json" if self.json is not None else "text/plain; charset=utf-8"
        given = {name.lower() for name in self.headers}
        implied = {} if "content-type" in given or self.text is self.json is None else {"Content-Type": kind}
        return {**implied, **self.headers}

    def check(self) -> None:
        """Raises `TypeError`, `ValueError` for what no API can answer."""
        if not isinstance(self.status, int) or self.status not in range(100, 1000):
            raise ValueError(f"{self.status!r} is not a status: a number from 100 to 999")
        if not all(isinstance(each, str) for line in self.headers.items() for each in line):
            raise TypeError(f"headers are texts by their names: {dict(self.headers)!r}")
        known = self.content() if isinstance(self.pieces, list | tuple) else []
        if not all(isinstance(piece, bytes) for piece in known):
            raise TypeError(f"a body is of bytes: {known!r}")

    def content(self) -> list[bytes]:
        """Its body, in pieces."""
        if self.json is not None:
            return [json_module.dumps(self.json).encode()]
        if self.text is not None:
            return [self.text.encode()]
        return list(self.pieces) or ([self.body] if self.body else [])


#: its name in tests
Answer = ApiAnswer


@dataclass(frozen=True)
class ApiRequest:
    """A request that a handler made: what a stub that is a function is called with."""

    method: str
    url: str
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes
    job: str = ""
    """The id of the job that made it."""

    def json(self) -> Any:
        """Its body, read as JSON."""
        return json_module.loads(self.body)

    @property
    def query(self) -> dict[str, str]:
        """What stands in its URL behind the question mark; the last value of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.url).query).items()}

    @property
    def form(self) -> dict[str, str]:
        """Its body, read as a form; the last value of each name."""
        return {name: values[-1] for name, values in parse_qs(self.body.decode()).items()}


class Stubs:
    """Says what an API answers, by method and URL.

    A key is ``https://host/path`` or ``GET https://host/path``, without the query or with it; one that ends in ``/`` or
    ``*`` stands for all that begins so. The longest that fits counts, one with a method before one without.
    """

    def __init__(self, api: Api) -> None:
        self._stubs: dict[str, Callable[[ApiRequest], Any]] = {}
        for key, given in api.items():
            self._stubs[key] = _stub(key, given)

    def answer(self, request: ApiRequest) -> Any:
        """What was given for this request: an `Answer`, an exception, or something to be awaited. Raises
        `NotStubbed`."""
        fitting = [key for key in self._stubs if _fits(key, request)]
        if not fitting:
            raise NotStubbed(self._unknown(request))
        return self._stubs[max(fitting, key=_weight)](request)

    def _unknown(self, request: ApiRequest) -> str:
        known = "".join(f"\n    {key}" for key in self._stubs) or " nothing"
        return f"{request.method} {request.url} was called, but api= has{known}"


def answer_of(given: Any) -> ApiAnswer | BaseException:
    """What a test writes as an answer: JSON, a text, bytes, a status alone. Raises `TypeError`, `ValueError` for what
    is none."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, type) and issubclass(given, BaseException):
        return given()
    answer = _answer_of(given)
    answer.check()
    return answer


def _answer_of(given: Any) -> ApiAnswer:
    if isinstance(given, ApiAnswer):
        return given
    if isinstance(given, bytes):
        return Answer(body=given)
    if isinstance(given, str):
        return Answer(text=given)
    if isinstance(given, int) and not isinstance(given, bool):
        return Answer(given)
    if given is None:
        return Answer(204)
    return Answer(json=given)


def _stub(key: str, given: Any) -> Callable[[ApiRequest], Any]:
    if callable(given) and not isinstance(given, type):
        function: Callable[[ApiRequest], Any] = given
        return function
    if isinstance(given, tuple | Iterator) or (isinstance(given, list) and _are_answers(given)):
        return _one_by_one(key, iter(given))
    return lambda request: given


def _are_answers(given: list[Any]) -> bool:
    """Whether a list has an answer for each call, and is not JSON itself."""
    return any(
        isinstance(each, ApiAnswer | BaseException)
        or (isinstance(each, type) and issubclass(each, BaseException))
        for each in given
    )


def _one_by_one(key: str, given: Iterator[Any]) -> Callable[[ApiRequest], Any]:
    calls = 0

    def next_one(request: ApiRequest) -> Any:
        nonlocal calls
        calls += 1
        try:
            following = next(given)
        except StopIteration:
            raise NotStubbed(f"{key} was called {calls} times, but has {calls - 1} answers") from None
        return following(request) if callable(following) and not isinstance(following, type) else following

    return next_one


def _split(key: str) -> tuple[str, str]:
    method, space, url = key.partition(" ")
    return (method.upper(), url) if space else ("", key)


def _fits(key: str, request: ApiRequest) -> bool:
    method, url = _split(key)
    if method not in ("", request.method):
        return False
    if url.endswith(_WILD) and request.url.startswith(url.removesuffix("*")):
        return True
    return url in (request.url, request.url.partition("?")[0])


def _weight(key: str) -> tuple[int, bool]:
    method, url = _split(key)
    return len(url), bool(method)
