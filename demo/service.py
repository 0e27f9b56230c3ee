# SPDX-License-Identifier: MIT
"""A small web shop that works, and leaks in three ordinary ways.

  GET  /page?item=3&visitor=17   a product page; CACHE keeps every page it ever rendered
  GET  /cart?visitor=17          a cart that listens for price changes and never stops listening
  POST /order?visitor=17         an order; the mailer thread never lets go of a receipt it has sent

Nothing here knows of heapsight.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PRICES = {f"item-{number}": 5 + number for number in range(10)}


class Page:
    """A rendered product page."""

    def __init__(self, item: str, visitor: str) -> None:
        self.item = item
        line = f"<p>Hello {visitor}, {item} costs {PRICES[item]} today.</p>\n"
        self.body = (line * 40).encode()


# Leak 1: the key holds the visitor, so no page is ever found again, and nothing is ever evicted.
CACHE: dict[tuple[str, str], Page] = {}


def product_page(item: str, visitor: str) -> Page:
    key = (item, visitor)
    if key not in CACHE:
        CACHE[key] = Page(item, visitor)
    return CACHE[key]


class EventBus:
    """Tells its listeners of new prices."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[str, int], None]] = []

    def subscribe(self, listener: Callable[[str, int], None]) -> None:
        self.listeners.append(listener)


EVENTS = EventBus()


class Cart:
    """What one visitor is about to buy. Leak 2: it subscribes, and nothing ever unsubscribes it."""

    def __init__(self, visitor: str) -> None:
        self.visitor = visitor
        self.prices = dict(PRICES)
        EVENTS.subscribe(self.price_changed)

    def price_changed(self, item: str, price: int) -> None:
        self.prices[item] = price


class Receipt:
    """What the mailer sends after an order."""

    def __init__(self, visitor: str) -> None:
        self.to = f"{visitor}@shop.example"
        self.text = f"Dear {visitor}, thank you for your order.\n" * 10


ORDERS: queue.Queue[Receipt] = queue.Queue()


def deliver(receipt: Receipt) -> None:
    """Where a real shop would talk to a mail server."""
    assert "@" in receipt.to


def mail_receipts() -> None:
    """The mailer thread. Leak 3: `outbox` lives as long as this thread, and only ever grows."""
    outbox = []
    while True:
        outbox.append(ORDERS.get())
        deliver(outbox[-1])
        ORDERS.task_done()


class Shop(BaseHTTPRequestHandler):
    """Answers the requests."""

    def answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def parameters(self) -> tuple[str, dict[str, str]]:
        """(path, query parameters) of the request."""
        url = urlsplit(self.path)
        return url.path, {name: values[0] for name, values in parse_qs(url.query).items()}

    def do_GET(self) -> None:
        path, query = self.parameters()
        visitor = query.get("visitor", "nobody")
        item = f"item-{query.get('item', '0')}"
        if path == "/page" and item in PRICES:
            self.answer(product_page(item, visitor).body)
        elif path == "/cart":
            total = sum(Cart(visitor).prices.values())
            self.answer(f"<p>{visitor}'s cart: {total}</p>\n".encode())
        else:
            self.answer(b"<p>Nothing here.</p>\n", 404)

    def do_POST(self) -> None:
        path, query = self.parameters()
        if path == "/order":
            ORDERS.put(Receipt(query.get("visitor", "nobody")))
            self.answer(b"<p>Thank you.</p>\n")
        else:
            self.answer(b"<p>Nothing here.</p>\n", 404)

    def log_message(self, format: str, *arguments: object) -> None:
        """No access log."""


def main() -> None:
    """Serve on a free port of the loopback interface, which is printed, until interrupted."""
    threading.Thread(target=mail_receipts, name="mailer", daemon=True).start()
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        print(server.server_address[1], flush=True)
        try:
            server.serve_forever(poll_interval=0.05)
        except KeyboardInterrupt:
            pass
