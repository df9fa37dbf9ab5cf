"""The pages of the status page: their routes and request handlers."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import web

from jobtui.engine.typical_duration import typical_duration
from jobtui.engine.views import RunView
from jobtui.frontend.backend import LogLine
from jobtui.frontend.explanation import Explanation
from jobtui.frontend.failure import Failure, failure_lines, read_failure
from jobtui.frontend.formatting import elapsed_between, failed_last
from jobtui.frontend.json_codec import STATUS_PAGE
from jobtui.frontend.run_page import held_until, time_spans
from jobtui.frontend.text_lines import TextLine
from jobtui.frontend.upcoming import is_paused_at, is_quiet_at
from jobtui.process.printable import printable
from jobtui.process.terminal_text import terminal_lines
from jobtui.schedules.zones import zone_name
from jobtui.web.pages.calendar_page import CalendarPage
from jobtui.web.pages.chart_shapes import ChartDrawer
from jobtui.web.pages.failure_pages import FailurePages
from jobtui.web.pages.forms import Forms, RecentForms, execute, safe_redirect_target
from jobtui.web.pages.history_page import HistoryPage
from jobtui.web.pages.log_page import LogView, show_lines
from jobtui.web.pages.page_state import PageState
from jobtui.web.pages.page_stream import PageStream
from jobtui.web.pages.run_form import RunForm
from jobtui.web.pages.run_parts import draw_parts
from jobtui.web.pages.sections import MAX_JOBS
from jobtui.web.pages.template_renderer import STATIC_FILES, shared_renderer, tab_of
from jobtui.web.pages.timeline_page import TimelinePage
from jobtui.web.pages.view_context import ViewContext
from jobtui.web.relative_links import link_to, link_to_itself, link_to_root, path_of
from jobtui.web.request_parsing import (
    ACCESS_REQUEST,
    CLIENT_ADDRESS,
    JOB_NAME,
    check_query,
    parse_run_number,
)
from jobtui.web.responses import Problem, call_scheduler, json_response
from jobtui.web.server_context import ServerContext

LOGIN = f"{STATUS_PAGE}/login"
LOGOUT = f"{STATUS_PAGE}/logout"
_STATUS_PATHS = (STATUS_PAGE, f"{STATUS_PAGE}/")
STREAM = f"{STATUS_PAGE}/live"
OPEN_PATHS = frozenset({LOGIN, *(f"{STATUS_PAGE}/{name}" for name in STATIC_FILES)})  # without credentials

_PROGRAM_PATHS = tuple(f"{STATUS_PAGE}/{name}" for name in ("api", "metrics", "healthz", "live"))
MAX_LINES = 200  # of output on the page of a run; its log has the others
_MAX_MESSAGES = 200
# The challenge for our script: at a Basic one, the browser would open a password dialog over the page.
_FORM_CHALLENGE = f'Form realm="jobtui", action="{LOGIN}"'


class Pages:
    """The request handlers of the status page."""

    def __init__(self, context: ServerContext) -> None:
        self._backend = context.backend
        self._access_control = context.access_control
        self._client = context.access_control.rules.client_name("status page")
        self._is_readonly = context.access_control.rules.readonly
        self._renderer = shared_renderer(readonly=self._is_readonly)
        self._page_state = PageState(context, self._renderer)
        self._stream = PageStream(context, self._page_state)
        self._forms = Forms(context.access_control, context.cookie_name)
        self._explaining = asyncio.Lock()  # one explanation at a time: it may take a thread 100 ms
        self._recent_forms = RecentForms(context.clock.monotonic)
        self._messages: OrderedDict[str, str] = OrderedDict()  # for a browser's next page, by form token
        view_context = ViewContext(
            backend=context.backend,
            clock=context.clock,
            page_state=self._page_state,
            renderer=self._renderer,
            respond=self._page_response,
            leave_message=self._leave_message,
        )
        self._charts = ChartDrawer(context.backend, context.clock)
        self._history = HistoryPage(view_context)
        self._timeline = TimelinePage(view_context)
        self._calendar = CalendarPage(view_context)
        self._failures = FailurePages(view_context)
        self._log = LogView(view_context)
        self._run_form = RunForm(view_context, self._forms, self._recent_forms)

    def routes(self) -> Iterable[web.RouteDef]:
        """Return the route of every page."""
        return [
            web.get("/", self._redirect_to_status),
            *(web.get(path, self._show_status) for path in _STATUS_PATHS),
            *(web.post(path, self._execute_command) for path in _STATUS_PATHS),
            web.get(f"{STATUS_PAGE}/jobs/{JOB_NAME}", self._show_job),
            web.get(f"{STATUS_PAGE}/runs/{{number}}", self._show_run),
            web.get(f"{STATUS_PAGE}/why", self._explain),
            web.get(f"{STATUS_PAGE}/history", self._history.show),
            web.get(f"{STATUS_PAGE}/timeline", self._timeline.show),
            web.get(f"{STATUS_PAGE}/calendar", self._calendar.show),
            *self._failures.routes(),
            *([] if self._is_readonly else self._run_form.routes()),
            web.get(f"{STATUS_PAGE}/log", self._log.show),
            web.get(f"{STATUS_PAGE}/log.txt", self._log.download),
            web.get(STREAM, self._stream.serve, allow_head=False),
            web.get(LOGIN, self._show_login),
            web.post(LOGIN, self._log_in),
            web.post(LOGOUT, self._log_out),
            *(web.get(f"{STATUS_PAGE}/{name}", self._send_file) for name in STATIC_FILES),
        ]

    # --- errors -----------------------------------------------------------------------------------

    def problem_response(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        """Return the response for a problem: a page for browsers, problem details for programs."""
        unauthorized = problem.status is HTTPStatus.UNAUTHORIZED
        if request.path.startswith(_PROGRAM_PATHS) or not _accepts_html(request):
            response = problem.to_response()
            if unauthorized and "Sec-Fetch-Mode" in request.headers:  # our script
                response.headers["WWW-Authenticate"] = _FORM_CHALLENGE
            return response
        if unauthorized:
            if _lacks_strict_cookie(request):
                return self._interstitial(request)
            target = path_of(request) if request.method == "GET" else STATUS_PAGE
            return _redirect(request, f"{LOGIN}?next={quote(safe_redirect_target(target), safe='/')}")
        status = problem.status
        return self._html(
            request, "problem.html", status, problem.headers, phrase=status.phrase, detail=problem.detail
        )

    def _interstitial(self, request: web.Request) -> web.Response:
        """Return a page that makes the browser repeat the request from our site, with its cookie."""
        return self._html(request, "interstitial.html")

    def _html(
        self,
        request: web.Request,
        template: str,
        status: HTTPStatus = HTTPStatus.OK,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> web.Response:
        links = {"base": link_to_root(request), "here": link_to_itself(request)}
        page = self._renderer.render_page(template, **links, **values)
        return web.Response(
            status=status,
            body=page.encode("utf-8", "replace"),  # a job's output may contain lone surrogates
            content_type="text/html",
            charset="utf-8",
            headers=headers,
        )

    # --- pages ------------------------------------------------------------------------------------

    async def _redirect_to_status(self, request: web.Request) -> web.Response:
        return _redirect(request, STATUS_PAGE)

    async def _show_status(self, request: web.Request) -> web.Response:
        state = self._page_state
        await state.refresh_now()
        text = request.query.get("q", "").strip()
        found, count = await state.search_jobs(text) if text else ("", 0)
        # The script filters the jobs itself. It needs all of them, so it starts from version 0.
        tag = state.tag_of(0) if text else state.tag
        caption = _found_caption(count, len(state.snapshot.jobs))
        return self._page_response(
            request, "status.html", filter_text=text, found=found, found_caption=caption, tag=tag
        )

    async def _show_job(self, request: web.Request) -> web.Response:
        await self._page_state.refresh_now()
        details = call_scheduler(self._backend.job_details, request.match_info["name"])
        job = details.job
        tab = tab_of(job.status, failed=failed_last(job))
        quiet = partial(is_quiet_at, self._page_state.snapshot)
        paused = partial(is_paused_at, job)
        failed = next((run for run in details.runs if run.state.failed), None)
        failure = None if failed is None else await asyncio.to_thread(read_failure, self._backend, failed)
        values: dict[str, Any] = {"job": job, "details": details, "is_quiet_at": quiet}
        values["is_paused_at"] = paused
        values["failure"] = [] if failure is None else _failure_lines(failure.run)
        values["failed"] = failed
        values["charts"] = await self._charts.charts_of(job, self._page_state.snapshot.at)
        return self._page_response(request, "job.html", tab=tab, **values)

    async def _show_run(self, request: web.Request) -> web.Response:
        number = parse_run_number(request.match_info["number"])
        await self._page_state.refresh_now()
        run = call_scheduler(self._backend.run_view, number)
        lateness = None if run.started is None else elapsed_between(run.due or run.created, run.started)
        output = self._backend.output_of(number)
        lines = await asyncio.to_thread(self._latest_lines, number, output or "")
        stack = await asyncio.to_thread(self._backend.stack, number)  # it reads source files
        tab = tab_of(run.state, failed=run.state.failed)
        values: dict[str, Any] = {"run": run, "lateness": lateness, "stack": stack}
        job = next((each for each in self._page_state.snapshot.jobs if each.name == run.job), None)
        until = await asyncio.to_thread(held_until, self._backend, run)
        values["parts"] = draw_parts(time_spans(run, self._page_state.snapshot.at, until))
        values["failure"] = _failure_lines(run) if run.state.failed and run.error else []
        values["has_streak"] = run.state.failed and run.started is not None and job is not None
        values["usual"] = None if job is None else typical_duration(job)
        values |= {"is_recorded": output is not None, "lines": show_lines(lines, self._backend.zone)}
        return self._page_response(request, "run.html", tab=tab, **values)

    def _latest_lines(self, number: int, text: str) -> Sequence[LogLine]:
        """Return the latest lines that a run has written; from its text if no log has them."""
        page = call_scheduler(self._backend.log_page, number)
        lines = (*page.lines, *page.unfinished)
        kept = lines or [
            LogLine(None, "", number, "", each) for each in terminal_lines(text).split("\n") if each
        ]
        return kept[-MAX_LINES:]

    async def _explain(self, request: web.Request) -> web.Response:
        """Explain a tick of a job, or a run. The query has the job and the instant, or the run."""
        check_query(request, "job", "at", "run")
        await self._page_state.refresh_now()
        job, at, error = request.query.get("job", ""), request.query.get("at", "").strip(), ""
        answer: Explanation | None = None
        number = parse_run_number(request.query["run"]) if "run" in request.query else 0
        async with self._explaining:
            try:
                if number:
                    answer = await asyncio.to_thread(call_scheduler, self._backend.why_run, number)
                    job = answer.job
                else:
                    answer = await asyncio.to_thread(call_scheduler, self._backend.why, job, at)
            except ValueError as wrong:  # the text is not an instant
                error = str(wrong)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
        schedules = {each.name: each.schedule for each in self._page_state.snapshot.jobs}
        values: dict[str, Any] = {"job_name": job, "schedule": schedules.get(job), "at": at}
        values |= {"number": number, "answer": answer, "error": error}
        return self._page_response(request, "why.html", status, **values)

    def _page_response(
        self, request: web.Request, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any
    ) -> web.Response:
        """Return a page with the common header and the form for its buttons."""
        if _lacks_strict_cookie(request):
            return self._interstitial(request)
        cookie = self._forms.cookie_of(request)
        token = self._access_control.sessions.form_token(cookie)
        common: dict[str, Any] = {
            "title": self._backend.title,
            "zone": zone_name(self._backend.zone),
            "page_state": self._page_state,
            "now": self._page_state.snapshot.at,
            "tag": self._page_state.tag,
            "token": token,
            "once": secrets.token_hex(8),
            "tab": self._page_state.tab_state,
            "return_to": safe_redirect_target(path_of(request)),
            "message": self._messages.pop(token, ""),
            "requires_login": self._access_control.rules.credentials is not None,
        }
        response = self._html(request, template, status, **common | values)
        self._forms.set_cookie(request, response, cookie)
        return response

    async def _send_file(self, request: web.Request) -> web.Response:
        file = self._renderer.static_files[request.path.removeprefix(f"{STATUS_PAGE}/")]
        response = web.Response(body=file.body, content_type=file.content_type, charset="utf-8")
        response.headers["Cache-Control"] = "private, max-age=3600"  # another version has another URL
        return response

    # --- commands ---------------------------------------------------------------------------------

    async def _execute_command(self, request: web.Request) -> web.Response:
        fields = await self._forms.read_form(request)
        if not _accepts_html(request):  # our script, which asks and shows the message itself
            return json_response({"message": execute(self._backend, fields, self._client)})
        target = safe_redirect_target(fields.get("return_to", ""))
        try:
            if "cancel" in fields and "confirmed" not in fields:
                number = parse_run_number(fields["cancel"])
                run = call_scheduler(self._backend.run_view, number)
                question = f"Cancel run {number} of {printable(run.job)}?"
                back = f"./{target.removeprefix(STATUS_PAGE).lstrip('/')}"
                return self._html(request, "confirm.html", question=question, fields=fields, back=back)
            message = self._execute_once(fields)
        except Problem as problem:
            if problem.status is HTTPStatus.BAD_REQUEST:
                raise
            message = f"✗ {problem.detail}"
        self._leave_message(fields["token"], message)
        return _redirect(request, target)

    def _execute_once(self, fields: dict[str, str]) -> str:
        """Execute the command of a form, but only once for a double click. Returns the message."""
        message = self._recent_forms.result_of(fields)
        if message is None:
            message = execute(self._backend, fields, self._client)
            self._recent_forms.keep(fields, message)
        return message

    def _leave_message(self, token: str, message: str) -> None:
        """Leave a message for the next page of a browser, which has a form token."""
        self._messages[token] = message
        while len(self._messages) > _MAX_MESSAGES:
            self._messages.popitem(last=False)

    # --- login ------------------------------------------------------------------------------------

    async def _show_login(self, request: web.Request) -> web.Response:
        target = safe_redirect_target(request.query.get("next", ""))
        if _lacks_strict_cookie(request):
            return self._interstitial(request)
        credentials, cookie = self._access_control.rules.credentials, request[ACCESS_REQUEST].cookie
        if credentials is None or (cookie and self._access_control.sessions.has_session(cookie)):
            return _redirect(request, target)
        return self._login_form(request, target)

    async def _log_in(self, request: web.Request) -> web.Response:
        fields = await self._forms.read_form(request)
        target = safe_redirect_target(fields.get("next", ""))
        access_control, user = self._access_control, fields.get("user", "")
        if access_control.rules.credentials is None:
            return _redirect(request, target)
        if not await access_control.verify_login(user, fields.get("password", ""), request[CLIENT_ADDRESS]):
            return self._login_form(request, target, user, "wrong user name or password")
        access_control.sessions.close_session(request[ACCESS_REQUEST].cookie)
        response = _redirect(request, target)
        self._forms.set_cookie(request, response, access_control.sessions.open_session())
        return response

    def _login_form(self, request: web.Request, target: str, user: str = "", error: str = "") -> web.Response:
        cookie = self._forms.cookie_of(request)
        token = self._access_control.sessions.form_token(cookie)
        status = HTTPStatus.FORBIDDEN if error else HTTPStatus.OK
        response = self._html(request, "login.html", status, next=target, user=user, error=error, token=token)
        self._forms.set_cookie(request, response, cookie)
        return response

    async def _log_out(self, request: web.Request) -> web.Response:
        await self._forms.read_form(request)
        self._access_control.sessions.close_session(request[ACCESS_REQUEST].cookie)
        response = _redirect(request, LOGIN)
        self._forms.delete_cookie(request, response)
        return response


def _failure_lines(run: RunView) -> list[TextLine]:
    """Return the error of a run and the line of the user's code, without more of its source file.

    Readers of the page may see the traceback, but not the rest of the file.
    """
    return failure_lines(Failure(run=run), with_context=False)


def _found_caption(count: int, total: int) -> str:
    if not count:
        return "no job matches the filter"
    first = f"the first {MAX_JOBS} of " if count > MAX_JOBS else ""
    return f"{first}{count} of {total} jobs match the filter"


def _accepts_html(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _lacks_strict_cookie(request: web.Request) -> bool:
    """Return whether the browser follows a link on another site: it then does not send a strict cookie."""
    return request.headers.get("Sec-Fetch-Site") == "cross-site" and not request[ACCESS_REQUEST].cookie


def _redirect(request: web.Request, path: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": link_to(request, path)})
