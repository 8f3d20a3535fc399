"""Those who listen to one job: nearly always one, sometimes a thousand."""

from __future__ import annotations

from typing import TypeVar

Member = TypeVar("Member")
#: a tuple is small, but taking one out of many takes its time
Crowd = tuple[Member, ...] | dict[Member, None]
FEW = 8


def with_one(crowd: Crowd[Member], member: Member) -> Crowd[Member]:
    """The crowd when another has joined it."""
    if isinstance(crowd, tuple) and len(crowd) < FEW:
        return (*crowd, member)
    joined = crowd if isinstance(crowd, dict) else dict.fromkeys(crowd)
    joined[member] = None
    return joined


def without(crowd: Crowd[Member], member: Member) -> Crowd[Member]:
    """The crowd when one has left it, who need not have been there."""
    if isinstance(crowd, dict):
        crowd.pop(member, None)
        return crowd if crowd else ()
    return tuple(other for other in crowd if other is not member)
