"""The URL that browsers use for the status page behind a proxy."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobtui.access.public_url import parse_public_url

SECRET = "hunter22"


@pytest.mark.parametrize(
    ("text", "expected", "origin"),
    [
        ("https://jobs.example.org", "https://jobs.example.org/@jobs", "https://jobs.example.org"),
        ("https://jobs.example.org/", "https://jobs.example.org/@jobs", "https://jobs.example.org"),
        ("https://jobs.example.org/@jobs/", "https://jobs.example.org/@jobs", "https://jobs.example.org"),
        ("HTTPS://Jobs.Example.ORG:443/@jobs", "https://jobs.example.org/@jobs", "https://jobs.example.org"),
        ("http://jobs:80/team/@jobs", "http://jobs/team/@jobs", "http://jobs"),
        ("http://jobs.lan:8080/jobs", "http://jobs.lan:8080/jobs", "http://jobs.lan:8080"),
        ("https://jobs.lan:80", "https://jobs.lan:80/@jobs", "https://jobs.lan:80"),
        ("http://[::1]:8080/@jobs", "http://[::1]:8080/@jobs", "http://[::1]:8080"),
        ("http://10.0.0.7", "http://10.0.0.7/@jobs", "http://10.0.0.7"),
        ("https://jobs.example.org./@jobs", "https://jobs.example.org/@jobs", "https://jobs.example.org"),
        (
            "https://m\u00fcnchen.example",
            "https://xn--mnchen-3ya.example/@jobs",
            "https://xn--mnchen-3ya.example",
        ),
    ],
)
def test_a_url_has_the_origin_that_browsers_send(text: str, expected: str, origin: str) -> None:
    """Without a path, the page is at /@jobs."""
    assert (str(parse_public_url(text)), parse_public_url(text).origin) == (expected, origin)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must begin with http:// or https://"),
        ("jobs.example.org", "did you mean https://jobs.example.org?"),
        ("jobs.example.org/@jobs", "did you mean https://jobs.example.org/@jobs?"),
        (f"me:{SECRET}@jobs.example.org", "did you mean https://jobs.example.org?"),
        ("ftp://jobs.example.org", "not 'ftp'://"),
        (f"https://me:{SECRET}@jobs.example.org", "must not contain a user name or a password"),
        ("https://", "has no host name"),
        ("https:///@jobs", "has no host name"),
        ("https://[::1", "has no host name"),
        ("https://-x-", "has no host name"),
        ("https://jobs.example.org:0", "the port of the URL is not a number from 1 to 65535"),
        ("https://jobs.example.org:99999", "the port of the URL is not a number from 1 to 65535"),
        ("https://jobs.example.org:x", "the port of the URL is not a number from 1 to 65535"),
        ("https://jobs.example.org/@jobs?q=1", "must end with the path"),
        ("https://jobs.example.org/@jobs#running", "must end with the path"),
        ("https://jobs.example.org/@jobs?", "must end with the path"),
        ("https://jobs.example.org/a/../@jobs", "is not a path"),
        ("https://jobs.example.org/%2e%2E/@jobs", "is not a path"),
        ("https://jobs.example.org//evil.example", "is not a path"),
        ("https://jobs.example.org/a;b", "is not a path"),
        ("https://jobs.example.org/a b", "must not contain blanks"),
        ("https://jobs.example.org\\@jobs", "must not contain blanks"),
        ("https://jobs.example.org/\x1b[31m", "must not contain blanks"),
        ("https://jobs.example.org/" + "x" * 500, "more than 500 characters"),
    ],
)
def test_a_wrong_url_is_rejected_with_the_reason(text: str, expected: str) -> None:
    """No message repeats a password."""
    with pytest.raises(ValueError, match=r"URL|path") as caught:
        parse_public_url(text)
    assert expected in str(caught.value)
    assert SECRET not in str(caught.value)
    assert str(caught.value).isprintable()


@given(st.text() | st.text("https:/@.[]%0a ?#", max_size=20).map(lambda rest: f"https://{rest}"))
def test_any_text_is_parsed_or_rejected_with_a_message(text: str) -> None:
    """A parsed URL means the same when it is parsed again."""
    with suppress(ValueError):
        url = parse_public_url(text)
        assert parse_public_url(str(url)) == url
