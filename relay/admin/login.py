"""``/session``: who looks; logging in and out."""

from __future__ import annotations

import msgspec

from relay.admin import audit
from relay.admin.gate import AdminGate
from relay.admin.operators import AdminTakes, Operator
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.problems.caller import Forbidden
from relay.model.problems.request import BadArguments
from relay.serving.json_body import read_json
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
        text = _token(request)
        if not self._gate.needs_tokens:
            raise Forbidden("there is no token of an operator: relay tokens add NAME --operator act")
        who, cookie = self._gate.log_in(request, text)
        audit.logged_in(who)
        return self._answer(who, True).with_head(cookie)

    @app.route("/session", methods=["DELETE"])
    def log_out(self, request: Request, operator: Operator) -> HttpAnswer:
        """End the session of this browser."""
        return self._answer(Operator(), not self._gate.needs_tokens).with_head(self._gate.log_out(request))

    def _answer(self, who: Operator, is_in: bool) -> HttpAnswer:
        said = {"in": is_in, "name": who.name, "acts": who.acts, "csrf": who.csrf, "version": VERSION}
        return json(said)


def _token(request: Request) -> str:
    """Raises `NotJson` and `BadArguments`, which say nothing of what was sent."""
    try:
        return read_json(request, Shown).token.strip()
    except BadArguments:
        raise BadArguments('send {"token": "rly_…"}') from None
