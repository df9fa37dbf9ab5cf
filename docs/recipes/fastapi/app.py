"""A shop with FastAPI. Its jobs run in the web server, on the same event loop."""

import asyncio
import os
import sqlite3
from base64 import b64encode
from contextlib import closing
from secrets import compare_digest

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import jobtui
import jobtui.fastapi

DATABASE = "shop.db"  # the table of the shop, and the store of the scheduler

scheduler = jobtui.Scheduler(store=DATABASE)
app = FastAPI(lifespan=jobtui.fastapi.lifespan(scheduler))


@scheduler.scheduled(every="30s", on_start=True)
async def refresh_prices() -> None:
    """Run on the loop of the application, whose locks and connection pools it may use."""
    await asyncio.sleep(0.1)
    print(f"refreshed the prices in process {os.getpid()}")


def send_confirmation(number: int) -> None:
    """Run in a thread, because it is not a coroutine function."""
    print(f"confirmed order {number}")


@app.post("/orders/{number}", status_code=202)
def order(number: int) -> dict[str, str]:
    """Save an order and request its confirmation in one transaction. Any worker may do this."""
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO orders VALUES (?)", (number,))
        scheduler.now(send_confirmation, number, durable=connection)
    return {"status": "a confirmation is on its way"}


class PasswordRequired:
    """Middleware that asks for a user name and a password; replace it by the login of your application."""

    def __init__(self, page: ASGIApp, user: str, password: str) -> None:
        """Protect a page."""
        self.page = page
        self.expected = b"Basic " + b64encode(f"{user}:{password}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if it has the password."""
        given = Headers(scope=scope).get("authorization", "").encode()
        if compare_digest(given, self.expected):
            await self.page(scope, receive, send)
        else:
            ask = PlainTextResponse("password required", 401, {"WWW-Authenticate": 'Basic realm="jobs"'})
            await ask(scope, receive, send)


page = jobtui.asgi(scheduler, title="shop")
app.mount("/jobs", PasswordRequired(page, "admin", os.environ["JOBS_PASSWORD"]))
