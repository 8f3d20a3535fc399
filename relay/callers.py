"""Tell relay who calls, by your own rules: what a module of ``--callers module:object`` imports.

::

    from relay.callers import Caller, RequestHead, Unauthorized, owner_of_subject

    class Staff:
        def recall(self, request: RequestHead) -> Caller | None:
            return None

        async def identify(self, request: RequestHead) -> Caller | None:
            ...

    staff = Staff()
"""

from relay.front.callers.check import CallerCheck, RequestHead, bearer
from relay.front.callers.cred import BearerToken, CredCheck, IBearerToken
from relay.model.caller import Allowance, Caller, JobPatterns, owner_of_subject, owner_of_token
from relay.model.limits import Rate
from relay.model.problems.caller import CallersAway, Forbidden, Unauthorized

__all__ = [
    "Allowance",
    "BearerToken",
    "Caller",
    "CallerCheck",
    "CallersAway",
    "CredCheck",
    "Forbidden",
    "IBearerToken",
    "JobPatterns",
    "Rate",
    "RequestHead",
    "Unauthorized",
    "bearer",
    "owner_of_subject",
    "owner_of_token",
]
