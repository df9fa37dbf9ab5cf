"""Hash passwords, and compare them in constant time. A password is never stored as it is.

The hash is that of the password's UTF-8 in Unicode's normal form C (NFC), the form that browsers send for
`charset="UTF-8"` (RFC 7617). So é is the same whether it is one character or two.
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

# One of the minimums for scrypt in OWASP's "Password Storage Cheat Sheet": N = 2^15, r = 8, p = 3. Each check
# takes 32 MiB, so the server makes one at a time.
_COST, _BLOCK, _PARALLEL = 15, 8, 3
_SALT = 16  # bytes
_LENGTH = 32  # bytes

# Limits for hashes that were made elsewhere, because every wrong login costs as much.
_MAX_MEMORY = 256 * 1024 * 1024  # bytes
_MAX_WORK = 2**22  # N * r * p; five times that of hash_password

MAX_PASSWORD = 1024  # characters; about what fits into an HTTP header
_EMPTY_SHA256 = hashlib.sha256().digest()

# A hash has 32 or 64 bytes: one of another length lost or gained characters, and would never match.
_SCRYPT = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43}|[A-Za-z0-9+/]{86})"
)
# The beginning may be missing: a shell replaces "$scrypt" by the value of a variable.
_LIKE_SCRYPT = re.compile(r"\$?scrypt\$|.{0,20}ln=[0-9]+,r=[0-9]+,p=[0-9]+")
_OTHER_HASH = re.compile(
    r"\$(1|2[abxy]?|5|6|7|g?y|apr1|argon2[a-z]*|bcrypt[^$]*|pbkdf2[^$]*)\$|\{S?SHA[0-9]*\}"
)
_SHA256 = re.compile("[0-9a-fA-F]{64}")
_DAMAGED = "this is a damaged hash of `jobtui hash-password`: it was cut off or changed"

# One salt for all plain passwords in the settings of this process, so that equal passwords compare equal.
_PROCESS_SALT = secrets.token_bytes(_SALT)


@dataclass(frozen=True, slots=True)
class Password:
    """The hash of a password, and how it was made. Its `repr` shows only the kind.

    Two objects are equal if they were read from the same text; a password and a hash of it are not equal.

    Attributes:
        kind: ``"scrypt"``, or ``"sha256"`` for plain passwords and for hashes of Revel's settings.
    """

    kind: Literal["scrypt", "sha256"]
    _hash: bytes = field(repr=False)
    _salt: bytes = field(default=b"", repr=False)
    _cost: tuple[int, int, int] = field(default=(0, 0, 0), repr=False)

    def matches(self, candidate: str) -> bool:
        """Return whether this is the password, in a time that does not depend on where the two differ.

        With scrypt this takes some tenths of a second of CPU time and, for a hash of `hash_password`, 32 MiB.
        It releases the GIL. A candidate that is too long to be a password is rejected at once.
        """
        if len(candidate) > MAX_PASSWORD:  # a long text can be built that takes minutes to normalize
            return False
        text = encode_password(candidate)
        if self.kind == "scrypt":
            candidate_hash = compute_scrypt(text, self._salt, self._cost, len(self._hash))
        else:
            candidate_hash = hashlib.sha256(self._salt + text).digest()
        return hmac.compare_digest(candidate_hash, self._hash)


def hash_password(password: str) -> str:
    """Return the hash that ``jobs.auth.pass`` accepts instead of the password, in the PHC string format.

    Raises:
        ValueError: The password cannot be typed in a browser. The message, a sentence without its full stop,
            says why and does not repeat the password.
    """
    _check(password)
    salt = secrets.token_bytes(_SALT)
    digest = compute_scrypt(encode_password(password), salt, (_COST, _BLOCK, _PARALLEL), _LENGTH)
    return f"$scrypt$ln={_COST},r={_BLOCK},p={_PARALLEL}${_to_base64(salt)}${_to_base64(digest)}"


def read_password(text: str) -> Password:
    """Read the value of ``jobs.auth.pass``: a hash of `hash_password`, or the password itself.

    Raises:
        ValueError: The text is neither. The message says why, as for `hash_password`.
    """
    if is_scrypt(text):
        return _read_scrypt(text)
    if _OTHER_HASH.match(text):
        raise ValueError(
            "this is probably a hash of another kind; `jobtui hash-password` prints the hash to use"
        )
    _check(text)
    return Password("sha256", hashlib.sha256(_PROCESS_SALT + encode_password(text)).digest(), _PROCESS_SALT)


def is_scrypt(text: str) -> bool:
    """Return whether a text is a hash of `hash_password`, or was meant to be one."""
    return _LIKE_SCRYPT.match(text) is not None


def read_sha256(text: str) -> Password:
    """Read the SHA-256 of a password in 64 hexadecimal digits, as in Revel's settings.

    Raises:
        ValueError: The text is not a SHA-256, or is that of the empty password. The message says why, as for
            `hash_password`.
    """
    if is_scrypt(text):
        raise ValueError("this is a hash of `jobtui hash-password`, not a SHA-256")
    if not _SHA256.fullmatch(text):
        raise ValueError("a SHA-256 has 64 hexadecimal digits")
    digest = bytes.fromhex(text)
    if digest == _EMPTY_SHA256:
        raise ValueError("this is the SHA-256 of an empty password")
    return Password("sha256", digest)


def _read_scrypt(text: str) -> Password:
    parts = _SCRYPT.fullmatch(text)
    if parts is None:
        raise ValueError(_DAMAGED)
    cost, block, parallel = int(parts[1]), int(parts[2]), int(parts[3])
    # RFC 7914: N is above 1, and less than 2^(128 * r / 8).
    if not (0 < cost < 16 * block and parallel > 0):
        raise ValueError("the numbers ln, r and p of the hash are out of range")
    units = 2**cost * block
    if units * 128 > _MAX_MEMORY or units * parallel > _MAX_WORK:
        raise ValueError(
            f"comparing a password with this hash takes more than {_MAX_MEMORY >> 20} MiB or too long; "
            "`jobtui hash-password` prints a cheaper one"
        )
    try:
        salt, digest = _from_base64(parts[4]), _from_base64(parts[5])
    except binascii.Error:
        raise ValueError(_DAMAGED) from None
    return Password("scrypt", digest, salt, (cost, block, parallel))


def _check(password: str) -> None:
    """Check that a password can be typed and sent."""
    if not password:
        raise ValueError("the password is empty")
    if len(password) > MAX_PASSWORD:
        raise ValueError(f"the password has more than {MAX_PASSWORD} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        raise ValueError("the password contains line breaks or other characters that cannot be typed")


def encode_password(password: str) -> bytes:
    """Return the bytes to hash: the same for equal letters, in whichever way they are encoded."""
    # A password never has lone surrogates, but a candidate may: it does not match, and must not raise.
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")


def compute_scrypt(password: bytes, salt: bytes, cost: tuple[int, int, int], length: int) -> bytes:
    """Return the hash of RFC 7914. The cost is the logarithm of N to base 2, then r, then p."""
    n, r, p = 2 ** cost[0], cost[1], cost[2]
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=128 * r * (n + p + 2), dklen=length)


def _to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
