"""Passwords: how they are stored, which candidates match, and which hashes are rejected."""

import base64
import hashlib
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobtui.access import passwords
from jobtui.access.passwords import Password, hash_password, read_password, read_sha256

SECRET = "correct horse"
UNTYPABLE = "the password contains line breaks or other characters that cannot be typed"
DAMAGED = "this is a damaged hash of `jobtui hash-password`: it was cut off or changed"

# "password", as passlib's documentation of its scrypt hash shows it: another maker of the same format.
PASSLIB = "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"
SALT, HASH = PASSLIB.split("$")[3:]

# RFC 7914, section 12: password, salt, the numbers, and the 64 bytes of the result.
VECTORS = [
    (
        ("", "", (4, 1, 1)),
        (
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
            "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
        ),
    ),
    (
        ("password", "NaCl", (10, 8, 16)),
        (
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
            "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
        ),
    ),
    (
        ("pleaseletmein", "SodiumChloride", (14, 8, 1)),
        (
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
            "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
        ),
    ),
]


def encode_base64(raw: bytes) -> str:
    """Return bytes in base64 without padding."""
    return base64.b64encode(raw).decode().rstrip("=")


def cheap_hash(password: str) -> str:
    """Return a hash that takes almost no time to compare with."""
    salt = b"0123456789abcdef"
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2, r=8, p=1, dklen=32)
    return f"$scrypt$ln=1,r=8,p=1${encode_base64(salt)}${encode_base64(digest)}"


@pytest.fixture(scope="module")
def hashed() -> str:
    """Return a hash of SECRET with the cost of real hashes, which takes a tenth of a second to compute."""
    return hash_password(SECRET)


class TestHash:
    """The result of `hash_password`."""

    def test_a_hash_matches_its_password_and_no_other(self, hashed: str) -> None:
        """Case and spaces count."""
        assert read_password(hashed).matches(SECRET)
        password = read_password(cheap_hash(SECRET))
        assert password.kind == "scrypt"
        assert password.matches(SECRET)
        for other in ("", "Correct horse", SECRET + " ", SECRET[:-1]):
            assert not password.matches(other)

    def test_a_hash_has_the_phc_format_and_the_cost_of_owasp(self, hashed: str) -> None:
        """N = 2^15, r = 8, p = 3, 16 bytes of salt and 32 of hash, in base64 without padding."""
        _, name, cost, salt, digest = hashed.split("$")
        assert (name, cost) == ("scrypt", "ln=15,r=8,p=3")
        assert (len(base64.b64decode(salt + "==")), len(base64.b64decode(digest + "="))) == (16, 32)
        assert "=" not in salt + digest

    def test_two_hashes_of_one_password_differ(self, hashed: str) -> None:
        """The salt is random, so equal passwords cannot be seen."""
        assert hash_password(SECRET) != hashed

    def test_a_hash_of_another_program_in_the_phc_format_is_read(self) -> None:
        """The format is a common one."""
        password = read_password(PASSLIB)
        assert password.matches("password")
        assert not password.matches("Password")

    @pytest.mark.parametrize(("arguments", "digest"), VECTORS)
    def test_scrypt_computes_the_vectors_of_the_rfc(
        self, arguments: tuple[str, str, tuple[int, int, int]], digest: str
    ) -> None:
        """With just the memory that the limit allows."""
        password, salt, cost = arguments
        assert passwords.compute_scrypt(password.encode(), salt.encode(), cost, 64).hex() == digest

    @pytest.mark.parametrize(
        ("password", "expected"),
        [
            ("", "the password is empty"),
            ("two\nlines", UNTYPABLE),
            ("nul\0", UNTYPABLE),
            ("\ud800", UNTYPABLE),
            ("x" * 1025, "the password has more than 1024 characters"),
        ],
    )
    def test_a_password_that_a_browser_cannot_send_is_rejected(self, password: str, expected: str) -> None:
        """A login with it could never succeed."""
        for use in (hash_password, read_password):
            with pytest.raises(ValueError, match=r"^the password ") as caught:
                use(password)
            assert str(caught.value) == expected

    def test_a_password_of_the_maximum_length_is_accepted(self) -> None:
        """1024 characters."""
        assert read_password("x" * 1024).matches("x" * 1024)

    def test_a_candidate_above_the_maximum_length_is_rejected_without_comparison(self) -> None:
        """To normalize a long text can take a minute, and anyone can send one."""
        for length, is_compared in ((1024, True), (1025, False)):
            password = read_sha256(hashlib.sha256(b"x" * length).hexdigest())
            assert password.matches("x" * length) is is_compared


class TestPlain:
    """A plain password in the settings."""

    def test_a_plain_password_matches_only_itself(self) -> None:
        """Case and spaces count."""
        password = read_password(SECRET)
        assert password.matches(SECRET)
        for other in ("", "Correct horse", SECRET + " ", SECRET[:-1]):
            assert not password.matches(other)

    @pytest.mark.parametrize("text", ["$", "$cash$", "$ecret$5$", "scrypt", "ln=15", "a" * 64, "{x}", " "])
    def test_a_plain_password_may_resemble_a_hash(self, text: str) -> None:
        """Only a text with the shape of a hash is read as one."""
        assert read_password(text).matches(text)

    def test_a_plain_password_is_not_stored(self) -> None:
        """The stored hash cannot be looked up in a table."""
        stored = repr([getattr(read_password(SECRET), name) for name in Password.__slots__])
        assert SECRET not in stored
        assert repr(hashlib.sha256(SECRET.encode()).digest()) not in stored

    def test_passwords_read_from_equal_texts_are_equal(self) -> None:
        """Plain passwords of one process share a salt; another process has another salt."""
        assert read_password(SECRET) == read_password(SECRET)
        assert read_password(SECRET) != read_password(SECRET + "!")
        assert read_password(cheap_hash(SECRET)) == read_password(cheap_hash(SECRET))
        assert read_password(SECRET) != read_password(cheap_hash(SECRET))
        code = "from jobtui.access import passwords; print(passwords._PROCESS_SALT.hex())"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert other.stdout.strip() != passwords._PROCESS_SALT.hex()  # noqa: SLF001 - nothing public shows the salt


class TestSha256:
    """The SHA-256 of a password, as in Revel's settings."""

    HASHED = hashlib.sha256(SECRET.encode()).hexdigest()

    @pytest.mark.parametrize("text", [HASHED, HASHED.upper()])
    def test_a_sha256_matches_its_password(self, text: str) -> None:
        """The digits may be upper or lower case."""
        password = read_sha256(text)
        assert password.kind == "sha256"
        assert password.matches(SECRET)
        assert not password.matches(text)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "a SHA-256 has 64 hexadecimal digits"),
            (HASHED[1:], "a SHA-256 has 64 hexadecimal digits"),
            (HASHED + "\n", "a SHA-256 has 64 hexadecimal digits"),
            ("g" + HASHED[1:], "a SHA-256 has 64 hexadecimal digits"),
            (PASSLIB, "this is a hash of `jobtui hash-password`, not a SHA-256"),
            (hashlib.sha256().hexdigest(), "this is the SHA-256 of an empty password"),
        ],
    )
    def test_a_text_that_is_not_a_sha256_is_rejected(self, text: str, expected: str) -> None:
        """The message says what a SHA-256 is."""
        with pytest.raises(ValueError, match="SHA-256") as caught:
            read_sha256(text)
        assert str(caught.value) == expected


class TestUnicode:
    """Letters that can be encoded in several ways."""

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    @pytest.mark.parametrize("typed", ["NFC", "NFD"])
    def test_composed_and_decomposed_letters_are_equal(self, form: str, typed: str) -> None:
        """Keyboards and editors differ; the hash is that of the normal form C."""
        word = "pässwörd é"
        stored, typed_in = (unicodedata.normalize(each, word) for each in (form, typed))  # type: ignore[arg-type] # a literal
        assert read_password(stored).matches(typed_in)
        digest = passwords.compute_scrypt(passwords.encode_password(stored), b"salt", (1, 8, 1), 32)
        assert digest == passwords.compute_scrypt(passwords.encode_password(typed_in), b"salt", (1, 8, 1), 32)
        composed = unicodedata.normalize("NFC", word).encode()
        assert read_sha256(hashlib.sha256(composed).hexdigest()).matches(typed_in)

    def test_a_ligature_differs_from_its_letters(self) -> None:
        """The normal form is C, not KC."""
        assert not read_password("ﬁsh").matches("fish")

    @pytest.mark.parametrize("candidate", ["\ud800", "\0", "x" * 100_000, "e" + "\u0301\u0323" * 50_000])
    def test_a_candidate_that_cannot_be_a_password_does_not_match(self, candidate: str) -> None:
        """Lone surrogates and very long texts do not match."""
        for password in (read_password("x"), read_password(cheap_hash("x")), read_sha256("0" * 64)):
            assert not password.matches(candidate)


class TestBrokenHashes:
    """A text that begins like a hash is a hash or an error, never a plain password."""

    @pytest.mark.parametrize(
        "text",
        [
            "$scrypt$",
            PASSLIB[:-1],
            PASSLIB + "A",
            PASSLIB[:-21],
            PASSLIB + "=",
            PASSLIB + "\n",
            PASSLIB[1:],  # a shell has removed "$"
            PASSLIB.removeprefix("$scrypt$"),
            PASSLIB.removeprefix("$scrypt"),
            PASSLIB.replace("ln=16", "ln=-1"),
            PASSLIB.replace("ln=16", "ln=016"),
            PASSLIB.replace("r=8,", ""),
            PASSLIB.replace(SALT, ""),
            PASSLIB.replace(SALT, SALT[:-1] + "!"),
            PASSLIB.replace(SALT, "A" * 13),  # no number of bytes has so many characters
            PASSLIB.replace(SALT, "A" * 5000),
            PASSLIB.replace(HASH, "A" * 45),
            PASSLIB.replace(HASH, "A" * 5000),
            PASSLIB.replace("$", "$ ", 2),
        ],
    )
    def test_a_damaged_hash_is_rejected_without_being_repeated(self, text: str) -> None:
        """The message says that it was cut off or changed."""
        with pytest.raises(ValueError, match="hash") as caught:
            read_password(text)
        assert str(caught.value) == DAMAGED

    @pytest.mark.parametrize(
        "numbers", ["ln=0,r=8,p=1", "ln=16,r=0,p=1", "ln=16,r=8,p=0", "ln=16,r=1,p=1", "ln=99,r=1,p=1"]
    )
    def test_parameters_that_scrypt_does_not_accept_are_rejected(self, numbers: str) -> None:
        """The error comes when the settings are read, not at the first login."""
        with pytest.raises(ValueError, match=r"^the numbers ln, r and p of the hash are out of range$"):
            read_password(PASSLIB.replace("ln=16,r=8,p=1", numbers))

    @pytest.mark.parametrize(
        "numbers",
        [
            "ln=20,r=32,p=1",
            "ln=19,r=8,p=1",
            "ln=18,r=9,p=1",
            "ln=18,r=8,p=3",
            "ln=10,r=99,p=99",
            "ln=99,r=99,p=99",
        ],
    )
    def test_a_hash_that_takes_too_much_memory_or_time_is_rejected(self, numbers: str) -> None:
        """Each wrong login would cost as much."""
        with pytest.raises(ValueError, match=r"takes more than 256 MiB or too long; `jobtui hash-password`"):
            read_password(PASSLIB.replace("ln=16,r=8,p=1", numbers))

    @pytest.mark.parametrize("numbers", ["ln=1,r=1,p=1", "ln=15,r=1,p=1", "ln=17,r=8,p=1", "ln=15,r=8,p=16"])
    def test_a_hash_within_the_limits_can_be_compared_with_a_password(self, numbers: str) -> None:
        """Up to both limits."""
        assert not read_password(PASSLIB.replace("ln=16,r=8,p=1", numbers)).matches("x")

    @settings(max_examples=60, deadline=None)
    @given(cost=st.integers(0, 6), block=st.integers(0, 20), parallel=st.integers(0, 20))
    def test_a_hash_with_any_small_parameters_is_rejected_or_can_be_compared(
        self, cost: int, block: int, parallel: int
    ) -> None:
        """The tests above cover large numbers."""
        try:
            password = read_password(f"$scrypt$ln={cost},r={block},p={parallel}${SALT}${HASH}")
        except ValueError as error:
            assert "out of range" in str(error)  # noqa: PT017 - or none is raised
            assert 0 in (cost, block, parallel)
        else:
            assert not password.matches("x")

    @pytest.mark.parametrize(
        "text",
        ["$2b$12$KIXQ1x", "$2y$05$abc", "$argon2id$v=19$m=65536", "$6$salt$hash", "$1$x", "$y$j9T$",
         "$apr1$x$y", "$pbkdf2-sha256$29000$x", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{SSHA}x", "$5$r$"],
    )  # fmt: skip
    def test_a_hash_of_another_kind_is_rejected(self, text: str) -> None:
        """As a plain password it would admit those who have read the hash."""
        with pytest.raises(
            ValueError, match=r"^this is probably a hash of another kind; `jobtui hash-password`"
        ):
            read_password(text)


@pytest.mark.parametrize("password", [read_password(SECRET), read_password(cheap_hash(SECRET))])
def test_the_repr_of_a_password_shows_only_its_kind(password: Password) -> None:
    """Neither password, hash nor salt."""
    assert repr(password) == str(password) == f"Password(kind='{password.kind}')"


@given(st.text(max_size=40))
def test_any_text_is_a_password_or_rejected_without_being_repeated(text: str) -> None:
    """No message contains a password."""
    try:
        assert read_password(text).matches(text)
    except ValueError as error:
        assert len(text) < 4 or text not in str(error)  # noqa: PT017 - or none is raised
