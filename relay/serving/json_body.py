"""Bodies that have to be JSON."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from werkzeug.http import parse_options_header

from relay.http.request import Request
from relay.model.problems.request import BadArguments, NotJson

Read = TypeVar("Read")


def read_json(request: Request, kind: type[Read]) -> Read:
    """The body as a value of this type, of a request that says it is JSON, which no form of another page can say; an
    empty one is an empty object. Raises `NotJson` and `BadArguments`."""
    if not request.header("content-type"):
        raise NotJson("send Content-Type: application/json")
    check_json(request)
    try:
        return msgspec.json.decode(request.body or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise BadArguments(str(error)) from error
    except RecursionError:
        raise BadArguments("the body is nested too deeply") from None


def check_json(request: Request) -> None:
    """Raise `NotJson` for a body that says it is something else."""
    if "content-encoding" in request.headers:
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
