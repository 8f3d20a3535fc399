"""The jobs that handlers of one worker may submit: any that its modules declare, whatever its queue."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from relay.handlers.registry import Registry
from relay.model.names import job_name_of
from relay.model.problems.job import BadSubJobArguments, ResultNotJson
from relay.model.problems.request import BadArguments, MalformedBody
from relay.submitting.offer import Arguments, Offer
from relay.worker.definitions import definition
from relay.worker.result import ResultType, encode


class CallableJob:
    """One of them: its offer, the type of its result, the names of its arguments in their order."""

    def __init__(self, registry: Registry, name: str) -> None:
        handler = registry.get(name)
        if handler is None:
            raise LookupError(_unknown(registry, name))
        self.name = name
        self.offer = Offer(definition(registry, handler))
        self.result = ResultType(handler.function)
        self._names = handler.signature.arguments.__struct_fields__

    def read(self, given: Sequence[Any], named: Mapping[str, Any]) -> Arguments:
        """The arguments of a call. Raises `BadSubJobArguments`, or `TypeError` as a function would."""
        if len(given) > len(self._names):
            raise TypeError(f"job {self.name} takes {len(self._names)} arguments, not {len(given)}")
        arguments = dict(zip(self._names, given, strict=False))
        for name in named:
            if name in arguments:
                raise TypeError(f"job {self.name} got two values for argument {name}")
        try:
            return self.offer.read(encode({**arguments, **named}))
        except BadArguments as error:
            raise self._misfit(**error.members) from None
        except (ResultNotJson, MalformedBody) as error:
            raise self._misfit(errors=[{"at": "", "detail": error.detail}]) from None

    def _misfit(self, **members: Any) -> BadSubJobArguments:
        return BadSubJobArguments(f"the arguments do not fit job {self.name}", **members)


class CallableJobs:
    """All of them, each made when it is first submitted."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[str, CallableJob] = {}

    def find(self, wanted: str | Callable[..., Any]) -> CallableJob:
        """A job by its name or its handler. Raises `LookupError` or `TypeError`, which say what to change."""
        name = wanted if isinstance(wanted, str) else job_name_of(wanted)
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = CallableJob(self._registry, name)
        return known


def _unknown(registry: Registry, name: str) -> str:
    near = difflib.get_close_matches(name, registry.names(), 1)
    meant = f"did you mean {near[0]}? Otherwise import it" if near else "import it"
    return f"job {name} is not among the jobs of this worker: {meant} into one of its modules and name it in __all__"
