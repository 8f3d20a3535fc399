"""What to do about errors of asyncio that come from how a handler uses it."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import FirstError

from relay.model.problems.base import text_of
from relay.worker.causes import error_of

_WAITS = "the worker waits with a reactor that has no event loop: start it with --reactor asyncio"
_INSIDE = "a handler runs in the worker's event loop: make it async def and await the coroutine"
_OTHER = (
    "it was made for another event loop: make it in the handler, or where the worker starts, not while a module is "
    "imported or in a loop of your own"
)
_THREAD = "a thread has no event loop: call context.wait(lambda: coroutine()), or make the handler async def"
#: what an error of asyncio says, and what to do; the first that fits counts
_SAID = (
    ("cannot be called from a running event loop", _INSIDE),
    ("This event loop is already running", _INSIDE),
    ("while another loop is running", _INSIDE),
    ("attached to a different loop", _OTHER),
    ("bound to a different event loop", _OTHER),
    ("Event loop is closed", _OTHER),
    ("await wasn't used with future", _WAITS),
    ("used inside a task", _WAITS),  # aiohttp
    ("unknown async library", _WAITS),  # sniffio: httpx, openai
)


def remedy(error: BaseException, has_loop: bool, in_thread: bool) -> str:
    """What a developer can do about an error, to be put behind it; "" if that is not known. `has_loop`: whether the
    worker's reactor runs on an event loop; `in_thread`: whether the handler runs in a thread."""
    for each in _chain(error):
        said = text_of(each)
        if "no running event loop" in said or "no current event loop" in said:
            return _put(_THREAD if in_thread or has_loop else _WAITS)
        for text, found in _SAID:
            if text in said and not (found is _WAITS and has_loop):
                return _put(found)
    return ""


def _put(what: str) -> str:
    return f" ({what})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error_of(error.subFailure) if isinstance(error, FirstError) else error
        error = error.__cause__ or error.__context__
