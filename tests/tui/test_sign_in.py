"""The dialog for other credentials, after a server has rejected those that it was given."""

from __future__ import annotations

from support import snapshots
from support.app_driver import async_test, running_app
from support.scripted_backend import ScriptedBackend

from jobtui.frontend.blank_snapshot import blank_snapshot
from jobtui.tui.screens.sign_in import SignInScreen

REJECTED = "no connection (wrong user name or password); trying again every 120 s"


def rejected_backend() -> ScriptedBackend:
    """Return a scheduler whose server rejects the password."""
    backend = ScriptedBackend(blank_snapshot(snapshots.NOW))
    backend.address = "http://127.0.0.1:9001/@jobs"
    backend.connection_error, backend.needs_sign_in = REJECTED, True
    return backend


@async_test
async def test_a_key_asks_for_another_user_name_and_password() -> None:
    """The footer and the empty list name the key, and the password is not shown."""
    backend = rejected_backend()
    async with running_app(backend) as driver:
        assert "i Sign in" in driver.text
        assert "there is no connection; i signs in" in driver.text
        await driver.press("i")
        assert "http://127.0.0.1:9001/@jobs" in driver.text
        await driver.press(*"ada", "enter", *"secret")
        assert "ada" in driver.text
        assert "secret" not in driver.text
        await driver.press("enter")
        assert backend.sign_ins == [("ada", "secret")]
        assert not isinstance(driver.screen, SignInScreen)


@async_test
async def test_the_dialog_says_what_is_missing_or_not_allowed() -> None:
    backend = rejected_backend()
    async with running_app(backend) as driver:
        await driver.press("i", *"ada", "enter", "enter")
        assert "a user name and a password are needed" in driver.text
        await driver.press(*"secret", "shift+tab", *":x", "enter", "enter")
        assert "a user name must not contain a colon" in driver.text
        await driver.press("escape")
        assert not isinstance(driver.screen, SignInScreen)
        assert not backend.sign_ins


@async_test
async def test_a_scheduler_that_answers_asks_for_no_password() -> None:
    async with running_app(ScriptedBackend(snapshots.idle())) as driver:
        assert "Sign in" not in driver.text
        await driver.press("i")
        assert not isinstance(driver.screen, SignInScreen)


@async_test
async def test_the_key_comes_and_goes_with_the_need() -> None:
    backend = ScriptedBackend(snapshots.idle())
    async with running_app(backend) as driver:
        for needs in (True, False):
            backend.needs_sign_in = needs
            await driver.show_snapshot(snapshots.idle())
            assert ("i Sign in" in driver.text.splitlines()[-1]) is needs
