"""Who may come in, from the settings that say it together: credentials, and what needs them."""

from collections.abc import Mapping
from typing import Any

from jobtui.access.passwords import Password, read_password, read_sha256
from jobtui.access.rules import AccessRules, Credentials
from jobtui.settings.setting_errors import Entry, bad, refused

_AUTH, _USER, _PASS, _SHA256 = "jobs.auth", "jobs.auth.user", "jobs.auth.pass", "jobs.auth.sha256"
_BOTH = f"{_USER} and {_PASS}"
_HOW = (
    "`jobtui hash-password` makes the text for the latter. In TOML both stand in place of jobs.auth = true."
)


def access_rules(entries: Mapping[str, Entry], values: Mapping[str, Any]) -> AccessRules:
    """The access rules of the settings that are in force.

    As in Revel, credentials that stand there are not asked for if `jobs.auth` is false. If nothing is said of
    `jobs.auth`, they are; Revel would let everybody in.

    Args:
        entries: What was found, by key.
        values: What each of them means, by key.

    Raises:
        BadSetting: One of user and password is missing or the password cannot be read; or others would be let
            in, or could reach what listens, without credentials.
    """
    credentials = _credentials(entries, values)
    if credentials is None:
        off = "" if values.get(_AUTH, True) else f"It says {_AUTH} = false."
        if values.get("jobs.allow"):
            raise bad(entries["jobs.allow"], f" lets other machines in, so it needs {_BOTH}", off)
        listen = values.get("jobs.listen")
        if listen is not None and not listen.loopback:
            raise bad(
                entries["jobs.listen"],
                f": {listen.authority} can be reached by other machines, so it needs {_BOTH}",
                off or "127.0.0.1 is for this machine alone.",
            )
    return AccessRules(
        credentials=credentials,
        allow=values.get("jobs.allow", ()),
        acceptproxyaddress=values.get("jobs.acceptproxyaddress", False),
        readonly=values.get("jobs.readonly", False),
    )


def _credentials(entries: Mapping[str, Entry], values: Mapping[str, Any]) -> Credentials | None:
    password = _password(entries[_PASS], values) if _PASS in values else None
    if values.get(_AUTH) is False:
        return None
    asking = next((entries[key] for key in (_AUTH, _USER, _PASS, _SHA256) if values.get(key)), None)
    if asking is None:
        return None
    if password is None or _USER not in values:
        missing = [key for key in (_USER, _PASS) if key not in values]
        raise bad(
            asking,
            f" needs {' and '.join(missing)} beside it",
            _HOW if asking.key == _AUTH else "",
        )
    return Credentials(values[_USER], password)


def _password(entry: Entry, values: Mapping[str, Any]) -> Password:
    sha256 = values.get(_SHA256, False)
    try:
        return read_sha256(values[_PASS]) if sha256 else read_password(values[_PASS])
    except ValueError as error:
        hint = f"It is read as a SHA-256 because of {_SHA256} = true." if sha256 else ""
        raise refused(entry, error, hint) from None
