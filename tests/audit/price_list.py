"""A small price list API on loopback: answers `GetProducts` as AWS does, page by page, and remembers what was asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


def product(
    sku: str, unit: str, *tiers: tuple[str, str], published: str = "2026-11-20T10:00:00Z", **attributes: str
) -> dict[str, Any]:
    """A product as the price list has it: on demand, with (begin, USD) for each tier."""
    dimensions = {
        f"{sku}.T.{index}": {"unit": unit, "beginRange": begin, "endRange": "Inf", "pricePerUnit": {"USD": usd}}
        for index, (begin, usd) in enumerate(tiers)
    }
    return {
        "product": {"sku": sku, "attributes": attributes},
        "terms": {"OnDemand": {f"{sku}.T": {"sku": sku, "priceDimensions": dimensions}}},
        "serviceCode": "Any",
        "version": "20261120100000",
        "publicationDate": published,
    }


@dataclass
class PriceList:
    """What there is, and what was asked.

    Attributes:
        products: those that match queries; all attributes of a query have to be equal.
        refuses: answer everything with this error code instead.
        page: products on one page.
    """

    products: list[dict[str, Any]] = field(default_factory=list)
    refuses: str | None = None
    page: int = 1
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One answer of the API."""
        self.asked.append(request)
        if self.refuses:
            return 400, {"__type": self.refuses, "message": "no"}
        wanted = {item["Field"]: item["Value"] for item in request["Filters"]}
        found = [item for item in self.products if wanted.items() <= item["product"]["attributes"].items()]
        start = int(request.get("NextToken", "0"))
        answer: dict[str, Any] = {
            "FormatVersion": "aws_v1",
            "PriceList": [json.dumps(item) for item in found[start : start + self.page]],
        }
        if start + self.page < len(found):
            answer["NextToken"] = str(start + self.page)
        return 200, answer


@contextmanager
def serve(prices: PriceList) -> Iterator[PriceList]:
    """Serve it, with its address in `url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = prices.answer(json.loads(body))
            written = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    prices.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield prices
    finally:
        server.shutdown()
        server.server_close()
