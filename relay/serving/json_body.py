"""Bodies that have to be JSON."""

from __future__ import annotations

from werkzeug.http import parse_options_header

from relay.http.request import Request
from relay.model.problems.request import NotJson


def check_json(request: Request) -> None:
    """Raise `NotJson` for a body that says it is something else."""
    encoding = request.header("content-encoding")
    if encoding and encoding.lower() != "identity":
        raise NotJson(f"Content-Encoding {encoding} is not supported")
    content_type = request.header("content-type")
    if content_type in ("application/json", ""):
        return
    kind, options = parse_options_header(content_type)
    if kind and kind.lower() != "application/json":
        raise NotJson(f"Content-Type is {kind}, not application/json")
    if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise NotJson(f"charset is {options['charset']}, but JSON is always UTF-8")
