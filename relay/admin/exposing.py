"""``/metrics``: what Prometheus reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred

from relay.admin.metrics import Form, exposition, form_of
from relay.admin.operators import AdminTakes, Operator
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.problems.base import RelayError
from relay.operations.seen import Overview
from relay.serving.routes import PageRoutes, klein_app
from relay.telemetry.snapshot import Snapshot
from relay.timing.made_once import MadeOnce

FRESH = 1.0  # seconds for which a text counts, however many ask


class MetricRoutes(PageRoutes):
    """For operators that may look; Prometheus sends a token like a program."""

    app = klein_app({})
    takes = AdminTakes.OPERATOR

    def __init__(
        self,
        own: Callable[[], list[Snapshot]],
        snapshots: Callable[[], Awaitable[list[Snapshot]]],
        overview: Callable[[], Awaitable[Overview]],
        now: Callable[[], float],
        apart: Callable[..., Deferred[Any]],
    ) -> None:
        """`now`: seconds · `apart`: calls a function in a thread, because 100,000 series take seconds."""
        self._own = own
        self._snapshots = snapshots
        self._overview = overview
        self._now = now
        self._apart = apart
        self._texts: dict[tuple[bool, str], MadeOnce[HttpAnswer]] = {}

    @app.route("/metrics", methods=["GET"])
    async def metrics(self, request: Request, operator: Operator) -> HttpAnswer:
        """What the processes beside this listener count, so that those of each machine can be read there; with
        ``?scope=store`` what all of this store count. And of the store what there is of it, or that it is away."""
        asked = parse_qs(request.target.partition(b"?")[2].decode("latin-1"))
        is_all, form = asked.get("scope") == ["store"], form_of(request.header("accept"))
        text = self._texts.get((is_all, form.kind))
        if text is None:  # each of a few forms
            text = self._texts[is_all, form.kind] = MadeOnce(
                partial(self._text, is_all, form), FRESH, self._now
            )
        return await text.get()

    async def _text(self, is_all: bool, form: Form) -> HttpAnswer:
        try:
            seen = await self._overview()
        except RelayError:
            seen = None
        told = (
            await self._snapshots() if is_all and seen else self._own()
        )  # else it would wait for the store twice
        return HttpAnswer(200, form.kind, await self._apart(exposition, told, seen, form))
