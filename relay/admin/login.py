"""``/session``: who looks; logging in and out."""

from __future__ import annotations

import msgspec

from relay.admin import audit
from relay.admin.gate import AdminGate
from relay.admin.operators import AdminTakes, Operator
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.problems.caller import Forbidden
from relay.model.problems.request import BadArguments, NotJson
from relay.serving.json_body import check_json
from relay.serving.plain_answers import json
from relay.serving.routes import PageRoutes, klein_app
from relay.version import VERSION


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page sends to log in."""

    token: str


class SessionRoutes(PageRoutes):
    """The session of a browser."""

    app = klein_app({})
    takes = AdminTakes.VISITOR

    def __init__(self, gate: AdminGate) -> None:
        self._gate = gate

    @app.route("/session", methods=["GET"])
    def look(self, request: Request, operator: Operator) -> HttpAnswer:
        """Who looks, and whether it has to log in."""
        return self._answer(operator, bool(operator.name) or not self._gate.needs_tokens)

    @app.route("/session", methods=["POST"])
    def log_in(self, request: Request, operator: Operator) -> HttpAnswer:
        """Exchange a token for a cookie."""
        if not request.header("content-type"):
            raise NotJson("send Content-Type: application/json")
        check_json(request)
        if not self._gate.needs_tokens:
            raise Forbidden("there is no token of an operator: relay tokens add NAME --operator act")
        try:
            shown = msgspec.json.decode(request.body, type=Shown)
        except msgspec.DecodeError as error:
            raise BadArguments('send {"token": "rly_…"}') from error
        who, cookie = self._gate.log_in(request, shown.token.strip())
        audit.logged_in(who)
        return self._answer(who, True).with_head(cookie)

    @app.route("/session", methods=["DELETE"])
    def log_out(self, request: Request, operator: Operator) -> HttpAnswer:
        """End the session of this browser."""
        return self._answer(Operator(), not self._gate.needs_tokens).with_head(self._gate.log_out(request))

    def _answer(self, who: Operator, is_in: bool) -> HttpAnswer:
        said = {"in": is_in, "name": who.name, "acts": who.acts, "csrf": who.csrf, "version": VERSION}
        return json(said)
