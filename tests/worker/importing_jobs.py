"""A module that imports hooks and handlers of another, which makes them none of its own, for the tests."""

from relay import job
from tests.worker.hook_jobs import begin, end

__all__ = ["begin_twice"]


@job
def begin_twice() -> str:
    return f"{begin.__name__} {end.__name__}"
