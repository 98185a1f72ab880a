"""The right results, computed from the true records in plain Python: never from the files or pages that the agents read."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from examples.invent.books import Book
from examples.invent.orders import EARNED, Customer, Line, Payment
from examples.invent.roasts import PER_EURO
from examples.invent.sales import Day

LINES_A_PART = 250
COLUMNS = 7  # of the year's sales


def ends(work: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how each task ends when nobody does anything."""
    special = {"spring": {"state": "review"}, "invoice": {"state": "waiting", "reason": "approval"}}
    return [{"ref": task["ref"], **special.get(task["ref"], {"state": "done", "outcome": "succeeded"})} for task in work["tasks"]]


def _sum(name: str, ref: str, artifact: str, column: str, expected: float) -> dict[str, Any]:
    return {"name": name, "ref": ref, "artifact": artifact, "measure": "sum", "column": column, "expected": expected}


def _rows(name: str, ref: str, artifact: str, expected: int) -> dict[str, Any]:
    return {"name": name, "ref": ref, "artifact": artifact, "measure": "rows", "expected": expected}


def _missing(name: str, ref: str, artifact: str, column: str, expected: int) -> dict[str, Any]:
    return {"name": name, "ref": ref, "artifact": artifact, "measure": "missing", "column": column, "expected": expected}


def _first(name: str, ref: str, artifact: str, column: str, expected: Any) -> dict[str, Any]:
    return {"name": name, "ref": ref, "artifact": artifact, "measure": "first", "column": column, "expected": expected}


def _holds(name: str, ref: str, artifact: str, text: str) -> dict[str, Any]:
    return {"name": name, "ref": ref, "artifact": artifact, "measure": "text", "expected": text}


def _value(name: str, ref: str, path: list[str], expected: Any) -> dict[str, Any]:
    return {"name": name, "ref": ref, "measure": "value", "path": path, "expected": expected}


def catalogue_checks(books: list[Book]) -> list[dict[str, Any]]:
    """Return what the scraped tables hold."""
    priced = [book.price_cents for book in books if book.price_cents is not None]
    counted = [book.on_hand for book in books if book.on_hand is not None]
    cooking = [book for book in books if "cooking" in {book.shelf, book.also_on}]
    return [
        _rows("books in the catalogue", "catalogue", "items.parquet", len(books)),
        _sum("prices in the catalogue", "catalogue", "items.parquet", "price", sum(priced) / 100),
        _missing("books with a price on request", "catalogue", "items.parquet", "price", len(books) - len(priced)),
        _sum("copies in the catalogue", "catalogue", "items.parquet", "copies", sum(counted)),
        _sum("pages of all books", "catalogue", "items.parquet", "pages", sum(book.pages for book in books)),
        _rows("books on the cooking shelf", "cooking", "items.parquet", len(cooking)),
        _sum("prices on the cooking shelf", "cooking", "items.parquet", "price", sum(book.price_cents or 0 for book in cooking) / 100),
    ]


def order_checks(lines: list[Line], customers: list[Customer], books: list[Book]) -> list[dict[str, Any]]:
    """Return what the cleaned orders, the joined tables and the letter hold."""
    countries = {customer.id: customer.country for customer in customers}
    by_sku = {book.sku: book for book in books}
    earned = [line for line in lines if line.status in EARNED]
    revenue = sum(map(_money, earned))
    january = sum(_money(line) for line in earned if line.ordered_on.month == 1)
    margin = revenue - sum(line.quantity * by_sku[line.sku].cost_cents for line in earned)
    unknown = [line for line in earned if line.customer_id is None or countries[line.customer_id] is None]
    low = [(book.reorder_level - book.on_hand) * book.cost_cents for book in books if book.on_hand is not None and book.on_hand < book.reorder_level]
    best = max(_by_shelf(earned, by_sku).items(), key=lambda item: item[1])
    return [
        _rows("lines of orders, each once", "orders", "orders.parquet", len(lines)),
        _sum("revenue in cents", "orders", "orders.parquet", "revenue_cents", revenue),
        _missing("lines without a date", "orders", "orders.parquet", "ordered_on", 0),
        _missing("lines sold at the counter", "orders", "orders.parquet", "customer_id", sum(line.customer_id is None for line in lines)),
        _rows("months", "orders", "by_month.parquet", len({line.ordered_on.month for line in lines})),
        _sum("revenue by month", "orders", "by_month.parquet", "revenue_cents", revenue),
        _first("revenue of January", "orders", "by_month.parquet", "revenue_cents", january),
        _rows("countries", "orders", "by_country.parquet", len({c.country for c in customers if c.country}) + bool(unknown)),
        _rows("lines that brought revenue", "shelves", "sold.parquet", len(earned)),
        _sum("revenue of sold books", "shelves", "sold.parquet", "revenue", revenue / 100),
        _sum("margin of all shelves in cents", "shelves", "by_shelf.parquet", "margin_cents", margin),
        _first("the best shelf", "shelves", "by_shelf.parquet", "shelf", best[0].title()),
        _first("its revenue in cents", "shelves", "by_shelf.parquet", "revenue_cents", best[1]),
        _rows("books to be ordered again", "shelves", "restock.parquet", len(low)),
        _sum("cost of ordering them in cents", "shelves", "restock.parquet", "cost_cents", sum(low)),
        _value("lines in the report", "report", ["rows"], len(earned)),
        _value("revenue in the report", "report", ["target", "sum"], revenue / 100),
        _holds("revenue in the letter", "letter", "half-year.md", f"€{revenue / 100:,.2f}"),
        _holds("best shelf first in the letter's table", "letter", "half-year.md", f"| ---: |\n| {best[0].title()} | "),
        _holds("books to be ordered again in the letter", "letter", "half-year.md", f"{len(low)} books are below their level"),
    ]


def _money(line: Line) -> int:
    return line.quantity * line.unit_cents


def _by_shelf(lines: Iterable[Line], by_sku: dict[str, Book]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for line in lines:
        total[by_sku[line.sku].shelf] += _money(line)
    return total


def payment_checks(lines: list[Line], payments: list[Payment]) -> list[dict[str, Any]]:
    """Return the figures of the reconciliation, by the function (1 euro tolerance) and by the flow (none)."""
    owed: dict[str, int] = defaultdict(int)
    for line in lines:
        if line.status in EARNED:
            owed[line.order_id] += _money(line)
    paid: Counter[str] = Counter()
    for payment in payments:
        paid[payment.order_id] += payment.cents
    due = {order: cents - paid[order] for order, cents in owed.items()}
    unpaid = sum(order not in paid for order in owed)
    unknown = sum(cents for order, cents in paid.items() if order not in owed)
    reminders = [order for order, cents in sorted(due.items(), key=lambda item: (-item[1], item[0])) if cents >= 2000]
    return [
        _value("orders with a payment that matches", "payments", ["matched"], sum(abs(cents) <= 100 for cents in due.values())),
        _value("orders that nobody paid", "payments", ["unpaid"], unpaid),
        _value("money still owed, over one euro", "payments", ["open_cents"], sum(cents for cents in due.values() if cents > 100)),
        _value("money for orders that nobody placed", "payments", ["unknown_cents"], unknown),
        _rows("orders in the list of open items", "payments", "open-items.csv", sum(abs(cents) > 100 for cents in due.values())),
        _value("money still owed, to the cent", "nightly", ["result", "open_cents"], sum(cents for cents in due.values() if cents > 0)),
        _value("orders to be reminded of", "nightly", ["result", "reminders"], reminders),
    ]


def sales_checks(days: list[Day]) -> list[dict[str, Any]]:
    """Return the figures of the report on the year, and how many files the tills get, where the header counts as a line."""
    parts = -(-(len(days) + 1) // LINES_A_PART)
    uncounted = sum(day.visitors is None for day in days)
    return [
        _value("days and shops in the report", "year", ["rows"], len(days)),
        _value("revenue of the year", "year", ["target", "sum"], sum(day.revenue_cents for day in days) / 100),
        _value("first day of the year", "year", ["time", "from"], min(day.day for day in days).isoformat()),
        _value("share of cells that are missing", "year", ["missing_share"], round(uncounted / (len(days) * COLUMNS), 6)),
        {"name": "reports with pictures", "ref": "year", "artifact": "report.*", "measure": "files", "expected": 2},
        {"name": "files for the tills", "ref": "parts", "artifact": "part-*.csv", "measure": "files", "expected": parts},
        _value("answer of the warehouse", "announce", ["saved", "answer"], "accepted"),
        {"name": "attempts until the warehouse answered", "ref": "announce", "measure": "attempts", "expected": 2},
    ]


def roast_checks(roasts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the ledger of the roaster holds."""
    rate = Decimal(PER_EURO["USD"])
    euro = sum(int((order["total_cents"] / rate).quantize(Decimal(1), rounding=ROUND_HALF_UP)) for order in roasts)
    return [
        _rows("orders of the roaster", "ledger", "ledger.parquet", len(roasts)),
        _sum("dollars in cents", "ledger", "ledger.parquet", "usd_cents", sum(order["total_cents"] for order in roasts)),
        _sum("euro in cents", "ledger", "ledger.parquet", "eur_cents", euro),
        _sum("bags of coffee", "ledger", "by_roast.parquet", "bags", sum(order["bags"] for order in roasts)),
        _value("day of the exchange rates", "roasts", ["saved", "on"], "2025-06-30"),
    ]
