"""What load balancers and supervisors of other kinds look at, and need no token for."""

from __future__ import annotations

from relay.admin.operators import AdminTakes, Operator
from relay.admin.standing import Standing
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.serving.plain_answers import json
from relay.serving.routes import PageRoutes, klein_app


class AdminHealth(PageRoutes):
    """Health and readiness."""

    app = klein_app({})
    takes = AdminTakes.ANYBODY

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    @app.route("/healthz", methods=["GET"])
    def healthz(self, request: Request, operator: Operator) -> HttpAnswer:
        """That this process turns."""
        return json({"alive": True})

    @app.route("/readyz", methods=["GET"])
    async def readyz(self, request: Request, operator: Operator) -> HttpAnswer:
        """Whether this relay takes work."""
        why = await self._standing.why_not()
        return json({"ready": False, "why": why} if why else {"ready": True}, 503 if why else 200)
