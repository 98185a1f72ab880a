"""Bad input: each has a clear problem, and nothing is written."""

import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.home import open_journal, set_up
from store.settings import Settings
from tests.api_server import Server, add_people

pytestmark = pytest.mark.slow

GOOD = {"title": "a letter", "category": "Content Generation", "kind": "generate", "inputs": {"template": "Dear {{ x }}", "values": {"x": 1}}}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="arb-") as folder:
        place = Settings(home=Path(folder))
        set_up(place)
        journal = open_journal(place)
        add_people(journal)
        with Server(place, body_most=100_000, upload_most=1_000_000) as server:
            server.journal = journal
            yield server
        journal.close()


def refused(server, answer, status=422):
    """Assert that this is a problem, and that nothing was written; return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body.keys() >= {"type", "title", "status", "detail", "code"}
    assert body["status"] == status
    assert "Traceback" not in answer.text
    assert not [event for event in server.journal.events(0, 10_000) if event.entity in {"tasks", "artifacts"}]
    return body


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"title": 5}, "#/tasks/0/title"), ({"title": ""}, "#/tasks/0/title"), ({"title": None}, "#/tasks/0/title"),
        ({"title": "a\0b"}, "#/tasks/0/title"), ({"price_cents": "100"}, "#/tasks/0/price_cents"),
        ({"price_cents": 1.5}, "#/tasks/0/price_cents"), ({"price_cents": 1.0}, "#/tasks/0/price_cents"),
        ({"price_cents": True}, "#/tasks/0/price_cents"),
        ({"price_cents": -1}, "#/tasks/0/price_cents"), ({"price_cents": 10**40}, "#/tasks/0/price_cents"),
        ({"priority": True}, "#/tasks/0/priority"), ({"priority": 1001}, "#/tasks/0/priority"), ({"timeout_s": 0}, "#/tasks/0/timeout_s"),
        ({"deadline_at": "2030-01-01T00:00:00"}, "#/tasks/0/deadline_at"), ({"start_at": "soon"}, "#/tasks/0/start_at"),
        ({"currency": "euro"}, "#/tasks/0/currency"), ({"inputs": []}, "#/tasks/0/inputs"), ({"surprise": 1}, "#/tasks/0/surprise"),
        ({"needs": [{"task": "x", "condition": "maybe"}]}, "#/tasks/0/needs/0/condition"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(server, change, where):
    body = refused(server, server.ask("POST", "/tasks", json=GOOD | change))
    assert [item["pointer"] for item in body["errors"]] == [where]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"category": "Gardening"}, "Gardening"), ({"agent": "nobody"}, "nobody"), ({"kind": "magic"}, "magic"),
        ({"needs": [{"task": "t_none"}]}, "t_none"),
        ({"ref": "a", "needs": [{"task": "a"}]}, "a → a"), ({"inputs": {}}, "template"), ({"deadline_at": "2001-01-01T00:00:00Z"}, "deadline"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_house_is_named(server, change, said):
    assert said in refused(server, server.ask("POST", "/tasks", json=GOOD | change))["detail"]


def test_a_circle_is_refused_with_its_path(server):
    work = [GOOD | {"ref": ref, "needs": [{"task": need}]} for ref, need in (("a", "c"), ("b", "a"), ("c", "b"))]
    body = refused(server, server.ask("POST", "/tasks", json={"tasks": work}))
    assert body["code"] == "cycle-found"
    assert " → " in body["detail"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[", "nul", '{"title": NaN}', "[" * 5000, '{"title": "\ud800"}', "5", '"x"', "null", "[]", '{"tasks": []}', "\x00"],
)
def test_a_body_that_is_no_work_is_refused(server, text):
    answer = server.ask("POST", "/tasks", content=text.encode(errors="surrogatepass"), headers={"Content-Type": "application/json"})
    refused(server, answer, answer.status_code if answer.status_code in {400, 422} else 422)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused_also_deep_inside(server, value):
    text = json.dumps(GOOD | {"inputs": {"template": "a", "values": {"deep": [{"x": "HERE"}]}}}).replace('"HERE"', value)
    refused(server, server.ask("POST", "/tasks", content=text, headers={"Content-Type": "application/json"}))


def test_json_of_another_type_is_refused(server):
    refused(server, server.ask("POST", "/tasks", content=json.dumps(GOOD), headers={"Content-Type": "text/plain"}))


@pytest.mark.parametrize("key", ["", "a b", "k" * 201, "ü"])
def test_a_key_is_printable_and_short(server, key):
    refused(server, server.ask("POST", "/tasks", json=GOOD, headers={"Idempotency-Key": key.encode()}))


@pytest.mark.parametrize(
    "query",
    ["state=gone", "most=0", "most=501", "most=x", "most=1.5", "cursor=x", "cursor=%C3%BC", "foo=1", "outcome=won", "text=" + "x" * 301],
)
def test_a_wrong_filter_is_refused(server, query):
    refused(server, server.ask("GET", f"/tasks?{query}"))


@pytest.mark.parametrize("path", ["/tasks?text=%00", "/tasks/%00", "/artifacts/%00", "/tasks/a%00b"])
def test_a_nul_is_refused(server, path):
    refused(server, server.ask("GET", path), 400)


@pytest.mark.parametrize("path", ["/kpis?window=yesterday", "/kpis?window=", "/kpis/revenue/rows?window=-7d"])
def test_a_window_that_there_is_none_of_is_refused(server, path):
    refused(server, server.ask("GET", path))


def test_a_body_above_the_limit_is_refused_by_its_length(server):
    refused(server, server.ask("POST", "/tasks", json=GOOD | {"description": "x" * 100_000}), 413)


def test_a_body_above_the_limit_is_refused_also_when_it_does_not_say_its_length(server):
    pieces = (b'{"title": "' if number == 0 else b"x" * 1000 for number in range(120))
    refused(server, server.ask("POST", "/tasks", content=pieces, headers={"Content-Type": "application/json"}), 413)


def test_a_body_that_lies_about_its_length_is_cut_there(server):
    refused(server, server.ask("POST", "/files?name=a.csv", content=(b"x" * 100_000 for _ in range(11))), 413)
    assert not list((server.log.parent / "work").iterdir())


def test_a_large_body_of_nobody_is_not_even_read(server):
    """The answer comes though the announced gigabyte never does."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(b"POST /files?name=a.csv HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc")
        assert line.recv(1000).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\\b", ".hidden", "x" * 201, " a", "a\nb"])
def test_a_file_has_a_plain_name(server, name):
    refused(server, server.ask("POST", "/files", params={"name": name}, content=b"x"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("cancel", {"why": 5}), ("cancel", {"surprise": 1}), ("cancel", {"why": "x" * 1001}), ("cancel", {"why": "a\0b"}), ("review", {}),
        ("review", {"category": 5}), ("priority", {"priority": True}), ("priority", {"priority": 1.0}), ("priority", {"priority": "5"}),
        ("priority", {"priority": 1001}), ("priority", {}), ("pause", []),
    ],
)  # fmt: skip
def test_what_is_done_to_a_task_is_checked(server, path, body):
    refused(server, server.ask("POST", f"/tasks/t_none/{path}", json=body))


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "ann"}, {"name": 5, "password": "x"}, {"name": "ann", "password": "x" * 1001}, {"name": "ann", "password": "x", "y": 1}, []],
)
def test_credentials_are_checked(server, body):
    answer = server.ask("POST", "/token", None, json=body)
    refused(server, answer)
    assert "x" * 1001 not in answer.text


def test_wrong_credentials_are_refused_the_same_whether_the_user_exists_or_not(server):
    tries = [{"name": name, "password": "not the password"} for name in ("lyn", "nobody", "N0\nBODY")]
    answers = [server.ask("POST", "/token", None, json=body).json() for body in tries]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["status"] == 401


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = [*GOOD, "needs", "price_cents", "priority", "ref", "start_at", "agent", "approval", "timeout_s", "tasks"]
FIELDS = st.dictionaries(st.sampled_from(NAMES), JSON)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=FIELDS)
def test_no_body_whatever_is_answered_with_a_bug(server, change):
    answer = server.ask("POST", "/tasks", content=json.dumps(GOOD | change), headers={"Content-Type": "application/json"})
    assert answer.status_code in {202, 400, 413, 422}, answer.text


def test_nothing_above_was_a_bug(server):
    assert "Traceback" not in server.log.read_text()
