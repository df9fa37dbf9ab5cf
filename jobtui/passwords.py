"""Passwords that are never kept as they are: made into hashes, and compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Literal

# What OWASP's "Password Storage Cheat Sheet" gives as one of its minimums for scrypt: N = 2^15, r = 8, p = 3.
# 32 MiB for each check, which is why only one is made at a time.
_COST, _BLOCK, _PARALLEL = 15, 8, 3
_SALT = 16  # bytes
_LENGTH = 32  # bytes
_MOST_COST, _MOST_BLOCK, _MOST_PARALLEL = 20, 32, 16  # a hash with more would stop the machine

_SCRYPT = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
_SHA256 = re.compile("[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Password:
    """A hash, and how it was made. Nothing of it is shown when it is printed.

    Attributes:
        kind: ``"scrypt"``, or ``"sha256"`` for what Revel's settings hold.
    """

    kind: Literal["scrypt", "sha256"]
    _hash: bytes = field(repr=False)
    _salt: bytes = field(default=b"", repr=False)
    _cost: tuple[int, int, int] = field(default=(0, 0, 0), repr=False)

    def matches(self, candidate: str) -> bool:
        """Whether this is the password. It takes the same time wherever the two differ.

        With scrypt it takes some 0.1 s of CPU and 32 MiB; Python's other threads go on meanwhile.
        """
        text = candidate.encode(errors="surrogateescape")
        if self.kind == "scrypt":
            given = _scrypt(text, self._salt, self._cost, len(self._hash))
        else:
            given = hashlib.sha256(self._salt + text).digest()
        return hmac.compare_digest(given, self._hash)


def hash_password(password: str) -> str:
    """Makes the hash that ``jobs.auth.pass`` takes in the password's place, in the PHC string format."""
    salt = secrets.token_bytes(_SALT)
    made = _scrypt(password.encode(errors="surrogateescape"), salt, (_COST, _BLOCK, _PARALLEL), _LENGTH)
    return f"$scrypt$ln={_COST},r={_BLOCK},p={_PARALLEL}${_text(salt)}${_text(made)}"


def read_password(text: str) -> Password:
    """Reads what ``jobs.auth.pass`` holds: a hash of ``hash_password``, or the password itself.

    Raises:
        ValueError: It begins like a hash and is none.
    """
    if not text.startswith("$scrypt$"):
        salt = secrets.token_bytes(_SALT)
        return Password("sha256", hashlib.sha256(salt + text.encode(errors="surrogateescape")).digest(), salt)
    parts = _SCRYPT.fullmatch(text)
    if parts is None:
        raise ValueError("it begins like a hash, and is none that `jobtui hash-password` makes")
    cost = int(parts[1]), int(parts[2]), int(parts[3])
    limits = _MOST_COST, _MOST_BLOCK, _MOST_PARALLEL
    if not all(1 <= number <= most for number, most in zip(cost, limits, strict=True)):
        raise ValueError("the numbers in the hash are out of range")
    try:
        salt, made = _bytes(parts[4]), _bytes(parts[5])
    except binascii.Error:
        raise ValueError("it begins like a hash, and has been cut off or changed") from None
    if len(made) < _LENGTH:
        raise ValueError("it begins like a hash, and has been cut off or changed")
    return Password("scrypt", made, salt, cost)


def read_sha256(text: str) -> Password:
    """Reads the SHA-256 of a password in 64 hexadecimal digits, as Revel's settings have it.

    Raises:
        ValueError: It is none.
    """
    if not _SHA256.fullmatch(text):
        raise ValueError("a SHA-256 has 64 hexadecimal digits")
    return Password("sha256", bytes.fromhex(text))


def _scrypt(password: bytes, salt: bytes, cost: tuple[int, int, int], length: int) -> bytes:
    n, r, p = 2 ** cost[0], cost[1], cost[2]
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=256 * r * (n + p + 2), dklen=length)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
