"""The page at ``/docs``: Swagger UI, which shows the description of this relay, with all that it loads.

Its script is large, and anybody may ask for it. So files are kept compressed, and always sent so: a client that reads
slowly has less of the front's memory than one that sends a body.
"""

from __future__ import annotations

import zlib
from functools import partial
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from relay.http.response import HttpAnswer
from relay.model.problems.request import NoSuchPage
from relay.serving.page_head import page_head, policy
from relay.timing.made_once import MadeOnce

_HOME = Path(__file__).parent / "static"
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
#: what a browser loads, by name: where it is, and what it is
_FILES = {
    "docs.html": ("docs.html", "text/html; charset=utf-8"),
    "docs.js": ("docs.js", _SCRIPT),
    "docs.css": ("docs.css", _STYLE),
    "swagger-ui-bundle.js": ("vendor/swagger-ui/swagger-ui-bundle.js", _SCRIPT),
    "swagger-ui.css": ("vendor/swagger-ui/swagger-ui.css", _STYLE),
}
POLICY = policy(images="'self' data:")  # its style sheet has images within
_HEAD = page_head(POLICY) + "Content-Encoding: gzip\r\n"
_AT_ONCE = 64 << 10  # bytes that are compressed in one turn of the reactor


class DocsPage:
    """The page and its files, each read and compressed when it is asked for first."""

    def __init__(self, clock: IReactorTime) -> None:
        self._files = {
            name: MadeOnce(partial(_packed, clock, *file), float("inf"), clock.seconds)
            for name, file in _FILES.items()
        }

    def get(self, name: str = "docs.html") -> Deferred[HttpAnswer]:
        """The page, or a file that it loads. Raises `NoSuchPage`."""
        if name not in self._files:
            raise NoSuchPage
        return self._files[name].get()


async def _packed(clock: IReactorTime, name: str, kind: str) -> HttpAnswer:
    """In portions, between which others have their turn."""
    content, packer = (_HOME / name).read_bytes(), zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    packed = []
    for at in range(0, len(content), _AT_ONCE):
        packed.append(packer.compress(content[at : at + _AT_ONCE]))
        await deferLater(clock, 0)
    return HttpAnswer(200, kind, b"".join([*packed, packer.flush()]), _HEAD)
