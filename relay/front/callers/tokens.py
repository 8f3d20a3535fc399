"""Callers with a token of relay's own: ``Authorization: Bearer rly_…``."""

from __future__ import annotations

from relay.front.callers.check import SUBJECT, RequestHead, bearer
from relay.model.caller import Caller
from relay.model.problems.caller import Forbidden, Unauthorized
from relay.model.problems.request import Malformed
from relay.model.token import PREFIX, TOKEN_LENGTH, is_token
from relay.serving.known_tokens import KnownToken
from relay.serving.token_file import TokenFile


class TokenCheck:
    """Knows callers by the tokens of a file. The holder of a trusted one may name a user in ``Relay-Subject``; the
    jobs are then that user's."""

    def __init__(self, file: TokenFile) -> None:
        self._file = file

    def recall(self, request: RequestHead) -> Caller | None:
        """The caller, if its token is valid. Raises `Malformed` and `Forbidden` for a user that it may not name."""
        text = bearer(request)
        if len(text) != TOKEN_LENGTH:  # what is no token is found nowhere
            return None
        token = self._file.known.find(text)
        if token is None or self._file.now() >= token.expires:
            return None
        subjects = request.values(SUBJECT)
        return self._user(token, subjects) if subjects else token.caller

    def identify(self, request: RequestHead) -> Caller | None:
        """The same, but raises `Unauthorized` for what looks like a token and is not valid."""
        caller = self.recall(request)
        text = "" if caller else bearer(request)
        if text.startswith(PREFIX):
            raise Unauthorized(self._mistake(text))
        return caller

    def _user(self, token: KnownToken, subjects: list[str]) -> Caller:
        if not token.trusted:
            raise Forbidden("this token may not act for others: Relay-Subject is for tokens that are trusted")
        if len(subjects) > 1:
            raise Malformed(f"Relay-Subject was sent {len(subjects)} times")
        try:
            return self._file.known.user_of(token, subjects[0])
        except ValueError as error:
            raise Malformed(f"Relay-Subject: {error}") from error

    def _mistake(self, text: str) -> str:
        if not is_token(text):
            return "the token is malformed: a part of it is missing, or was changed"
        return (
            "the token has expired" if self._file.known.find(text) else "the token is unknown or was revoked"
        )
