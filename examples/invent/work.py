"""The work of the demonstration: who wants what from which files, and what comes before what.

`{examples}` stands for the address of `examples.web`; whoever submits the work puts the real one in.
"""

from pathlib import Path
from typing import Any

NORTHWIND = "Northwind Books"
FJELL = "Fjell & Fern"
CALDER = "Calder Coffee"
OWL = "Owl & Inkwell"

_PRICE = {"css": ".price", "type": "number"}


def work(queries: Path) -> dict[str, Any]:
    """Return the task graph in the form in which work is submitted; SQL comes from the files below `queries`."""
    tasks = (*_books(queries), *_money(), *_outdoor(), *_coffee(queries), *_unsorted())
    return {"tasks": list(tasks)}


_SAID = {  # what the client wrote
    "catalogue": "All books of our site, please: number, title, author, shelf, condition, year, pages, price and copies. Some prices are on request.",
    "orders": "The shop writes dates in three ways and sends some lines twice. Customers moved; take their newest address.",
    "shelves": "Which shelf earns what, and which books are below the level at which we order again?",
    "report": "Pictures for our meeting: what was sold when, where and from which shelf.",
    "letter": "Two pages at most, for the team. Months, shelves and the ten books that we miss most.",
    "payments": "Which payment belongs to which order? A euro more or less does not matter. List what is open.",
    "nightly": "Our own flow, as every night: reconcile to the cent and name the orders that are worth a reminder.",
    "year": "What does a week look like, what did the autumn sale bring, and what happened in August?",
    "parts": "Our tills read 250 lines at a time.",
    "announce": "Their system is moody: when it answers 503, ask again a moment later.",
    "roasts": "Ask for a token, then all pages of orders and the rates of the month's last day.",
    "ledger": "One row an order, with the euro beside the dollars.",
    "invoice": "Please show it to us before it goes out.",
    "cooking": "Scrape the product listing of a website (several pages with a next link) and extract title, author, price and link of each book. "
    "We need a web scraper, data extraction from HTML pages with CSS selectors, output as CSV.",
    "spring": "Same as last time, please. You know what we like. Thanks!",
}


def _task(ref: str, title: str, client: str, category: str | None, kind: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    needs = [{"task": need} for need in more.pop("needs", ())]
    given = {} if category is None else {"category": category}
    linked = {"needs": needs} if needs else {}
    return {"ref": ref, "title": title, "description": _SAID[ref], "client": client, **given, "kind": kind, "inputs": inputs, **linked, **more}


def _file(name: str) -> dict[str, str]:
    return {"$file": name}


def _made(task: str, name: str) -> dict[str, dict[str, str]]:
    return {"$artifact": {"task": task, "name": name}}


def _sql(queries: Path, task: str, *names: str) -> dict[str, str]:
    return {name: (queries / task / f"{name}.sql").read_text(encoding="utf-8") for name in names}


def _books(queries: Path) -> tuple[dict[str, Any], ...]:
    """Return a wholesaler's half year: scrape → process → analyse → generate."""
    texts = {name: {"css": f".{name}"} for name in ("sku", "title", "author", "shelf", "condition")}
    numbers = {name: {"css": f".{name}", "type": "integer"} for name in ("year", "pages", "copies")}
    catalogue = {
        "start": ["{examples}/index.html"],
        "follow": ["a.shelf", "a.next", "tr.book a.title"],
        "rows": "article.book",
        "fields": {**texts, "price": _PRICE, **numbers},
        "max_pages": 300,
    }
    exports = {"orders_export": _file("data/orders.csv"), "customers_export": _file("data/customers.json")}
    joined = {"catalogue": _made("catalogue", "items.parquet"), "orders": _made("orders", "orders.parquet"), "stock": _file("data/stock.parquet")}
    letter = {
        "template_file": _file("templates/half-year.md.j2"),
        "data": {
            "months": _made("orders", "by_month.parquet"),
            "shelves": _made("shelves", "by_shelf.parquet"),
            "restock": _made("shelves", "restock.parquet"),
        },
        "values": {"client": NORTHWIND, "most": 10},
        "format": "md",
        "name": "half-year",
    }
    report = {
        "table": _made("shelves", "sold.parquet"),
        "title": "What Northwind Books sold, January to June 2025",
        "note": "One row is one line of an order that brought revenue. Books as on the web site, orders as in the shop's export.",
        "time": "ordered_on",
        "target": "revenue",
    }
    sql = _sql(queries, "orders", "orders", "by_month", "by_country"), _sql(queries, "shelves", "sold", "by_shelf", "restock")
    return (
        _task("catalogue", "Collect the whole catalogue from the web site", NORTHWIND, "Web Scraping", "scrape", catalogue, price_cents=18_000),
        _task(
            "orders", "Clean the order export and add countries", NORTHWIND, "Data Processing", "query",
            {"files": exports, "sql": sql[0]}, price_cents=12_000,
        ),
        _task(
            "shelves", "Join orders, catalogue and stock", NORTHWIND, "Data Processing", "query",
            {"files": joined, "sql": sql[1]}, price_cents=15_000, needs=("catalogue", "orders"),
        ),
        _task("report", "Report on what was sold", NORTHWIND, "Analysis & Reporting", "analyse", report, price_cents=26_000, needs=("shelves",)),
        _task(
            "letter", "Letter on the first half of the year", NORTHWIND, "Content Generation", "generate",
            letter, price_cents=9_000, needs=("orders", "shelves", "report"),
        ),
    )  # fmt: skip


def _money() -> tuple[dict[str, Any], ...]:
    """Return the same wholesaler's payments: once by a function, once by its own Prefect flow."""
    files = {"orders": _made("orders", "orders.parquet"), "payments": _file("data/payments.csv")}
    function = {"function": "examples.functions:reconcile", "arguments": {**files, "tolerance_cents": 100}}
    flow = {"deployment": "reconcile/nightly", "parameters": {**files, "tolerance_cents": 0, "remind_from_cents": 2000}}
    return (
        _task("payments", "Match payments with orders", NORTHWIND, "Data Processing", "python", function, price_cents=14_000, needs=("orders",)),
        _task(
            "nightly", "Run our nightly reconciliation", NORTHWIND, "Custom Workflows", "prefect",
            flow, price_cents=8_000, timeout_s=300, needs=("orders",),
        ),
    )  # fmt: skip


def _outdoor() -> tuple[dict[str, Any], ...]:
    """Return a chain of shops: a year of sales, files for its tills, and a partner that is down for a moment."""
    sales = {
        "table": _file("data/sales.csv"),
        "title": "A year of sales, 2025",
        "note": "Three shops, one row a day and shop. Shops are closed on holidays; a missing number of visitors is a broken counter.",
        "time": "day",
        "target": "revenue",
    }
    parts = ["split", "--lines=250", "--numeric-suffixes=1", "--additional-suffix=.csv", _file("data/sales.csv"), "part-"]
    announce = {"name": "announce", "url": "{examples}/api/flaky", "query": {"key": "stock-2025"}, "save": {"answer": "/answer"}}
    return (
        _task("year", "A year of sales in pictures", FJELL, "Analysis & Reporting", "analyse", sales, price_cents=32_000, priority=5),
        _task(
            "parts", "Cut the sales into files that our tills can read", FJELL, "Custom Workflows", "shell",
            {"command": parts, "outputs": ["part-*.csv"]}, price_cents=2_500,
        ),
        _task(
            "announce", "Tell the warehouse that the stock count is ready", FJELL, "API Integration", "call",
            {"steps": [announce], "tries": 1}, price_cents=3_000, attempts_most=3, backoff_s=1,
        ),
    )  # fmt: skip


def _coffee(queries: Path) -> tuple[dict[str, Any], ...]:
    """Return a roaster that sells in dollars: API → ledger → invoice, which a person approves."""
    steps = [
        {"name": "token", "method": "POST", "url": "{examples}/api/token", "json": {"key": "calder-demo"}, "retry": True},
        _page_step(1, {"page": 1}),
        _page_step(2, {"page": {"$from": "page_1", "at": "/next"}}),
        _page_step(3, {"page": {"$from": "page_2", "at": "/next"}}),
        {**_with_token("rates", "{examples}/api/rates"), "save": {"on": "/on"}, "rows": {"at": "/rates", "name": "rates"}},
    ]
    files = {name: _made("roasts", f"{name}.parquet") for name in ("page_1", "page_2", "page_3", "rates")}
    invoice = {
        "template_file": _file("templates/invoice.html.j2"),
        "data": {"roasts": _made("ledger", "by_roast.parquet")},
        "values": {"number": "2025-06", "seller": CALDER, "client": "Café Union", "issued_on": "2025-07-01", "days": 14},
        "format": "html",
        "name": "invoice-2025-06",
    }
    sql = _sql(queries, "roasts", "ledger", "by_roast")
    return (
        _task(
            "roasts", "Fetch the orders of June and the exchange rates", CALDER, "API Integration", "call",
            {"steps": steps}, price_cents=11_000, currency="USD",
        ),
        _task(
            "ledger", "One ledger in dollars and euro", CALDER, "Data Processing", "query",
            {"files": files, "sql": sql}, price_cents=9_500, currency="USD", needs=("roasts",),
        ),
        _task(
            "invoice", "Invoice for June", CALDER, "Content Generation", "generate",
            invoice, price_cents=4_000, currency="USD", needs=("ledger",), approval=True,
        ),
    )  # fmt: skip


def _with_token(name: str, url: str) -> dict[str, Any]:
    return {"name": name, "url": url, "headers": {"X-Token": {"$from": "token", "at": "/token"}}}


def _page_step(number: int, query: dict[str, Any]) -> dict[str, Any]:
    name = f"page_{number}"
    kept = {"save": {f"total_{number}": "/total"}, "rows": {"at": "/orders", "name": name}}
    return {**_with_token(name, "{examples}/api/orders"), "query": query, **kept}


def _unsorted() -> tuple[dict[str, Any], ...]:
    """Return work that came without a category: one text that says what it is, one that does not."""
    shelf = {
        "start": ["{examples}/shelves/cooking.html"],
        "follow": ["a.next"],
        "rows": "tr.book",
        "fields": {"title": {"css": ".title"}, "author": {"css": ".author"}, "price": _PRICE, "link": {"css": "a.title", "attr": "href"}},
    }
    note = {"template": "Dear team,\n\nthank you for {{ what }}.\n", "values": {"what": "the good spring"}, "name": "note"}
    return (
        _task("cooking", "Web scraping: extract all cooking books from a website", OWL, None, "scrape", shelf, price_cents=6_000),
        _task("spring", "The thing for spring", OWL, None, "generate", note, price_cents=5_000),
    )
