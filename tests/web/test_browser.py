"""The status page in a real browser: what its script does, and how it looks."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from support.status_page import LIMIT, LOCKED, PASSWORD, USER, serving

from jobtui import Scheduler
from jobtui.access.addresses import TcpAddress
from jobtui.access.rules import AccessRules
from jobtui.engine.enums import RunState
from jobtui.frontend.backend import LocalBackend
from jobtui.runtime.output_capture import OutputLog, capture_streams
from jobtui.web.server import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
REQUIRED = os.environ.get("JOBTUI_BROWSER") == "required"

pytestmark = pytest.mark.skipif(
    not REQUIRED and (CHROMIUM is None or DRIVER is None),
    reason="no chromium and chromedriver here (JOBTUI_BROWSER=required makes that an error)",
)


class Browser:
    """A browser, and what a person does with it.

    Attributes:
        driver: Selenium's.
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, address: TcpAddress, path: str = "/@jobs") -> None:
        """Go to a page."""
        self.driver.get(f"http://{address.authority}{path}")

    def one(self, selector: str) -> WebElement:
        """The element of that CSS selector."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def has(self, selector: str) -> bool:
        """Whether there is one."""
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def reads(self, selector: str) -> str:
        """What it reads, with single blanks; "" if it is not there."""
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return " ".join(found[0].text.split()) if found else ""

    def until(self, wanted: Callable[[], Any], what: str = "") -> None:
        """Wait until something is so."""
        wait: WebDriverWait[Any] = WebDriverWait(
            self.driver, LIMIT, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        wait.until(lambda _driver: wanted(), what)

    def until_reads(self, selector: str, text: str) -> None:
        """Wait until a text is somewhere in an element."""
        self.until(lambda: text in self.reads(selector), f"{selector} never read {text!r}")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def keys(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def mark(self) -> None:
        """Leave something in the page that is gone once it is loaded again."""
        self.run("window.mark = true")

    @property
    def marked(self) -> bool:
        """Whether the page is still the same."""
        return bool(self.run("return window.mark === true"))

    @property
    def focused_row(self) -> str:
        """The job of the row that has the focus."""
        return str(self.run("return document.activeElement.closest('tr')?.dataset.job ?? ''"))

    def errors(self) -> list[str]:
        """What the browser has to complain about, violations of the policy included."""
        return [each["message"] for each in self.driver.get_log("browser") if each["level"] == "SEVERE"]  # type: ignore[no-untyped-call]

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Make the window so large."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    @contextmanager
    def without_script(self) -> Iterator[None]:
        """The browser runs no scripts meanwhile."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    """A browser; one for all tests, because it takes its time to start."""
    assert CHROMIUM is not None, "JOBTUI_BROWSER=required, and there is no chromium"
    assert DRIVER is not None, "JOBTUI_BROWSER=required, and there is no chromedriver"
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.add_argument("--headless=new")
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument("--disable-gpu")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture
def browser(started: Browser) -> Iterator[Browser]:
    """A browser that remembers nothing."""
    started.size(1280, 900)
    yield started
    started.driver.delete_all_cookies()  # of this host, whatever the port
    started.driver.get("about:blank")
    started.errors()


@contextmanager
def visiting(
    browser: Browser, scheduler: Scheduler, access: AccessRules | None = None, title: str = "shop.py"
) -> Iterator[TcpAddress]:
    """A server that the browser visits, and of which in the end it has nothing to complain about."""
    with serving(scheduler, access, title) as visitor:
        yield visitor.address
        browser.driver.get("about:blank")
        assert browser.errors() == []


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler that runs, with room for two."""
    with Scheduler(pool=2, tz="UTC") as scheduler:
        yield scheduler


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What jobs wait for; opened at the end, whatever happens."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_a_run_is_seen_as_it_happens(scheduler: Scheduler, browser: Browser, gate: threading.Event) -> None:
    """It starts and ends on the page, which is never loaded again."""
    job = scheduler.every("1h", lambda: gate.wait(LIMIT), name="slow")
    with visiting(browser, scheduler) as address:
        browser.open(address)
        browser.mark()
        assert "IDLE" in browser.reads("#jobs-rows tr")
        assert browser.reads("#running-caption") == "nothing runs"
        scheduler.now(job)
        browser.until_reads("#jobs-rows tr", "▶ RUNNING")
        browser.until_reads("#running-rows tr", "slow")
        assert "1/2" in browser.reads("#pool")
        gate.set()
        browser.until_reads("#jobs-rows tr", "○ IDLE")
        browser.until_reads("#recent-rows tr", "✓ OK slow #1")
        assert not browser.has("#running-rows tr")
        assert browser.marked


def test_buttons_act_and_say_so(scheduler: Scheduler, browser: Browser) -> None:
    """Run, pause, resume, and the size of the pool, without loading the page again."""
    done = threading.Event()
    scheduler.every("1h", done.set, name='<b>"it\'s"</b>')
    with visiting(browser, scheduler) as address:
        browser.open(address)
        browser.mark()
        browser.one("#jobs-rows button[name=run]").click()
        browser.until_reads("#message", '▶ <b>"it\'s"</b>: run 1')
        assert done.wait(LIMIT)
        browser.one("#jobs-rows button[name=pause]").click()
        browser.until_reads("#jobs-rows tr", "‖ PAUSED")
        browser.one("#jobs-rows button[name=resume]").click()
        browser.until_reads("#jobs-rows tr", "○ IDLE")
        browser.one("button[name=pause-all]").click()
        browser.until_reads("#totals", "1 paused")
        browser.one("#pool button:last-child").click()
        browser.until_reads("#pool", "0/3")
        assert scheduler.snapshot().pool.size == 3
        assert browser.marked


def test_a_run_is_cancelled_after_asking(
    scheduler: Scheduler, browser: Browser, gate: threading.Event
) -> None:
    """Who says no has cancelled nothing."""
    job = scheduler.every("1h", lambda: gate.wait(LIMIT), name="slow")
    scheduler.now(job)
    held = scheduler.now(job)
    with visiting(browser, scheduler) as address:
        browser.open(address)
        button = browser.one("#waiting-rows button[name=cancel]")
        button.click()
        alert = browser.driver.switch_to.alert
        assert alert.text == "Cancel run 2 of slow?"
        alert.dismiss()
        assert held.state is RunState.HELD
        button.click()
        browser.driver.switch_to.alert.accept()
        browser.until_reads("#recent-rows tr", "⊘ CANCELLED slow #2")
        browser.until_reads("#message", "run 2 cancelled")


def test_it_works_without_a_script(scheduler: Scheduler, browser: Browser) -> None:
    """The buttons are those of a form."""
    done = threading.Event()
    scheduler.every("1h", done.set, name="backup")
    with visiting(browser, scheduler) as address, browser.without_script():
        browser.open(address)
        browser.one("#jobs-rows button[name=run]").click()
        browser.until_reads("#message", "▶ backup: run 1")
        assert done.wait(LIMIT)
        browser.one("#q").send_keys("nothing", Keys.ENTER)
        browser.until_reads("#found", "no job matches the filter")


def test_one_logs_in_and_out(scheduler: Scheduler, browser: Browser) -> None:
    """A wrong password is refused on the form; the right one leads to where one wanted to go."""
    scheduler.every("1h", print, name="a b")
    with visiting(browser, scheduler, LOCKED) as address:
        browser.open(address, "/@jobs/jobs/a%20b")
        assert "/@jobs/login" in browser.driver.current_url
        browser.one("#user").send_keys(USER)
        browser.one("#password").send_keys("wrong", Keys.ENTER)
        browser.until_reads("[role=alert]", "wrong user or password")
        (refused,) = browser.errors()
        assert "403" in refused
        browser.one("#password").send_keys(PASSWORD, Keys.ENTER)
        browser.until_reads("h1", "a b")
        browser.open(address)
        browser.one("button[name=pause-all]").click()
        browser.until_reads("#jobs-rows tr", "‖ PAUSED")
        browser.one("button[formaction]").click()
        browser.until_reads("h1", "jobtui")
        browser.open(address)
        browser.until(lambda: "/@jobs/login" in browser.driver.current_url)


def test_a_link_of_another_site_leads_in(scheduler: Scheduler, browser: Browser) -> None:
    """Who has logged in need not do so again, though the browser keeps its cookie to itself at first."""
    scheduler.every("1h", print, name="backup")
    with visiting(browser, scheduler, LOCKED) as address:
        browser.open(address)
        browser.one("#user").send_keys(USER)
        browser.one("#password").send_keys(PASSWORD, Keys.ENTER)
        browser.until_reads("h1", "Scheduled Jobs")
        url = f"http://{address.authority}/@jobs/jobs/backup"
        browser.driver.get(f'data:text/html,<a href="{url}">here</a>')
        browser.one("a").click()
        browser.until_reads("h1", "backup")


def test_where_nothing_can_be_changed_there_is_no_button(scheduler: Scheduler, browser: Browser) -> None:
    """Neither are there keys; but it is as live."""
    job = scheduler.every("1h", print, name="backup")
    with visiting(browser, scheduler, AccessRules(readonly=True)) as address:
        browser.open(address)
        assert "read-only" in browser.reads("header")
        assert [each.text for each in browser.driver.find_elements(By.TAG_NAME, "button") if each.text] == [
            "Keys"
        ]
        browser.keys("j", "r", "p")
        scheduler.now(job)
        browser.until_reads("#recent-rows", "#1")
        assert len(scheduler.snapshot().recent) == 1
        assert job.status.value != "PAUSED"


def test_a_lost_connection_is_said_and_comes_back(scheduler: Scheduler, browser: Browser) -> None:
    """The page turns grey and says why; when there is a server again, it shows that one."""
    job = scheduler.every("1h", print, name="backup")
    source = LocalBackend(scheduler, "shop.py")
    with serving(scheduler) as visitor:
        address = visitor.address
        browser.open(address)
        browser.until(lambda: browser.run("return stream?.readyState === 1"))
        browser.mark()
    browser.until_reads("#connection", "connection lost; trying again")
    assert browser.has("html.lost")
    assert browser.marked
    browser.one("#jobs-rows button[name=run]").click()
    browser.until_reads("#message", "the server does not respond")
    with Server(source, address):
        browser.until(lambda: not browser.marked)
        browser.until(lambda: not browser.has("html.lost"))
        browser.one("#jobs-rows button[name=pause]").click()
        browser.until_reads("#jobs-rows tr", "‖ PAUSED")
        assert job.status.value == "PAUSED"
    browser.errors()  # the refused connections


def test_who_has_to_log_in_again_is_led_to_the_form(scheduler: Scheduler, browser: Browser) -> None:
    """A server that was started anew knows nobody."""
    source = LocalBackend(scheduler, "shop.py")
    with serving(scheduler, LOCKED) as visitor:
        address = visitor.address
        browser.open(address)
        browser.one("#user").send_keys(USER)
        browser.one("#password").send_keys(PASSWORD, Keys.ENTER)
        browser.until(lambda: browser.run("return typeof stream !== 'undefined' && stream.readyState === 1"))
    with Server(source, address, access=LOCKED):
        browser.until(lambda: browser.has("#password"))
        assert browser.driver.current_url.endswith("/@jobs/login?next=%2F%40jobs")
    browser.errors()  # the refused connections


def test_everything_can_be_done_with_keys(
    scheduler: Scheduler, browser: Browser, gate: threading.Event
) -> None:
    """The terminal's keys: move, run, pause, cancel, filter, and what keys there are."""
    for name in ("one", "two", "three"):
        scheduler.every("1h", lambda: gate.wait(LIMIT), name=name)
    with visiting(browser, scheduler) as address:
        browser.open(address)
        browser.keys("j")
        assert browser.focused_row == "one"
        browser.keys("j")
        browser.keys("j", "j")
        assert browser.focused_row == "three"
        browser.keys("k")
        assert browser.focused_row == "two"
        browser.keys(Keys.ARROW_UP)
        assert browser.focused_row == "one"
        browser.keys("G")
        assert browser.focused_row == "three"
        browser.keys("g")
        browser.keys("r")
        browser.until_reads("#running-rows", "one")
        browser.keys("p")
        browser.until(lambda: browser.has("#jobs-rows button[name=resume]"))
        assert browser.focused_row == "one"
        browser.keys("x")
        browser.driver.switch_to.alert.accept()
        browser.until_reads("#message", "run 1 asked to stop")
        browser.keys("?")
        browser.until(lambda: browser.has("#keys[open]"))
        browser.keys(Keys.ESCAPE)
        browser.until(lambda: not browser.has("#keys[open]"))
        browser.keys("/")
        assert browser.run("return document.activeElement.id") == "q"
        browser.keys("TWO")
        browser.until(lambda: browser.reads("#jobs-rows").startswith("two"))
        assert not browser.one("#jobs-rows tr").is_displayed()
        assert browser.driver.current_url.endswith("?q=TWO")
        browser.keys(Keys.ENTER)
        assert browser.focused_row == "two"
        browser.keys("/")
        browser.keys(Keys.ESCAPE)
        assert browser.one("#jobs-rows tr").is_displayed()
        browser.keys("+")
        browser.until_reads("#pool", "/3")
        browser.keys("-")
        browser.until_reads("#pool", "/2")


def test_every_button_can_be_reached_by_tab(scheduler: Scheduler, browser: Browser) -> None:
    """In the order in which they stand there, each with a focus that can be seen."""
    scheduler.every("1h", print, name="backup")
    with visiting(browser, scheduler) as address:
        browser.open(address)
        reached = []
        for _ in range(20):
            browser.keys(Keys.TAB)
            reached.append(browser.run("return document.activeElement.textContent.trim()"))
            assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
            if reached[-1] == "Pause":
                break
        assert reached[0] == "Skip to the content"
        assert reached[-3:] == ["backup", "Run", "Pause"]
        assert {"+", "Pause all", "Resume all", "Keys"} <= set(reached)


def test_what_one_does_is_left_alone(scheduler: Scheduler, browser: Browser, gate: threading.Event) -> None:
    """The focus, the selected text, the filter and the place stay, while rows change under them."""
    jobs = [scheduler.every("1h", print, name=f"job-{number}") for number in range(60)]
    with visiting(browser, scheduler) as address:
        browser.open(address)
        row = browser.run("return document.querySelectorAll('#jobs-rows tr')[40]")
        button = row.find_element(By.CSS_SELECTOR, "button[name=run]")
        browser.run(
            "arguments[0].focus(); getSelection().selectAllChildren(arguments[1])",
            button,
            row.find_element(By.TAG_NAME, "a"),
        )
        browser.run("arguments[0].scrollIntoView({block: 'center'})", row)
        place = browser.run("return scrollY")
        assert place > 0
        for job in (jobs[40], jobs[40], jobs[0], jobs[59]):
            assert scheduler.now(job).wait(LIMIT)
        browser.until(lambda: row.find_elements(By.TAG_NAME, "td")[6].text == "2")
        browser.until(lambda: browser.run("return document.querySelectorAll('#recent-rows tr').length") == 4)
        assert browser.driver.switch_to.active_element == button
        assert browser.run("return String(getSelection())") == "job-40"
        assert browser.run("return scrollY") == place


def test_the_focus_moves_on_from_a_row_that_goes(
    scheduler: Scheduler, browser: Browser, gate: threading.Event
) -> None:
    """Who works with keys is not thrown back to the top of the page when a run ends."""
    job = scheduler.every("1h", lambda: gate.wait(LIMIT), name="slow")
    scheduler.now(job)
    held = [scheduler.now(job), scheduler.now(job)]
    with visiting(browser, scheduler) as address:
        browser.open(address)
        browser.run("document.querySelector('#waiting-rows button').focus()")
        held[0].cancel()
        browser.until(lambda: browser.run("return document.activeElement.closest('tr')?.dataset.run") == "3")
        held[1].cancel()
        browser.until(lambda: browser.run("return document.activeElement.id") == "waiting-title")


def test_clocks_tick_without_the_server(scheduler: Scheduler, browser: Browser) -> None:
    """The countdown and the clock go on by themselves."""
    scheduler.every("1h", print, name="hourly")
    with visiting(browser, scheduler) as address:
        browser.open(address)
        left, clock = browser.reads("#jobs-rows [data-until]"), browser.reads("#clock")
        assert left.startswith("in 59m") or left == "in 1h00m"
        browser.until(lambda: browser.reads("#jobs-rows [data-until]") not in ("", left))
        browser.until(lambda: browser.reads("#clock") != clock)


def test_the_page_of_a_run_is_live(scheduler: Scheduler, browser: Browser, gate: threading.Event) -> None:
    """What becomes of it, and what it prints, is seen without loading the page again."""
    opened = threading.Event()

    def job() -> None:
        opened.wait(LIMIT)
        print("first")
        gate.wait(LIMIT)
        print("second")
        raise ValueError("in the end")

    scheduler.every("1h", job, name="slow")
    with capture_streams(OutputLog()), visiting(browser, scheduler) as address:
        run = scheduler.run("slow")
        browser.open(address, f"/@jobs/runs/{run.number}")
        browser.mark()
        opened.set()
        browser.until_reads("#output", "first")
        gate.set()
        browser.until_reads("main", "✗ FAILED")
        browser.until_reads("#traceback", "ValueError: in the end")
        browser.until_reads("#output", "first second")
        assert not browser.has("main button")
        assert browser.marked


def test_the_page_of_a_job_is_live(scheduler: Scheduler, browser: Browser) -> None:
    """Its runs come in, whoever asks for them, and its buttons and keys act on it."""
    job = scheduler.every("1h", print, name="backup")
    with visiting(browser, scheduler) as address:
        browser.open(address, "/@jobs/jobs/backup")
        browser.mark()
        scheduler.now(job)
        browser.until_reads("main tbody", "#1")
        browser.one("main button[name=run]").click()
        browser.until_reads("main tbody", "#2")
        browser.keys("p")
        browser.until_reads("main", "‖ PAUSED")
        browser.until_reads("#totals", "1 paused")
        assert browser.marked


def test_a_page_that_nobody_sees_needs_no_connection(scheduler: Scheduler, browser: Browser) -> None:
    """It leaves it to others, since a browser has few; and is up to date when it is looked at again."""
    job = scheduler.every("1h", print, name="backup")
    with visiting(browser, scheduler) as address:
        browser.open(address)
        browser.until(lambda: browser.run("return stream?.readyState === 1"))
        browser.mark()
        browser.run(
            "addEventListener('visibilitychange', () => { window.left ??= document.hidden && !stream })"
        )
        page = browser.driver.current_window_handle
        browser.driver.switch_to.new_window("tab")
        job.pause()
        browser.driver.close()
        browser.driver.switch_to.window(page)
        browser.until_reads("#jobs-rows tr", "‖ PAUSED")
        assert browser.run("return left")
        assert browser.marked


LONG = [
    "a_very_long_name_without_any_blank_" * 8,
    "日本語のジョブ名はとても長いです" * 5,
    "עבודה בעברית " * 9 + "!",
]


@pytest.mark.parametrize(("width", "dark"), [(320, False), (320, True), (768, False), (1280, True)])
def test_nothing_is_wider_than_the_window(
    scheduler: Scheduler, browser: Browser, gate: threading.Event, width: int, *, dark: bool
) -> None:
    """A phone shows every page without scrolling sideways, whatever the names and the messages are."""

    def fail() -> None:
        raise ValueError("x" * 500)

    for name in LONG:
        scheduler.every("1h", fail, name=name)
    scheduler.every("1h", lambda: gate.wait(LIMIT), name="slow")
    for name in (*LONG, "slow", "slow"):
        scheduler.run(name)
    browser.size(width, 700, dark=dark)
    with visiting(browser, scheduler, title="title" * 40) as address:
        browser.open(address)
        browser.until(lambda: browser.has("#recent-rows tr:nth-child(3)"))
        links = browser.run("return [...document.querySelectorAll('main a')].map((each) => each.pathname)")
        for path in dict.fromkeys(["/@jobs", *links, "/@jobs/nowhere"]):
            browser.open(address, path)
            assert browser.run("return document.documentElement.scrollWidth") <= width, path
        (missing,) = browser.errors()
        assert "404" in missing


def test_it_is_dark_where_dark_is_wanted(scheduler: Scheduler, browser: Browser) -> None:
    """Light text on a dark ground, or the other way round, with enough contrast everywhere."""

    def fail() -> None:
        raise ValueError("no")

    job = scheduler.every("1h", fail, name="orders")
    assert scheduler.now(job).wait(LIMIT)
    scheduler.every("1h", print, name="paused")
    scheduler.pause("paused")
    with visiting(browser, scheduler) as address:
        for dark in (False, True):
            browser.size(1280, 900, dark=dark)
            browser.open(address)
            ground = browser.run(_LIGHTNESS, "body", "backgroundColor")
            assert (ground < 0.1) is dark
            for selector in ("body", ".muted", ".tone-failed", ".tone-waiting", ".tone-ok", "#jobs-rows a"):
                text = browser.run(_LIGHTNESS, selector, "color")
                light, shade = max(text, ground), min(text, ground)
                assert (light + 0.05) / (shade + 0.05) >= 4.5, f"{selector}, {dark=}"


# The relative luminance of a colour, as the Web Content Accessibility Guidelines define it.
_LIGHTNESS = """
const element = document.querySelector(arguments[0]);
const channels = getComputedStyle(element)[arguments[1]].match(/[0-9.]+/g).slice(0, 3);
const [red, green, blue] = channels.map((each) => {
  const share = each / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
});
return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
"""
