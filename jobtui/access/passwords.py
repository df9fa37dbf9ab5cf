"""Passwords that are never kept as they are: made into hashes, and compared in constant time.

A password is text, and what is hashed is its UTF-8 in Unicode's form C (NFC). That is what RFC 7617 has a
browser send that is told `charset="UTF-8"`, and an é is the same whether it is made of one character or two.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from typing import Literal

# What OWASP's "Password Storage Cheat Sheet" gives as one of its minimums for scrypt: N = 2^15, r = 8, p = 3.
# 32 MiB for each check, which is why only one is made at a time.
_COST, _BLOCK, _PARALLEL = 15, 8, 3
_SALT = 16  # bytes
_LENGTH = 32  # bytes

# A hash that was made elsewhere may ask for more, within reason: each wrong login is paid with it.
_MOST_MEMORY = 256 * 1024 * 1024  # bytes
_MOST_WORK = 2**22  # N * r * p; five times ours

_LONGEST = 1024  # characters; about as many as a header of HTTP has room for
_EMPTY_SHA256 = hashlib.sha256().digest()

# The hash has 32 or 64 bytes: one of any other length has lost or won characters, and would match nothing.
_SCRYPT = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43}|[A-Za-z0-9+/]{86})"
)
# Also without its beginning: in a shell, "$scrypt" stands for a variable.
_LIKE_SCRYPT = re.compile(r"\$?scrypt\$|.{0,20}ln=[0-9]+,r=[0-9]+,p=[0-9]+")
_OTHER_HASH = re.compile(
    r"\$(1|2[abxy]?|5|6|7|g?y|apr1|argon2[a-z]*|bcrypt[^$]*|pbkdf2[^$]*)\$|\{S?SHA[0-9]*\}"
)
_SHA256 = re.compile("[0-9a-fA-F]{64}")

# One for all the passwords of a process that stand in the settings as they are, so that two that are the same
# are equal.
_PROCESS_SALT = secrets.token_bytes(_SALT)


@dataclass(frozen=True, slots=True)
class Password:
    """A hash, and how it was made. Nothing of it is shown when it is printed.

    Two are equal if they were read from the same text; a password and a hash of it are not.

    Attributes:
        kind: ``"scrypt"``, or ``"sha256"`` for what Revel's settings hold.
    """

    kind: Literal["scrypt", "sha256"]
    _hash: bytes = field(repr=False)
    _salt: bytes = field(default=b"", repr=False)
    _cost: tuple[int, int, int] = field(default=(0, 0, 0), repr=False)

    def matches(self, candidate: str) -> bool:
        """Whether this is the password. It takes the same time wherever the two differ.

        With scrypt it takes some tenths of a second of CPU and, if `hash_password` made the hash, 32 MiB;
        Python's other threads go on meanwhile. What is too long to be a password is none, and takes no time.
        """
        if len(candidate) > _LONGEST:  # form C of a long text can be made to take minutes
            return False
        text = _encoded(candidate)
        if self.kind == "scrypt":
            given = _scrypt(text, self._salt, self._cost, len(self._hash))
        else:
            given = hashlib.sha256(self._salt + text).digest()
        return hmac.compare_digest(given, self._hash)


def hash_password(password: str) -> str:
    """Makes the hash that ``jobs.auth.pass`` takes in the password's place, in the PHC string format.

    Raises:
        ValueError: It is no password that can be given in a browser; the message, a sentence without its end,
            says why and does not repeat it.
    """
    _check(password)
    salt = secrets.token_bytes(_SALT)
    made = _scrypt(_encoded(password), salt, (_COST, _BLOCK, _PARALLEL), _LENGTH)
    return f"$scrypt$ln={_COST},r={_BLOCK},p={_PARALLEL}${_text(salt)}${_text(made)}"


def read_password(text: str) -> Password:
    """Reads what ``jobs.auth.pass`` holds: a hash of ``hash_password``, or the password itself.

    Raises:
        ValueError: It is neither; the message says why, as with ``hash_password``.
    """
    if _LIKE_SCRYPT.match(text):
        return _read_scrypt(text)
    if _OTHER_HASH.match(text):
        raise ValueError(
            "it looks like a hash of another kind; `jobtui hash-password` makes the one to write"
        )
    _check(text)
    return Password("sha256", hashlib.sha256(_PROCESS_SALT + _encoded(text)).digest(), _PROCESS_SALT)


def read_sha256(text: str) -> Password:
    """Reads the SHA-256 of a password in 64 hexadecimal digits, as Revel's settings have it.

    Raises:
        ValueError: It is none, or one of no password at all; the message says why, as with ``hash_password``.
    """
    if _LIKE_SCRYPT.match(text):
        raise ValueError("it is no SHA-256 but a hash of `jobtui hash-password`")
    if not _SHA256.fullmatch(text):
        raise ValueError("a SHA-256 has 64 hexadecimal digits")
    made = bytes.fromhex(text)
    if made == _EMPTY_SHA256:
        raise ValueError("it is the SHA-256 of an empty text")
    return Password("sha256", made)


def _read_scrypt(text: str) -> Password:
    parts = _SCRYPT.fullmatch(text)
    if parts is None:
        raise ValueError("it looks like a hash of `jobtui hash-password` that was cut off or changed")
    cost, block, parallel = int(parts[1]), int(parts[2]), int(parts[3])
    # RFC 7914: N is above 1, and less than 2^(128 * r / 8).
    if not (0 < cost < 16 * block and parallel > 0):
        raise ValueError("the numbers ln, r and p in the hash make no sense")
    units = 2**cost * block
    if units * 128 > _MOST_MEMORY or units * parallel > _MOST_WORK:
        raise ValueError(
            f"to compare with this hash takes over {_MOST_MEMORY >> 20} MiB or too long; "
            "`jobtui hash-password` makes one that can be used"
        )
    try:
        salt, made = _bytes(parts[4]), _bytes(parts[5])
    except binascii.Error:
        raise ValueError(
            "it looks like a hash of `jobtui hash-password` that was cut off or changed"
        ) from None
    return Password("scrypt", made, salt, (cost, block, parallel))


def _check(password: str) -> None:
    """Sees that a password can be typed and sent."""
    if not password:
        raise ValueError("it is empty")
    if len(password) > _LONGEST:
        raise ValueError(f"a password has at most {_LONGEST} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        raise ValueError("it has line ends or other characters in it that cannot be typed")


def _encoded(password: str) -> bytes:
    # Half characters, which no password has, are compared like others: whoever sends them is just wrong.
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")


def _scrypt(password: bytes, salt: bytes, cost: tuple[int, int, int], length: int) -> bytes:
    n, r, p = 2 ** cost[0], cost[1], cost[2]
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=128 * r * (n + p + 2), dklen=length)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
