"""Keys that are pressed before the fields of a form are there."""

from __future__ import annotations

from support.app_driver import async_test
from textual import events, on
from textual.app import App, ComposeResult
from textual.widgets import Input

from jobtui.tui.widgets.early_keys import EarlyKeys


class FormApp(App[None]):
    """A form with one field, and what it waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.early_keys = EarlyKeys("fields")
        self.field = Input()
        self.released: list[events.Event] = []

    def compose(self) -> ComposeResult:
        yield self.early_keys
        yield self.field

    def on_mount(self) -> None:
        self.early_keys.focus()

    @on(EarlyKeys.Released)
    def collect(self, message: EarlyKeys.Released) -> None:
        self.released += message.events


@async_test
async def test_a_key_that_is_delivered_and_not_handled_yet_is_released_with_the_others() -> None:
    async with FormApp().run_test() as pilot:
        app = pilot.app
        assert isinstance(app, FormApp)
        await pilot.press("a")
        app.early_keys.post_message(events.Key("b", "b"))
        app.early_keys.release(app.field)
        await pilot.pause()
        assert [each.key for each in app.released if isinstance(each, events.Key)] == ["a", "b"]
        assert app.focused is app.field
        assert not app.early_keys.display
