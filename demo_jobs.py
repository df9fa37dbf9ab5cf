"""The back office of a small web shop: thirteen jobs that show what jobtui does.

    jobtui demo_jobs.py

Everything here is real work on real files, sockets and a database, all in a temporary folder that is
made when the scheduler starts and removed when it stops. The settings (a pool of 4, and the schedule
``cron.workhours_15m``) are in the ``[tool.jobtui]`` table of the ``pyproject.toml`` beside this file.

What to look for: twice a minute `upgrade_passwords` asks for ten runs at once, and the pool of 4 is
SATURATED; three times a minute `tune_compression` is due faster than it works, and its runs are HELD;
every third `import_orders` FAILS, and its traceback is one key away.
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

import jobtui

log = logging.getLogger("shop")

PRODUCTS = ["anvil", "bellows", "chisel", "drill", "easel", "file"]
CUSTOMERS = ["ada", "alan", "dennis", "donald", "edsger", "frances", "grace", "hedy", "ken", "linus"]
HOST = "127.0.0.1"


class Shop:
    """What the jobs share. `open_shop` fills it in: a job file does no work while it is imported."""

    folder: Path
    server: socketserver.TCPServer
    port: int
    rounds: int  # of PBKDF2: so many that hashing one password takes about a second in a full pool
    sample: bytes  # to compress: so much that trying every level takes 1.4 s at least


shop = Shop()


# --- before the first job, and after the last -------------------------------------------------------
#
# These run one after the other, in this order. If one that runs before the start raises, nothing starts.


@jobtui.on_app_start
def open_shop() -> None:
    """Make the temporary folder with its files and its database."""
    shop.folder = Path(tempfile.mkdtemp(prefix="jobtui-demo-"))
    atexit.register(remove_folder)  # a net, for when the start fails: then nothing is stopped either
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
    threading.Thread(target=shop.server.serve_forever, name="price-server", daemon=True).start()


@jobtui.on_app_start
def measure_machine() -> None:
    """Size the two heavy jobs, so that they are as heavy on any machine."""
    words = " ".join(random.Random(1).choices(PRODUCTS + CUSTOMERS, k=20_000)).encode()
    shop.sample = words * math.ceil(1.4 / cpu_seconds(lambda: compressed_sizes(words)))
    # Four at once share the cores there are: on two cores, half a second of work takes a second.
    share = min(os.cpu_count() or 1, 4) / 4
    shop.rounds = round(0.8 * share / cpu_seconds(lambda: stretched("x", 100_000)) * 100_000)


@jobtui.on_app_stop
def close_price_server() -> None:
    """Stop listening."""
    shop.server.shutdown()
    shop.server.server_close()


@jobtui.on_app_stop
def remove_folder() -> None:
    """Remove the temporary folder, even under a run that was still going when its time was up.

    Such a thread cannot be stopped. With the folder renamed, its paths lead nowhere: it cannot make new
    files in what is being removed.
    """
    grave = shop.folder.with_name(f"{shop.folder.name}-removed")
    with suppress(OSError):  # it is gone already, or this is Windows and a file in it is open
        shop.folder.rename(grave)
    for folder in (grave, shop.folder):
        shutil.rmtree(folder, ignore_errors=True)


# --- functions, on all kinds of schedules -----------------------------------------------------------
#
# @jobtui.scheduled registers a function and leaves it as it is. A job is named after its function, and
# the first line of its docstring is its summary. What it prints and logs is kept with each run.


@jobtui.scheduled("*/10 * * * * *")  # six fields, seconds first
def hash_pictures() -> str:
    """Hash the pictures, as one does to find those that were changed."""
    total = hashlib.sha256()
    for path in sorted((shop.folder / "pictures").iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{digest[:16]}  {path.name}")
        total.update(digest.encode())
    return total.hexdigest()


log_file = threading.Lock()  # jobs run in threads: what two of them change needs a lock, as in any program


@jobtui.scheduled(every=2)  # seconds, or a timedelta, or a duration such as "1m30s"
def append_log() -> None:
    """Append what visitors did to the access log."""
    visits = "".join(
        f"{datetime.now(UTC):%FT%T} {random.choice(CUSTOMERS)} GET /{random.choice(PRODUCTS)}\n"
        for _ in range(200)
    )
    with log_file, (shop.folder / "access.log").open("a") as file:
        file.write(visits)


@jobtui.scheduled("@every 15s")  # the same, as Go's cron writes it
def compress_log() -> None:
    """Compress the access log and begin a new one."""
    path = shop.folder / "access.log"
    full = path.with_suffix(f".{time.time_ns()}")
    with log_file:
        if not path.exists():
            return  # somebody pressed r twice: the new log has not begun
        path.rename(full)
    with full.open("rb") as source, gzip.open(f"{full}.gz", "wb") as target:
        shutil.copyfileobj(source, target)
    before, after = full.stat().st_size, Path(f"{full}.gz").stat().st_size
    full.unlink()
    log.info("%s: %d bytes, compressed %d", full.name, before, after)


# While a run of a job is going, its next run is held; overlap="skip" leaves that one out, "allow" runs both.
@jobtui.scheduled("*/5 * * * * *", overlap="skip")
def check_sockets() -> None:
    """Check that our server answers on its port, and how fast."""
    began = time.perf_counter()
    with socket.create_connection((HOST, shop.port), timeout=2) as connection:
        connection.sendall(b"anvil\n")
        answer = connection.recv(100).decode().strip()
    print(f"port {shop.port}: {answer!r} in {(time.perf_counter() - began) * 1000:.1f} ms")


@jobtui.scheduled(every="12s")
def report_disk() -> None:
    """Ask another process how full the disk is.

    It writes to file descriptor 1, which is the terminal; the dashboard's screen stays whole all the same.
    """
    script = "import shutil; print(f'{shutil.disk_usage(\".\").free / 1e9:.1f} GB free')"
    subprocess.run([sys.executable, "-IB", "-c", script], cwd=shop.folder, check=True)  # noqa: S603 - our own script


@jobtui.scheduled("*/5 * * * *", name="vacuum")  # five fields: a line of a crontab, minutes first
def vacuum_database() -> None:
    """Give back the space that the database does not need."""
    with closing(database()) as connection:
        connection.execute("VACUUM")


# --- one that fails now and then --------------------------------------------------------------------

deliveries = itertools.cycle(
    [
        '{"product": "anvil", "pieces": 1}',
        '{"product": "drill", "pieces": 12}',
        '{"product": "easel", "pieces": }',  # somebody's typing error
    ]
)


@jobtui.scheduled(every="3s")
def import_orders() -> None:
    """Import the latest order; every third one is malformed, and the run fails."""
    record = next(deliveries)
    print("received", record)
    try:
        order = json.loads(record)
    except json.JSONDecodeError as error:
        raise ValueError(f"an order cannot be read: {record}") from error
    with closing(database()) as connection, connection:
        connection.execute("INSERT INTO orders (product, pieces) VALUES (:product, :pieces)", order)


# --- one that is slower than its schedule -----------------------------------------------------------


@jobtui.scheduled("0-2,20-22,40-42 * * * * *")
def tune_compression() -> None:
    """Try every level of compression; this takes longer than the second until it is due again.

    So the second and the third run are held until the one before them has ended. Held runs take no slot
    in the pool.
    """
    for level, size in compressed_sizes(shop.sample).items():
        print(f"level {level}: {size / len(shop.sample):.1%}")


# --- a burst that saturates the pool ----------------------------------------------------------------


def upgrade_password(customer: str) -> None:
    """Hash one password with as many rounds as are right for this machine."""
    stretched(f"{customer}'s password", shop.rounds)
    print(f"{customer}: {shop.rounds:,} rounds")


def upgrade_passwords() -> None:
    """Ask for ten runs at once: the pool takes four, the others are queued."""
    for customer in CUSTOMERS:
        jobtui.now(upgrade_password, customer)  # arguments follow the runnable


launch = datetime.now(UTC)
jobtui.every("30s", upgrade_passwords, start=launch + timedelta(seconds=6))  # start: when it is first due


# --- an object with run() ---------------------------------------------------------------------------


class BestSellers:
    """A cache of what the database says: an object keeps what its runs have found."""

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
    """Ask our server for all the prices over one connection."""
    async with asyncio.timeout(2):
        reader, writer = await asyncio.open_connection(HOST, shop.port)
        with closing(writer):
            for product in PRODUCTS:
                writer.write(f"{product}\n".encode())
                print(f"{product}: {(await reader.readline()).decode().strip()}")
        await writer.wait_closed()


# --- a named schedule, a daily one, and runs at one instant -----------------------------------------


def write_report() -> None:
    """Write the report of the sales, every quarter of an hour of the office's day."""
    lines = [f"{product:10}{pieces:6}" for product, pieces in best_sellers.pieces.items()]
    (shop.folder / "report.txt").write_text("\n".join(lines))
    print(*lines, sep="\n")


def remove_old_logs() -> None:
    """Remove the compressed logs."""
    for path in shop.folder.glob("access.*.gz"):
        path.unlink(missing_ok=True)
        print("removed", path.name)


# jobtui.schedule returns a handle: report.status, .prev, .next, .run(), .pause(), .resume(), .remove().
report = jobtui.schedule("cron.workhours_15m", write_report)  # its fields are in pyproject.toml
cleaning = jobtui.schedule("@midnight", remove_old_logs, tz="UTC")

# One-off runs, of a job or of anything that can be run. Like all runs they pass through the pool.
jobtui.in_("1m", report)
jobtui.at(launch + timedelta(seconds=75), cleaning)


# --- what the jobs are made of ----------------------------------------------------------------------


class PriceServer(socketserver.ThreadingTCPServer):
    """Answers the name of a product with its price."""

    daemon_threads = True


class PriceRequest(socketserver.StreamRequestHandler):
    """One connection to the price server: any number of names, one in a line."""

    def handle(self) -> None:
        """Answer until the other side has had enough."""
        for line in self.rfile:
            self.wfile.write(b"%d.99 EUR\n" % (zlib.crc32(line) % 100))


def database() -> sqlite3.Connection:
    """Open the orders; each run opens its own connection, as runs are in different threads."""
    return sqlite3.connect(shop.folder / "orders.db")


def compressed_sizes(text: bytes) -> dict[int, int]:
    """Compress a text with every level. zlib, like hashlib, lets other threads go on meanwhile."""
    return {level: len(zlib.compress(text, level)) for level in range(1, 10)}


def stretched(password: str, rounds: int) -> bytes:
    """Turn a password into a key, slowly on purpose."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt and pepper", rounds)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Measure how long some work keeps a core busy, whatever else the machine does: the better of two."""
    marks = []
    for _ in range(2):
        began = time.thread_time()
        work()
        marks.append(time.thread_time() - began)
    return max(min(marks), 0.01)  # some clocks tick only every 16 ms
