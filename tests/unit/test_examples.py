"""The examples are what they say: reproducible, small, valid work, with right results that do not come from the files under test."""

import contextlib
import csv
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from selectolax.lexbor import LexborHTMLParser

from agents import registry
from examples.functions import read_paid, reconcile
from examples.invent.orders import EARNED
from examples.make import MADE, make
from models.errors import NotFound
from store.home import open_journal
from store.journal import Journal
from store.settings import PROJECT, Settings
from tasks import demo
from tasks.read import list_tasks, task_detail
from tasks.submit import submit
from tasks.work import read_work

EXAMPLES = PROJECT / "examples"
URL = "http://127.0.0.1:8602"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    into = tmp_path_factory.mktemp("made")
    make(into)
    return into


@pytest.fixture
def opened(home: Settings):
    with contextlib.closing(open_journal(home)) as journal:
        yield journal


def _work():
    return json.loads((EXAMPLES / "work.json").read_text(encoding="utf-8").replace("{examples}", URL))


def _expected(name: str):
    return next(item["expected"] for item in json.loads((EXAMPLES / "expected.json").read_text(encoding="utf-8"))["checks"] if item["name"] == name)


def _files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for name in MADE for path in (root / name, *(root / name).rglob("*")) if path.is_file()}


def test_making_the_examples_again_gives_the_same_files(made: Path):
    assert _files(made) == _files(EXAMPLES)
    for name in _files(made):
        if name.endswith(".parquet"):
            assert pq.read_table(made / name) == pq.read_table(EXAMPLES / name), name
        else:
            assert (made / name).read_bytes() == (EXAMPLES / name).read_bytes(), name


def test_the_examples_are_below_three_megabytes():
    assert sum(path.stat().st_size for path in EXAMPLES.rglob("*") if path.is_file()) < 3_000_000


def test_every_task_is_valid_for_its_kind_and_for_no_other():
    for task in read_work(_work()).tasks:
        assert registry.kinds_for(task.inputs) == [task.kind], task.ref


def test_every_kind_of_agent_has_an_example():
    assert {task["kind"] for task in _work()["tasks"]} == set(registry.kinds()) - {"llm"}  # which needs an endpoint


def test_every_expected_figure_is_of_a_task_that_ends_well():
    expected = json.loads((EXAMPLES / "expected.json").read_text(encoding="utf-8"))
    ends = {item["ref"]: item for item in expected["ends"]}
    assert list(ends) == [task["ref"] for task in _work()["tasks"]]
    assert {ends[item["ref"]].get("outcome") for item in expected["checks"]} == {"succeeded"}


def test_every_link_of_the_site_leads_to_a_page_and_every_book_can_be_reached(made: Path):
    site, seen, open_pages = made / "site", set(), [made / "site" / "index.html"]
    while open_pages:
        page = open_pages.pop().resolve()
        if page in seen:
            continue
        seen.add(page)
        tree = LexborHTMLParser(page.read_text(encoding="utf-8"))
        open_pages += [page.parent / link.attributes["href"] for link in tree.css("a")]
    assert set(site.rglob("*.html")) == {site / path.relative_to(site.resolve()) for path in seen}
    assert sum("/books/" in str(path) for path in seen) == _expected("books in the catalogue")


def test_a_title_with_markup_in_it_is_escaped_on_the_site(made: Path):
    texts = [path.read_text(encoding="utf-8") for path in (made / "site" / "books").iterdir()]
    assert sum("Tea for &lt;Two&gt; &amp; Other Plays" in text for text in texts) == 1
    assert not any("<Two>" in text for text in texts)


def test_the_sql_of_the_work_gets_the_right_revenue_out_of_the_dirty_export():
    with duckdb.connect() as connection:
        connection.read_csv(str(EXAMPLES / "data" / "orders.csv")).create_view("orders_export")
        connection.read_json(str(EXAMPLES / "data" / "customers.json")).create_view("customers_export")
        orders = connection.sql((EXAMPLES / "queries" / "orders" / "orders.sql").read_text(encoding="utf-8"))
        [(rows, revenue, states)] = orders.aggregate("count(*), sum(revenue_cents), list(DISTINCT status)").fetchall()
    assert rows == _expected("lines of orders, each once")
    assert revenue == _expected("revenue in cents")
    assert set(states) == {"cancelled", "refunded"} | EARNED


def test_the_export_has_the_dirt_that_the_work_is_about():
    with (EXAMPLES / "data" / "orders.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == _expected("lines of orders, each once") + 60  # exported twice
    assert {"-" in row["ordered_on"] for row in rows} == {True, False}
    assert {"," in row["unit_price"] for row in rows} == {True, False}


def test_reconciling_tells_paid_short_unpaid_over_and_unknown_apart(folder: Path):
    lines = [("O-1", 700), ("O-1", 300), ("O-2", 500), ("O-3", 800), ("O-4", 400), ("O-5", 0)]
    pq.write_table(pa.table({"order_id": [line[0] for line in lines], "revenue_cents": [line[1] for line in lines]}), folder / "orders.parquet")
    paid = [("order o-1", "4.00"), ("O-1", "6.00"), ("O-2 thanks", "4.50"), ("O-4", "4.99"), ("O-77", "1.00")]
    _write_payments(folder / "payments.csv", paid)
    with contextlib.chdir(folder):  # an agent calls it in the folder of the attempt
        found = reconcile(orders="orders.parquet", payments="payments.csv", tolerance_cents=50)
    assert found == {
        "orders": 4,  # O-5 brought no revenue
        "matched": 2,  # O-1 in two parts: 400 + 600 = 700 + 300; O-2: 500 - 450 is not more than 50
        "unpaid": 1,  # O-3
        "short": 0,
        "over": 1,  # O-4: 499 - 400 = 99
        "open_cents": 800,  # O-3
        "unknown_payments": 1,  # O-77
        "unknown_cents": 100,
        "files": ["open-items.csv"],
    }
    assert (folder / "open-items.csv").read_text() == "order_id,owed_cents,paid_cents,open_cents\nO-3,800,0,800\nO-4,400,499,-99\n"


def test_a_payment_that_names_no_order_is_refused(folder: Path):
    _write_payments(folder / "payments.csv", [("for the books", "4.00")])
    with pytest.raises(ValueError, match="payment P-0 names no order: 'for the books'"):
        read_paid(str(folder / "payments.csv"))


def test_loading_submits_the_whole_work_with_the_address_of_the_examples(opened: Journal, home: Settings):
    loaded = demo.load(opened, home, examples_url=URL, actor="cli:test")
    items = list_tasks(opened, source="demo", most=100)["items"]
    assert loaded.fresh
    assert {item["ref"] for item in items} == {task["ref"] for task in _work()["tasks"]} - set(loaded.left_out) == set(loaded.tasks)
    assert task_detail(opened, loaded.tasks["catalogue"])["task"]["inputs"]["start"] == [f"{URL}/index.html"]
    assert "{examples}" not in json.dumps(items)


def test_loading_again_doubles_nothing_whoever_does_it_and_wherever_the_examples_are_now(opened: Journal, home: Settings):
    first = demo.load(opened, home, examples_url=URL, actor="cli:test")
    head = opened.head()
    again = demo.load(opened, home, examples_url="http://127.0.0.1:9999", actor="cli:other")
    assert opened.head() == head
    assert (again.fresh, again.tasks, again.users) == (False, first.tasks, ())


def test_demo_users_are_labelled_and_their_passwords_are_told_once(opened: Journal, home: Settings):
    loaded = demo.load(opened, home, examples_url=URL, actor="cli:test")
    assert [(user.name, user.role, user.client) for user in loaded.users] == list(demo.USERS)
    assert len({user.password for user in loaded.users}) == len(demo.USERS)
    assert not any(user.password in repr(loaded) for user in loaded.users)
    added = [event.patch for event in opened.events(0) if event.kind == "user.added"]
    assert {row["label"] for row in added} == {"demo"}


def test_a_visitors_work_with_the_same_key_is_not_taken_for_the_demonstration(opened: Journal, home: Settings):
    task = {"title": "other work", "category": "Content Generation", "inputs": {"template": "hello"}}
    submit(opened, read_work(task), settings=home, actor="user:ann", source="api", key="demo-1")
    assert demo.load(opened, home, examples_url=URL, actor="cli:test").fresh


def test_without_the_work_there_is_nothing_to_check(opened: Journal, home: Settings):
    with pytest.raises(NotFound, match="run `arbiter demo`"):
        demo.check(opened, home)


def test_work_that_nobody_has_done_yet_is_not_called_right(opened: Journal, home: Settings):
    demo.load(opened, home, examples_url=URL, actor="cli:test")
    checked = demo.check(opened, home)
    assert {item.found for item in checked if item.name != "how it ends"} <= {None, 0}
    assert [item.ref for item in checked if item.ok] == ["invoice"]  # it needs approval, whatever else it waits for


def test_the_clients_flow_takes_what_its_task_gives_and_keeps_its_result():
    from examples.workflow import reconcile as flow

    given = next(task["inputs"] for task in _work()["tasks"] if task["ref"] == "nightly")
    assert given["deployment"] == f"{flow.name}/nightly"
    assert given["parameters"].keys() == flow.parameters.properties.keys()
    assert flow.persist_result is True


def test_only_postings_that_may_be_shipped_are_here():
    folders = {path.name for path in (EXAMPLES / "postings").iterdir() if path.is_dir()}
    assert folders == {"remoteok", "remotive", "himalayas", "wwr", "hn", "freelancer", "upwork", "jobposting", "real_mit"}
    assert "MIT License" in (EXAMPLES / "postings" / "real_mit" / "LICENSE").read_text(encoding="utf-8")


def _write_payments(path: Path, paid: list[tuple[str, str]]) -> None:
    rows = "".join(f"P-{number},2025-01-01,{reference},{amount},card\n" for number, (reference, amount) in enumerate(paid))
    path.write_text("payment_id,paid_on,reference,amount,method\n" + rows, encoding="utf-8")
