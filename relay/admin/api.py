"""``POST /api/{method}``: a JSON object with the arguments of a method, answered with the JSON of its result."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import CancelledError

from relay.admin import audit
from relay.admin.methods import ApiMethod
from relay.admin.operators import AdminTakes, Operator
from relay.admin.sessions import is_same
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.problems.caller import Forbidden
from relay.model.problems.request import NoSuchPage
from relay.serving.json_body import read_json
from relay.serving.plain_answers import json
from relay.serving.routes import PageRoutes, klein_app

CSRF = "relay-csrf"  # the header in which a page sends what belongs to its session


class ApiRoutes(PageRoutes):
    """The methods, by name."""

    app = klein_app({})
    takes = AdminTakes.OPERATOR

    def __init__(self, methods: Mapping[str, ApiMethod]) -> None:
        self._methods = methods

    @app.route("/api/<string:name>", methods=["POST"])
    async def call(self, request: Request, operator: Operator, name: str) -> HttpAnswer:
        """Ask or do something. Raises what the method raises, and `Forbidden` for an operator that may only look."""
        method = self._methods.get(name)
        if method is None:
            raise NoSuchPage(f"there is no method {name[:100]!r}")
        if method.acts:
            return json(await self._done(request, operator, method))
        return json(await method.call(**_arguments(request, method)))

    async def _done(self, request: Request, operator: Operator, method: ApiMethod) -> object:
        """The result of what changes something; that it was tried is logged, whatever comes of it."""
        arguments: dict[str, object] | None = None
        try:
            arguments = _arguments(request, method)
            _check_may(request, operator)
            result: object = await method.call(**arguments)
        except CancelledError:
            audit.left(operator, method.name, arguments)
            raise
        except Exception as error:
            audit.failed(operator, method.name, arguments, error)
            raise
        audit.done(operator, method.name, arguments, result)
        return result


def _arguments(request: Request, method: ApiMethod) -> dict[str, object]:
    """Raises `NotJson` and `BadArguments`."""
    given = read_json(request, method.arguments)
    return {name: getattr(given, name) for name in method.arguments.__struct_fields__}


def _check_may(request: Request, operator: Operator) -> None:
    if not operator.acts:
        remedy = "relay tokens add NAME --operator act"
        why = (
            "this token may look, and not act"
            if operator.name
            else "without a token one may look, and not act"
        )
        raise Forbidden(f"{why} ({remedy})")
    if operator.csrf and not is_same(request.header(CSRF), operator.csrf):
        raise Forbidden("the page did not send what belongs to its session (Relay-CSRF): load it again")
