"""The first machine that answers at a target: its TLS, its protocols, where it redirects."""

from __future__ import annotations

import contextlib
import ssl

import msgspec

from relay.doctor.line import Conversation, Line, converse
from relay.doctor.target import PORTS, Target

_ANSWER = 5.0  # seconds
_BOTH = ("h2", "http/1.1")


class Edge(msgspec.Struct, frozen=True):
    """What the handshake told. `expires`: when the certificate does, in seconds since 1970, 0 where that is not known ·
    `distrust`: why the certificate is not that of the host, "" if it is · `redirects`: where plain HTTP is sent to, ""
    for nowhere, ``-`` where it was not asked."""

    tls: str = ""
    expires: float = 0.0
    distrust: str = ""
    http2: bool = False
    redirects: str = "-"


def look_at_edge(target: Target) -> Edge:
    """Shake hands. Raises `OSError`."""
    if target.scheme == "http":
        Line(target).close()
        return Edge()
    distrust = ""
    try:
        line = Line(target, protocols=_BOTH)
    except ssl.SSLCertVerificationError as error:
        distrust = error.verify_message
        line = Line(target, verify=False, protocols=_BOTH)
    secure = line.socket
    assert isinstance(secure, ssl.SSLSocket)
    certificate = secure.getpeercert() or {}
    expires = certificate.get("notAfter")
    edge = Edge(
        tls=secure.version() or "",
        expires=ssl.cert_time_to_seconds(expires) if isinstance(expires, str) else 0.0,
        distrust=distrust,
        http2=secure.selected_alpn_protocol() == "h2",
        redirects=_redirect(target) if target.port == PORTS["https"] else "-",
    )
    line.close()
    return edge


def _redirect(target: Target) -> str:
    plain = Target("http", target.host, PORTS["http"], target.prefix)
    with contextlib.suppress(OSError), contextlib.closing(Line(plain)) as line:
        talk = Conversation(line, plain.request("GET", "/", {}))
        converse([talk], _ANSWER)
        return talk.heard.header("Location") if 300 <= talk.heard.status < 400 else ""
    return "-"
