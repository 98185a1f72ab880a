"""Functions of a client that an agent of kind `python` calls: which money belongs to which order."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

REFERENCE = re.compile(r"\bO-\d+\b", re.IGNORECASE)


class Open(NamedTuple):
    """An order whose money does not match; `open_cents` is what is still owed, negative when too much came."""

    order_id: str
    owed_cents: int
    paid_cents: int
    open_cents: int


def reconcile(*, orders: str, payments: str, tolerance_cents: int = 0) -> dict[str, Any]:
    """Match payments with orders.

    Args:
        orders: path of a Parquet file with `order_id` and `revenue_cents`, one row a line of an order.
        payments: path of a CSV file with `reference` (free text that holds the number of the order) and `amount` in euro.
        tolerance_cents: a difference up to this counts as paid.

    Returns:
        How many orders are paid, short, unpaid and overpaid, the money still owed, and what came for orders that nobody placed. Writes the orders
        that do not match to `open-items.csv`.

    """
    owed, paid = read_owed(orders), read_paid(payments)
    items = open_items(owed, paid, tolerance_cents)
    _write(items, Path("open-items.csv"))
    return {**summary(owed, paid, items), "files": ["open-items.csv"]}


def read_owed(path: str) -> dict[str, int]:
    """Return what each order with revenue costs, in cents."""
    owed: dict[str, int] = defaultdict(int)
    table = pq.read_table(path, columns=["order_id", "revenue_cents"])
    for row in table.to_pylist():
        owed[row["order_id"]] += row["revenue_cents"]
    return {order: cents for order, cents in owed.items() if cents}


def read_paid(path: str) -> dict[str, int]:
    """Return what came in for each order, in cents. A reference without the number of an order is refused: its money would vanish."""
    paid: dict[str, int] = defaultdict(int)
    with Path(path).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found = REFERENCE.search(row["reference"])
            if found is None:
                message = f"payment {row['payment_id']} names no order: {row['reference']!r}"
                raise ValueError(message)
            euro, cent = row["amount"].split(".")
            paid[found[0].upper()] += int(euro) * 100 + int(cent)
    return paid


def open_items(owed: dict[str, int], paid: dict[str, int], tolerance_cents: int = 0) -> list[Open]:
    """Return the orders whose money differs by more than the tolerance, most owed first."""
    items = [Open(order, cents, paid.get(order, 0), cents - paid.get(order, 0)) for order, cents in owed.items()]
    return sorted((item for item in items if abs(item.open_cents) > tolerance_cents), key=lambda item: (-item.open_cents, item.order_id))


def summary(owed: dict[str, int], paid: dict[str, int], items: list[Open]) -> dict[str, int]:
    """Return the figures of a reconciliation."""
    unknown = paid.keys() - owed.keys()
    return {
        "orders": len(owed),
        "matched": len(owed) - len(items),
        "unpaid": sum(item.paid_cents == 0 for item in items),
        "short": sum(item.paid_cents > 0 and item.open_cents > 0 for item in items),
        "over": sum(item.open_cents < 0 for item in items),
        "open_cents": sum(max(0, item.open_cents) for item in items),
        "unknown_payments": len(unknown),
        "unknown_cents": sum(paid[order] for order in unknown),
    }


def _write(items: Iterable[Open], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Open._fields)
        writer.writerows(items)
