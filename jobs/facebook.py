"""Jobs that read and publish on Facebook; their settings are in `relay.graph`."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from relay import Context, JobError, job
from relay.graph import LIMIT, PROBLEMS, Graph
from relay.jobs.web import URL

Node = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.]{0,127}$", description="an id of Graph's, or me")
]
Field = Annotated[str, Meta(pattern=r"^[a-z_]{1,64}$")]
Text = Annotated[str, Meta(max_length=63_206)]


@job(timeout=30, retries=3, limit=LIMIT, problems=PROBLEMS)
async def facebook_profile(
    context: Context, id: Node = "me", fields: list[Field] | None = None
) -> dict[str, Any]:
    """Read a person or a page: its `fields`, by default `id` and `name`."""
    asked = ",".join(fields or ("id", "name"))
    return await Graph(context).get(id, fields=asked)


@job(timeout=60, once=True, limit=LIMIT, problems=PROBLEMS)
async def facebook_publish(
    context: Context, message: Text = "", photo: URL | None = None, page: Node = "me"
) -> dict[str, Any]:
    """Publish a text, or a photo that Facebook fetches from a URL, with the text below it. Returns Graph's answer: the
    `id` of the publication, and for a photo the `post_id`."""
    if not message and not photo:
        raise JobError("give a message or a photo", status=422, type="bad-arguments", title="Bad arguments")
    graph = Graph(context)
    if photo:
        return await graph.post(f"{page}/photos", url=photo, caption=message)
    return await graph.post(f"{page}/feed", message=message)
