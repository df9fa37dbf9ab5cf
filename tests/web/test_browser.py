"""The status page in Chromium: its script and its layout."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from support.nginx import free_ports, needs_nginx, nginx_in_front
from support.status_page import LIMIT, LOGIN_REQUIRED, PASSWORD, USER, serve_page
from support.waiting import wait_until

import jobtui
from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress, parse_address
from jobtui.access.public_url import parse_public_url
from jobtui.access.rules import AccessRules
from jobtui.engine.enums import RunState
from jobtui.frontend.local_backend import LocalBackend
from jobtui.runtime.output_capture import capture_streams
from jobtui.runtime.output_log import OutputLog
from jobtui.web.server import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
REQUIRED = os.environ.get("JOBTUI_BROWSER") == "required"

pytestmark = pytest.mark.skipif(
    not REQUIRED and (CHROMIUM is None or DRIVER is None),
    reason="chromium and chromedriver are not installed (an error with JOBTUI_BROWSER=required)",
)


class Browser:
    """A Chromium, with the actions of a user.

    Attributes:
        driver: The Selenium driver.
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, address: TcpAddress, path: str = "/@jobs") -> None:
        """Load a page."""
        self.driver.get(f"http://{address.authority}{path}")

    def find(self, selector: str) -> WebElement:
        """Return the first element that a CSS selector matches."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def has(self, selector: str) -> bool:
        """Return whether a CSS selector matches an element."""
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def text_of(self, selector: str) -> str:
        """Return the visible text of an element with single spaces; "" if there is no such element."""
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return " ".join(found[0].text.split()) if found else ""

    def wait_until(self, condition: Callable[[], Any], failure: str = "") -> None:
        """Wait until a condition holds."""
        wait: WebDriverWait[Any] = WebDriverWait(
            self.driver, LIMIT, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        wait.until(lambda _driver: condition(), failure)

    def wait_for_text(self, selector: str, text: str) -> None:
        """Wait until an element contains a text."""
        self.wait_until(lambda: text in self.text_of(selector), f"{selector} did not contain {text!r}")

    def wait_for_query(self, query: str) -> None:
        """Wait until the address of the page has a query."""
        self.wait_until(lambda: self.driver.current_url.endswith(f"?{query}"), f"the query is not {query}")

    def evaluate(self, script: str, *arguments: Any) -> Any:
        """Execute a script in the page. Returns its result."""
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Press keys in the focused element."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def mark_page(self) -> None:
        """Set a variable in the page, which a reload would lose."""
        self.evaluate("window.mark = true")

    @property
    def is_marked(self) -> bool:
        """Whether the page has not been reloaded since `mark_page`."""
        return bool(self.evaluate("return window.mark === true"))

    @property
    def focused_row(self) -> str:
        """The job of the focused row."""
        return str(self.evaluate("return document.activeElement.closest('tr')?.dataset.job ?? ''"))

    def console_errors(self) -> list[str]:
        """Return the errors in the browser's console since the last call, including policy violations."""
        return [each["message"] for each in self.driver.get_log("browser") if each["level"] == "SEVERE"]  # type: ignore[no-untyped-call]

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window, and the preferred color scheme."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    @contextmanager
    def without_script(self) -> Iterator[None]:
        """Disable JavaScript."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.fixture(scope="module")
def shared_browser() -> Iterator[Browser]:
    """Start a browser, once for all tests of this file, because that takes seconds."""
    assert CHROMIUM is not None, "JOBTUI_BROWSER=required, but chromium is not installed"
    assert DRIVER is not None, "JOBTUI_BROWSER=required, but chromedriver is not installed"
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.add_argument("--headless=new")
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument("--disable-gpu")
    options.add_argument("--host-resolver-rules=MAP jobs.test 127.0.0.1")
    options.set_capability("acceptInsecureCerts", True)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture
def browser(shared_browser: Browser) -> Iterator[Browser]:
    """Return the browser with a window of 1280 x 900; afterwards delete its cookies."""
    shared_browser.resize(1280, 900)
    yield shared_browser
    shared_browser.driver.delete_all_cookies()  # of this host, for every port
    shared_browser.driver.get("about:blank")
    shared_browser.console_errors()


@contextmanager
def serve_to_browser(
    browser: Browser, scheduler: Scheduler, access: AccessRules | None = None, title: str = "shop.py"
) -> Iterator[TcpAddress]:
    """Serve a scheduler, and assert at the end that the browser has logged no errors."""
    with serve_page(scheduler, access, title) as client:
        yield client.address
        browser.driver.get("about:blank")
        assert browser.console_errors() == []


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Start a scheduler that runs two runs at once."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Make an event that blocking jobs wait for; set at the end of the test."""
    release = threading.Event()
    yield release
    release.set()


def test_the_page_follows_a_run_without_a_reload(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """The run moves from the running list to the recent one."""
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.mark_page()
        assert "IDLE" in browser.text_of("#jobs-rows tr")
        assert browser.text_of("#running-caption") == "nothing runs"
        scheduler.now(job)
        browser.wait_for_text("#jobs-rows tr", "▶ RUNNING")
        browser.wait_for_text("#running-rows tr", "slow")
        assert "1/2" in browser.text_of("#pool")
        release.set()
        browser.wait_for_text("#jobs-rows tr", "○ IDLE")
        browser.wait_for_text("#recent-rows tr", "✓ OK slow #1")
        assert not browser.has("#running-rows tr")
        assert browser.is_marked


def test_buttons_execute_commands_without_a_reload(scheduler: Scheduler, browser: Browser) -> None:
    """The message and the rows show the effect."""
    done = threading.Event()
    scheduler.every("1h", done.set, name='<b>"it\'s"</b>')
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.mark_page()
        browser.find("#jobs-rows button[name=run]").click()
        browser.wait_for_text("#message", '▶ <b>"it\'s"</b>: run 1')
        assert done.wait(LIMIT)
        browser.find("#jobs-rows button[name=pause]").click()
        browser.wait_for_text("#jobs-rows tr", "‖ PAUSED")
        browser.find("#jobs-rows button[name=resume]").click()
        browser.wait_for_text("#jobs-rows tr", "○ IDLE")
        browser.find("button[name=pause-all]").click()
        browser.wait_for_text("#totals", "1 paused")
        browser.find("#pool button:last-child").click()
        browser.wait_for_text("#pool", "0/3")
        assert scheduler.snapshot().pool.size == 3
        assert browser.is_marked


def test_the_cancel_button_asks_first(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """A dismissed question cancels nothing."""
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    scheduler.now(job)
    held = scheduler.now(job)
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        button = browser.find("#waiting-rows button[name=cancel]")
        button.click()
        alert = browser.driver.switch_to.alert
        assert alert.text == "Cancel run 2 of slow?"
        alert.dismiss()
        assert held.state is RunState.HELD
        button.click()
        browser.driver.switch_to.alert.accept()
        browser.wait_for_text("#recent-rows tr", "⊘ CANCELLED slow #2")
        browser.wait_for_text("#message", "run 2 cancelled")


def test_buttons_and_filter_work_without_javascript(scheduler: Scheduler, browser: Browser) -> None:
    """They submit forms."""
    done = threading.Event()
    scheduler.every("1h", done.set, name="backup")
    with serve_to_browser(browser, scheduler) as address, browser.without_script():
        browser.open(address)
        browser.find("#jobs-rows button[name=run]").click()
        browser.wait_for_text("#message", "▶ backup: run 1")
        assert done.wait(LIMIT)
        browser.find("#q").send_keys("nothing", Keys.ENTER)
        browser.wait_for_text("#found", "no job matches the filter")


def test_a_user_logs_in_and_out(scheduler: Scheduler, browser: Browser) -> None:
    """The login leads to the page that was requested."""
    scheduler.every("1h", print, name="a b")
    with serve_to_browser(browser, scheduler, LOGIN_REQUIRED) as address:
        browser.open(address, "/@jobs/jobs/a%20b")
        assert "/@jobs/login" in browser.driver.current_url
        browser.find("#user").send_keys(USER)
        browser.find("#password").send_keys("wrong", Keys.ENTER)
        browser.wait_for_text("[role=alert]", "wrong user name or password")
        (error,) = browser.console_errors()
        assert "403" in error
        browser.find("#password").send_keys(PASSWORD, Keys.ENTER)
        browser.wait_for_text("h1", "a b")
        browser.open(address)
        browser.find("button[name=pause-all]").click()
        browser.wait_for_text("#jobs-rows tr", "‖ PAUSED")
        browser.find("button[formaction]").click()
        browser.wait_for_text("h1", "jobtui")
        browser.open(address)
        browser.wait_until(lambda: "/@jobs/login" in browser.driver.current_url)


def test_a_link_on_another_site_leads_to_the_page_without_a_login(
    scheduler: Scheduler, browser: Browser
) -> None:
    """The browser does not send its strict cookie at first."""
    scheduler.every("1h", print, name="backup")
    with serve_to_browser(browser, scheduler, LOGIN_REQUIRED) as address:
        browser.open(address)
        browser.find("#user").send_keys(USER)
        browser.find("#password").send_keys(PASSWORD, Keys.ENTER)
        browser.wait_for_text("h1", "Scheduled Jobs")
        url = f"http://{address.authority}/@jobs/jobs/backup"
        browser.driver.get(f'data:text/html,<a href="{url}">here</a>')
        browser.find("a").click()
        browser.wait_for_text("h1", "backup")


def test_a_read_only_page_updates_but_has_no_command_buttons_and_keys(
    scheduler: Scheduler, browser: Browser
) -> None:
    """Its only button is the one that shows the keys."""
    job = scheduler.every("1h", print, name="backup")
    with serve_to_browser(browser, scheduler, AccessRules(readonly=True)) as address:
        browser.open(address)
        assert "read-only" in browser.text_of("header")
        assert [each.text for each in browser.driver.find_elements(By.TAG_NAME, "button") if each.text] == [
            "Keys"
        ]
        browser.press("j", "r", "p")
        scheduler.now(job)
        browser.wait_for_text("#recent-rows", "#1")
        assert len(scheduler.snapshot().recent) == 1
        assert job.status.value != "PAUSED"


def test_a_lost_connection_is_shown_until_the_browser_reconnects(
    scheduler: Scheduler, browser: Browser
) -> None:
    """The page turns grey, then reloads from the new server."""
    job = scheduler.every("1h", print, name="backup")
    backend = LocalBackend(scheduler, "shop.py")
    with serve_page(scheduler) as client:
        address = client.address
        browser.open(address)
        browser.wait_until(lambda: browser.has("html[data-stream=open]"))
        browser.mark_page()
    browser.wait_for_text("#connection", "connection lost; trying again")
    assert browser.has("html.lost")
    assert browser.is_marked
    browser.find("#jobs-rows button[name=run]").click()
    browser.wait_for_text("#message", "the server does not respond")
    with Server(backend, address):
        browser.wait_until(lambda: not browser.is_marked)
        browser.wait_until(lambda: not browser.has("html.lost"))
        browser.find("#jobs-rows button[name=pause]").click()
        browser.wait_for_text("#jobs-rows tr", "‖ PAUSED")
        assert job.status.value == "PAUSED"
    browser.console_errors()  # the refused connections


def test_after_a_restart_of_the_server_the_page_leads_to_the_login(
    scheduler: Scheduler, browser: Browser
) -> None:
    """A new server has no sessions."""
    backend = LocalBackend(scheduler, "shop.py")
    with serve_page(scheduler, LOGIN_REQUIRED) as client:
        address = client.address
        browser.open(address)
        browser.find("#user").send_keys(USER)
        browser.find("#password").send_keys(PASSWORD, Keys.ENTER)
        browser.wait_until(lambda: browser.has("html[data-stream=open]"))
    with Server(backend, address, access=LOGIN_REQUIRED):
        browser.wait_until(lambda: browser.has("#password"))
        assert browser.driver.current_url.endswith("/@jobs/login?next=%2F%40jobs%2F")
    browser.console_errors()  # the refused connections


def test_keys_move_run_pause_cancel_filter_and_resize(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """They are the keys of the dashboard."""
    for name in ("one", "two", "three"):
        scheduler.every("1h", lambda: release.wait(LIMIT), name=name)
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.press("j")
        assert browser.focused_row == "one"
        browser.press("j")
        browser.press("j", "j")
        assert browser.focused_row == "three"
        browser.press("k")
        assert browser.focused_row == "two"
        browser.press(Keys.ARROW_UP)
        assert browser.focused_row == "one"
        browser.press("G")
        assert browser.focused_row == "three"
        browser.press("g")
        browser.press("r")
        browser.wait_for_text("#running-rows", "one")
        browser.press("p")
        browser.wait_until(lambda: browser.has("#jobs-rows button[name=resume]"))
        assert browser.focused_row == "one"
        browser.press("x")
        browser.driver.switch_to.alert.accept()
        browser.wait_for_text("#message", "run 1 asked to stop")
        browser.press("?")
        browser.wait_until(lambda: browser.has("#keys[open]"))
        browser.press(Keys.ESCAPE)
        browser.wait_until(lambda: not browser.has("#keys[open]"))
        browser.press("/")
        assert browser.evaluate("return document.activeElement.id") == "q"
        browser.press("TWO")
        browser.wait_until(lambda: browser.text_of("#jobs-rows").startswith("two"))
        assert not browser.find("#jobs-rows tr").is_displayed()
        assert browser.driver.current_url.endswith("?q=TWO")
        browser.press(Keys.ENTER)
        assert browser.focused_row == "two"
        browser.press("/")
        browser.press(Keys.ESCAPE)
        assert browser.find("#jobs-rows tr").is_displayed()
        browser.press("+")
        browser.wait_for_text("#pool", "/3")
        browser.press("-")
        browser.wait_for_text("#pool", "/2")


def test_the_history_is_searched_by_keys(scheduler: Scheduler, browser: Browser) -> None:
    """`h` asks for the focused job, `/` moves to the query, and enter opens a run."""
    for name in ("one", "two words"):
        assert scheduler.every("1h", print, name=name).run().wait(LIMIT)
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.press("G", "h")
        browser.wait_for_text("#history tbody", "two words")
        assert browser.find("#query").get_attribute("value") == 'job:"two words"'
        browser.press("/")
        browser.press("job:one", Keys.ENTER)
        browser.wait_for_text("#history tbody", "one")
        browser.press("j", Keys.ENTER)
        browser.wait_for_text("h1", "#1 of one")
        browser.press("h")
        browser.wait_for_text("#history tbody", "one")
        assert "two" not in browser.text_of("#history tbody")


def test_the_timeline_moves_and_asks_by_keys(scheduler: Scheduler, browser: Browser) -> None:
    """They are the keys of the dashboard's timeline; those of the other pages have no effect there."""
    scheduler.every("1m", print, name="often")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.press("5")
        browser.wait_for_text("#timeline h1", "Timeline")
        for key, query in [
            ("]", "span=30m"),
            ("h", "span=30m&at=-1"),
            (Keys.ARROW_RIGHT, "span=30m"),
            ("l", "span=30m&at=1"),
            ("n", "span=30m"),
            ("[", "span=15m"),
            ("+", "span=15m&pool=3"),
            ("=", "span=15m&pool=4"),
            ("-", "span=15m&pool=3"),
        ]:
            browser.press(key)
            browser.wait_for_query(query)
        assert scheduler.snapshot().pool.size == 2
        browser.press("j")
        assert browser.focused_row == "often"


def test_the_calendar_opens_by_its_key_and_asks_by_keys(scheduler: Scheduler, browser: Browser) -> None:
    scheduler.every("1h", print, name="backup")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.press("6")
        browser.wait_for_text("#calendar h1", "Calendar of load")
        browser.wait_until(lambda: browser.has("#crowds"))
        size = scheduler.snapshot().pool.size
        browser.press("+")
        browser.wait_for_query(f"pool={size + 1}")
        browser.press("j", Keys.ENTER)
        browser.wait_until(lambda: browser.has("#ticks-title"))


def test_keys_compare_a_run_and_move_between_the_differences(scheduler: Scheduler, browser: Browser) -> None:
    texts = ["one\nsame\nend", "two\nsame\nfin"]
    job = scheduler.every("1h", lambda: print(texts.pop(0)), name="backup")
    with capture_streams(OutputLog()), serve_to_browser(browser, scheduler) as address:
        for _ in range(2):
            assert job.run().wait(LIMIT)
        browser.open(address, "/@jobs/runs/2")
        browser.press("d")
        browser.wait_until(lambda: browser.has("#rows"))

        def text_after(key: str) -> str:
            browser.press(key)
            return str(browser.evaluate("return document.activeElement.textContent")).strip()

        assert [text_after(key) for key in "nnnN"] == ["- one", "- end", "- end", "- one"]


def test_the_timeline_is_live(scheduler: Scheduler, browser: Browser) -> None:
    """A run that ends appears in the picture without a reload."""
    job = scheduler.every("1m", print, name="often")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address, "/@jobs/timeline?span=5m")
        browser.mark_page()
        assert not browser.has(".lane a[href='runs/1']")
        job.run().wait(LIMIT)
        browser.wait_until(lambda: browser.has(".lane a[href='runs/1']"))
        assert browser.is_marked


def test_f_shows_the_jobs_that_need_attention(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """Those that run, wait or failed last; `f` shows all again, and the link works without a script."""
    scheduler.every("1h", print, name="idle")
    scheduler.every("1h", lambda: release.wait(LIMIT), name="slow").run()
    scheduler.every("1h", fail, name="broken").run().wait(LIMIT)
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.press("f")
        browser.wait_for_text("#found", "2 of 3 jobs match the filter")
        assert browser.driver.current_url.endswith("?q=attention")
        assert "idle" not in browser.text_of("#jobs-rows")
        browser.press("f")
        assert "idle" in browser.text_of("#jobs-rows")
        with browser.without_script():
            browser.open(address)
            browser.find("#attention").click()
            assert browser.text_of("#found") == "2 of 3 jobs match the filter"


def test_the_bar_of_a_run_follows_what_its_code_reports(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """On the page of the run, and in the list of what runs."""
    run_next = threading.Event()

    def job() -> None:
        run = jobtui.current_run()
        run.progress(25, 100, "a <b>")
        run_next.wait(LIMIT)
        run.progress(75, 100, "nearly")
        release.wait(LIMIT)

    scheduler.every("1h", job, name="slow").run()
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address, "/@jobs/runs/1")
        browser.wait_for_text(".progress", "25%")
        assert "a <b>" in browser.text_of(".progress")
        browser.mark_page()
        run_next.set()
        browser.wait_for_text(".progress", "75%")
        assert browser.is_marked
        assert browser.find(".progress progress").get_attribute("value") == "0.75"
        browser.open(address)
        browser.wait_for_text("#running-rows .progress", "75%")


def test_a_job_runs_with_arguments_by_keys(scheduler: Scheduler, browser: Browser) -> None:
    """`R` opens the form, enter submits it, and a mistake is focused."""
    found = []

    def job(limit: int = 10) -> None:
        found.append(limit)

    scheduler.every("1h", job, name="export")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.press("j", "R")
        browser.wait_for_text("h1", "Run export with arguments")
        browser.find("#argument-limit").send_keys("x", Keys.ENTER)
        browser.wait_for_text("#argument-limit-hint", "must be a whole number, not '10x'")
        (error,) = browser.console_errors()
        assert "422" in error
        assert browser.evaluate("return document.activeElement.id") == "argument-limit"
        browser.press(Keys.END, Keys.BACKSPACE, "0", Keys.ENTER)
        browser.wait_for_text("h1", "#1 of export")
        assert "▶ export: run 1" in browser.text_of("#message")
        browser.wait_for_text("main", "✓ OK")
        assert found == [100]


def test_the_log_follows_a_run_and_is_searched(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """Lines appear without a reload; what the user searches for is found among new lines, too."""
    log, attack = OutputLog(), "<img src=x onerror=alert(1)>\u202e"

    def job() -> None:
        print("first line")
        release.wait(LIMIT)
        print(attack)
        print("a warning", file=sys.stderr)
        log.write("slow", 1, "INFO", "a record\n")
        print("last line")

    scheduler.every("1h", job, name="slow")
    backend = LocalBackend(scheduler, "shop.py", log)
    with capture_streams(log), Server(backend, parse_address("127.0.0.1:0")) as server:
        assert isinstance(server.address, TcpAddress)
        run = scheduler.run("slow")
        wait_until(lambda: log.output_since(0).last == 1)
        browser.open(server.address)
        browser.press("j", "l")
        browser.wait_for_text("#log", "first line")
        assert browser.driver.current_url.endswith(f"/log?run={run.number}")
        browser.mark_page()
        browser.press("/")
        browser.press("line")
        browser.wait_for_text("#log-matches", "1 line contains the text")
        release.set()
        browser.wait_for_text("#log", "last line")
        browser.wait_for_text("#log-state", "OK")
        assert browser.text_of("#log-end") == "the run has ended"
        browser.wait_for_text("#log-matches", "2 lines contain the text")
        assert "<img src=x onerror=alert(1)>\\u202e" in browser.text_of("#log")
        browser.press(Keys.ENTER)
        assert browser.text_of(".current") == "first line"
        browser.press("n")
        assert browser.text_of(".current") == "last line"
        browser.press("N")
        assert browser.text_of(".current") == "first line"
        browser.find("#only").click()
        assert browser.text_of("#log") == "first line last line"
        browser.find("#only").click()
        assert "a record" in browser.text_of("#log")
        browser.find("#level option[value=ERROR]").click()
        assert "a record" not in browser.text_of("#log")
        assert "a warning" in browser.text_of("#log")
        browser.find("h1").click()
        browser.press("W", "T")
        assert browser.has("#log.nowrap.no-times")
        assert browser.is_marked
        browser.driver.get("about:blank")
        assert browser.console_errors() == []


@pytest.mark.parametrize("width", [320, 400, 900, 1280, 1920])
@pytest.mark.parametrize(
    "path",
    [
        "history",
        "timeline",
        "calendar",
        "diff?run=1",
        "streak?job=" + "a" * 200,
        "log?run=1",
        "runs/1",
        "jobs/" + "a" * 200,
        "run?job=" + "a" * 200,
    ],
)
def test_no_page_is_wider_than_its_window(
    scheduler: Scheduler, browser: Browser, path: str, width: int
) -> None:
    """A horizontal scrollbar would hide what matters; names may be long."""
    scheduler.every("1m", fail, name="a" * 200).run().wait(LIMIT)
    scheduler.every("1m", print, name="日本語" * 30).run().wait(LIMIT)
    with serve_to_browser(browser, scheduler) as address:
        browser.resize(width, 900)
        browser.open(address, f"/@jobs/{path}")
        assert browser.evaluate("return document.documentElement.scrollWidth") <= width


# Return each text on the page whose contrast with its background is too low for the level AA of WCAG 2.
LOW_CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function over(color, below) {
  canvas.clearRect(0, 0, 1, 1);
  for (const each of [below, color]) { canvas.fillStyle = each; canvas.fillRect(0, 0, 1, 1); }
  return `rgb(${[...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).join(" ")})`;
}
function luminance(color) {
  const parts = color.match(/[0-9]+/g).map((part) => part / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function background(element) {
  if (!element) return "rgb(255 255 255)";
  return over(getComputedStyle(element).backgroundColor, background(element.parentElement));
}
const found = [];
for (const element of document.querySelectorAll("body *")) {
  const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  if (!text.some((node) => node.data.trim()) || !element.checkVisibility() || element.disabled) continue;
  const style = getComputedStyle(element), back = background(element);
  const color = over(element instanceof SVGElement ? style.fill : style.color, back);
  const [low, high] = [luminance(color), luminance(back)].sort((one, other) => one - other);
  if ((high + 0.05) / (low + 0.05) < 4.5) found.push(`${element.outerHTML.slice(0, 80)} ${color} on ${back}`);
}
return found;
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_the_contrast_that_wcag_requires(
    scheduler: Scheduler, browser: Browser, theme: str
) -> None:
    """Each page is looked at in both themes."""
    scheduler.every("1m", fail, name="orders").run().wait(LIMIT)
    scheduler.every("1m", print, name="backup").run().wait(LIMIT)
    scheduler.every("1m", print, name="paused").pause()
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    paths = ("", "history", "timeline", "calendar", "log", "runs/1", "jobs/orders", "run?job=orders")
    with serve_to_browser(browser, scheduler) as address:
        for path in (*paths, "diff?run=1", "streak?job=orders", "why?run=1"):
            browser.open(address, f"/@jobs/{path}")
            assert browser.evaluate(LOW_CONTRAST) == [], path
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def fail() -> None:
    """Raise an error with a long message."""
    raise ValueError("x" * 500)


def test_tab_reaches_every_button_with_a_visible_focus(scheduler: Scheduler, browser: Browser) -> None:
    """The order is that of the page."""
    scheduler.every("1h", print, name="backup")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        reached = []
        for _ in range(25):
            browser.press(Keys.TAB)
            reached.append(browser.evaluate("return document.activeElement.textContent.trim()"))
            assert browser.evaluate("return getComputedStyle(document.activeElement).outlineStyle") != "none"
            if reached[-1] == "Pause":
                break
        assert reached[0] == "Skip to the content"
        assert reached[-3:] == ["backup", "Run", "Pause"]
        assert {"+", "Pause all", "Resume all", "Keys"} <= set(reached)


def test_focus_selection_and_scroll_position_survive_updates(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """Rows above, below and under the focus change."""
    jobs = [scheduler.every("1h", print, name=f"job-{number}") for number in range(60)]
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        row = browser.evaluate("return document.querySelectorAll('#jobs-rows tr')[40]")
        button = row.find_element(By.CSS_SELECTOR, "button[name=run]")
        browser.evaluate(
            "arguments[0].focus(); getSelection().selectAllChildren(arguments[1])",
            button,
            row.find_element(By.TAG_NAME, "a"),
        )
        browser.evaluate("arguments[0].scrollIntoView({block: 'center'})", row)
        position = browser.evaluate("return scrollY")
        assert position > 0
        for job in (jobs[40], jobs[40], jobs[0], jobs[59]):
            assert scheduler.now(job).wait(LIMIT)
        browser.wait_until(lambda: row.find_elements(By.TAG_NAME, "td")[6].text == "2")
        browser.wait_until(
            lambda: browser.evaluate("return document.querySelectorAll('#recent-rows tr').length") == 4
        )
        assert browser.driver.switch_to.active_element == button
        assert browser.evaluate("return String(getSelection())") == "job-40"
        assert browser.evaluate("return scrollY") == position


def test_the_focus_of_a_removed_row_moves_to_the_next_row(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """If the list is empty, it moves to the heading, not to the top of the page."""
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    scheduler.now(job)
    held = [scheduler.now(job), scheduler.now(job)]
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.evaluate("document.querySelector('#waiting-rows button').focus()")
        held[0].cancel()
        browser.wait_until(
            lambda: browser.evaluate("return document.activeElement.closest('tr')?.dataset.run") == "3"
        )
        held[1].cancel()
        browser.wait_until(lambda: browser.evaluate("return document.activeElement.id") == "waiting-title")


def test_the_clock_and_countdowns_advance_without_the_server(scheduler: Scheduler, browser: Browser) -> None:
    """The script counts the seconds itself."""
    scheduler.every("1h", print, name="hourly")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        left, clock = browser.text_of("#jobs-rows [data-until]"), browser.text_of("#clock")
        assert left.startswith("in 59m") or left == "in 1h00m"
        browser.wait_until(lambda: browser.text_of("#jobs-rows [data-until]") not in ("", left))
        browser.wait_until(lambda: browser.text_of("#clock") != clock)


def test_the_page_of_a_run_shows_output_and_the_end_without_a_reload(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """Output emits no event, so the script polls for it."""
    page_open = threading.Event()

    def job() -> None:
        page_open.wait(LIMIT)
        print("first")
        release.wait(LIMIT)
        print("second")
        raise ValueError("in the end")

    scheduler.every("1h", job, name="slow")
    with capture_streams(OutputLog()), serve_to_browser(browser, scheduler) as address:
        run = scheduler.run("slow")
        browser.open(address, f"/@jobs/runs/{run.number}")
        browser.mark_page()
        page_open.set()
        browser.wait_for_text("#output", "first")
        release.set()
        browser.wait_for_text("main", "✗ FAILED")
        browser.wait_for_text("#traceback", "ValueError: in the end")
        browser.wait_for_text("#output", "first second")
        assert not browser.has("main button[name=cancel]")
        assert browser.is_marked


def test_the_page_of_a_job_shows_new_runs_without_a_reload(scheduler: Scheduler, browser: Browser) -> None:
    """Its buttons and keys act on the job."""
    job = scheduler.every("1h", print, name="backup")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address, "/@jobs/jobs/backup")
        browser.mark_page()
        scheduler.now(job)
        browser.wait_for_text("main tbody", "#1")
        browser.find("main button[name=run]").click()
        browser.wait_for_text("main tbody", "#2")
        browser.press("p")
        browser.wait_for_text("main", "‖ PAUSED")
        browser.wait_for_text("#totals", "1 paused")
        assert browser.is_marked


def test_keys_show_the_stack_of_a_run_which_is_read_again_and_say_why(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    second = threading.Event()

    def work() -> None:
        release.wait(LIMIT)
        second.wait(LIMIT)

    job = scheduler.every("1h", work, name="backup")
    run = job.run()
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.wait_for_text("#running-rows", "backup")
        browser.press("j", "t")
        browser.wait_for_text("#stack", "release.wait(LIMIT)")
        browser.mark_page()
        release.set()
        browser.wait_for_text("#stack", "second.wait(LIMIT)")
        second.set()
        browser.wait_for_text("main", "✓ OK")
        assert not browser.has("#stack")
        assert browser.is_marked
        browser.press("w")
        browser.wait_for_text("#answer", f"run {run.number}")
        browser.find("#at").send_keys("noon", Keys.ENTER)
        browser.wait_for_text("#wrong-instant", "noon")
        browser.console_errors()  # the status 422


def test_a_hidden_page_closes_its_stream_and_updates_when_it_is_visible_again(
    scheduler: Scheduler, browser: Browser
) -> None:
    """A browser allows only few connections to one server."""
    job = scheduler.every("1h", print, name="backup")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.wait_until(lambda: browser.has("html[data-stream=open]"))
        browser.mark_page()
        browser.evaluate(
            "addEventListener('visibilitychange', () => { window.noStream ??= document.hidden && !isOpen })"
        )
        page = browser.driver.current_window_handle
        browser.driver.switch_to.new_window("tab")
        job.pause()
        browser.driver.close()
        browser.driver.switch_to.window(page)
        browser.wait_for_text("#jobs-rows tr", "‖ PAUSED")
        assert browser.evaluate("return window.noStream")
        assert browser.is_marked


def test_eight_windows_share_one_stream(scheduler: Scheduler, browser: Browser) -> None:
    """A browser opens six connections to one host: without sharing, the seventh page never loads."""
    job = scheduler.every("1h", print, name="backup")
    with serve_to_browser(browser, scheduler) as address:
        first = browser.driver.current_window_handle
        paths = ["/@jobs", "/@jobs/jobs/backup", "/@jobs", "/@jobs", "/@jobs/jobs/backup", *["/@jobs"] * 3]
        try:
            for number, path in enumerate(paths):
                if number:
                    browser.driver.switch_to.new_window("window")
                browser.open(address, path)
                browser.wait_until(lambda: browser.has("html[data-stream=open]"))
                browser.mark_page()
            for action, status in ((job.pause, "PAUSED"), (job.resume, "IDLE")):
                action()
                for window in browser.driver.window_handles:
                    browser.driver.switch_to.window(window)
                    browser.wait_for_text("main", status)
                    assert browser.is_marked
        finally:
            for window in browser.driver.window_handles:
                if window != first:
                    browser.driver.switch_to.window(window)
                    browser.driver.close()
            browser.driver.switch_to.window(first)
        job.pause()
        browser.wait_for_text("main", "PAUSED")


def test_windows_without_shared_workers_have_their_own_streams(
    scheduler: Scheduler, browser: Browser
) -> None:
    """Some browsers of phones have none."""
    job = scheduler.every("1h", print, name="backup")
    source = {"source": "delete window.SharedWorker"}
    script = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
    try:
        with serve_to_browser(browser, scheduler) as address:
            browser.open(address)
            browser.wait_until(lambda: browser.has("html[data-stream=open]"))
            job.pause()
            browser.wait_for_text("#jobs-rows tr", "‖ PAUSED")
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_the_filter_asks_the_server_for_jobs_without_a_row(scheduler: Scheduler, browser: Browser) -> None:
    """The results are live, and end with the filter."""
    for number in range(2000):
        scheduler.every("1h", print, name=f"job_{number:04}")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        assert browser.text_of("#jobs-caption") == "the first 1000 of 2000"
        browser.press("/")
        browser.press("199")
        browser.wait_for_text("#found", "12 of 2000 jobs match the filter")
        assert browser.text_of("#jobs-caption") == ""
        browser.press(Keys.ENTER)
        assert browser.focused_row == "job_0199"
        browser.press("G")
        assert browser.focused_row == "job_1999"
        browser.press("r")
        browser.wait_for_text("#recent-rows", "job_1999 #1")
        browser.wait_until(
            lambda: browser.find("#found-rows tr:last-child td:nth-child(8)").text == "1", "no new count"
        )
        assert browser.focused_row == "job_1999"
        browser.press("/")
        browser.press(Keys.END, "x")
        browser.wait_for_text("#found", "no job matches the filter")
        browser.press(Keys.BACKSPACE, "8")
        browser.wait_for_text("#found", "1 of 2000 jobs match the filter")
        browser.driver.refresh()
        browser.wait_for_text("#found-rows", "job_1998")
        browser.press("/")
        browser.press(Keys.ESCAPE)
        browser.wait_for_text("#jobs-caption", "the first 1000 of 2000")
        assert browser.text_of("#found") == ""
        assert len(browser.driver.find_elements(By.CSS_SELECTOR, "#jobs-rows tr:not([hidden])")) == 1000


def test_the_filter_finds_a_running_job_with_a_held_run(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """Without a request to the server."""
    scheduler.every("1h", print, name="backup")
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="orders")
    scheduler.now(job)
    held = scheduler.now(job)
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.wait_until(lambda: browser.has("html[data-stream=open]"))
        browser.find("#q").send_keys("held")
        browser.wait_for_text("#found", "1 of 2 jobs match the filter")
        held.cancel()
        browser.wait_for_text("#found", "no job matches the filter")


def test_the_filter_counts_the_rows_that_it_finds(scheduler: Scheduler, browser: Browser) -> None:
    """The caption changes with the filter and with the jobs."""
    for number in range(12):
        scheduler.every("1h", print, name=f"job-{number}")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.press("/")
        browser.press("job-1")
        browser.wait_for_text("#found", "3 of 12 jobs match the filter")
        scheduler.every("1h", print, name="job-13")
        browser.wait_for_text("#found", "4 of 13 jobs match the filter")


def test_the_title_and_the_icon_follow_the_state(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """Also those of a hidden page's neighbours: of a job, and without a connection."""

    def icon() -> str:
        return str(browser.evaluate("return document.getElementById('icon').href")).rpartition("/")[2]

    def fail() -> None:
        assert release.wait(LIMIT)
        raise ValueError("no")

    job = scheduler.every("1h", fail, name="orders")
    with serve_page(scheduler) as client:
        browser.open(client.address)
        assert (browser.driver.title, icon()) == ("shop.py - jobtui", "icon.svg")
        scheduler.now(job)
        browser.wait_until(lambda: browser.driver.title == "▶1 shop.py - jobtui")
        assert icon() == "icon-running.svg"
        release.set()
        browser.wait_until(lambda: browser.driver.title == "✗1 shop.py - jobtui")
        assert icon() == "icon-failed.svg"
        browser.open(client.address, "/@jobs/jobs/orders")
        assert (browser.driver.title, icon()) == ("✗ orders - jobtui", "icon-failed.svg")
        job.pause()
        browser.wait_for_text("main", "PAUSED")
        browser.wait_until(lambda: browser.has("html[data-stream=open]"))
    browser.wait_until(lambda: browser.driver.title == "! orders - jobtui")
    assert icon() == "icon-lost.svg"
    browser.console_errors()  # the refused connections


def test_a_double_click_and_a_key_that_is_held_down_are_one_command(
    scheduler: Scheduler, browser: Browser
) -> None:
    """A click on Pause makes the button one for Resume, which the second click does not press."""
    scheduler.every("1h", print, name="backup")
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        run = browser.find("#jobs-rows button[name=run]")
        ActionChains(browser.driver).double_click(run).perform()
        browser.wait_for_text("#recent-rows", "#1")
        ActionChains(browser.driver).double_click(browser.find("#jobs-rows button[name=pause]")).perform()
        browser.wait_for_text("#jobs-rows", "‖ PAUSED")
        browser.evaluate("document.querySelector('#jobs-rows a').focus()")
        hold_key(browser, "r")
        browser.wait_for_text("#recent-rows", "#2")
        browser.evaluate("document.querySelector('#jobs-rows button[name=run]').focus()")
        hold_key(browser, "Enter", "\r")
        browser.wait_for_text("#recent-rows", "#3")
        ActionChains(browser.driver).double_click(browser.find("#pool button:last-child")).perform()
        browser.wait_for_text("#pool", "/3")
        assert scheduler.job("backup").status.value == "PAUSED"
        assert [run.number for run in scheduler.find_runs(job="backup")] == [3, 2, 1]


def hold_key(browser: Browser, key: str, text: str = "") -> None:
    """Press a key, repeat it as the keyboard does, and release it."""
    event = {"key": key, "text": text or key, "windowsVirtualKeyCode": 13 if text else ord(key.upper())}
    for is_repeat in (False, True, True, True):
        browser.driver.execute_cdp_cmd(
            "Input.dispatchKeyEvent", {"type": "keyDown", "autoRepeat": is_repeat, **event}
        )
    browser.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **event})


def test_the_keys_of_the_dashboard_move_between_sections_and_pause_all(
    scheduler: Scheduler, browser: Browser, release: threading.Event
) -> None:
    """P asks first; x on a job cancels its latest run that waits, else the one that runs."""
    job = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    scheduler.every("1h", print, name="backup")
    assert scheduler.now(print).wait(LIMIT)
    for _ in range(3):
        scheduler.now(job)
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        for key, name in (
            ("1", "running"),
            ("2", "waiting"),
            ("3", "upcoming"),
            ("4", "recent"),
            ("0", "jobs"),
        ):
            browser.press(key)
            assert browser.evaluate("return document.activeElement.closest('tbody').id") == f"{name}-rows"
        browser.press(Keys.END)
        assert browser.focused_row == "print"
        browser.press(Keys.HOME)
        assert browser.focused_row == "slow"
        for number in (4, 3, 2):
            browser.press("x")
            alert = browser.driver.switch_to.alert
            assert alert.text == f"Cancel run {number} of slow?"
            alert.accept()
            browser.wait_for_text("#message", f"run {number} ")
            if number > 2:
                browser.wait_for_text("#recent-rows", f"#{number}")
        browser.press("P")
        alert = browser.driver.switch_to.alert
        assert alert.text.startswith("Pause all ")
        alert.dismiss()
        assert job.status.value != "PAUSED"
        browser.press("P")
        browser.driver.switch_to.alert.accept()
        browser.wait_for_text("#jobs-rows", "‖ PAUSED")
        browser.press("=")
        browser.wait_for_text("#pool", "/3")


def test_the_key_f_moves_to_the_next_failure(scheduler: Scheduler, browser: Browser) -> None:
    """Of the jobs, or of the endings; after the last one it begins again."""

    def fail() -> None:
        raise ValueError("no")

    for name, run in (("a", print), ("b", fail), ("c", print), ("d", fail)):
        assert scheduler.now(scheduler.every("1h", run, name=name)).wait(LIMIT)
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        for expected in ("b", "d", "b"):
            browser.press("n")
            assert browser.focused_row == expected
        browser.press("4")
        assert browser.focused_row == "d"
        for expected in ("b", "d", "b"):
            browser.press("n")
            assert browser.focused_row == expected
            assert browser.evaluate("return document.activeElement.closest('tbody').id") == "recent-rows"
        browser.open(address, "/@jobs/jobs/b")
        browser.press("n")
        assert browser.evaluate("return document.activeElement.closest('tr').id") == "run-2"


WORDS = [
    "nightly_backup_of_the_customer_database",
    "shop.tasks.orders.recalculate_totals",
    "warehouse/stock/synchronise",
    "RefreshSearchIndexOfProducts",
    "send-invoice-reminders-to-customers",
    "C:\\jobs\\import\\exchange_rates.py",
]
_BROKEN_WORDS = """
const names = [...document.querySelectorAll(".name bdi, h1 bdi")].filter((each) => each.checkVisibility());
return names.flatMap((name) => [...name.childNodes]).filter((node) => {
  const range = document.createRange();
  range.selectNodeContents(node);
  const isWord = node.nodeType === Node.TEXT_NODE && !/[ -]/.test(node.nodeValue);
  return isWord && range.getClientRects().length > 1;
}).map((node) => node.nodeValue);
"""


@pytest.mark.parametrize("width", [320, 600, 861, 1020, 1100, 1201, 1280, 1366, 1601, 1920])
def test_names_break_between_their_words_only(
    scheduler: Scheduler, browser: Browser, release: threading.Event, width: int
) -> None:
    """At every width, without horizontal scrolling."""
    for name in WORDS:
        scheduler.every("1h", lambda: release.wait(LIMIT), name=name)
        scheduler.run(name)
    browser.resize(width, 900)
    with serve_to_browser(browser, scheduler) as address:
        for path in ("/@jobs", f"/@jobs/jobs/{WORDS[0]}"):
            browser.open(address, path)
            browser.wait_until(lambda: browser.has("html[data-stream=open]"))
            assert browser.evaluate(_BROKEN_WORDS) == []
            assert browser.evaluate("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1141, 1301, 1400, 1920])
def test_the_latest_outcomes_do_not_cover_the_next_column(
    scheduler: Scheduler, browser: Browser, width: int
) -> None:
    job = scheduler.every("1h", print)
    for _ in range(20):  # as many as are shown
        assert scheduler.now(job).wait(LIMIT)
    browser.resize(width, 900)
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        strip, cell = browser.evaluate(
            'const strip = document.querySelector("#jobs .strip");'
            "return [strip, strip.parentElement].map((each) => each.getBoundingClientRect().right);"
        )
        assert strip < cell


def test_the_name_of_a_job_leaves_room_for_its_output(scheduler: Scheduler, browser: Browser) -> None:
    """The lines that the server has written, and those that come while the page is open."""
    log, name = OutputLog(), "a_" * 60
    scheduler.every("1h", print, name=name)
    backend = LocalBackend(scheduler, "shop.py", log)
    log.write(name, 1, "stdout", "earlier\n")
    browser.resize(1400, 900)
    with Server(backend, parse_address("127.0.0.1:0")) as server:
        assert isinstance(server.address, TcpAddress)
        browser.open(server.address, "/@jobs/log")
        browser.wait_for_text("#log", "earlier")
        log.write(name, 2, "stdout", "later\n")
        browser.wait_for_text("#log", "later")
        for run in (1, 2):
            assert browser.has(f'.source[href="runs/{run}"] bdi[title={name}]')
        widths = browser.evaluate(
            'return [...document.querySelectorAll(".log-line > span")].map((each) => each.offsetWidth);'
        )
        assert min(widths) > 800
        browser.driver.get("about:blank")


_COLUMNS = """
const heads = [...document.querySelectorAll("thead th")].filter((each) => each.offsetWidth);
return heads.map((each) => [each.offsetLeft, each.offsetWidth]);
"""


@pytest.mark.parametrize("width", [861, 1100, 1280, 1920])
def test_columns_keep_their_places_while_the_content_changes(
    scheduler: Scheduler, browser: Browser, release: threading.Event, width: int
) -> None:
    """Long reasons, names and times have the width of their column."""

    def fail() -> None:
        raise ValueError("the database does not answer " * 5 + "x" * 300)

    slow = scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    done = scheduler.every("1h", print, name="done")
    runs = [scheduler.now(slow), scheduler.now(slow)]
    assert scheduler.now(done).wait(LIMIT)
    browser.resize(width, 900)
    with serve_to_browser(browser, scheduler) as address:
        browser.open(address)
        browser.wait_until(lambda: browser.has("html[data-stream=open]"))
        columns = browser.evaluate(_COLUMNS)
        assert len(columns) > 20
        failing = scheduler.every("61s", fail, name="a_" * 100)
        scheduler.pause("done")
        for _ in range(12):
            assert scheduler.now(failing).wait(LIMIT)
        browser.wait_for_text("#recent-rows", "✗ FAILED")
        assert browser.evaluate(_COLUMNS) == columns
        runs[1].cancel()
        scheduler.now(failing)
        browser.wait_for_text("#recent-rows", "⊘ CANCELLED")
        assert [column for column in browser.evaluate(_COLUMNS) if column not in columns] == []
        assert browser.evaluate("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_a_printed_page_has_tables_without_buttons_on_white(
    scheduler: Scheduler, browser: Browser, *, dark: bool
) -> None:
    """A4 is narrower than the limit for phones."""
    for name in WORDS:
        scheduler.every("1h", print, name=name)
        assert scheduler.run(name).wait(LIMIT)
    with serve_to_browser(browser, scheduler) as address:
        browser.resize(718, 1000, dark=dark)  # 190 mm
        browser.open(address)
        browser.wait_until(lambda: browser.has("html[data-stream=open]"))
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": scheme})
        try:
            assert browser.evaluate(
                "return getComputedStyle(document.querySelector('#jobs tr')).display"
            ) == ("table-row")
            assert browser.find("#jobs thead").text.split("\n")[0].startswith("Name Status Schedule")
            controls = browser.driver.find_elements(By.CSS_SELECTOR, "button, nav, input")
            assert [each.text for each in controls if each.is_displayed()] == []
            assert browser.evaluate("return document.documentElement.scrollWidth") <= 718
            assert browser.evaluate(_LUMINANCE, "body", "color") < 0.1
            assert browser.evaluate(_LUMINANCE, ".muted", "color") < 0.3
            assert browser.evaluate(_BROKEN_WORDS) == []
        finally:
            browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@needs_nginx
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("passes_host", [True, False])
def test_the_page_is_live_behind_nginx_below_another_path(
    scheduler: Scheduler, browser: Browser, tmp_path: Path, scheme: str, *, passes_host: bool
) -> None:
    """With a login: cookies, forms, the stream and the links between pages keep the path."""
    job = scheduler.every("1h", print, name="a/b c")
    ports = free_ports()
    root = f"{scheme}://jobs.test:{ports[scheme]}/team/@jobs"
    credentials = LOGIN_REQUIRED.credentials
    access = AccessRules(credentials=credentials, url=parse_public_url(root))
    host = "proxy_set_header Host $host;" if passes_host else ""
    with serve_page(scheduler, access) as client:
        location = f"location /team/ {{ proxy_pass http://{client.address.authority}/; {host} }}"
        with nginx_in_front(location, ports, tmp_path):
            browser.driver.get(root)
            browser.find("#user").send_keys(USER)
            browser.find("#password").send_keys(PASSWORD, Keys.ENTER)
            browser.wait_until(lambda: browser.has("html[data-stream=open]"))
            browser.mark_page()
            browser.find("#jobs-rows button[name=run]").click()
            browser.wait_for_text("#message", "▶ a/b c: run 1")
            browser.wait_for_text("#recent-rows", "#1")
            job.pause()
            browser.wait_for_text("#jobs-rows", "‖ PAUSED")
            assert browser.is_marked
            browser.find("#jobs-rows a").click()
            browser.wait_for_text("h1", "a/b c")
            browser.wait_until(lambda: browser.has("html[data-stream=open]"))
            job.resume()
            browser.wait_for_text("main", "○ IDLE")
            browser.find("main tbody a").click()
            browser.wait_for_text("h1", "#1 of a/b c")
            browser.find("main a[href^=why]").click()
            browser.wait_for_text("h1", "Why #1 of a/b c")
            browser.find("#at").send_keys("02:30", Keys.ENTER)
            browser.wait_for_text("h1", "Why a/b c")
            browser.driver.back()
            browser.driver.back()
            browser.find(".brand a").click()
            browser.wait_for_text("h1", "Scheduled Jobs")
            assert browser.driver.current_url == f"{root}/"
            browser.driver.get("about:blank")
            errors = [each for each in browser.console_errors() if "Opener-Policy" not in each]
            assert errors == []  # over http, browsers ignore the opener policy, and say so


LONG_NAMES = [
    "a_very_long_name_without_any_blank_" * 8,
    "日本語のジョブ名はとても長いです" * 5,
    "עבודה בעברית " * 9 + "!",
]


@pytest.mark.parametrize(("width", "dark"), [(320, False), (320, True), (768, False), (1280, True)])
def test_long_names_and_messages_do_not_make_a_page_wider_than_the_window(
    scheduler: Scheduler, browser: Browser, release: threading.Event, width: int, *, dark: bool
) -> None:
    """A phone needs no horizontal scrolling."""

    def fail() -> None:
        raise ValueError("x" * 500)

    for name in LONG_NAMES:
        scheduler.every("1h", fail, name=name)
    scheduler.every("1h", lambda: release.wait(LIMIT), name="slow")
    for name in (*LONG_NAMES, "slow", "slow"):
        scheduler.run(name)
    browser.resize(width, 700, dark=dark)
    with serve_to_browser(browser, scheduler, title="title" * 40) as address:
        browser.open(address)
        browser.wait_until(lambda: browser.has("#recent-rows tr:nth-child(3)"))
        links = browser.evaluate(
            "return [...document.querySelectorAll('main a')].map((each) => each.pathname)"
        )
        for path in dict.fromkeys(["/@jobs", *links, "/@jobs/nowhere"]):
            browser.open(address, path)
            assert browser.evaluate("return document.documentElement.scrollWidth") <= width, path
        (missing,) = browser.console_errors()
        assert "404" in missing


def test_both_color_schemes_have_enough_contrast(scheduler: Scheduler, browser: Browser) -> None:
    """The page follows the preference of the browser."""

    def fail() -> None:
        raise ValueError("no")

    job = scheduler.every("1h", fail, name="orders")
    assert scheduler.now(job).wait(LIMIT)
    scheduler.every("1h", print, name="paused")
    scheduler.pause("paused")
    with serve_to_browser(browser, scheduler) as address:
        for dark in (False, True):
            browser.resize(1280, 900, dark=dark)
            browser.open(address)
            background = browser.evaluate(_LUMINANCE, "body", "backgroundColor")
            assert (background < 0.1) is dark
            for selector in ("body", ".muted", ".tone-failed", ".tone-waiting", ".tone-ok", "#jobs-rows a"):
                text = browser.evaluate(_LUMINANCE, selector, "color")
                lighter, darker = max(text, background), min(text, background)
                assert (lighter + 0.05) / (darker + 0.05) >= 4.5, f"{selector}, {dark=}"


# The relative luminance of a color, as the Web Content Accessibility Guidelines define it.
_LUMINANCE = """
const element = document.querySelector(arguments[0]);
const channels = getComputedStyle(element)[arguments[1]].match(/[0-9.]+/g).slice(0, 3);
const [red, green, blue] = channels.map((each) => {
  const share = each / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
});
return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
"""
