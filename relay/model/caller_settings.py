"""The settings of who may call: names, credentials, and how much one caller may take."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from relay.model.setting_types import CountOrNone, about, counted_in


class CallerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an operator can set about callers."""

    open: Annotated[bool, about("answer everybody: other machines, clients behind proxies, web pages")] = (
        False
    )
    trusted_proxy: Annotated[
        tuple[str, ...],
        about(
            "address, network or `unix:` of a proxy whose X-Forwarded-For or PROXY header is believed; repeatable"
        ),
    ] = ()
    allow: Annotated[
        tuple[str, ...],
        about("address or network whose programs may call without credentials; repeatable"),
    ] = ()
    host: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$")], ...],
        about("public host name (`Host`) under which a closed relay may be called; repeatable"),
    ] = ()
    cors: Annotated[
        tuple[str, ...],
        about("origin of web pages that may call, such as https://app.example.com; repeatable"),
    ] = ()
    ticket_secrets: Annotated[
        str,
        about(
            "file with the secrets that sign tickets and proofs, one per line; without it both are refused"
        ),
    ] = ""
    tokens: Annotated[
        str, about("TOML file with the hashes of callers' tokens, read again when it changes")
    ] = ""
    jwt_keys: Annotated[
        str,
        about(
            "JWKS with the keys of the identity provider whose JWTs callers may send: a file or an https URL"
        ),
    ] = ""
    jwt_issuer: Annotated[str, about("issuer (`iss`) that a JWT must have")] = ""
    jwt_audience: Annotated[str, about("audience (`aud`) that a JWT must have")] = ""
    jwt_jobs: Annotated[
        str, about("claim of a JWT that names the jobs its caller may call; if it is not set, every job")
    ] = ""
    jwt_skew: Annotated[
        float, counted_in("seconds", ge=0, le=600), about("how far the provider's clock may be off")
    ] = 30
    callers: Annotated[
        str,
        about(
            "`module:object` that identifies callers",
            pattern=r"^([A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*)?$",
        ),
    ] = ""
    caller_rate: Annotated[
        str, about("rate of new jobs, such as 50/s or 1000/5m, for each caller whose token sets none")
    ] = ""
    caller_held: Annotated[
        CountOrNone,
        about("held requests per front for each caller whose token sets no limit; 0 for no limit"),
    ] = 0
    caller_queued: Annotated[
        CountOrNone,
        about(
            "how many jobs may be queued, scheduled or running at once for each caller whose token sets no limit; "
            "0 for no limit"
        ),
    ] = 0
    fair: Annotated[bool, about("let owners take turns in a queue")] = False

    @property
    def knows_callers(self) -> bool:
        """Whether callers need credentials."""
        return bool(self.tokens or self.jwt_keys or self.callers)
