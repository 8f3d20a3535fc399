"""The tokens that are valid now, in memory: by their hashes, never as they are."""

from __future__ import annotations

from collections.abc import Iterable
from hmac import compare_digest

import msgspec

from relay.model.caller import Caller, owner_in_header, owner_of_token
from relay.model.mark import mark_of
from relay.model.memo import Memo
from relay.model.token import digest_of
from relay.model.tokens import TokenGrant

_MOST_SUBJECTS = 10_000  # users that are remembered
_HALF = 16  # bytes of a digest by which it is found; the whole of it is then compared in constant time


class KnownToken(msgspec.Struct, frozen=True, gc=False):
    """One token. `expires`: seconds since 1970 · `trusted`: whether its holder may act for users · `operator`: ``look``
    or ``act``, what its holder may do at the admin listener, "" for nothing."""

    digest: bytes
    expires: float
    trusted: bool
    caller: Caller
    operator: str = ""


class KnownTokens:
    """All that a file has. It is replaced as a whole when the file changes."""

    def __init__(self, grants: Iterable[TokenGrant] = ()) -> None:
        self._by_half = {token.digest[:_HALF]: token for grant in grants for token in _tokens(grant)}
        self._users: Memo[tuple[str, str], Caller] = Memo(_MOST_SUBJECTS)

    def __len__(self) -> int:
        return len(self._by_half)

    @property
    def mark(self) -> str:
        """The same of files that have the same tokens; "" of one without any."""
        return mark_of(sorted(token.digest for token in self._by_half.values())) if self._by_half else ""

    @property
    def has_operators(self) -> bool:
        """Whether any token, expired or not, is an operator's."""
        return any(token.operator for token in self._by_half.values())

    def find(self, text: str) -> KnownToken | None:
        """The token of this text, expired or not."""
        return self.find_digest(digest_of(text))

    def find_digest(self, digest: bytes) -> KnownToken | None:
        """The token of this digest, expired or not."""
        token = self._by_half.get(digest[:_HALF])
        return token if token is not None and compare_digest(token.digest, digest) else None

    def user_of(self, token: KnownToken, header: str) -> Caller:
        """A user for whom the holder of a token calls: the user's jobs, the token's limits. `header` is the value of
        ``Relay-Subject``, UTF-8 that was read as Latin-1. Raises `ValueError`."""
        key = (token.caller.name, header)
        user = self._users.get(key)
        if user is None:
            owner = owner_in_header(header)
            user = self._users[key] = msgspec.structs.replace(token.caller, owner=owner)
        return user


def _tokens(grant: TokenGrant) -> Iterable[KnownToken]:
    owner = owner_of_token(grant.name)
    caller = Caller(owner, name=owner, jobs=grant.jobs, allowance=grant.allowance)
    row = grant.row
    return (
        KnownToken(digest, grant.expires, row.trusted, caller, row.operator or "") for digest in grant.digests
    )
