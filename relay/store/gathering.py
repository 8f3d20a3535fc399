"""All partitions asked at the same time, of which some may be away."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, gatherResults

from relay.model.problems.request import StoreAway
from relay.redis.refusal import says_refusal
from relay.store.partition import Partition
from relay.store.router import Router

Answer = TypeVar("Answer")
Ask = Callable[[Partition], Coroutine[Any, Any, Answer]]


class Gathered(NamedTuple, Generic[Answer]):
    """The answers of those that answer, and the errors of those that are away."""

    answers: dict[Partition, Answer]
    errors: dict[Partition, StoreAway]

    @property
    def away(self) -> tuple[int, ...]:
        """The numbers of those that are away."""
        return tuple(partition.keys.partition for partition in self.errors)


class PartitionAway(StoreAway):
    """One partition of several is away, or refuses; the others may do what is asked of them. `number` is its own."""

    def __init__(self, number: int, cause: BaseException | None = None) -> None:
        what = f"refuses: {cause}" if says_refusal(cause) else "does not answer"
        super().__init__(f"partition {number} of the store {what}")
        self.number = number


@contextmanager
def naming(router: Router, partition: Partition) -> Iterator[None]:
    """Within, one partition is asked. Raises `PartitionAway` in place of `StoreAway` where it is one of several, and at
    once where it gave no answer a moment ago."""
    if len(router.all()) == 1:
        yield
        return
    number = partition.keys.partition
    if partition.is_missed:
        raise PartitionAway(number)
    try:
        yield
    except StoreAway as away:
        raise PartitionAway(number, away.__cause__) from away.__cause__


async def gathered(router: Router, ask: Ask[Answer]) -> Gathered[Answer]:
    """Ask all. Raises `StoreAway` where none answers."""
    partitions = router.all()
    if len(partitions) == 1:
        return Gathered({partitions[0]: await ask(partitions[0])}, {})
    asked = [Deferred.fromCoroutine(_tried(ask, partition)) for partition in partitions]
    found = Gathered[Answer]({}, {})
    for partition, said in zip(partitions, await gatherResults(asked, consumeErrors=True), strict=True):
        if isinstance(said, StoreAway):
            found.errors[partition] = said
        else:
            found.answers[partition] = said
    if not found.answers:
        raise found.errors[partitions[0]]
    return found


async def asked(ask: Ask[Answer], partition: Partition) -> Answer:
    """What one of several answers. Raises `StoreAway`: at once where it gave no answer a moment ago, so that who
    asks many things waits for it once."""
    if partition.is_missed:
        raise StoreAway
    return await ask(partition)


async def everywhere(router: Router, ask: Ask[Answer]) -> list[Answer]:
    """Ask all; their answers, in their order. Raises `StoreAway` where one is away, after the others have answered."""
    found = await gathered(router, ask)
    for error in found.errors.values():
        away = ", ".join(map(str, found.away))
        raise StoreAway(f"partition {away} of the store does not answer; the others did") from error.__cause__
    return [*found.answers.values()]


async def anywhere(router: Router, ask: Ask[Answer], nothing: Answer) -> Answer:
    """Ask all for what one of them may have; `nothing` where none has. Raises `PartitionAway` where that can't be told,
    since one is away, and `StoreAway` where none answers."""
    found = await gathered(router, ask)
    for answer in found.answers.values():
        if answer != nothing:
            return answer
    for partition, error in found.errors.items():
        raise PartitionAway(partition.keys.partition, error.__cause__) from error.__cause__
    return nothing


async def first_of(router: Router, ask: Ask[Answer], begin: Partition) -> Answer:
    """Ask one partition after the other, `begin` first, until one answers. Raises `StoreAway` where none does."""
    away: StoreAway | None = None
    for partition in (begin, *(each for each in router.all() if each is not begin)):
        try:
            return await ask(partition)
        except StoreAway as error:
            away = away or error
    raise away or StoreAway()


async def _tried(ask: Ask[Answer], partition: Partition) -> Answer | StoreAway:
    try:
        return await asked(ask, partition)
    except StoreAway as error:
        return error
