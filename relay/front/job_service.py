"""The front's job service: submit, look, attach and cancel for a caller, apart from HTTP."""

from __future__ import annotations

from functools import partial

from relay.front.accepted import Accepted, accepted
from relay.front.catalogue import Catalogue
from relay.front.submitter import Submitter
from relay.front.visible import VisibleJobs
from relay.model import ids
from relay.model.caller import ANYONE
from relay.model.digests import digest
from relay.model.problems.registry import ProblemType, builtin
from relay.model.problems.request import AlreadyComplete, NoSuchJob
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.fronts import FrontStore
from relay.submitting.outcomes import collect
from relay.submitting.waiters import Waiters


class JobService:
    """Serves callers with the store, the catalogue, the registry of waiters, and what submits for them."""

    def __init__(
        self, store: FrontStore, catalogue: Catalogue, waiters: Waiters, submitter: Submitter
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._waiters = waiters
        #: milliseconds since the epoch by Redis' clock, about
        self.now = store.now
        #: called with an outcome that a client has received
        self.collected = partial(collect, store)
        #: the jobs that a caller may submit
        self.visible = VisibleJobs(catalogue)
        #: this front is about to end: nobody is held for long
        self.draining = False
        #: see `Submitter`
        self.submit, self.submitted, self.abandon = submitter.submit, submitter.submitted, submitter.abandon

    async def find(self, owner: str, name: str, key: str) -> str:
        """The id of the job that a key stands for; raises `NoSuchJob`."""
        return await self._store.find(digest(owner, name, key))

    async def look(self, owner: str, id: str) -> JobStatus | Outcome:
        """The state of a job. Raises `NoSuchJob`, `StoreReset`."""
        check_owner(owner, id)
        return await self._store.look(owner, id)

    async def attach(self, owner: str, id: str) -> Accepted:
        """Wait for a job. Raises what `look` raises."""
        check_owner(owner, id)
        return await accepted(self._store.attach(owner, id), self._waiters.enter(id))

    async def cancel(self, owner: str, id: str) -> JobStatus | Outcome:
        """Cancel a job. Returns its outcome if it has one now, else its state while its worker stops it. Raises
        `AlreadyComplete` for a job that has ended otherwise."""
        check_owner(owner, id)
        before, after = await self._store.cancel(owner, id)
        if isinstance(before, Outcome) and before.state is not State.CANCELLED:
            raise AlreadyComplete(f"the job {before.state}")
        return after or before

    def problem_type(self, slug: str) -> ProblemType | None:
        """What a type of problem means, relay's own or one that a job declares; None if it is not known."""
        return builtin().get(slug) or self._catalogue.problem_type(slug)


def check_owner(owner: str, id: str) -> None:
    """Raise `NoSuchJob` for an id that bears the mark of another owner."""
    if owner != ANYONE and not ids.may_belong(id, owner):
        raise NoSuchJob
