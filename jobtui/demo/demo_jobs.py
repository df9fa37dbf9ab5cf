"""The back office of a small web shop: thirteen jobs that show what jobtui does.

    jobtui demo
    jobtui demo_jobs.py    # the same, in a checkout of jobtui

The jobs do real work on real files, sockets and a database, in a temporary folder that is created when the
scheduler starts and removed when it stops. The settings (a pool of 4, and the schedule
``cron.workhours_15m``) are in ``jobtui.toml`` next to this file, and for a checkout in the ``[tool.jobtui]``
table of its ``pyproject.toml``.

Watch three jobs: twice a minute `upgrade_passwords` requests ten runs at once, and the pool of 4 is
SATURATED; three times a minute `tune_compression` is due more often than it can run, and its runs are HELD;
every third run of `import_orders` FAILS, and you can read its traceback.
"""

from __future__ import annotations

import asyncio
import atexit
import gzip
import hashlib
import itertools
import json
import logging
import math
import os
import random
import shutil
import socket
import socketserver
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import jobtui

log = logging.getLogger("shop")

PRODUCTS = ["anvil", "bellows", "chisel", "drill", "easel", "file"]
CUSTOMERS = ["ada", "alan", "dennis", "donald", "edsger", "frances", "grace", "hedy", "ken", "linus"]
HOST = "127.0.0.1"
LEVELS = range(1, 10)  # of compression


class Shop:
    """The state that all jobs share. `open_shop` sets it, because importing a job file should do no work."""

    folder: Path
    server: socketserver.TCPServer
    port: int
    rounds: int  # of PBKDF2, so that hashing one password takes about a second in a full pool
    sample: bytes  # text to compress, so large that trying every level takes at least 1.4 s


shop = Shop()


# --- before the start and after the stop -------------------------------------------------------------
#
# These functions run one after the other, in this order. If an on_app_start function raises, nothing starts.


@jobtui.on_app_start
def open_shop() -> None:
    """Create the temporary folder with its files and its database."""
    shop.folder = Path(tempfile.mkdtemp(prefix="jobtui-demo-"))
    atexit.register(remove_folder)  # if the start fails, no on_app_stop function is called
    (shop.folder / "pictures").mkdir()
    for product in PRODUCTS:
        (shop.folder / "pictures" / f"{product}.raw").write_bytes(os.urandom(1_000_000))
    with closing(database()) as connection:
        connection.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, product TEXT, pieces INTEGER)")


@jobtui.on_app_start
def open_price_server() -> None:
    """Listen on a free port of the loopback address."""
    shop.server = PriceServer((HOST, 0), PriceRequest)
    shop.port = shop.server.socket.getsockname()[1]
    until_noticed = {"poll_interval": 0.05}  # seconds that `shutdown` takes; by default half a second
    threading.Thread(
        target=shop.server.serve_forever, kwargs=until_noticed, name="price-server", daemon=True
    ).start()


@jobtui.on_app_start
def measure_machine() -> None:
    """Choose the amount of work of the two heavy jobs, so that they take the same time on any machine."""
    words = " ".join(random.Random(1).choices(PRODUCTS + CUSTOMERS, k=20_000)).encode()
    shop.sample = words * math.ceil(1.4 / cpu_seconds(lambda: compressed_sizes(words)))
    # Four runs at once share the cores: on two cores, half a second of work takes a second.
    share = min(os.cpu_count() or 1, 4) / 4
    shop.rounds = round(0.8 * share / cpu_seconds(lambda: stretch("x", 100_000)) * 100_000)


@jobtui.on_app_stop
def close_price_server() -> None:
    """Close the price server."""
    shop.server.shutdown()
    shop.server.server_close()


@jobtui.on_app_stop
def remove_folder() -> None:
    """Remove the temporary folder, even if a run that was given up still writes to it.

    The thread of such a run cannot be stopped. Renaming the folder first makes its paths invalid, so that it
    cannot create new files while the folder is being removed.
    """
    renamed = shop.folder.with_name(f"{shop.folder.name}-removed")
    with suppress(OSError):  # it has been removed already, or this is Windows and one of its files is open
        shop.folder.rename(renamed)
    for folder in (renamed, shop.folder):
        shutil.rmtree(folder, ignore_errors=True)


# --- functions with all kinds of schedules -----------------------------------------------------------
#
# @jobtui.scheduled registers a function and returns it unchanged. The job's name is the function's, and its
# summary is the first line of the docstring. jobtui keeps what each run prints and logs.


@jobtui.scheduled("*/10 * * * * *")  # six fields, seconds first
def hash_pictures() -> str:
    """Hash the pictures, to find out which ones have changed."""
    total = hashlib.sha256()
    for path in sorted((shop.folder / "pictures").iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{digest[:16]}  {path.name}")
        total.update(digest.encode())
    return total.hexdigest()


log_file = threading.Lock()  # jobs run in threads, so shared files and data need a lock


@jobtui.scheduled(every=2)  # seconds, or a timedelta, or a duration such as "1m30s"
def append_log() -> None:
    """Append 200 visits to the access log."""
    visits = "".join(
        f"{datetime.now(UTC):%FT%T} {random.choice(CUSTOMERS)} GET /{random.choice(PRODUCTS)}\n"
        for _ in range(200)
    )
    with log_file, (shop.folder / "access.log").open("a") as file:
        file.write(visits)


@jobtui.scheduled("@every 15s")  # the same, as Go's cron writes it
def compress_log() -> None:
    """Compress the access log and start a new one."""
    path = shop.folder / "access.log"
    full = path.with_suffix(f".{time.time_ns()}")
    with log_file:
        if not path.exists():
            return  # two runs followed each other at once, and the new log does not exist yet
        path.rename(full)
    with full.open("rb") as source, gzip.open(f"{full}.gz", "wb") as target:
        shutil.copyfileobj(source, target)
    before, after = full.stat().st_size, Path(f"{full}.gz").stat().st_size
    full.unlink()
    log.info("%s: %d bytes, compressed %d", full.name, before, after)


# While a run of a job is running, its next run is held. overlap="skip" skips it, "allow" starts it anyway.
@jobtui.scheduled("*/5 * * * * *", overlap="skip")
def check_sockets() -> None:
    """Check that the price server answers, and measure how fast."""
    began = time.perf_counter()
    with socket.create_connection((HOST, shop.port), timeout=2) as connection:
        connection.sendall(b"anvil\n")
        answer = connection.recv(100).decode().strip()
    print(f"port {shop.port}: {answer!r} in {(time.perf_counter() - began) * 1000:.1f} ms")


@jobtui.scheduled(every="12s")
def report_disk(folder: Path = Path(), unit: Literal["GB", "MB", "KB"] = "GB") -> None:
    """Ask another process how much of the disk is free.

    The process writes to file descriptor 1, which is the terminal; the dashboard still draws its screen
    correctly. Press ``R`` to run it with other arguments.

    Args:
        folder: A folder on the disk, relative to the one of the shop.
        unit: The unit of the answer.
    """
    script = "import shutil, sys; size = shutil.disk_usage(sys.argv[1]).free / float(sys.argv[2])"
    script += "; print(f'{size:.1f} {sys.argv[3]} free')"
    arguments = [str(folder), str({"GB": 1e9, "MB": 1e6, "KB": 1e3}[unit]), unit]
    command = [sys.executable, "-IB", "-c", script, *arguments]
    subprocess.run(command, cwd=shop.folder, check=True)  # noqa: S603 - our own script


@jobtui.scheduled("*/5 * * * *", name="vacuum")  # five fields, as in a crontab: minutes first
def vacuum_database() -> None:
    """Release the space that the database no longer needs."""
    with closing(database()) as connection:
        connection.execute("VACUUM")


# --- a job that fails now and then -------------------------------------------------------------------

deliveries = itertools.cycle(
    [
        '{"product": "anvil", "pieces": 1}',
        '{"product": "drill", "pieces": 12}',
        '{"product": "easel", "pieces": }',  # a typing error
    ]
)


@jobtui.scheduled(every="3s")
def import_orders() -> None:
    """Import the latest order; every third order is malformed, and its run fails."""
    record = next(deliveries)
    print("received", record)
    try:
        order = json.loads(record)
    except json.JSONDecodeError as error:
        raise ValueError(f"an order cannot be read: {record}") from error
    with closing(database()) as connection, connection:
        connection.execute("INSERT INTO orders (product, pieces) VALUES (:product, :pieces)", order)


# --- a job that is slower than its schedule ----------------------------------------------------------


@jobtui.scheduled("0-2,20-22,40-42 * * * * *")
def tune_compression() -> None:
    """Try every level of compression, which takes longer than the second between two ticks.

    The second and the third run are therefore held until the run before them has ended. Held runs take no
    slot of the pool. It reports its progress, which is why its bar knows more than the clock.
    """
    for level in jobtui.current_run().track(LEVELS, text="levels"):
        print(f"level {level}: {compressed_size(shop.sample, level) / len(shop.sample):.1%}")


# --- a burst that saturates the pool ----------------------------------------------------------------


def upgrade_password(customer: str) -> None:
    """Hash one password with the number of rounds that fits this machine."""
    stretch(f"{customer}'s password", shop.rounds)
    print(f"{customer}: {shop.rounds:,} rounds")


def upgrade_passwords() -> None:
    """Request ten runs at once: the pool runs four of them and queues the others."""
    for customer in CUSTOMERS:
        jobtui.now(upgrade_password, customer)  # arguments follow the runnable


launch = datetime.now(UTC)
jobtui.every("30s", upgrade_passwords, start=launch + timedelta(seconds=6))  # start: the first tick


# --- an object with run() ---------------------------------------------------------------------------


class BestSellers:
    """A cache of a database query: an object keeps the results of its runs."""

    def __init__(self) -> None:
        self.pieces: dict[str, int] = {}

    def run(self) -> None:
        """Refresh the list of best sellers from the database."""
        query = "SELECT product, sum(pieces) FROM orders GROUP BY product ORDER BY 2 DESC"
        with closing(database()) as connection:
            self.pieces = dict(connection.execute(query))
        log.info("best sellers: %s", self.pieces or "none yet")


best_sellers = BestSellers()
jobtui.schedule("@every 4s", best_sellers, name="best_sellers")


# --- a coroutine ------------------------------------------------------------------------------------


@jobtui.scheduled(every="5s")
async def ask_prices() -> None:
    """Ask the price server for all prices over one connection."""
    async with asyncio.timeout(2):
        reader, writer = await asyncio.open_connection(HOST, shop.port)
        with closing(writer):
            for product in PRODUCTS:
                writer.write(f"{product}\n".encode())
                print(f"{product}: {(await reader.readline()).decode().strip()}")
        await writer.wait_closed()


# --- a named schedule, a daily one, and runs at one instant -----------------------------------------


def write_report() -> None:
    """Write the sales report, every quarter of an hour during office hours."""
    lines = [f"{product:10}{pieces:6}" for product, pieces in best_sellers.pieces.items()]
    (shop.folder / "report.txt").write_text("\n".join(lines))
    print(*lines, sep="\n")


def remove_old_logs() -> None:
    """Remove the compressed logs."""
    for path in shop.folder.glob("access.*.gz"):
        path.unlink(missing_ok=True)
        print("removed", path.name)


# jobtui.schedule returns a handle: report.status, .prev, .next, .run(), .pause(), .resume(), .remove().
report = jobtui.schedule("cron.workhours_15m", write_report)  # the spec is in the settings
cleaning = jobtui.schedule("@midnight", remove_old_logs, tz="UTC")

# One-off runs, of a job or of any runnable. Like all runs they pass through the pool.
jobtui.in_("1m", report)
jobtui.at(launch + timedelta(seconds=75), cleaning)


# --- helpers of the jobs -----------------------------------------------------------------------------


class PriceServer(socketserver.ThreadingTCPServer):
    """Answer each product name with a price."""

    daemon_threads = True


class PriceRequest(socketserver.StreamRequestHandler):
    """Serve one connection: one product name in each line."""

    def handle(self) -> None:
        """Answer each line until the client closes the connection."""
        for line in self.rfile:
            self.wfile.write(b"%d.99 EUR\n" % (zlib.crc32(line) % 100))


def database() -> sqlite3.Connection:
    """Open the database of orders. Each run needs its own connection, because runs are in different threads."""
    return sqlite3.connect(shop.folder / "orders.db")


def compressed_size(text: bytes, level: int) -> int:
    """Compress a text with a level. zlib and hashlib let other threads run while they work."""
    return len(zlib.compress(text, level))


def compressed_sizes(text: bytes) -> dict[int, int]:
    """Compress a text with every level."""
    return {level: compressed_size(text, level) for level in LEVELS}


def stretch(password: str, rounds: int) -> bytes:
    """Derive a key from a password; slow on purpose."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt and pepper", rounds)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that some work takes: the smaller of two measurements."""
    marks = []
    for _ in range(2):
        began = time.thread_time()
        work()
        marks.append(time.thread_time() - began)
    return max(min(marks), 0.01)  # some clocks tick only every 16 ms
