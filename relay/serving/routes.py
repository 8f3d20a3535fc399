"""How routes are declared: with Klein, which keeps them by name and by address (its ``url_map``).

`relay.serving.dispatcher` brings requests to them, without the rest of Klein and without twisted.web.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from klein import Klein


def klein_app(converters: Mapping[str, Any]) -> Any:
    """What a class declares its routes with: ``@app.route("/jobs/<id:id>", methods=["GET"])``. Klein's types know only
    twisted.web's requests."""
    app: Any = Klein()
    app.url_map.converters.update(converters)
    return app


class PageRoutes:
    """Some routes. Each is called with the request, who calls, and what its address says. It answers at once, or with
    a Deferred, or is a coroutine."""

    app: ClassVar[Any]
    #: whom they are for, as the gate of their server asks it
    takes: ClassVar[Any]
