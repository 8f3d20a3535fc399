"""A pretend language model, which puts out its answer word by word."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from relay import Context, job

_SAYING = (
    "It depends. A client that waits is told the answer as it comes, word by word, and misses none of them, "
    "whichever front it reaches. "
)


def said(question: str, words: int) -> Iterator[str]:
    """The answer to a question, in so many words, each with the space behind it."""
    saying = itertools.cycle([f"You asked: {question.strip()} ", *(f"{word} " for word in _SAYING.split())])
    return itertools.islice(saying, words)


@job(timeout=300, retries=3)
async def answer(
    context: Context,
    question: str,
    words: Annotated[int, Meta(ge=1, le=5000)] = 200,
    a_second: Annotated[float, Meta(ge=0.5, le=500)] = 20,
) -> dict[str, int]:
    """Answer a question, in so many words, and so many of them a second."""
    for number, word in enumerate(said(question, words), 1):
        context.emit(word)
        context.progress(number / words, f"{number} of {words} words")
        await context.sleep(1 / a_second)
    return {"words": words}
