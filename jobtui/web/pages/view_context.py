"""The objects that the handlers of single pages share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import web

from jobtui.frontend.backend import ObservableBackend
from jobtui.runtime.clock import Clock
from jobtui.web.pages.page_state import PageState
from jobtui.web.pages.template_renderer import TemplateRenderer


class Respond(Protocol):
    """Returns a page with the common header and the form for its buttons."""

    def __call__(
        self, request: web.Request, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any
    ) -> web.Response:
        """Render a template with its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewContext:
    """The scheduler, the content of the common header, and the way to a page.

    Attributes:
        backend: The scheduler.
        clock: The source of time.
        page_state: The content of the common header. A handler refreshes it before it responds.
        renderer: Renders parts of a page in other threads.
        respond: Returns the page.
        leave_message: Leaves a message for the next page of a browser; gets its form token and the message.
    """

    backend: ObservableBackend
    clock: Clock
    page_state: PageState
    renderer: TemplateRenderer
    respond: Respond
    leave_message: Callable[[str, str], None]
