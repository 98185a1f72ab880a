"""Hostile texts, as tasks over HTTP and as postings: kept as they are or refused, categorized alike each time, interpreted by nobody."""

import json
from collections.abc import Iterator

import pytest

from models.errors import UserError
from models.untrusted import Untrusted
from models.verdict import Verdict, verdict
from store.query import Query
from store.schema import postings
from tasks.categories import known
from tasks.categorize import categorize
from tasks.categorize_waiting import categorize_waiting
from tasks.ingest import ingest
from tests.api_server import House, housed
from tests.hostile import HOSTILE

pytestmark = pytest.mark.slow

REFUSED = {"lone surrogate", "reversed surrogates", "nul", "megabyte"}  # of bodies
PLAIN = {"template": "x", "values": {}}


@pytest.fixture(scope="module")
def server() -> Iterator[House]:
    with housed() as house:
        yield house


@pytest.mark.parametrize("name", HOSTILE)
def test_a_task_is_kept_as_it_was_sent_or_refused(server, name):
    text = HOSTILE[name]
    sent = json.dumps({"title": "a title", "description": text, "kind": "generate", "inputs": PLAIN})
    answer = server.ask("POST", "/tasks", content=sent, headers={"Content-Type": "application/json"})
    if name in REFUSED:
        assert answer.status_code in {413, 422}
        return
    assert answer.status_code == 202, answer.text
    task_id = answer.json()["tasks"][0]["id"]
    categorize_waiting(server.journal, server.settings, actor="test")
    detail = server.ask("GET", f"/tasks/{task_id}").json()
    assert detail["task"]["description"] == text
    [prediction] = categorize([(Untrusted("a title"), Untrusted(text))])
    assert detail["task"]["prediction"]["guess"] == prediction.category
    assert (detail["task"]["category"] is not None) is (verdict(prediction, least=0.6)[0] is Verdict.SURE)
    assert server.ask("GET", "/reviews").status_code == 200


def test_a_title_is_kept_as_it_was_sent_or_refused(server):
    for name, text in HOSTILE.items():
        sent = json.dumps({"title": text, "kind": "generate", "inputs": PLAIN})
        answer = server.ask("POST", "/tasks", content=sent, headers={"Content-Type": "application/json"})
        assert answer.status_code in {202, 413, 422}, name
        if answer.status_code == 202:
            task = server.ask("GET", f"/tasks/{answer.json()['tasks'][0]['id']}").json()["task"]
            assert task["title"] == text.strip(), name


@pytest.mark.parametrize("name", HOSTILE)
def test_a_category_told_in_hostile_words_is_refused_or_harmless(server, name):
    wanted = {"name": f"Kind {list(HOSTILE).index(name)}", "about": "what this is about", "examples": [{"title": "x", "body": HOSTILE[name]}] * 3}
    answer = server.ask("POST", "/categories", content=json.dumps(wanted), headers={"Content-Type": "application/json"})
    assert answer.status_code in {201, 413, 422}, answer.text
    named = server.ask("POST", "/categories", content=json.dumps(wanted | {"name": HOSTILE[name]}), headers={"Content-Type": "application/json"})
    assert named.status_code in {201, 409, 413, 422}, named.text
    if answer.status_code == 201:
        assert server.ask("POST", f"/categories/{wanted['name']}/retire").status_code == 200


def test_postings_are_kept_as_they_came_or_refused_whole(server):
    for number, (name, text) in enumerate(HOSTILE.items()):
        job = {"id": str(number), "position": text[:300] or "x", "description": text, "epoch": 1790172002}
        try:
            ingest(server.journal, "remoteok", json.dumps([{"legal": "x"}, job]).encode(), actor="test", files=server.settings.files)
        except UserError:
            assert name in REFUSED - {"megabyte"}
    with server.journal.look() as view:
        rows, there = {row["id"]: row for row in view.rows(Query(postings.select()))}, known(view)
    assert len(rows) >= len(HOSTILE) - len(REFUSED)
    assert {row["category"] for row in rows.values()} <= set(there)


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in {"lone surrogate", "reversed surrogates"}])
def test_a_text_is_categorized_alike_each_time_and_not_by_what_it_says_of_itself(name):
    pair = (Untrusted(HOSTILE[name][:300]), Untrusted(HOSTILE[name]))
    [first], [second] = categorize([pair]), categorize([pair])
    assert first == second
    if name in {"chinese", "japanese", "arabic", "hebrew", "hindi", "thai", "russian", "greek", "emoji", "empty", "one word", "homoglyphs"}:
        assert verdict(first, least=0.6)[0] is Verdict.NONE


def test_words_are_not_hidden_by_tricks():
    plain, full = categorize([(Untrusted("Scrape prices"), Untrusted("")), (Untrusted(HOSTILE["full width"]), Untrusted(""))])
    hidden = categorize([(Untrusted(HOSTILE["zero width"]), Untrusted(""))])[0]
    assert plain == full == hidden
