"""Callers with a JWT of an identity provider: ``Authorization: Bearer eyJ…``."""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.defer import Deferred

from relay.front.callers.check import SUBJECT, RequestHead, bearer
from relay.front.callers.claims import LONGEST, Expected, TokenHead, check, claims_of, head_of, jobs_of
from relay.front.callers.key_set import ProviderKey
from relay.front.callers.keys import ProviderKeys
from relay.front.callers.remembered import CheckedToken, CheckedTokens
from relay.model.caller import Allowance, Caller, owner_of_subject
from relay.model.caller_settings import CallerSettings
from relay.model.problems.caller import Forbidden, KeysAway, Unauthorized
from relay.model.token import PREFIX


class JwtCheck:
    """A `CallerCheck`: all bearer tokens that are not relay's own are JWTs. What one may take is `defaults`.

    `identify` raises `KeysAway` while it can't be known whether a token is valid."""

    def __init__(
        self,
        settings: CallerSettings,
        keys: ProviderKeys,
        defaults: Allowance,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._expected = Expected(settings.jwt_issuer, settings.jwt_audience, settings.jwt_skew)
        self._jobs = settings.jwt_jobs
        self._keys = keys
        self._defaults = defaults
        self._now = now
        self._checked = CheckedTokens()

    def recall(self, request: RequestHead) -> Caller | None:
        """The caller of a token that was checked before, has not ended, and whose key is still the provider's."""
        token = _token(request)
        if not token or len(token) > LONGEST or request.values(SUBJECT):
            return None
        checked, current = self._checked.get(token), self._keys.current
        if checked is None or current is None:
            return None
        if self._now() < checked.until and checked.mark in current.marks:
            return checked.caller
        self._checked.drop(token)
        return None

    def identify(self, request: RequestHead) -> Caller | Deferred[Caller | None] | None:
        """The caller of a token; once newer keys are there if its key is not among those that are known."""
        token = _token(request)
        if not token:
            return None
        if request.values(SUBJECT):
            raise Forbidden("Relay-Subject is for servers that send a trusted token or a proof")
        head = head_of(token)
        key = self._key(head)
        if key is not None:
            return self._caller(token, key)
        renewing = self._keys.renew()
        if renewing is None:
            return self._last(token, head)
        return renewing.addCallback(lambda _: self._last(token, head))

    def _key(self, head: TokenHead) -> ProviderKey | None:
        """The one key that a token may be signed with, None if it is not known."""
        current = self._keys.current
        fitting = current.fitting(head.kid, head.algorithm) if current is not None else []
        if len(fitting) > 1:
            raise Unauthorized("the token does not say which of the provider's keys has signed it (kid)")
        return fitting[0] if fitting else None

    def _last(self, token: str, head: TokenHead) -> Caller:
        """The caller, by the keys that are there now."""
        key = self._key(head)
        if key is not None:
            return self._caller(token, key)
        if self._keys.current is None or self._keys.away:
            raise KeysAway
        raise Unauthorized("the key of the token is not known (kid)")

    def _caller(self, token: str, key: ProviderKey) -> Caller:
        claims = claims_of(token, key)
        until = check(claims, self._expected, self._now())
        owner = _owner(claims.get("sub"))
        jobs = jobs_of(claims, self._jobs) if self._jobs else None
        caller = Caller(owner, name=owner, jobs=jobs, allowance=self._defaults)
        self._checked.add(token, CheckedToken(caller, until, key.mark))
        return caller


def _owner(subject: object) -> str:
    if not isinstance(subject, str):
        raise Unauthorized("the token has no subject (sub)")
    try:
        return owner_of_subject(subject)
    except ValueError as error:
        raise Unauthorized(f"the subject of the token (sub) can't be one: {error}") from None


def _token(request: RequestHead) -> str:
    token = bearer(request)
    return "" if token.startswith(PREFIX) else token
