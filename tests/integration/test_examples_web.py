"""The examples' web server as a process, and the whole work performed on it."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from examples.web import BODY_MOST, KEY, ORDERS_A_PAGE
from store.home import open_journal, set_up
from store.journal import Journal
from store.settings import PROJECT, Fetch, Settings
from tasks import act, approvals, demo, review
from tasks.perform import perform
from tasks.read import task_detail
from tasks.shift import Shift
from tasks.staff import hire_built_in


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with _running() as (_process, url):
        yield url


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=10) as client:
        yield client


@contextlib.contextmanager
def _running() -> Iterator[tuple[subprocess.Popen, str]]:
    command = [sys.executable, "-m", "examples.web", "--port", "0"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = re.fullmatch(r"examples: (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())[1]
            yield process, url
        finally:
            process.kill()


def _token(client: httpx.Client) -> dict[str, str]:
    return {"X-Token": client.post("/api/token", json={"key": KEY}).raise_for_status().json()["token"]}


def test_the_site_is_served_as_utf8_html(client: httpx.Client):
    answer = client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "shelves/cooking.html" in answer.text
    assert client.get("/robots.txt").text.startswith("User-agent: *")


@pytest.mark.parametrize("path", ["/none.html", "/books", "/../work.json", "/%2e%2e/work.json", "/..%2fdata%2fpartner.json", "//etc/passwd", "/%00"])
def test_nothing_outside_the_site_is_served(server: str, path: str):
    host, port = server.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:  # a client library would tidy the path up
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")


def test_all_pages_of_orders_are_given_once_and_the_last_has_no_next(client: httpx.Client):
    token, page, orders = _token(client), 1, []
    while page:
        answer = client.get("/api/orders", params={"page": page}, headers=token).raise_for_status().json()
        assert len(answer["orders"]) <= ORDERS_A_PAGE
        orders, page = orders + answer["orders"], answer["next"]
    assert orders == json.loads((PROJECT / "examples" / "data" / "partner.json").read_text(encoding="utf-8"))["orders"]


@pytest.mark.parametrize("page", ["0", "4", "-1", "x", "1e1", "²", "9" * 50])
def test_a_page_that_does_not_exist_is_refused(client: httpx.Client, page: str):
    assert client.get("/api/orders", params={"page": page}, headers=_token(client)).status_code == 404


def test_rates_are_texts_so_that_no_digit_is_lost(client: httpx.Client):
    assert client.get("/api/rates", headers=_token(client)).json()["rates"][0] == {"currency": "USD", "per_eur": "1.0840"}


@pytest.mark.parametrize("path", ["/api/orders", "/api/rates"])
def test_without_the_token_nothing_is_told(client: httpx.Client, path: str):
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"X-Token": "wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"key": "wrong"}', 401), (b"[]", 401), (b"no json", 400), (b"\xff", 400), (b"x" * (BODY_MOST + 1), 413)],
)
def test_a_wrong_request_for_a_token_is_refused_with_a_reason(client: httpx.Client, body: bytes, status: int):
    answer = client.post("/api/token", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]


def test_a_flaky_call_fails_once_for_each_key_and_for_no_other_request(client: httpx.Client):
    statuses = [client.get("/api/flaky", params={"key": key}).status_code for key in ("one", "two", "one", "one", "two", "three")]
    assert statuses == [503, 503, 200, 200, 200, 503]
    assert client.get("/api/flaky").status_code == 400
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly_even_while_a_connection_is_open(number: int):
    with _running() as (process, url), httpx.Client(base_url=url, timeout=10) as client:
        client.get("/").raise_for_status()  # the connection stays open
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_a_port_that_is_taken_is_told_in_one_sentence(server: str):
    command = [sys.executable, "-m", "examples.web", "--port", server.rsplit(":", 1)[1]]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 3
    assert "choose another with --port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_only_this_machine_can_reach_it(server: str):
    port = int(server.rsplit(":", 1)[1])
    with socket.socket() as other:
        other.bind(("127.0.0.2", port))  # free: the server listens on 127.0.0.1, not on every address


WITHOUT_PREFECT = {"nightly"}  # needs a Prefect server with the deployment; `arbiter demo --once` performs it


@pytest.mark.slow
def test_the_agents_bring_the_right_results_for_the_whole_work(server: str, folder):
    home = Settings(home=folder / "home", fetch=Fetch(private_hosts=(server.removeprefix("http://"),)))
    set_up(home)
    with contextlib.closing(open_journal(home)) as journal:
        hire_built_in(journal, home, actor="test")
        loaded = demo.load(journal, home, examples_url=server, actor="cli:test")
        act.cancel(journal, loaded.tasks["nightly"], actor="test")
        _work_until_quiet(journal, home, loaded)
        checked = [item for item in demo.check(journal, home) if item.ref not in WITHOUT_PREFECT]
        assert [item for item in checked if not item.ok] == []

        approvals.approve(journal, loaded.tasks["invoice"], actor="user:ann")
        review.review(journal, loaded.tasks["spring"], "Content Generation", actor="user:ann")
        _work_until_quiet(journal, home, loaded)
        ends = {ref: task_detail(journal, loaded.tasks[ref])["task"]["outcome"] for ref in ("invoice", "spring")}
        assert ends == {"invoice": "succeeded", "spring": "succeeded"}


def _work_until_quiet(journal: Journal, home: Settings, loaded: demo.Loaded) -> None:
    """Perform, one after the other and without Prefect, until only a person can move the work on."""
    ends = time.monotonic() + 300
    with Shift(journal, home) as shift:
        while not all(demo.at_rest(task_detail(journal, task_id)["task"]) for task_id in loaded.tasks.values()):
            for claim in shift.claims(0):
                perform(journal, home, claim, shift.running)
            shift.wait()
            if time.monotonic() > ends:
                pytest.fail("the work did not come to rest")
