"""A job with one argument of some type, on both sides: as its worker decodes it, and as a front does."""

from __future__ import annotations

from typing import Any

import msgspec

from relay import job
from relay.handlers.declare import Handler, handler
from relay.model.limits import Limit, Rate
from relay.model.problems.request import BadArguments, MalformedBody
from relay.store.messages import JobDefinition, LimitDefinition
from relay.submitting.offer import Offer

NOTHING = object()


def handler_of(annotation: Any, default: Any = NOTHING, limit: Limit | None = None) -> Handler:
    def takes(x: Any) -> None: ...

    takes.__annotations__ = {"x": annotation}
    if default is not NOTHING:
        takes.__defaults__ = (default,)
    return handler(job(limit=limit)(takes))


def offer_of(published: Handler) -> Offer:
    """As a front has it, through JSON."""
    options = published.options
    rate = Rate.parse(options.limit.rate) if options.limit else Rate()
    limit = (
        LimitDefinition(options.name, rate.calls, rate.window, options.limit.per) if options.limit else None
    )
    served = JobDefinition(options.name, options.queue, 0, 1, False, limit, None, published.schema())
    return Offer(msgspec.json.decode(msgspec.json.encode(served), type=JobDefinition))


def taken(offer: Offer, body: bytes) -> str | None:
    """The arguments as the front passes them on; None if it refuses them."""
    try:
        return offer.read(body).text
    except (BadArguments, MalformedBody):
        return None


def decoded(by: Handler, text: str) -> Any:
    """The argument as the worker has it; `NOTHING` if it refuses it."""
    try:
        return by.decode(text)["x"]
    except BadArguments:
        return NOTHING
