"""How routes are declared: with Klein, which keeps them by name and by address (its ``url_map``).

`relay.front.routes.dispatcher` brings requests to them, without the rest of Klein and without twisted.web.
"""

from __future__ import annotations

from typing import Any, ClassVar

from klein import Klein
from werkzeug.routing import BaseConverter

from relay.front.caller import Takes
from relay.model.ids import JOB_ID
from relay.model.names import JOB_NAME


class _JobName(BaseConverter):
    regex = JOB_NAME.pattern


class _JobId(BaseConverter):
    regex = JOB_ID.pattern


CONVERTERS = {"name": _JobName, "id": _JobId}


def new_app() -> Any:
    """What a class declares its routes with: ``@app.route("/jobs/<id:id>", methods=["GET"])``. Klein's types know only
    twisted.web's requests."""
    app: Any = Klein()
    app.url_map.converters.update(CONVERTERS)
    return app


class Routes:
    """Some routes. Each is called with the request, the caller, and what its address says."""

    app: ClassVar[Any]
    #: whom they are for
    takes: ClassVar[Takes] = Takes.CALLER
