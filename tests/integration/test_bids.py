"""Bids: what is offered for postings, and the task that comes of one that is won."""

import json

import pytest

from models.errors import Conflict, IllegalMove, Invalid, NotFound
from store.home import open_journal
from store.journal import fold
from store.schema import postings
from tasks.bids import list_bids, lose, offer, win, withdraw
from tasks.ingest import ingest
from tasks.read import list_tasks, task_detail
from tasks.staff import hire_built_in
from tests.api_server import housed
from tests.command import Command
from tests.scheduling import WORK

JOB = {
    "id": "1",
    "position": "Scrape three shops",
    "description": "Crawl the pages, collect prices.",
    "company": "Harbour Tours",
    "epoch": 1790172002,
}
BID = {"posting": "remoteok:1", "price_cents": 25_000, "currency": "EUR", "days": 3, "note": "Three shops by Friday."}
TASK = {"kind": "python", "inputs": WORK["inputs"]}


@pytest.fixture
def posted(journal, place):
    """A journal with a posting, and agents for what comes of it."""
    hire_built_in(journal, place, actor="test")
    ingest(journal, "remoteok", payload("1"), actor="test")
    return journal


def test_a_bid_that_is_won_becomes_a_task_at_the_price_that_was_offered(posted, place):
    bid = offer(posted, BID, actor="user:ann")
    assert (bid["state"], bid["task_id"], bid["decided_at"]) == ("offered", None, None)
    won = win(posted, bid["id"], TASK, settings=place, actor="user:ann")
    task = task_detail(posted, won["task_id"])["task"]
    assert (won["state"], task["title"], task["client"]) == ("won", "Scrape three shops", "Harbour Tours")
    assert (task["price_cents"], task["currency"], task["source"], task["category"]) == (25_000, "EUR", "remoteok", "Web Scraping")
    with posted.look() as view:
        assert view.get(postings, "remoteok:1")["task_id"] == task["id"]
    events = posted.events(0, 1000)
    assert [event.kind for event in events if event.entity == "bids"] == ["bid.offered", "bid.won"]
    assert fold(events)["bids", bid["id"]] == won
    assert [(row["state"], row["title"]) for row in list_bids(posted)] == [("won", "Scrape three shops")]
    assert list_bids(posted, state="lost") == []


def test_what_the_task_says_itself_counts_but_for_the_price(posted, place):
    bid = offer(posted, BID, actor="a")
    with pytest.raises(Invalid, match="price_cents cannot be set"):
        win(posted, bid["id"], TASK | {"price_cents": 1}, settings=place, actor="a")
    won = win(posted, bid["id"], TASK | {"title": "Shops", "category": "Custom Workflows"}, settings=place, actor="a")
    task = task_detail(posted, won["task_id"])["task"]
    assert (task["title"], task["category"]) == ("Shops", "Custom Workflows")


def test_a_task_that_is_refused_leaves_the_bid_as_it_was(posted, place):
    bid, head = offer(posted, BID, actor="a"), posted.head()
    with pytest.raises(Invalid, match="inputs"):
        win(posted, bid["id"], {"kind": "python"}, settings=place, actor="a")
    assert (posted.head(), list_bids(posted)[0]["state"], list_tasks(posted)["items"]) == (head, "offered", [])


def test_one_bid_for_a_posting_is_open_at_a_time_and_is_decided_once(posted, place):
    first = offer(posted, BID, actor="a")
    with pytest.raises(Conflict, match="undecided"):
        offer(posted, BID, actor="a")
    assert withdraw(posted, first["id"], actor="a")["state"] == "withdrawn"
    second = offer(posted, BID | {"price_cents": 1}, actor="a")
    assert lose(posted, second["id"], actor="a")["state"] == "lost"
    for decide in (lose, withdraw):
        with pytest.raises(IllegalMove, match="decided: lost"):
            decide(posted, second["id"], actor="a")
    with pytest.raises(IllegalMove, match="decided: lost"):
        win(posted, second["id"], TASK, settings=place, actor="a")


def test_what_is_sent_again_with_its_key_is_done_once(posted, place):
    bid = offer(posted, BID, actor="a", key="k-1")
    assert offer(posted, BID, actor="a", key="k-1") == bid
    won = win(posted, bid["id"], TASK, settings=place, actor="a", key="k-2")
    assert win(posted, bid["id"], TASK, settings=place, actor="a", key="k-2") == won
    assert len(list_tasks(posted)["items"]) == 1


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"posting": "remoteok:2"}, NotFound, "remoteok:2"),
        ({"price_cents": 0}, Invalid, "price_cents"),
        ({"currency": None}, Invalid, "names no currency"),
        ({"days": 0}, Invalid, "days"),
        ({"note": "\x00"}, Invalid, "note"),
        ({"cents": 1}, Invalid, "cents"),
    ],
)
def test_a_bid_that_makes_no_sense_is_refused(posted, change, error, said):
    head = posted.head()
    with pytest.raises(error, match=said):
        offer(posted, BID | change, actor="a")
    assert posted.head() == head


def test_nobody_bids_for_a_posting_that_is_closed(posted):
    with posted.write("test") as tx:
        tx.change(postings, "remoteok:1", {"state": "filled"}, "posting.changed", source="remoteok")
    with pytest.raises(IllegalMove, match="the posting is filled"):
        offer(posted, BID, actor="a")


def payload(*ids: str) -> bytes:
    return json.dumps([{"legal": "link back"}, *(JOB | {"id": one} for one in ids)]).encode()


def test_commands_offer_win_and_list(home):
    journal = open_journal(home)
    hire_built_in(journal, home, actor="test")
    ingest(journal, "remoteok", payload("1"), actor="test")
    command = Command(home=home.home)
    said = command.run("bid", "offer", "remoteok:1", "--cents", "25000", "--currency", "EUR")
    assert (said.code, "is offered" in said.out) == (0, True), said.err
    (bid,) = list_bids(journal)
    journal.close()
    assert command.run("bid", "won", bid["id"], "-", text=json.dumps(TASK)).code == 0
    assert json.loads(command.run("bid", "list", "--json").out)[0]["state"] == "won"
    refused = command.run("bid", "lost", bid["id"])
    assert (refused.code != 0, "the bid is decided: won" in refused.err) == (True, True)


def test_the_api_takes_bids_from_operators_and_shows_them_to_the_staff():
    with housed() as house:
        ingest(house.journal, "remoteok", payload("2"), actor="test")
        made = house.ask("POST", "/bids", "oli", json=BID | {"posting": "remoteok:2"})
        assert made.status_code == 201, made.text
        lost = house.ask("POST", f"/bids/{made.json()['id']}/lost", "oli")
        assert (lost.json()["state"], lost.json()["decided_at"][:2]) == ("lost", "20")
        assert [row["state"] for row in house.ask("GET", "/bids", "lyn").json()["items"]] == ["lost"]
