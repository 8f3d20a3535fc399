"""Tells a client what happens to a job while it happens: as events, or by an answer when something has changed."""

from __future__ import annotations

from urllib.parse import parse_qs

from relay.front import answers
from relay.front.accept import stream_of
from relay.front.accepted import Accepted
from relay.front.hold.change_hold import ChangeHold, LastNews, event_id, told
from relay.front.hold.context import HoldContext
from relay.front.hold.event_hold import EventHold, soon
from relay.front.hold.event_streams import EVENTS, event_stream
from relay.front.hold.policy import HoldPolicies, HoldPolicy
from relay.front.job_service import check_owner
from relay.front.routes.holding import Holding
from relay.front.wait_request import WaitRequest
from relay.http.exchange import Served
from relay.http.request import Request
from relay.http.response import NO_CONTENT, HttpAnswer
from relay.model import position
from relay.model.caller import Caller
from relay.model.position import ENDED, NOTHING, EventPosition
from relay.model.problems.request import NoSuchJob, StoreAway, StoreReset
from relay.model.settings import Settings
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.submitting.waiters import Waiter, leave


class Streaming:
    """What routes answer with whose clients want to hear of more than the end."""

    def __init__(self, context: HoldContext, holding: Holding, settings: Settings) -> None:
        self._context = context
        self._holding = holding
        self._policies = HoldPolicies(settings)

    # -- events --

    def policy(self, wait: WaitRequest) -> HoldPolicy | None:
        """Of a submission that is told events; None if its client does not wait."""
        return None if wait.prefer.respond_async else self._policies.of_submission(wait)

    async def submitted(
        self, request: Request, caller: Caller, accepted: Accepted, policy: HoldPolicy, form: str
    ) -> Served:
        """Tell the events of a job that was submitted, or joined, just now; nothing if its client has
        the end."""
        known, waiter, replayed = accepted.known, accepted.waiter, accepted.replayed
        if _has_end(known, self._told(request, known.id)):
            return self._nothing_more(known.id, replayed)
        if self._can_stream(caller):
            how = policy, form, replayed
            try:
                return await self._stream(request, caller, known.id, *how, waiter)
            except (StoreAway, NoSuchJob, StoreReset):  # it was there a moment ago
                return self._later(known, form, replayed)
        leave(waiter)
        return self._later(known, form, replayed)

    async def of_job(
        self, request: Request, caller: Caller, id: str, wait: WaitRequest, replayed: bool = False
    ) -> Served:
        """Tell the events of a job, from where its client was told of it; `replayed`: it had ended before it was asked
        for. Raises what `JobService.look` raises."""
        form, told = stream_of(request, EVENTS), self._told(request, id)
        try:
            if told.phase == ENDED or not self._can_stream(caller):
                known = await self._context.jobs.look(caller.owner, id)
                if _has_end(known, told):
                    return self._nothing_more(id, replayed)
                if not self._can_stream(caller):
                    return self._later(known, form, replayed)
            check_owner(caller.owner, id)
            return await self._stream(request, caller, id, self._policies.of_look(wait), form, replayed)
        except StoreAway:
            if form != EVENTS:
                raise
            return self._come_back(id)

    async def _stream(
        self,
        request: Request,
        caller: Caller,
        id: str,
        policy: HoldPolicy | None,
        form: str,
        replayed: bool,
        waiter: Waiter | None = None,
    ) -> EventHold:
        assert policy is not None, "a look is always held"
        joining = self._context.feeds.joining(caller.owner, id, self._told(request, id), waiter)
        known = await joining.begin()
        how = self._policies.streamed(policy), caller, _live(known), event_stream(form, request.chunked)
        head = answers.idempotency_replayed(replayed and isinstance(known, Outcome))
        return EventHold(self._context, *how, joining, head)

    def _told(self, request: Request, id: str) -> EventPosition:
        """What a client says that it was told."""
        return position.read(request.header("last-event-id") or _asked(request), id)

    def _can_stream(self, caller: Caller) -> bool:
        leaves = self._context.jobs.draining and not self._context.successor.takes_streams
        return self._holding.has_room(caller) and not leaves

    def _nothing_more(self, id: str, replayed: bool) -> HttpAnswer:
        """The client has the end."""
        head = answers.about(id, self._context.prefix) + answers.idempotency_replayed(replayed)
        return HttpAnswer(NO_CONTENT, "", b"", head, id)

    def _later(self, known: JobStatus | Outcome, form: str, replayed: bool) -> HttpAnswer:
        """This front has no room, or leaves: the client is to come back."""
        if form == EVENTS:
            return self._come_back(known.id)
        return self._holding.tell(known, 200 if isinstance(known, Outcome) else 202, replayed=replayed)

    def _come_back(self, id: str) -> HttpAnswer:
        """For clients that would never do so after an error."""
        body = f"retry: {soon()}\n\n".encode()
        return HttpAnswer(200, "text/event-stream", body, answers.about(id, self._context.prefix), id)

    # -- changes --

    async def change(self, request: Request, caller: Caller, id: str, wait: WaitRequest) -> Served:
        """Answer when the job stands otherwise than its client was told, or than it stands now. Raises what
        `JobService.look` raises."""
        check_owner(caller.owner, id)
        waiter: Waiter | None = self._context.waiters.enter(id)
        feed, last = self._context.feeds.of(id), LastNews()
        feed.enter(last)
        try:
            read = await feed.look(caller.owner)
            known, before = last.newest(read), self._told(request, id).without_pieces()
            is_new = before not in (NOTHING, told(known)) or told(read) != told(known)
            if isinstance(known, Outcome) or is_new or not wait.prefer.wait:
                return self._changed(known, before, f"wait={wait.prefer.wait}, change")
            if not self._holding.has_room(caller):
                return self._changed(known, before, "")
            policy = self._policies.of_change(wait)
            if self._context.jobs.draining:
                policy = self._policies.at_the_end(policy)
            assert waiter is not None
            hold, waiter = ChangeHold(self._context, policy, caller, known, waiter, feed), None
            return hold
        finally:
            feed.leave(last)
            leave(waiter)

    def _changed(self, known: JobStatus | Outcome, before: EventPosition, applied: str) -> HttpAnswer:
        at = event_id(told(known, before), known.id)
        return self._holding.tell(known, 200).with_head(at + answers.preference_applied(applied))


def _has_end(known: JobStatus | Outcome, told: EventPosition) -> bool:
    """Whether a client that was told this has nothing more to hear."""
    return isinstance(known, Outcome) and told.phase == ENDED and not told.beyond(known)


def _asked(request: Request) -> str:
    """What the query says of it, for clients that can't set a header."""
    query = request.target.partition(b"?")[2].decode("latin-1")
    return parse_qs(query).get("last_event_id", [""])[-1]


def _live(known: JobStatus | Outcome) -> JobStatus:
    """What is known of a job until its end is told."""
    if isinstance(known, JobStatus):
        return known
    return JobStatus(known.id, known.name, State.RUNNING, known.created, known.started, known.attempts)
