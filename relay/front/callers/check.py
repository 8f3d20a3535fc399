"""The check of who calls: what relay asks of one, its own and an operator's (``--callers``) alike."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Protocol

from relay.model.caller import Caller, owner_in_header
from relay.model.problems.request import Malformed
from relay.serving.bearer import bearer as bearer

#: the header in which a server that is trusted names the user for whom it acts
SUBJECT = "relay-subject"


class RequestHead(Protocol):
    """What a check may look at. Header names are lower case, values are text.

    `method` · `address`: of whom the request came from, a proxy's where one stands between.
    """

    method: str
    address: str

    def header(self, name: str) -> str:
        """A header's value, "" where it is missing. Raises `Malformed` where it was sent twice."""

    def values(self, name: str) -> list[str]:
        """All values of a header, in their order."""

    def path(self) -> str:
        """The path, decoded, without its query. Raises `Malformed`."""


class CallerCheck(Protocol):
    """Finds out who calls by one kind of credentials. It may have `schemes`: those of `Authorization` that it takes,
    which a 401 names. Without them they are ``("Bearer",)``."""

    def recall(self, request: RequestHead) -> Caller | None:
        """The caller, if that is known without work and without trust in what was not checked before; else None. It is
        asked first, and it alone where too many attempts from an address have failed."""

    def identify(self, request: RequestHead) -> Caller | Awaitable[Caller | None] | None:
        """The caller; None if the request has no credentials of this kind. May be a Deferred or a coroutine of that.
        Raises `Unauthorized` for credentials that are not valid, `Forbidden` for a caller that may not call at all."""


def schemes_of(checks: Iterable[CallerCheck]) -> tuple[str, ...]:
    """What these checks take, each scheme once."""
    taken = [scheme for check in checks for scheme in getattr(check, "schemes", ("Bearer",))]
    return tuple(dict.fromkeys(taken))


def subject_of(request: RequestHead) -> str:
    """The owner that ``Relay-Subject`` (UTF-8) names, "" where it is missing. Raises `Malformed`. Whether the caller
    may act for others is for the check to find out."""
    if not request.values(SUBJECT):
        return ""
    try:
        return owner_in_header(request.header(SUBJECT))
    except ValueError as error:
        raise Malformed(f"Relay-Subject: {error}") from error
