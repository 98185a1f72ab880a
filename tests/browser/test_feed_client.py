"""The feed's client for browsers, in Chromium, against a server of which each test says what it answers."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute

from clients import web

pytestmark = pytest.mark.slow

PAGE = "http://127.0.0.1:9"  # nobody is there: what is asked of it is answered by the test
FOLLOW = """async (options) => {
  const { Feed, SessionOver } = await import("/feed.js");
  window.told = [];
  const ticket = async ({ fresh }) => {
    if (options.over) throw new SessionOver("log in again");
    return fresh ? "fresh" : "first";
  };
  const note = (text) => window.told.push(text);
  window.feed = new Feed({
    url: "ws://127.0.0.1:9/feed", ticket, ...options,
    onReset: () => note("reset"), onSnapshot: (snapshot) => note(`snapshot ${snapshot.seq}`), onEvent: (event) => note(`event ${event.seq}`),
    onState: (state) => note(state.why ? `${state.name}: ${state.why}` : state.name),
  });
  window.feed.open();
}"""

Answer = Callable[[WebSocketRoute, dict[str, Any]], None]


class Scripted:
    """A server whose connections are answered by one function after the other, the last of them again and again."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.answers: list[Answer] = []
        self.said: list[list[dict[str, Any]]] = []  # by connection
        page.route(f"{PAGE}/**", self._serve)
        page.route_web_socket(re.compile("/feed$"), self._connect)
        page.goto(PAGE)

    def follow(self, *answers: Answer, **options: Any) -> None:
        """Let the page follow the feed."""
        self.answers = list(answers)
        self._page.evaluate(FOLLOW, options)

    def until(self, *last: str) -> list[str]:
        """Return what the client has told the page once the last of it is this."""
        self._page.wait_for_function("(last) => window.told.slice(-last.length).join() === last.join()", arg=list(last))
        return self._page.evaluate("window.told")

    def _serve(self, route: Route) -> None:
        name = route.request.url.removeprefix(f"{PAGE}/")
        route.fulfill(body=web(name) if name else "<!doctype html>", content_type="text/javascript" if name else "text/html")

    def _connect(self, socket: WebSocketRoute) -> None:
        answer, said = self.answers[min(len(self.said), len(self.answers) - 1)], []
        self.said.append(said)

        def hear(text: str) -> None:
            said.append(json.loads(text))
            answer(socket, said[-1])

        socket.on_message(hear)


@pytest.fixture
def server(page: Page) -> Iterator[Scripted]:
    server = Scripted(page)
    yield server
    page.evaluate("window.feed?.close()")


def send(socket: WebSocketRoute, *messages: dict[str, Any]) -> None:
    for message in messages:
        socket.send(json.dumps(message))


def ready(head: int = 5, *, lasts_s: float = 3600, **more: Any) -> dict[str, Any]:
    ends = (datetime.now(UTC) + timedelta(seconds=lasts_s)).isoformat()
    known = {"type": "ready", "epoch": "e_1", "head": head, "after": head, "behind": 0, "topics": ["tasks"], "heartbeat_s": 60, "expires_at": ends}
    return known | more


def event(seq: int) -> dict[str, Any]:
    return {"type": "event", "seq": seq, "at": "2026-01-01T00:00:00Z", "kind": "task.changed", "entity": "tasks", "key": "t", "actor": "x"} | {
        "patch": {},
        "facts": {},
    }


SNAPSHOT = {"type": "snapshot", "seq": 5}
BEAT = {"type": "heartbeat", "seq": 5}


def welcome(socket: WebSocketRoute, said: dict[str, Any]) -> None:
    if said["type"] == "auth":
        send(socket, ready(), SNAPSHOT, BEAT)


def test_a_connection_is_renewed_in_place_before_its_session_ends(page: Page, server: Scripted):
    def answer(socket: WebSocketRoute, said: dict[str, Any]) -> None:
        if said["ticket"] == "first":
            send(socket, ready(lasts_s=8), SNAPSHOT, BEAT)
        else:
            send(socket, {"type": "renewed", "expires_at": "2999-01-01T00:00:00Z"}, event(6))

    server.follow(answer)
    assert server.until("event 6") == ["connecting", "catching", "snapshot 5", "live", "event 6"]
    (said,) = server.said
    assert [message["ticket"] for message in said] == ["first", "fresh"]
    assert page.evaluate("window.feed.state.name") == "live"


@pytest.mark.parametrize(
    ("code", "reason", "why"),
    [
        (4429, "", "you have too many connections open: close a page"),
        (4403, "the role client may follow: tasks", "the role client may follow: tasks"),
    ],
)
def test_a_refusal_is_final_and_told(page: Page, server: Scripted, code: int, reason: str, why: str):
    server.follow(lambda socket, _said: socket.close(code=code, reason=reason))
    assert server.until(f"refused: {why}")[0] == "connecting"
    page.wait_for_timeout(1500)
    assert len(server.said) == 1


@pytest.mark.parametrize("said", [{"type": "too_old", "tail": 900}, {"type": "wrong_epoch", "epoch": "e_2", "head": 3}])
def test_what_cannot_be_continued_is_read_anew(server: Scripted, said: dict[str, Any]):
    def lose(socket: WebSocketRoute, auth: dict[str, Any]) -> None:
        welcome(socket, auth)
        send(socket, event(7))
        socket.close(code=1012, reason="the server restarts")

    def refuse(socket: WebSocketRoute, _auth: dict[str, Any]) -> None:
        send(socket, said)
        socket.close(code=4409, reason="read the state anew")

    def again(socket: WebSocketRoute, auth: dict[str, Any]) -> None:
        if auth["type"] == "auth":
            send(socket, ready(950, epoch="e_2"), {"type": "snapshot", "seq": 950}, {"type": "heartbeat", "seq": 950})

    server.follow(lose, refuse, again)
    told = server.until("snapshot 950", "live")
    assert told.index("event 7") < told.index("reset") < told.index("snapshot 950")
    asked = [(auth["after"], auth["epoch"], auth["snapshot"]) for auth, *_ in server.said]
    assert asked == [("now", None, True), (7, "e_1", False), ("now", None, True)]


def test_what_was_heard_before_is_not_heard_twice_after_the_line_broke(server: Scripted):
    def lose(socket: WebSocketRoute, auth: dict[str, Any]) -> None:
        welcome(socket, auth)
        send(socket, event(6), event(7))
        socket.close(code=1011, reason="")

    def go_on(socket: WebSocketRoute, auth: dict[str, Any]) -> None:
        send(socket, ready(8, after=auth["after"]), event(6), event(7), event(8), {"type": "heartbeat", "seq": 9})

    server.follow(lose, go_on)
    told = server.until("event 8", "live")
    assert [text for text in told if text.startswith("event")] == ["event 6", "event 7", "event 8"]
    assert server.said[1][0]["after"] == 7


def test_a_session_that_is_over_is_told_and_ends_it(page: Page, server: Scripted):
    server.follow(welcome, over=True)
    assert server.until("over: log in again") == ["connecting", "over: log in again"]
    page.wait_for_timeout(1000)
    assert server.said == []


@pytest.mark.parametrize(
    ("progress", "told_s", "now_s", "left_s"),
    [(0.25, 30, 30, 90), (0.25, 30, 40, 80), (0.5, 60, 130, -10), (1, 60, 60, None), (0, 60, 60, None), (None, 60, 60, None), (0.5, None, 60, None)],
)
def test_what_is_left_of_an_attempt_follows_from_how_long_it_took_so_far(page: Page, server: Scripted, progress, told_s, now_s, left_s):
    attempt = {"started_at": 0, "progress": progress} | ({} if told_s is None else {"progressAt": told_s * 1_000_000})
    ask = "async ([attempt, now]) => (await import('/picture.js')).progressOf(attempt, now).left"
    left = page.evaluate(ask, [attempt, now_s * 1000])
    assert left == (None if left_s is None else pytest.approx(left_s * 1000))
