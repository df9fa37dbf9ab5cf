"""Check the settings that make up the access rules: credentials, and the settings that require them."""

from collections.abc import Mapping
from typing import Any

from jobtui.access.passwords import Password, read_password, read_sha256
from jobtui.access.rules import CLIENT_BYTES, AccessRules, Credentials
from jobtui.settings.setting_errors import SettingEntry, invalid_text, setting_error

_AUTH, _USER, _PASS, _SHA256 = "jobs.auth", "jobs.auth.user", "jobs.auth.pass", "jobs.auth.sha256"
_BOTH = f"{_USER} and {_PASS}"


def access_rules(entries: Mapping[str, SettingEntry], values: Mapping[str, Any]) -> AccessRules:
    """Return the access rules of the settings that apply.

    As in Revel, `jobs.auth = false` ignores credentials. Without `jobs.auth`, credentials that are set are
    required; Revel would ignore them.

    Raises:
        BadSetting: User name or password is missing, the password cannot be read, or other machines could
            connect without credentials.
    """
    credentials = _credentials(entries, values)
    if credentials is None:
        ignored = "" if values.get(_AUTH, True) else f"{_AUTH} = false ignores them."
        for key in ("jobs.allow", "jobs.proxies", "jobs.probes"):
            if values.get(key):
                raise setting_error(
                    entries[key], f" lets other machines connect, so it requires {_BOTH}", ignored
                )
        listen = values.get("jobs.listen")
        if listen is not None and not listen.loopback:
            raise setting_error(
                entries["jobs.listen"],
                f": other machines can connect to {listen.authority}, so it requires {_BOTH}",
                ignored or "Only this machine can connect to 127.0.0.1.",
            )
    return AccessRules(
        credentials=credentials,
        allow=values.get("jobs.allow", ()),
        acceptproxyaddress=values.get("jobs.acceptproxyaddress", False),
        proxies=values.get("jobs.proxies", ()),
        probes=values.get("jobs.probes", ()),
        readonly=values.get("jobs.readonly", False),
        client_bytes=values.get("jobs.clients.bytes", CLIENT_BYTES),
        url=values.get("jobs.url"),
    )


def _credentials(entries: Mapping[str, SettingEntry], values: Mapping[str, Any]) -> Credentials | None:
    password = _read_password(entries[_PASS], values) if _PASS in values else None
    if values.get(_AUTH) is False:
        return None
    requiring = next((entries[key] for key in (_AUTH, _USER, _PASS, _SHA256) if values.get(key)), None)
    if requiring is None:
        return None
    if password is None or _USER not in values:
        missing = [key for key in (_USER, _PASS) if key not in values]
        hint = (
            f"`jobtui hash-password` prints the value of {_PASS}. In TOML, the two replace {_AUTH} = true."
            if requiring.key == _AUTH
            else ""
        )
        raise setting_error(requiring, f" requires {' and '.join(missing)}", hint)
    return Credentials(values[_USER], password)


def _read_password(entry: SettingEntry, values: Mapping[str, Any]) -> Password:
    sha256 = values.get(_SHA256, False)
    try:
        return read_sha256(values[_PASS]) if sha256 else read_password(values[_PASS])
    except ValueError as error:
        hint = f"The value is read as a SHA-256 because of {_SHA256} = true." if sha256 else ""
        raise invalid_text(entry, error, hint) from None
