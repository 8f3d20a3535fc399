"""All pages of the admin listener, and the headers that each of its answers has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from relay.admin.operators import AdminTakes
from relay.http.exchange import Pages, Served
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.problems.base import RelayError
from relay.serving.dispatcher import CallerGate, Dispatcher
from relay.serving.page_head import page_head, policy
from relay.serving.routes import PageRoutes

POLICY = policy()
HEAD = page_head(POLICY)


class Sheltered:
    """Stands in front of all pages of the listener, and gives their answers these headers."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def serve(self, request: Request) -> Served | Deferred[Served]:
        """Have a request served."""
        request.answer_head = HEAD
        return self._pages.serve(request)

    def failed(self, failure: Failure, request: Request) -> HttpAnswer:
        """The answer to a request that failed later."""
        return self._pages.failed(failure, request)

    def refuse(self, error: RelayError, headers: Mapping[str, list[str]]) -> HttpAnswer:
        """The answer to a request that can't be served, because of `error`."""
        return self._pages.refuse(error, headers).with_head(HEAD)


def admin_pages(gate: CallerGate, routes: Sequence[PageRoutes]) -> Pages:
    """What the admin listener serves."""
    return Sheltered(Dispatcher(gate, "", routes, AdminTakes.ANYBODY))
