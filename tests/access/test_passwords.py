"""Passwords: what is kept of them, what matches, and which hashes are refused when they are read."""

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
CUT_OFF = "it looks like a hash of `jobtui hash-password` that was cut off or changed"

# "password", as passlib's documentation of its scrypt hash shows it: another maker of the same format.
PASSLIB = "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"
SALT, HASH = PASSLIB.split("$")[3:]

# RFC 7914, section 12: password, salt, the numbers, and the 64 bytes that come of them.
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


def cheap(password: str) -> str:
    """Return a hash that costs nothing to compare with."""
    salt = b"0123456789abcdef"
    made = hashlib.scrypt(password.encode(), salt=salt, n=2, r=8, p=1, dklen=32)
    return f"$scrypt$ln=1,r=8,p=1${passwords._text(salt)}${passwords._text(made)}"


class TestHash:
    """What `hash_password` makes."""

    def test_it_matches_the_password_and_no_other(self) -> None:
        """What was hashed is let in, and nothing near it."""
        password = read_password(hash_password(SECRET))
        assert password.kind == "scrypt"
        assert password.matches(SECRET)
        for other in ("", "Correct horse", SECRET + " ", SECRET[:-1]):
            assert not password.matches(other)

    def test_it_is_in_the_phc_format_with_the_cost_that_owasp_asks_for(self) -> None:
        """N = 2^15, r = 8, p = 3, 16 bytes of salt and 32 of hash, in base64 without padding."""
        _, name, cost, salt, made = hash_password(SECRET).split("$")
        assert (name, cost) == ("scrypt", "ln=15,r=8,p=3")
        assert (len(passwords._bytes(salt)), len(passwords._bytes(made))) == (16, 32)
        assert "=" not in salt + made

    def test_it_is_another_one_each_time(self) -> None:
        """Nobody sees from two hashes that the passwords are the same."""
        assert hash_password(SECRET) != hash_password(SECRET)

    def test_a_hash_of_another_program_in_that_format_is_read(self) -> None:
        """The format is a common one."""
        password = read_password(PASSLIB)
        assert password.matches("password")
        assert not password.matches("Password")

    @pytest.mark.parametrize(("given", "made"), VECTORS)
    def test_scrypt_is_that_of_the_rfc(self, given: tuple[str, str, tuple[int, int, int]], made: str) -> None:
        """The published vectors come out, with just the memory that we allow."""
        password, salt, cost = given
        assert passwords._scrypt(password.encode(), salt.encode(), cost, 64).hex() == made

    @pytest.mark.parametrize(
        ("password", "said"),
        [
            ("", "it is empty"),
            ("two\nlines", "it has line ends or other characters in it that cannot be typed"),
            ("nul\0", "it has line ends or other characters in it that cannot be typed"),
            ("\ud800", "it has line ends or other characters in it that cannot be typed"),
            ("x" * 1025, "a password has at most 1024 characters"),
        ],
    )
    def test_what_no_browser_can_send_is_refused(self, password: str, said: str) -> None:
        """Nobody could ever log in with it."""
        for use in (hash_password, read_password):
            with pytest.raises(ValueError, match=r"^it |^a ") as caught:
                use(password)
            assert str(caught.value) == said

    def test_the_longest_one_can_be_used(self) -> None:
        """The limit itself is allowed."""
        assert read_password("x" * 1024).matches("x" * 1024)

    def test_a_longer_one_is_not_even_looked_at(self) -> None:
        """To bring a long text into form C can take a minute, and whoever sends it need not know anything."""
        for length, is_looked_at in ((1024, True), (1025, False)):
            password = read_sha256(hashlib.sha256(b"x" * length).hexdigest())
            assert password.matches("x" * length) is is_looked_at


class TestPlain:
    """A password that stands in the settings as it is."""

    def test_it_matches_itself_alone(self) -> None:
        """Case and spaces count."""
        password = read_password(SECRET)
        assert password.matches(SECRET)
        for other in ("", "Correct horse", SECRET + " ", SECRET[:-1]):
            assert not password.matches(other)

    @pytest.mark.parametrize("text", ["$", "$cash$", "$ecret$5$", "scrypt", "ln=15", "a" * 64, "{x}", " "])
    def test_it_may_look_odd(self, text: str) -> None:
        """Only what has the shape of a hash is taken for one."""
        assert read_password(text).matches(text)

    def test_nothing_of_it_is_kept(self) -> None:
        """What is kept is a hash that cannot be looked up in a table."""
        kept = repr([getattr(read_password(SECRET), name) for name in Password.__slots__])
        assert SECRET not in kept
        assert repr(hashlib.sha256(SECRET.encode()).digest()) not in kept

    def test_two_of_the_same_are_equal(self) -> None:
        """Settings that say the same compare the same; in another process the salt is another one."""
        assert read_password(SECRET) == read_password(SECRET)
        assert read_password(SECRET) != read_password(SECRET + "!")
        assert read_password(cheap(SECRET)) == read_password(cheap(SECRET))
        assert read_password(SECRET) != read_password(cheap(SECRET))
        code = "from jobtui.access import passwords; print(passwords._PROCESS_SALT.hex())"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert other.stdout.strip() != passwords._PROCESS_SALT.hex()


class TestSha256:
    """What Revel's settings hold."""

    HASHED = hashlib.sha256(SECRET.encode()).hexdigest()

    @pytest.mark.parametrize("text", [HASHED, HASHED.upper()])
    def test_it_matches_the_password(self, text: str) -> None:
        """The digits may be in any case."""
        password = read_sha256(text)
        assert password.kind == "sha256"
        assert password.matches(SECRET)
        assert not password.matches(text)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "a SHA-256 has 64 hexadecimal digits"),
            (HASHED[1:], "a SHA-256 has 64 hexadecimal digits"),
            (HASHED + "\n", "a SHA-256 has 64 hexadecimal digits"),
            ("g" + HASHED[1:], "a SHA-256 has 64 hexadecimal digits"),
            (PASSLIB, "it is no SHA-256 but a hash of `jobtui hash-password`"),
            (hashlib.sha256().hexdigest(), "it is the SHA-256 of an empty text"),
        ],
    )
    def test_what_is_none_is_refused(self, text: str, said: str) -> None:
        """The message says what one looks like."""
        with pytest.raises(ValueError, match="SHA-256") as caught:
            read_sha256(text)
        assert str(caught.value) == said


class TestUnicode:
    """Letters that can be written in two ways."""

    @pytest.mark.parametrize("form", ["NFC", "NFD"])
    @pytest.mark.parametrize("typed", ["NFC", "NFD"])
    def test_it_does_not_matter_how_a_letter_is_made_up(self, form: str, typed: str) -> None:
        """Keyboards and editors differ, the password does not: what is compared is form C."""
        word = "pässwörd é"
        ours, theirs = (unicodedata.normalize(each, word) for each in (form, typed))  # type: ignore[arg-type] # a literal
        assert read_password(ours).matches(theirs)
        made = passwords._scrypt(passwords._encoded(ours), b"salt", (1, 8, 1), 32)
        assert made == passwords._scrypt(passwords._encoded(theirs), b"salt", (1, 8, 1), 32)
        composed = unicodedata.normalize("NFC", word).encode()
        assert read_sha256(hashlib.sha256(composed).hexdigest()).matches(theirs)

    def test_what_only_looks_alike_is_another_password(self) -> None:
        """A ligature is not its two letters: form C, and no other, is taken."""
        assert not read_password("ﬁsh").matches("fish")

    @pytest.mark.parametrize("candidate", ["\ud800", "\0", "x" * 100_000, "e" + "\u0301\u0323" * 50_000])
    def test_nothing_that_is_sent_makes_it_fail(self, candidate: str) -> None:
        """Half characters, and texts without end, are just wrong."""
        for password in (read_password("x"), read_password(cheap("x")), read_sha256("0" * 64)):
            assert not password.matches(candidate)


class TestBrokenHashes:
    """What begins like a hash is one, or an error: never the password itself."""

    @pytest.mark.parametrize(
        "text",
        [
            "$scrypt$",
            PASSLIB[:-1],
            PASSLIB + "A",
            PASSLIB[:-21],
            PASSLIB + "=",
            PASSLIB + "\n",
            PASSLIB[1:],  # a shell has taken away "$"
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
    def test_it_was_cut_off_or_changed(self, text: str) -> None:
        """Whoever pasted it badly is told so, and it is not repeated."""
        with pytest.raises(ValueError, match="hash") as caught:
            read_password(text)
        assert str(caught.value) == CUT_OFF

    @pytest.mark.parametrize(
        "numbers", ["ln=0,r=8,p=1", "ln=16,r=0,p=1", "ln=16,r=8,p=0", "ln=16,r=1,p=1", "ln=99,r=1,p=1"]
    )
    def test_numbers_that_scrypt_does_not_take(self, numbers: str) -> None:
        """They are refused when they are read, not when the first user logs in."""
        with pytest.raises(ValueError, match=r"^the numbers ln, r and p in the hash make no sense$"):
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
    def test_a_hash_that_would_eat_memory_or_time(self, numbers: str) -> None:
        """Each wrong login would cost it."""
        with pytest.raises(ValueError, match=r"takes over 256 MiB or too long; `jobtui hash-password`"):
            read_password(PASSLIB.replace("ln=16,r=8,p=1", numbers))

    @pytest.mark.parametrize("numbers", ["ln=1,r=1,p=1", "ln=15,r=1,p=1", "ln=17,r=8,p=1", "ln=15,r=8,p=16"])
    def test_every_hash_that_is_read_can_be_compared_with(self, numbers: str) -> None:
        """What is let through here never fails later."""
        assert not read_password(PASSLIB.replace("ln=16,r=8,p=1", numbers)).matches("x")

    @settings(max_examples=60, deadline=None)
    @given(cost=st.integers(0, 12), block=st.integers(0, 20), parallel=st.integers(0, 20))
    def test_any_numbers_are_refused_or_work(self, cost: int, block: int, parallel: int) -> None:
        """There is nothing in between; the large ones are for the tests above."""
        try:
            password = read_password(f"$scrypt$ln={cost},r={block},p={parallel}${SALT}${HASH}")
        except ValueError as error:
            assert "make no sense" in str(error)  # noqa: PT017 - or none is raised
            assert 0 in (cost, block, parallel)
        else:
            assert not password.matches("x")

    @pytest.mark.parametrize(
        "text",
        ["$2b$12$KIXQ1x", "$2y$05$abc", "$argon2id$v=19$m=65536", "$6$salt$hash", "$1$x", "$y$j9T$",
         "$apr1$x$y", "$pbkdf2-sha256$29000$x", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{SSHA}x", "$5$r$"],
    )  # fmt: skip
    def test_a_hash_of_another_kind(self, text: str) -> None:
        """Taken as it is, it would let in whoever has read it, and not who knows the password."""
        with pytest.raises(
            ValueError, match=r"^it looks like a hash of another kind; `jobtui hash-password`"
        ):
            read_password(text)


@pytest.mark.parametrize("password", [read_password(SECRET), read_password(cheap(SECRET))])
def test_nothing_of_it_is_printed(password: Password) -> None:
    """Neither the password, nor its hash, nor the salt."""
    assert repr(password) == str(password) == f"Password(kind='{password.kind}')"


@given(st.text(max_size=40))
def test_any_text_is_a_password_or_refused_without_being_repeated(text: str) -> None:
    """A message about a password never has it in it."""
    try:
        assert read_password(text).matches(text)
    except ValueError as error:
        assert len(text) < 4 or text not in str(error)  # noqa: PT017 - or none is raised
