"""The URL that browsers use for the status page if a proxy is in front of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from jobtui.schedules.bad_spec import quote_text

_EXAMPLE = "https://jobs.example.org/@jobs"
_MAX_URL = 500  # characters
_DEFAULT_PATH = "/@jobs"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~@%!$&'()*+=:-]+)*")  # no semicolon or comma, which end a cookie's path
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """The URL of the status page, as browsers know it.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The host name or the IP address, in lower case; an IPv6 address without its brackets.
        port: The port; None for the default port of the scheme.
        path: The path of the page, without a slash at the end.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def origin(self) -> str:
        """The URL without its path, as browsers write it into the ``Origin`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port is None else f":{self.port}")

    def __str__(self) -> str:
        """Return the whole URL."""
        return self.origin + self.path


def parse_public_url(text: str) -> PublicUrl:
    """Parse the URL of the status page.

    Args:
        text: The URL. Without a path it means the path ``/@jobs``.

    Raises:
        ValueError: The text is not such a URL. The message, a sentence without its full stop, says what is
            wrong and what was probably meant. It never repeats a password in the text.
    """
    url = _split(text)
    if url.username is not None:
        raise ValueError("the URL must not contain a user name or a password")
    host = _ascii_host((url.hostname or "").rstrip("."))
    if not _HOST.fullmatch(host):
        raise ValueError(f"the URL has no host name, such as {_EXAMPLE}")
    if url.query or url.fragment or text.endswith(("?", "#")):
        raise ValueError(f"the URL must end with the path of the status page, such as {_EXAMPLE}")
    try:
        port = url.port
    except ValueError:
        raise ValueError("the port of the URL is not a number from 1 to 65535") from None
    if port == 0:
        raise ValueError("the port of the URL is not a number from 1 to 65535")
    path = url.path.rstrip("/") or _DEFAULT_PATH
    if not is_plain_path(path):
        raise ValueError(f"{quote_text(path)} is not a path, such as /@jobs or /team/@jobs")
    return PublicUrl(url.scheme, host, None if port == _DEFAULT_PORTS[url.scheme] else port, path)


def is_plain_path(path: str) -> bool:
    """Return whether a path is "" or has segments, none of them ``.`` or ``..``, in characters of URLs."""
    return bool(_PATH.fullmatch(path)) and not _DOT_SEGMENT.search(path)


def without_default_port(scheme: str, authority: str) -> str:
    """Return a host and port without the port if it is the default of the scheme."""
    return authority.removesuffix(f":{_DEFAULT_PORTS[scheme]}")


def _ascii_host(name: str) -> str:
    """Return a host name as browsers send it: in Punycode. An impossible name becomes ""."""
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return ""


def _split(text: str) -> SplitResult:
    if len(text) > _MAX_URL or not text.isprintable() or any(each.isspace() or each == "\\" for each in text):
        raise ValueError(
            f"the URL must not contain blanks, backslashes or more than {_MAX_URL} characters, "
            f"such as {_EXAMPLE}"
        )
    scheme, separator, rest = text.partition("://")
    if not separator:
        host = text.rpartition("@")[2] if "@" in text.partition("/")[0] else text
        raise ValueError(f"the URL must begin with http:// or https://; did you mean https://{host}?")
    if scheme.lower() not in _DEFAULT_PORTS:
        raise ValueError(f"the URL must begin with http:// or https://, not {quote_text(scheme)}://")
    try:
        return urlsplit(f"{scheme.lower()}://{rest}")
    except ValueError:  # an unclosed bracket
        raise ValueError(f"the URL has no host name, such as {_EXAMPLE}") from None
