"""The status page for people."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import quote

from aiohttp import web

from jobtui.frontend.api_paths import MAX_RUN_NUMBER
from jobtui.frontend.formatting import elapsed_between
from jobtui.schedules.zones import zone_name
from jobtui.web.context import ServerContext
from jobtui.web.pages.form_commands import carry_out
from jobtui.web.pages.forms import Forms, inside
from jobtui.web.pages.page_state import PageState
from jobtui.web.pages.page_stream import PageStream
from jobtui.web.pages.template_renderer import ROOT, STATIC, TemplateRenderer
from jobtui.web.request_parsing import ACCESS_REQUEST, CLIENT_ADDRESS, parse_whole_number
from jobtui.web.responses import Problem

LOGIN = f"{ROOT}/login"
LOGOUT = f"{ROOT}/logout"
LIVE = f"{ROOT}/live"
OPEN_PATHS = frozenset({LOGIN, *(f"{ROOT}/{name}" for name in STATIC)})  # without credentials

_FOR_PROGRAMS = tuple(f"{ROOT}/{name}" for name in ("api", "metrics", "healthz", "live"))
_MOST_SAID = 200
# Not Basic: at that, a browser would ask for a password by itself, in the middle of the page.
_OWN_LOGIN = f'Form realm="jobtui", action="{LOGIN}"'


class Pages:
    """Shows the scheduler to people.

    Args:
        site: The scheduler, and who may come in.
    """

    def __init__(self, site: ServerContext) -> None:
        self._site = site
        self._source = site.backend
        self._gate = site.access_control
        self._looks = TemplateRenderer(readonly=site.access_control.rules.readonly)
        self._board = PageState(site, self._looks)
        self._live = PageStream(site, self._board)
        self._forms = Forms(site.access_control, site.cookie_name)
        self._said: OrderedDict[str, str] = OrderedDict()  # what a browser is told on the next page, by token

    def routes(self) -> Iterable[web.RouteDef]:
        """Every page."""
        return [
            web.get("/", self._home),
            web.get(f"{ROOT}/", self._home),
            web.get(ROOT, self._status),
            web.post(ROOT, self._command),
            web.get(f"{ROOT}/jobs/{{name:[^/]+}}", self._job),  # aiohttp's own pattern has no braces
            web.get(f"{ROOT}/runs/{{number}}", self._run),
            web.get(LIVE, self._live.serve, allow_head=False),
            web.get(LOGIN, self._show_login),
            web.post(LOGIN, self._log_in),
            web.post(LOGOUT, self._log_out),
            *(web.get(f"{ROOT}/{name}", self._file) for name in STATIC),
        ]

    # --- what is wrong ----------------------------------------------------------------------------

    def problem_response(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        """What is answered where something is wrong: a page for people, problem details for programs."""
        locked_out = problem.status is HTTPStatus.UNAUTHORIZED
        if request.path.startswith(_FOR_PROGRAMS) or not _is_for_people(request):
            response = problem.to_response()
            if locked_out and "Sec-Fetch-Mode" in request.headers:  # our own script
                response.headers["WWW-Authenticate"] = _OWN_LOGIN
            return response
        if locked_out:
            if _is_from_elsewhere(request):
                return self._hop(request)
            wanted = request.path_qs if request.method == "GET" else ROOT
            return _see(f"{LOGIN}?next={quote(inside(wanted), safe='/')}")
        page = self._looks.page("problem.html", phrase=problem.status.phrase, detail=problem.detail)
        return _html(page, problem.status, problem.headers)

    def _hop(self, request: web.Request) -> web.Response:
        """Have the browser ask again: coming from another site, it has not shown its cookie."""
        return _html(self._looks.page("hop.html", here=inside(request.path_qs)))

    # --- looking ----------------------------------------------------------------------------------

    async def _home(self, _request: web.Request) -> web.Response:
        return _see(ROOT)

    async def _status(self, request: web.Request) -> web.Response:
        board = self._board
        await board.renew_now()
        q = request.query.get("q", "").strip()
        what: dict[str, Any] = {
            "q": q,
            "found": await board.jobs_found(q) if q else "",
            # With a filter, a script takes all the jobs and filters them itself, if it is given them all.
            "live": not q or board.complete,
            "tag": board.tag_of(0) if q else board.tag,
        }
        return self._page(request, "status.html", **what)

    async def _job(self, request: web.Request) -> web.Response:
        await self._board.renew_now()
        try:
            details = self._source.job_details(request.match_info["name"])
        except LookupError as error:
            _not_found(error)
        return self._page(
            request,
            "job.html",
            job=details.job,
            description=details.description,
            preview=details.preview,
            runs=details.runs,
            part=self._board.part_of(details.job.name),
            tag=self._board.tag,
        )

    async def _run(self, request: web.Request) -> web.Response:
        number = parse_whole_number("the run number", request.match_info["number"], 1, MAX_RUN_NUMBER)
        await self._board.renew_now()
        try:
            run = self._source.scheduler.run_view(number)
        except LookupError as error:
            _not_found(error)
        return self._page(
            request,
            "run.html",
            run=run,
            late=None if run.started is None else elapsed_between(run.due or run.created, run.started),
            output=self._source.output_of(number),
            part=self._board.part_of(run.job),
            tag=self._board.tag,
        )

    def _page(self, request: web.Request, template: str, **what: Any) -> web.Response:
        """A page of the scheduler, with the form that its buttons belong to."""
        if _is_from_elsewhere(request):
            return self._hop(request)
        cookie = self._forms.cookie_of(request)
        token = self._gate.sessions.form_token(cookie)
        at = self._board.at
        offset = at.utcoffset()
        page = self._looks.page(
            template,
            title=self._source.title,
            zone=zone_name(self._source.zone),
            board=self._board,
            now=at,
            offset=0 if offset is None else offset.total_seconds(),
            token=token,
            back=inside(request.path_qs),
            said=self._said.pop(token, ""),
            logged_in=self._gate.rules.credentials is not None,
            logout=LOGOUT,
            **what,
        )
        response = _html(page)
        self._forms.keep(request, response, cookie)
        return response

    async def _file(self, request: web.Request) -> web.Response:
        file = self._looks.files[request.path.removeprefix(f"{ROOT}/")]
        response = web.Response(body=file.body, content_type=file.content_type, charset="utf-8")
        response.headers["Cache-Control"] = "private, max-age=3600"  # a new one has a new address
        return response

    # --- steering ---------------------------------------------------------------------------------

    async def _command(self, request: web.Request) -> web.Response:
        fields = await self._forms.read(request)
        people = _is_for_people(request)
        try:
            said = carry_out(self._source, fields)
        except Problem as problem:
            if not people or problem.status is HTTPStatus.BAD_REQUEST:
                raise
            said = f"✗ {problem.detail}"
        if not people:  # our script stays where it is
            return web.json_response({"said": said})
        self._said[fields["token"]] = said
        while len(self._said) > _MOST_SAID:
            self._said.popitem(last=False)
        return _see(inside(fields.get("back", "")))

    # --- logging in -------------------------------------------------------------------------------

    async def _show_login(self, request: web.Request) -> web.Response:
        wanted = inside(request.query.get("next", ""))
        if _is_from_elsewhere(request):
            return self._hop(request)
        credentials, cookie = self._gate.rules.credentials, request[ACCESS_REQUEST].cookie
        if credentials is None or (cookie and self._gate.sessions.has_session(cookie)):
            return _see(wanted)
        return self._login(request, wanted)

    async def _log_in(self, request: web.Request) -> web.Response:
        fields = await self._forms.read(request)
        wanted = inside(fields.get("next", ""))
        if self._gate.rules.credentials is None:
            return _see(wanted)
        user = fields.get("user", "")
        if not await self._gate.verify_login(user, fields.get("password", ""), request[CLIENT_ADDRESS]):
            return self._login(request, wanted, user, "wrong user or password", HTTPStatus.FORBIDDEN)
        self._gate.sessions.close_session(request[ACCESS_REQUEST].cookie)
        response = _see(wanted)
        self._forms.keep(request, response, self._gate.sessions.open_session())
        return response

    def _login(
        self,
        request: web.Request,
        wanted: str,
        user: str = "",
        error: str = "",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> web.Response:
        cookie = self._forms.cookie_of(request)
        token = self._gate.sessions.form_token(cookie)
        page = self._looks.page("login.html", login=LOGIN, next=wanted, user=user, error=error, token=token)
        response = _html(page, status)
        self._forms.keep(request, response, cookie)
        return response

    async def _log_out(self, request: web.Request) -> web.Response:
        await self._forms.read(request)
        self._gate.sessions.close_session(request[ACCESS_REQUEST].cookie)
        response = _see(LOGIN)
        self._forms.forget(response)
        return response


def _not_found(error: LookupError) -> NoReturn:
    raise Problem(HTTPStatus.NOT_FOUND, str(error.args[0])) from None


def _is_for_people(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _is_from_elsewhere(request: web.Request) -> bool:
    """Whether a browser follows a link of another site, and so keeps its cookie, which is ours, to itself."""
    return request.headers.get("Sec-Fetch-Site") == "cross-site" and not request[ACCESS_REQUEST].cookie


def _see(path: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})


def _html(
    page: str, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status,
        body=page.encode("utf-8", "replace"),  # a job may print half a character
        content_type="text/html",
        charset="utf-8",
        headers=headers,
    )
