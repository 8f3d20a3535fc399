"""``/metrics``: what Prometheus reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from relay.admin.metrics import exposition
from relay.admin.operators import AdminTakes, Operator
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.problems.base import RelayError
from relay.operations.seen import Overview
from relay.serving.routes import PageRoutes, klein_app
from relay.telemetry.snapshot import Snapshot


class MetricRoutes(PageRoutes):
    """For operators that may look; Prometheus sends a token like a program."""

    app = klein_app({})
    takes = AdminTakes.OPERATOR

    def __init__(
        self,
        own: Callable[[], list[Snapshot]],
        snapshots: Callable[[], Awaitable[list[Snapshot]]],
        overview: Callable[[], Awaitable[Overview]],
    ) -> None:
        self._own = own
        self._snapshots = snapshots
        self._overview = overview

    @app.route("/metrics", methods=["GET"])
    async def metrics(self, request: Request, operator: Operator) -> HttpAnswer:
        """What the processes beside this listener count, so that those of each machine can be read there; with
        ``?scope=store`` what all of this store count. And of the store what there is of it, or that it is away."""
        try:
            seen = await self._overview()
        except RelayError:
            seen = None
        asked = parse_qs(request.target.partition(b"?")[2].decode("latin-1"))
        told = await self._snapshots() if asked.get("scope") == ["store"] else self._own()
        body, kind = exposition(told, seen, request.header("accept"))
        return HttpAnswer(200, kind, body)
