"""Make everything in this folder that is data: `python -m examples.make [--into FOLDER]`.

The same seed gives the same files, byte for byte; a Parquet file has the same content, its bytes depend on the version of its writer.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from examples.invent import expected, orders, roasts, sales
from examples.invent.books import Book, invent_books
from examples.invent.pages import write_site
from examples.invent.work import work

HERE = Path(__file__).resolve().parent
VERSION = 1  # grows when the work changes: a home that has an older version gets the new one beside it
SEED = 20_250_607
MADE = ("site", "data", "work.json", "expected.json")  # what this module writes, and replaces


def make(into: Path) -> None:
    """Write the site, the data, the work and the right results below `into`."""
    books = invent_books(SEED)
    customers = orders.invent_customers(SEED + 1)
    lines = orders.invent_lines(SEED + 2, books, customers)
    payments = orders.invent_payments(SEED + 3, lines)
    days = sales.invent_sales(SEED + 4)
    coffee = roasts.invent_roasts(SEED + 5)
    graph = work(HERE / "queries")
    write_site(books, into / "site")
    _write(into / "data" / "orders.csv", orders.orders_csv(SEED + 6, lines))
    _write(into / "data" / "customers.json", orders.customers_json(SEED + 7, customers))
    _write(into / "data" / "payments.csv", orders.payments_csv(SEED + 8, payments))
    _write(into / "data" / "sales.csv", sales.sales_csv(days))
    _write(into / "data" / "partner.json", _json({"orders": coffee, "rates": roasts.RATES}))
    _write_stock(into / "data" / "stock.parquet", books)
    _write(into / "work.json", _json(graph))
    checks = [
        *expected.catalogue_checks(books),
        *expected.order_checks(lines, customers, books),
        *expected.payment_checks(lines, payments),
        *expected.sales_checks(days),
        *expected.roast_checks(coffee),
    ]
    _write(into / "expected.json", _json({"version": VERSION, "ends": expected.ends(graph), "checks": checks}))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_stock(path: Path, books: list[Book]) -> None:
    """Write the stock list: books that were not counted have a null, and some numbers are in no catalogue any more."""
    rows: list[dict[str, Any]] = [
        {"sku": book.sku, "on_hand": book.on_hand, "reorder_level": book.reorder_level, "cost_cents": book.cost_cents} for book in books
    ]
    rows += [{"sku": f"NB-9{number:03}", "on_hand": number, "reorder_level": 5, "cost_cents": 300 + number} for number in range(6)]
    types = pa.schema([("sku", pa.string()), ("on_hand", pa.int32()), ("reorder_level", pa.int32()), ("cost_cents", pa.int64())])
    pq.write_table(pa.Table.from_pylist(rows, schema=types), path, compression="zstd")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Replace what was made before."""
    parser = argparse.ArgumentParser(prog="python -m examples.make", description=__doc__)
    parser.add_argument("--into", type=Path, default=HERE, help="folder to write to; this one by default")
    into = parser.parse_args().into
    for name in MADE:
        old = into / name
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    make(into)
    sys.stdout.write(f"made {', '.join(MADE)} in {into}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
