"""``/metrics``: what Prometheus reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

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
        self, snapshots: Callable[[], Awaitable[list[Snapshot]]], overview: Callable[[], Awaitable[Overview]]
    ) -> None:
        self._snapshots = snapshots
        self._overview = overview

    @app.route("/metrics", methods=["GET"])
    async def metrics(self, request: Request, operator: Operator) -> HttpAnswer:
        """All that processes count; and of the store what there is of it, or that it is away."""
        try:
            seen = await self._overview()
        except RelayError:
            seen = None
        body, kind = exposition(await self._snapshots(), seen, request.header("accept"))
        return HttpAnswer(200, kind, body)
