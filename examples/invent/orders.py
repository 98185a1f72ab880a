"""Customers, orders and payments of Northwind Books: first the true records, then the files as a shop would really send them."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from examples.invent.books import Book

_FIRST_DAY = date(2025, 1, 1)
_DAYS = 181  # the first half of the year
_COUNTRIES = {"DE": ("Kiel", "Jena", "Ulm"), "FR": ("Nantes", "Dijon"), "NL": ("Leiden", "Breda"), "PT": ("Évora", "Braga"), "AT": ("Graz",)}
_NAMES = ("Owl & Inkwell", "Librairie du Pont", "Zum Lesezeichen", "Corner Library", "Papagaio Livros", "The Reading Room", "Boekenboot")
_STATUSES = ("paid",) * 12 + ("shipped",) * 5 + ("cancelled", "refunded")
EARNED = {"paid", "shipped"}  # states of an order that count as revenue


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who buys."""

    id: str
    name: str
    email: str
    city: str
    country: str | None  # null: never told
    updated: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One book in one order."""

    order_id: str
    line: int
    ordered_on: date
    customer_id: str | None  # null: sold at the counter
    sku: str
    quantity: int
    unit_cents: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money that came in."""

    id: str
    paid_on: date
    order_id: str
    cents: int
    method: str


def invent_customers(seed: int) -> list[Customer]:
    """Return every customer once, as of today."""
    random = Random(seed)
    return [_customer(random, number) for number in range(1, 121)]


def _customer(random: Random, number: int) -> Customer:
    country = random.choice(list(_COUNTRIES))
    city = random.choice(_COUNTRIES[country])
    return Customer(
        id=f"C-{number:04}",
        name=f"{random.choice(_NAMES)} {city}",
        email=f"orders-{number}@shop-{number % 40}.example",
        city=city,
        country=None if number % 29 == 0 else country,
        updated=_FIRST_DAY + timedelta(days=random.randrange(0, 150)),
    )


def invent_lines(seed: int, books: list[Book], customers: list[Customer]) -> list[Line]:
    """Return every line of every order once, in order of time."""
    random = Random(seed)
    days = [_FIRST_DAY + timedelta(days=day) for day in sorted(random.randrange(_DAYS) for _ in range(900))]
    return [line for number, day in enumerate(days, start=10_001) for line in _order(random, number, day, books, customers)]


def _order(random: Random, number: int, day: date, books: list[Book], customers: list[Customer]) -> Iterable[Line]:
    customer = None if random.random() < 0.04 else random.choice(customers).id
    status = random.choice(_STATUSES)
    for place, book in enumerate(random.sample(books, random.choice((1, 1, 2, 2, 3, 5))), start=1):
        yield Line(
            order_id=f"O-{number}",
            line=place,
            ordered_on=day,
            customer_id=customer,
            sku=book.sku,
            quantity=random.choice((1, 1, 1, 2, 3, 6)),
            unit_cents=book.price_cents if book.price_cents is not None else book.cost_cents * 2,
            status=status,
        )


def invent_payments(seed: int, lines: list[Line]) -> list[Payment]:
    """Return what was paid: mostly what is owed, sometimes in two parts, short, over, or not at all."""
    random = Random(seed)
    owed: dict[str, int] = {}
    days: dict[str, date] = {}
    for line in lines:
        if line.status in EARNED:
            owed[line.order_id] = owed.get(line.order_id, 0) + line.quantity * line.unit_cents
            days[line.order_id] = line.ordered_on
    parts = [(order, cents) for order, total in owed.items() for cents in _parts(random, total)]
    parts += [(f"O-{99_000 + number}", 1000 + 137 * number) for number in range(6)]  # money for orders that nobody placed
    return [
        Payment(
            id=f"P-{number:05}",
            paid_on=days.get(order, _FIRST_DAY) + timedelta(days=random.randrange(0, 21)),
            order_id=order,
            cents=cents,
            method=random.choice(("transfer", "card", "card", "direct debit")),
        )
        for number, (order, cents) in enumerate(parts, start=1)
    ]


def _parts(random: Random, total: int) -> list[int]:
    chance = random.random()
    if chance < 0.04:
        return []
    if chance < 0.07:
        return [total - min(total - 1, random.randrange(50, 900))]
    if chance < 0.08:
        return [total + random.randrange(50, 900)]
    if chance < 0.13:
        return [total // 3, total - total // 3]
    return [total]


# --- the files, with the dirt of real exports -------------------------------------------------------------------------------------------------------


def orders_csv(seed: int, lines: list[Line]) -> str:
    """Write the export: three ways to write a date, two ways to write money, loose spaces and capitals, and lines that were exported twice."""
    random = Random(seed)
    rows = [_order_row(random, line) for line in lines]
    for position in sorted((random.randrange(len(rows)) for _ in range(60)), reverse=True):
        rows.insert(position + random.randrange(1, 30), dict(rows[position]))
    return to_csv(rows)


def _order_row(random: Random, line: Line) -> dict[str, Any]:
    money = f"{line.unit_cents // 100}.{line.unit_cents % 100:02}"
    return {
        "order_id": line.order_id,
        "line": line.line,
        "ordered_on": _written(random, line.ordered_on),
        "customer_id": line.customer_id or random.choice(("", "", "n/a")),
        "sku": line.sku if random.random() < 0.9 else line.sku.lower(),
        "quantity": line.quantity if random.random() < 0.95 else f" {line.quantity} ",
        "unit_price": money if random.random() < 0.7 else money.replace(".", ","),
        "status": random.choice((line.status, line.status, line.status.title(), f"{line.status} ")),
    }


def _written(random: Random, day: date) -> str:
    return random.choice((day.isoformat(), day.isoformat(), f"{day.day:02}.{day.month:02}.{day.year}", f"{day.day} {day:%b} {day.year}"))


def customers_json(seed: int, customers: list[Customer]) -> str:
    """Write the export of the address book: nested, and some customers appear again with an older address."""
    random = Random(seed)
    rows = [_customer_row(customer) for customer in customers]
    for customer in random.sample(customers, 15):
        old = _customer_row(customer)
        old["updated"] = (customer.updated - timedelta(days=400)).isoformat()
        old["address"] = {"city": "Oldtown", "country": random.choice(("BE", "IE"))}
        rows.insert(random.randrange(len(rows)), old)
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def _customer_row(customer: Customer) -> dict[str, Any]:
    address = {"city": customer.city, "country": customer.country}
    return {"id": customer.id, "name": customer.name, "email": customer.email, "address": address, "updated": customer.updated.isoformat()}


def payments_csv(seed: int, payments: list[Payment]) -> str:
    """Write the bank's export; people type the reference as they like."""
    random = Random(seed)
    forms = ("{}", "{}", "{}", "order {}", " {} ", "Invoice {} thank you")
    return to_csv(
        {
            "payment_id": payment.id,
            "paid_on": payment.paid_on.isoformat(),
            "reference": random.choice(forms).format(random.choice((payment.order_id, payment.order_id.lower()))),
            "amount": f"{payment.cents // 100}.{payment.cents % 100:02}",
            "method": payment.method,
        }
        for payment in payments
    )


def to_csv(rows: Iterable[dict[str, Any]]) -> str:
    """Write rows, which all have the same columns, with a header and plain line ends."""
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
