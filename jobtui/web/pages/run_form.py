"""The form for a run with other arguments."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from aiohttp import web

from jobtui.frontend.argument_form import ArgumentForm, FormField
from jobtui.frontend.backend import JobDetails
from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.web.pages.forms import Forms, RecentForms
from jobtui.web.pages.view_context import ViewContext
from jobtui.web.relative_links import link_to
from jobtui.web.request_parsing import check_query
from jobtui.web.responses import Problem, call_scheduler

MAX_FIELDS = 200  # of a form, with those that are not arguments
MAX_REMEMBERED = 200  # forms, of all browsers
_PREFIX = "argument-"  # of the names of the fields, so that no parameter has the name of another field
_PATH = f"{STATUS_PAGE}/run"


class _ShownField(NamedTuple):
    """A field as the page shows it.

    Attributes:
        field: The field.
        id: The id and the name of its element.
        text: The text in it; never that of a secret.
        problem: The problem with what the user typed; "" for none.
        type: The `type` of an input element.
    """

    field: FormField
    id: str
    text: str
    problem: str
    type: str


class RunForm:
    """Shows the form for the parameters of a job, and runs the job with what the user types.

    The form of a job shows each browser the texts that it sent last, until the server ends. It never repeats
    secrets, and it shows no browser the texts of another one.

    Args:
        context: The scheduler and the way to a page.
        forms: Reads forms, and checks their tokens.
        recent_forms: Recognizes the second click of a double click.
    """

    def __init__(self, context: ViewContext, forms: Forms, recent_forms: RecentForms) -> None:
        self._context = context
        self._backend = context.backend
        self._forms = forms
        self._recent_forms = recent_forms
        self._remembered: OrderedDict[tuple[str, str], Mapping[str, str]] = OrderedDict()  # by token and job
        self._running = asyncio.Lock()  # so that the second click of a double click waits for the first one

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the routes of the form."""
        return [web.get(_PATH, self._show), web.post(_PATH, self._submit)]

    async def _show(self, request: web.Request) -> web.Response:
        check_query(request, "job", "own")
        details = call_scheduler(self._backend.job_details, request.query.get("job", ""))
        key = self._forms.token_of(request), details.job.name
        if "own" in request.query:
            self._remembered.pop(key, None)
        texts = self._remembered.get(key, {})
        return await self._respond(request, details, texts, {}, is_remembered=bool(texts))

    async def _submit(self, request: web.Request) -> web.Response:
        check_query(request)
        fields = await self._forms.read_form(request, MAX_FIELDS)
        details = call_scheduler(self._backend.job_details, fields.get("job", ""))
        texts = {
            name.removeprefix(_PREFIX): text.replace("\r\n", "\n")
            for name, text in fields.items()
            if name.startswith(_PREFIX)
        }
        async with self._running:
            number = self._recent_forms.result_of(fields)
            if number is None:
                number, problems = await self._run(details, texts)
                if problems:
                    return await self._respond(request, details, texts, problems)
                self._recent_forms.keep(fields, number)
                self._remember(fields["token"], details, texts)
        self._context.leave_message(fields["token"], f"▶ {details.job.name}: run {number}")
        location = link_to(request, f"{STATUS_PAGE}/runs/{number}")
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": location})

    def _remember(self, token: str, details: JobDetails, texts: Mapping[str, str]) -> None:
        """Remember the texts of a browser that differ from the arguments of the job, without secrets."""
        key, fields = (token, details.job.name), ArgumentForm(details.parameters).fields
        self._remembered.pop(key, None)
        typed = {
            each.name: texts[each.name]
            for each in fields
            if not each.secret and texts.get(each.name, each.initial) != each.initial
        }
        if typed:
            self._remembered[key] = typed
        while len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)

    async def _run(self, details: JobDetails, texts: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Run a job. Returns the number of the run, or the problems by the names of their fields."""
        form = ArgumentForm(details.parameters)
        arguments, problems = form.read(texts)
        if problems:
            return "", problems
        try:  # in a thread: the conversion may execute code of the user
            number = await asyncio.to_thread(self._backend.run, details.job.name, arguments or None)
        except ValueError as error:
            name, problem = form.place(str(error))
            return "", {name: problem}
        except LookupError as error:
            raise Problem(HTTPStatus.CONFLICT, str(error.args[0])) from None
        except RuntimeError as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from None
        return str(number), {}

    async def _respond(
        self,
        request: web.Request,
        details: JobDetails,
        texts: Mapping[str, str],
        problems: Mapping[str, str],
        *,
        is_remembered: bool = False,
    ) -> web.Response:
        await self._context.page_state.refresh_now()
        form = ArgumentForm(details.parameters)
        shown = [
            _ShownField(
                field=field,
                id=f"{_PREFIX}{field.name}",
                text="" if field.secret else texts.get(field.name, field.initial),
                problem=problems.get(field.name, ""),
                type=_input_type(field),
            )
            for field in form.fields
        ]
        values: dict[str, Any] = {"job": details.job, "help": form.help, "fields": shown}
        values["problem"] = problems.get("", "")
        values["is_remembered"] = is_remembered
        values["first_wrong"] = next((each.id for each in shown if each.problem), "")
        status = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
        return self._context.respond(request, "run_form.html", status, **values)


def _input_type(field: FormField) -> str:
    if field.secret:
        return "password"
    return "date" if field.schema.get("format") == "date" else "text"
