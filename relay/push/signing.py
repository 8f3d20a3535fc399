"""Tokens with which relay shows a push service who it is, signed by PyJWT."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from relay.model.problems.raised import NotConfigured

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_HOUR = 3600
PERIOD = 2400  # seconds that a provider's token serves; Apple: no less than 20 minutes, no more than an hour


class _AccountFile(msgspec.Struct, frozen=True):
    project_id: str
    client_email: str
    private_key: str
    token_uri: str
    private_key_id: str = ""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Who a server is to Google: what the JSON file of a service account says.

    https://developers.google.com/identity/protocols/oauth2/service-account#httprest
    """

    project: str
    email: str
    token_url: str
    key_id: str
    key: Any

    @classmethod
    def read(cls, path: str) -> ServiceAccount:
        """Raises `NotConfigured` for a file that is none of a service account."""
        try:
            file = msgspec.json.decode(_bytes(path, "fcm_service_account"), type=_AccountFile)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise NotConfigured(
                f"fcm_service_account is not the file of a service account: {error}"
            ) from error
        key = _private_key(file.private_key.encode(), "fcm_service_account")
        if not isinstance(key, RSAPrivateKey):
            raise NotConfigured("fcm_service_account has a key that is not RSA")
        return cls(file.project_id, file.client_email, file.token_uri, file.private_key_id, key)

    def assertion(self) -> str:
        """What Google gives an access token for, good for an hour."""
        now = int(time.time())
        said = {"iss": self.email, "scope": SCOPE, "aud": self.token_url, "iat": now, "exp": now + _HOUR}
        return jwt.encode(said, self.key, "RS256", {"kid": self.key_id} if self.key_id else None)


class AppleKey:
    """A key of Apple's (``AuthKey_….p8``), with its id and its team.

    Apple wants a token to serve for 20 minutes at least, whichever process has it. So the time in it is the begin of
    the period: the workers of a relay have the same, also those that were just started.

    https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
    """

    def __init__(self, path: str, key_id: str, team: str) -> None:
        self._key = _private_key(_bytes(path, "apns_key"), "apns_key")
        if not isinstance(self._key, EllipticCurvePrivateKey) or not isinstance(self._key.curve, SECP256R1):
            raise NotConfigured("apns_key has a key that is not of the curve P-256")
        self._key_id = key_id
        self._team = team
        self._issued = 0
        self._token = ""

    def token(self) -> str:
        """The token of this period."""
        begin = int(time.time()) // PERIOD * PERIOD
        if self._issued < begin:
            self._sign(begin)
        return self._token

    def renew(self, refused: str) -> bool:
        """Make a token of this very time, after one was refused as too old; whether there is another now."""
        now = int(time.time())
        if refused == self._token:
            if now - self._issued < PERIOD // 2:
                return False
            self._sign(now)
        return True

    def _sign(self, now: int) -> None:
        self._issued = now
        self._token = jwt.encode({"iss": self._team, "iat": now}, self._key, "ES256", {"kid": self._key_id})


def _bytes(path: str, setting: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise NotConfigured(f"{setting}: {path} can't be read: {error.strerror}") from error


def _private_key(pem: bytes, setting: str) -> Any:
    try:
        return load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotConfigured(f"{setting} has no private key that can be read") from error
