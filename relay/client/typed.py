"""What type checkers know of the calls of a client: a handler takes its own arguments, and gives its own result."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from relay.handlers.context import Context

Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")


class SyncCall(Protocol):
    """Calls a job: its handler, or its name, and then its arguments, without the `Context`. Gives the result."""

    @overload
    def __call__(self, handler: str, /, **arguments: Any) -> Any: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Context, Parameters], Deferred[Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Result: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Context, Parameters], Coroutine[Any, Any, Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Result: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Context, Parameters], Result],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Result: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Deferred[Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Result: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Coroutine[Any, Any, Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Result: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Result: ...


class AsyncCall(Protocol):
    """The same on asyncio."""

    @overload
    def __call__(self, handler: str, /, **arguments: Any) -> Coroutine[Any, Any, Any]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Context, Parameters], Deferred[Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Coroutine[Any, Any, Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Context, Parameters], Coroutine[Any, Any, Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Coroutine[Any, Any, Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Context, Parameters], Result],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Coroutine[Any, Any, Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Deferred[Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Coroutine[Any, Any, Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Coroutine[Any, Any, Result]],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Coroutine[Any, Any, Result]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Result],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Coroutine[Any, Any, Result]: ...


class SyncSubmission(Protocol):
    """Submits a job and goes on. Gives its id."""

    @overload
    def __call__(self, handler: str, /, **arguments: Any) -> str: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Context, Parameters], Any],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> str: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Any],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> str: ...


class AsyncSubmission(Protocol):
    """The same on asyncio."""

    @overload
    def __call__(self, handler: str, /, **arguments: Any) -> Coroutine[Any, Any, str]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Concatenate[Context, Parameters], Any],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Coroutine[Any, Any, str]: ...

    @overload
    def __call__(
        self,
        handler: Callable[Parameters, Any],
        /,
        *args: Parameters.args,
        **arguments: Parameters.kwargs,
    ) -> Coroutine[Any, Any, str]: ...
