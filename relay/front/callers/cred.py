"""Callers by Twisted's own checks of credentials (`twisted.cred`): a checker says who has a name and a password, or a
token."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from twisted.cred.credentials import ICredentials, IUsernamePassword, UsernamePassword
from twisted.cred.error import LoginFailed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from zope.interface import Attribute, implementer

from relay.front.callers.check import RequestHead, bearer
from relay.model.caller import FREE, Allowance, Caller, JobPatterns, owner_of_subject
from relay.model.problems.caller import Unauthorized

LONGEST = 4 << 10  # characters of what is sent


class IBearerToken(ICredentials):
    """What a client sent as ``Authorization: Bearer …``: for checkers that know tokens."""

    token = Attribute("The token, as `bytes`.")


@implementer(IBearerToken)
class BearerToken:
    """A token that is to be checked."""

    def __init__(self, token: bytes) -> None:
        self.token = token


class CredCheck:
    """Asks the first of some checkers (`ICredentialsChecker`) that takes what a request shows: `IUsernamePassword` of
    ``Authorization: Basic``, `IBearerToken` of ``Authorization: Bearer``.

    The avatar id is the subject, so ``alice`` owns her jobs as ``sub:alice``. All may call these `jobs`, None for every
    job, and take as much as the `allowance` says.
    """

    def __init__(self, *checkers: Any, jobs: JobPatterns | None = None, allowance: Allowance = FREE) -> None:
        self._by_interface: dict[Any, Any] = {}
        for checker in checkers:
            for interface in checker.credentialInterfaces:
                self._by_interface.setdefault(interface, checker)
        self._jobs = jobs
        self._allowance = allowance
        taken = (("Bearer", IBearerToken), ("Basic", IUsernamePassword))
        #: of `Authorization`, that are asked for
        self.schemes = tuple(scheme for scheme, interface in taken if interface in self._by_interface)
        if not self.schemes:
            raise ValueError("CredCheck needs a checker that takes IUsernamePassword or IBearerToken")

    def recall(self, request: RequestHead) -> Caller | None:
        """Nobody: a password may have changed."""
        return None

    def identify(self, request: RequestHead) -> Deferred[Caller] | None:
        """Who has these credentials. Fails with `Unauthorized`."""
        token = bearer(request)
        if token and IBearerToken in self._by_interface:
            return self._ask(IBearerToken, BearerToken(_short(token).encode("latin-1")))
        scheme, _, encoded = request.header("authorization").partition(" ")
        if scheme.lower() == "basic" and IUsernamePassword in self._by_interface:
            return self._ask(IUsernamePassword, UsernamePassword(*_decoded(encoded.strip(" "))))
        return None

    def _ask(self, interface: Any, credentials: Any) -> Deferred[Caller]:
        asked = maybeDeferred(self._by_interface[interface].requestAvatarId, credentials)
        wrong = "the token is not valid" if interface is IBearerToken else "the name or the password is wrong"
        return asked.addCallbacks(self._caller, _refused, errbackArgs=(wrong,))

    def _caller(self, avatar: Any) -> Caller:
        try:
            owner = owner_of_subject(avatar.decode() if isinstance(avatar, bytes) else avatar)
        except (ValueError, TypeError, AttributeError):  # such as that of nobody, an empty tuple
            raise Unauthorized("the credentials are not those of a subject") from None
        return Caller(owner, name=owner, jobs=self._jobs, allowance=self._allowance)


def _refused(failure: Failure, wrong: str) -> Any:
    failure.trap(LoginFailed)
    raise Unauthorized(wrong) from None


def _short(text: str) -> str:
    if len(text) > LONGEST:
        raise Unauthorized(f"the credentials have more than {LONGEST >> 10} KiB")
    return text


def _decoded(encoded: str) -> tuple[bytes, bytes]:
    """Name and password (RFC 7617). Raises `Unauthorized`."""
    try:
        if len(encoded) % 4:  # more padding than there should be is none for Python
            raise binascii.Error
        text = base64.b64decode(_short(encoded).encode("ascii"), validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise Unauthorized("the credentials are not a name and a password, in UTF-8 and Base64") from None
    name, colon, password = text.partition(":")
    if not colon or any(sign < " " or sign == "\x7f" for sign in text):
        raise Unauthorized(
            "the credentials are not a name, a colon and a password, without control characters"
        )
    return name.encode(), password.encode()
