"""How a front's routes are declared (`relay.serving.routes`): what their addresses may have, for whom they are."""

from __future__ import annotations

from typing import Any, ClassVar

from werkzeug.routing import BaseConverter

from relay.front.caller import Takes
from relay.model.ids import JOB_ID
from relay.model.names import JOB_NAME
from relay.serving.routes import PageRoutes, klein_app


class _JobName(BaseConverter):
    regex = JOB_NAME.pattern


class _JobId(BaseConverter):
    regex = JOB_ID.pattern


CONVERTERS = {"name": _JobName, "id": _JobId}


def new_app() -> Any:
    """What a class declares its routes with: ``@app.route("/jobs/<id:id>", methods=["GET"])``."""
    return klein_app(CONVERTERS)


class Routes(PageRoutes):
    """Some routes. Each is called with the request, the caller, and what its address says."""

    #: whom they are for
    takes: ClassVar[Takes] = Takes.CALLER
