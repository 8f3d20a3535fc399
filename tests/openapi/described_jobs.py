"""Handlers with all kinds of arguments and results, for what programs make of their description."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from pydantic import BaseModel, Field

from relay import Context, JobError, job


class CardDeclined(JobError):
    """The card was declined. Ask for another one."""

    status, slug, title = 402, "card-declined", "The card was declined"


class Flooded(JobError):
    """The bank has too many customers now."""

    status, slug, title = 429, "bank-flooded", "Too many at the bank"


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass(frozen=True)
class Box:
    """A box, in millimetres."""

    width: Annotated[int, Meta(ge=0, le=10_000, description="From left to right.", examples=[120])]
    height: int = 1


class Leaf(msgspec.Struct, tag=True):
    """The end of a branch."""

    weight: float = 0.0


class Branch(msgspec.Struct, tag=True):
    """What leaves hang on."""

    leaves: list[Leaf]


class Order(BaseModel):
    """What somebody ordered."""

    name: str = Field(min_length=1, max_length=20)
    count: int = Field(default=1, ge=1, le=100)


@job
def area(box: Box, scale: Annotated[int, Meta(ge=1, le=100)] = 1) -> int:
    """How large a box is.

    In square millimetres, times its scale.
    """
    return box.width * box.height * scale


@job
def boxes(count: Annotated[int, Meta(ge=0, le=5)] = 2, size: Size = Size.SMALL) -> list[Box]:
    """Some boxes of a size."""
    return [Box(number + 1, 10 if size is Size.SMALL else 100) for number in range(count)]


@job
def weigh(tree: Leaf | Branch, unit: Literal["g", "kg"] = "g", note: str | None = None) -> dict[str, float]:
    """The weight of a tree."""
    leaves = tree.leaves if isinstance(tree, Branch) else [tree]
    return {unit: float(len(leaves))}


@job
def plan(
    day: date,
    at: datetime | None = None,
    times: list[time] = [],  # noqa: B006
    lasts: timedelta = timedelta(0),
    price: Decimal = Decimal(0),
    id: UUID | None = None,
) -> dict[str, Any]:
    return {"day": day, "at": at, "times": times, "lasts": lasts, "price": price, "id": id}


@job
def tagged(
    tags: set[Annotated[str, Meta(pattern=r"^[a-z]{1,8}$")]],
    counts: dict[str, int] | None = None,
    pair: tuple[int, str] = (0, ""),
) -> list[str]:
    return sorted(tags)


@job
def ordered(order: Order, rows: Annotated[list[int], Meta(max_length=3)] = []) -> Order:  # noqa: B006
    """An order, as it was understood."""
    return order


@job(problems=(CardDeclined, Flooded))
def pay(euros: Annotated[int, Meta(ge=0, le=1000)] = 1) -> str:
    """Pay with a card."""
    if euros > 900:
        raise Flooded("come back later")
    if euros > 500:
        raise CardDeclined("too much", limit=500)
    return f"{euros} EUR"


@job
async def late(context: Context, seconds: Annotated[float, Meta(ge=0, le=0.3)] = 0) -> None:
    """Take some time."""
    context.progress(0.5, "half of it")
    await context.sleep(seconds)


@job(internal=True)
def hidden() -> None:
    """Only other jobs lead here."""


@job(local=True)
def nearby() -> str:
    """For this machine alone."""
    return "here"
