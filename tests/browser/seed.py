"""A home in which real work has been done: submitted, claimed, performed by the built-in agents; some of it waits for a person, some failed."""

from typing import Any

from models.clock import MINUTE
from store.home import open_journal
from store.journal import Journal
from store.schema import attempts, tasks
from store.settings import Settings
from tasks.beats import Beat, give
from tasks.categorize_waiting import categorize_waiting
from tasks.claim import Claim, claim
from tasks.perform import Running, perform
from tasks.router import Router
from tasks.staff import AgentChange, change_agent, hire_built_in
from tasks.submit import submit
from tasks.users import add_user
from tasks.work import read_work

PASSWORD = "correct horse battery"
HOSTILE = (
    '<img src=x onerror="document.title=\'owned\'"> **[click](javascript:alert(1))** $x^2$ :red[no] "quoted" '
    "https://evil.example www.evil.example a@evil.example"
)

DAYS, PRODUCTS = range(1, 29), ("lamp", "chair", "carpet")
ORDERS = "".join(f"2026-10-{day:02d},{product},{(day * 7 + len(product) * 3) % 40 + 1}\n" for day in DAYS for product in PRODUCTS)
FILES = {"orders": {"$file": "orders.csv"}}
SHARES = "SELECT product, sum(n) AS n FROM orders GROUP BY ALL ORDER BY n DESC"
LETTER = "# Shares\n{% for row in shares %}- {{ row.product }}: {{ row.n }}\n{% endfor %}"


def _made(name: str) -> dict[str, Any]:
    return {"$artifact": {"task": "clean", "name": name}}


WORK: list[dict[str, Any]] = [
    {
        "ref": "clean", "title": "Clean the October orders", "client": "Northwind Books", "category": "Data Processing", "kind": "query",
        "price_cents": 12_000,
        "inputs": {"files": FILES, "sql": {"cleaned": "SELECT * FROM orders WHERE n > 0", "shares": SHARES}, "format": "csv"},
    },
    {
        "title": "Report on the October orders", "client": "Northwind Books", "category": "Analysis & Reporting", "kind": "analyse",
        "price_cents": 34_000, "needs": [{"task": "clean"}],
        "inputs": {"table": _made("cleaned.csv"), "title": "October orders", "formats": ["html"]},
    },
    {
        "title": "Letter about the shares", "client": "Northwind Books", "category": "Content Generation", "kind": "generate",
        "price_cents": 9_050, "needs": [{"task": "clean"}],
        "inputs": {"template": LETTER, "data": {"shares": _made("shares.csv")}, "name": "letter"},
    },
    {
        "title": "Tell what the season costs", "client": "Harbour Tours", "category": "Content Generation", "kind": "generate",
        "price_cents": 4_500, "inputs": {"template": "The season costs {{ total }}.", "values": {"total": 1200}},
    },
    {
        "ref": "broken", "title": "Total of a column that is not there", "client": "Harbour Tours", "category": "Data Processing", "kind": "query",
        "price_cents": 7_000, "attempts_most": 1, "inputs": {"files": FILES, "sql": "SELECT sum(missing) FROM orders"},
    },
    {
        "title": "Note on the total", "client": "Harbour Tours", "category": "Content Generation", "kind": "generate",
        "price_cents": 1_000, "needs": [{"task": "broken"}], "inputs": {"template": "done"},
    },
    {
        "title": "Publish the price list", "client": "Northwind Books", "category": "Content Generation", "kind": "generate",
        "price_cents": 2_000, "approval": True, "inputs": {"template": "prices"},
    },
    {
        "title": "Miscellaneous help wanted", "description": "please help soon", "client": "Walk-in", "kind": "generate",
        "price_cents": 5_000, "inputs": {"template": "help"},
    },
]  # fmt: skip

STILL: list[dict[str, Any]] = [
    {
        "title": "Summarise forty files", "client": "Northwind Books", "category": "Data Processing", "kind": "query",
        "price_cents": 20_000, "inputs": {"files": FILES, "sql": SHARES},
    },
    {
        "title": HOSTILE, "client": "Walk-in", "category": "Content Generation", "kind": "generate",
        "price_cents": 100, "inputs": {"template": "x"},
    },
]  # fmt: skip


def fill(settings: Settings) -> None:
    """Add people, hire agents, and let the work be done."""
    orders = settings.input_roots[0] / "orders.csv"
    orders.write_text("day,product,n\n" + ORDERS, encoding="utf-8")
    journal = open_journal(settings)
    for name, role, client in (("ann", "operator", None), ("root", "admin", None), ("bo", "analyst", None), ("nora", "client", "Northwind Books")):
        add_user(journal, name, role, PASSWORD, actor="test", client=client)
    hire_built_in(journal, settings, actor="test")
    for kind, minute_cents in (("query", 120), ("analyse", 900), ("generate", 300)):
        change_agent(journal, settings, f"{kind}-1", AgentChange(price_cents=150, minute_cents=minute_cents), actor="test")
    submit(journal, read_work({"tasks": WORK}), settings=settings, actor="test", source="cli")
    work_off(journal, settings)
    submit(journal, read_work({"tasks": STILL}), settings=settings, actor="test", source="api")
    under_way(journal)
    journal.close()


def work_off(journal: Journal, settings: Settings) -> None:
    """Categorize what needs it, then claim and perform until nothing more can start."""
    with journal.write("test") as tx:
        give(tx, Beat(name="lane:0", holder="s_test", until=tx.now + 10 * MINUTE))
    categorize_waiting(journal, settings, actor="test")
    while claims := _claims(journal):
        for one in claims:
            perform(journal, settings, one, Running())


def under_way(journal: Journal) -> list[Claim]:
    """Start what is ready and leave it half done, as an agent at work does."""
    claims = _claims(journal)
    for share, one in zip((0.62, None), claims, strict=False):
        progress(journal, one.attempt_id, one.task_id, one.client, share, "reading file 25 of 40" if share else "thinking")
    return claims


def progress(journal: Journal, attempt_id: str, task_id: str, client: str, share: float | None, stage: str) -> None:
    """Report how far an attempt is, as the shift does."""
    with journal.write("agent:test") as tx:
        tx.change(attempts, attempt_id, {"progress": share, "stage": stage}, "attempt.progressed", client=client, task_id=task_id)


SAID = {"guess": "Data Processing", "confidence": 0.41, "runner_up": "Web Scraping", "runner_up_confidence": 0.3, "words": ["rows"], "version": 0}


def unsure(journal: Journal, settings: Settings, title: str) -> str:
    """Submit a task of whose category the categorizer is not sure; return its id."""
    (task,) = submit(journal, read_work(STILL[0] | {"title": title}), settings=settings, actor="test", source="api")["tasks"]
    patch = {"state": "review", "reason": "unsure", "category": None, "confidence": 0.41, "why": "the categorizer is not sure", "queue_key": None}
    with journal.write("test") as tx:
        tx.change(tasks, task["id"], patch, "task.questioned", client=STILL[0]["client"], **SAID)
    return str(task["id"])


def _claims(journal: Journal) -> list[Claim]:
    return claim(journal, shift_id="s_test", lane="lane:0", free=8, router=Router(journal))
