"""A token: a secret that a caller sends, and of which relay keeps the hash alone.

It is ``rly_``, 256 random bits as base64url (43 characters), and the CRC-32 of all these in base62 (6 digits of 0-9,
A-Z, a-z). So a scanner that looks for secrets in files knows one without asking anybody, and a slip of the pen is told
from a token that was revoked.
"""

from __future__ import annotations

import re
import secrets
import zlib
from hashlib import sha256

PREFIX = "rly_"
TOKEN_LENGTH = 53  # characters
_BITS = 256
_CHECKED = -6  # where the checksum begins
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}[A-Za-z0-9]{{6}}")


def make_token() -> str:
    """A new one, as random as the system can make it."""
    secret = PREFIX + secrets.token_urlsafe(_BITS // 8)
    return secret + _checksum(secret)


def is_token(text: str) -> bool:
    """Whether a text is a token somebody made, without a slip of the pen; nobody is asked whether it is valid."""
    return _TOKEN.fullmatch(text) is not None and _checksum(text[:_CHECKED]) == text[_CHECKED:]


def digest_of(token: str) -> bytes:
    """The SHA-256 of a token. It needs no salt: 256 random bits can't be guessed, nor looked up."""
    return sha256(token.encode()).digest()


def _checksum(text: str) -> str:
    rest = zlib.crc32(text.encode())
    digits = ""
    for _ in range(-_CHECKED):
        rest, digit = divmod(rest, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
