"""What the contract suite of agents is made of: a web site on a real port, one case a kind, and the promises as functions."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psutil

from agents import registry
from agents.contract import Agent, Control, Job, Result, Stopped
from agents.process import VALUE_MOST
from store.settings import Fetch

INPUTS = "@inputs"  # stands for the folder of input files in a case's inputs
LATEST_S = 20  # a test that waits longer for an agent has hung
SALES = "day,city,revenue,paid\n" + "\n".join(
    f"2025-{1 + n % 6:02}-{1 + n % 28:02},{('Łódź', 'Zürich')[n % 2]},{n * 1.5},{n % 3 == 0}" for n in range(60)
)


class Site:
    """A web site that a test can count, hang and break."""

    def __init__(self) -> None:
        self.port = 0
        self.hits: list[str] = []
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fetch(self) -> Fetch:
        """Settings that allow this site and nothing else that is private."""
        return Fetch(private_hosts=(f"127.0.0.1:{self.port}",), most_bytes=100_000)

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:  # noqa: C901, PLR0911, PLR0912 - one case a page
        match path.strip("/").split("/"):
            case ["list", number]:
                return 200, {"Content-Type": "text/html; charset=utf-8"}, _page(int(number))
            case ["status", status]:
                return int(status), {}, b"{}"
            case ["always", status, *_]:
                return int(status), {}, b"{}"
            case ["recovers", times, _]:
                return (200 if self.hits.count(path) > int(times) else 503), {}, b'{"ok": true}'
            case ["circle"]:
                return 302, {"Location": path}, b""
            case ["to"]:
                return 302, {"Location": query["url"]}, b""
            case ["big"]:
                return 200, {}, b"x" * 200_000
            case ["bomb"]:
                return 200, {"Content-Encoding": "gzip"}, _bomb()
            case ["hang"]:
                self.over.wait(60)
                return 200, {}, b""
            case ["v1", "chat", "completions"]:
                if "wait" in self.bodies[-1]["messages"][1]["content"]:
                    self.over.wait(60)
                choice = {"message": {"content": '{"mood": 4}'}, "finish_reason": "stop"}
                return 200, {}, json.dumps({"choices": [choice], "usage": {"prompt_tokens": 90, "completion_tokens": 5}}).encode()
            case ["books"]:
                return 200, {}, b'{"books": [{"id": "a/b", "copies": 3}, {"id": "c", "copies": null}], "next": 7}'
            case ["books", *rest]:
                return 200, {}, json.dumps({"path": rest, "query": query}).encode()
        return 404, {}, b"<html></html>"


def _page(number: int) -> bytes:
    rows = "".join(f'<li><a href="/book/{number}{n}">Book {number}{n}</a> <b>£1,{n}00.50</b> <i>{n}</i></li>' for n in range(3))
    return (
        f'<ul>{rows}<li>no book</li></ul><a class="next" href="/list/{number + 1}">on</a><a class="next" href="http://else.where/">out</a>'.encode()
    )


def _bomb() -> bytes:
    import gzip

    return gzip.compress(b"x" * 5_000_000)


@contextmanager
def site() -> Iterator[Site]:
    """Serve a site until the context ends."""
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            served.bodies.append(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null"))
            self._reply()

        def _reply(self) -> None:
            parts = urlsplit(self.path)
            served.hits.append(parts.path)
            served.headers.append(dict(self.headers))
            status, headers, body = served.answer(parts.path, dict(parse_qsl(parts.query)))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the client cut the line, as it must when it stops
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield served
    finally:
        served.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind at work."""

    kind: str
    inputs: dict[str, Any]  # that succeed; `@inputs/` begins the path of a file
    slow: dict[str, Any]  # that take longer than any test waits
    wrong: tuple[tuple[dict[str, Any], str], ...]  # changes that make the inputs wrong, with the field that the error names
    artifacts: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    fetch: Fetch = field(default_factory=Fetch)


def cases(web: Site) -> dict[str, Case]:
    """Return one case a kind; the kind `prefect` needs a server and has its own, in tests/integration."""
    table = {"sales.csv": SALES.encode()}
    columns = {
        "title": {"css": "a"},
        "price": {"css": "b", "type": "number"},
        "copies": {"css": "i", "type": "integer"},
        "link": {"css": "a", "attr": "href"},
    }
    scrape = {"start": [f"{web.url}/list/1"], "rows": "li", "fields": columns, "follow": ["a.next"], "max_pages": 3}
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    found = (
        Case(
            kind="scrape",
            inputs=scrape,
            slow={**scrape, "start": [f"{web.url}/hang"]},
            wrong=(
                ({"start": ["ftp://example.org/"]}, "inputs.start.0"),
                ({"fields": {"price": {"css": "b", "type": "money"}}}, "inputs.fields.price.type"),
                ({"max_pages": True}, "inputs.max_pages"),
            ),
            artifacts=("items.parquet", "items.csv"),
            fetch=web.fetch,
        ),
        Case(
            kind="query",
            inputs={
                "files": {"sales": f"{INPUTS}/sales.csv"},
                "sql": {"by_city": "SELECT city, sum(revenue) AS revenue FROM sales GROUP BY city ORDER BY city"},
            },
            slow={"files": {"sales": f"{INPUTS}/sales.csv"}, "sql": "SELECT count(*) FROM range(1000000000000) t(n) WHERE sin(n) > 2"},
            wrong=(
                ({"format": "xlsx"}, "inputs.format"),
                ({"sql": {"sales": "SELECT 1"}}, "sales"),
                ({"files": {"Bad name": f"{INPUTS}/sales.csv"}}, "inputs.files"),
            ),
            artifacts=("by_city.parquet",),
            files=table,
        ),
        Case(
            kind="analyse",
            inputs={"table": f"{INPUTS}/sales.csv", "title": "Sales <script>", "target": "revenue"},
            slow={"table": f"{INPUTS}/large.csv"},
            wrong=(({"title": ""}, "inputs.title"), ({"formats": ["docx"]}, "inputs.formats.0")),
            artifacts=("report.html", "report.pdf"),
            files={**table, "large.csv": b"a,b,c\n" + b"1.5,2.5,3.5\n" * 1_000_000},
        ),
        Case(
            kind="generate",
            inputs={"template": "{% for row in sales %}{{ row.city }} {{ row.revenue }}\n{% endfor %}", "data": {"sales": f"{INPUTS}/sales.csv"}},
            slow={"template": endless},
            wrong=(({"template_file": f"{INPUTS}/sales.csv"}, "template"), ({"name": "../out"}, "inputs.name"), ({"values": {"sales": 1}}, "sales")),
            artifacts=("document.md",),
            files=table,
        ),
        Case(
            kind="call",
            inputs={
                "steps": [
                    {"name": "books", "url": f"{web.url}/books", "save": {"first": "/books/0/id"}, "rows": {"at": "/books", "name": "books"}},
                    {
                        "name": "one",
                        "url": [f"{web.url}/books/", {"$from": "books", "at": "/books/0/id"}],
                        "query": {"n": {"$from": "books", "at": "/next"}},
                    },
                ],
            },
            slow={"steps": [{"name": "a", "url": f"{web.url}/hang"}]},
            wrong=(
                ({"steps": [{"name": "a", "url": "example.org"}]}, "inputs.steps.0"),
                ({"steps": [{"name": "a", "url": "http://example.org/", "method": "get"}]}, "inputs.steps.0.method"),
                ({"steps": [{"name": "a", "url": "http://example.org/", "json": {"$from": "b"}}]}, "steps.0"),
            ),
            artifacts=("responses.json", "books.parquet"),
            fetch=web.fetch,
        ),
        Case(
            kind="shell",
            inputs={"command": ["sort", "-o", "sorted.txt", f"{INPUTS}/sales.csv"], "outputs": ["*.txt"]},
            slow={"command": ["sh", "-c", "setsid sleep 600 & sleep 600"]},
            wrong=(({"command": "sort"}, "inputs.command"), ({"outputs": ["../x"]}, "inputs.outputs.0"), ({"command": ["a", 3]}, "inputs.command.1")),
            artifacts=("sorted.txt",),
            files=table,
        ),
        Case(
            kind="python",
            inputs={"function": "tests.contract.agents_functions:copy", "arguments": {"path": f"{INPUTS}/sales.csv"}},
            slow={"function": "tests.contract.agents_functions:linger", "arguments": {}},
            wrong=(({"function": "os.system"}, "inputs.function"), ({"arguments": []}, "inputs.arguments")),
            artifacts=("copy.txt",),
            files=table,
            config={"modules": ["tests.contract."]},
        ),
        Case(
            kind="llm",
            inputs={
                "instructions": "How content is the author?",
                "data": {"review": "Late, but well packed."},
                "files": {"sales": f"{INPUTS}/sales.csv"},
                "answer": {"mood": {"type": "integer", "least": 1, "most": 5}},
            },
            slow={"instructions": "wait"},
            wrong=(
                ({"instructions": ""}, "inputs.instructions"),
                ({"answer": {"mood": {"type": "choice"}}}, "inputs.answer.mood"),
                ({"files": {"sales": 3}}, "inputs.files.sales"),
            ),
            files=table,
            config={"url": f"{web.url}/v1", "model": "small-1"},
        ),
    )
    return {case.kind: case for case in found}


def perform(case: Case, inputs: dict[str, Any], attempt: Path, control: Control, *, config: dict[str, Any] | None = None) -> Result:
    """Let a new agent of the case's kind perform a job with these inputs in a new folder."""
    (attempt / "inputs").mkdir(parents=True)
    for name, content in case.files.items():
        (attempt / "inputs" / name).write_bytes(content)
    placed = json.loads(json.dumps(inputs).replace(INPUTS, str(attempt / "inputs")))
    agent: Agent[Any] = registry.make(case.kind, case.fetch)
    assert agent.unavailable() is None
    job = Job(
        task_id="t_1",
        attempt_id=attempt.name,
        fence=1,
        inputs=registry.check_inputs(case.kind, placed),
        folder=attempt,
        config=case.config if config is None else config,
    )
    return agent.perform(job, control)


def brings_value_and_artifacts(case: Case, folder: Path) -> Result:
    """The value is small JSON; the artifacts are the promised regular files in the folder; nothing else changed; progress is a share."""
    (folder / "witness").write_text("unchanged")
    reports: list[float | None] = []
    result = perform(case, case.inputs, folder / "attempt", Control(timeout_s=120, report=lambda fraction, _: reports.append(fraction)))
    assert len(json.dumps(result.value, allow_nan=False)) <= VALUE_MOST
    assert tuple(path.name for path in result.artifacts) == case.artifacts
    assert all(path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(folder / "attempt") for path in result.artifacts)
    assert sorted(path.name for path in folder.iterdir()) == ["attempt", "witness"]
    assert (folder / "witness").read_text() == "unchanged"
    assert reports
    assert all(fraction is None or 0 <= fraction <= 1 for fraction in reports)
    assert nothing_left()
    return result


def stops_when_asked(case: Case, folder: Path) -> None:
    """Asked to stop in the middle of its work, an agent raises `Stopped` with the reason, and leaves nothing that runs."""
    started = threading.Event()
    control = Control(timeout_s=300, report=lambda *_: started.set())
    ended = _in_thread(lambda: perform(case, case.slow, folder / "attempt", control))
    assert started.wait(LATEST_S)
    time.sleep(1)  # well into the work
    control.stop("cancelled")
    assert isinstance(error := ended(), Stopped)
    assert error.why == "cancelled"
    assert nothing_left()


def ends_with_its_time(case: Case, folder: Path) -> None:
    """When its time is over, an agent raises `Stopped` because of it, without being asked, and leaves nothing that runs."""
    ended = _in_thread(lambda: perform(case, case.slow, folder / "attempt", Control(timeout_s=2, report=lambda *_: None)))
    assert isinstance(error := ended(), Stopped)
    assert error.why == "timeout"
    assert nothing_left()


def nothing_left() -> bool:
    """Return whether this process has no child processes, zombies included."""
    return not psutil.Process().children(recursive=True)


def _in_thread(work: Callable[[], object]) -> Callable[[], BaseException | None]:
    """Start work in a thread, as the shift does; return a function that waits for its end and returns its error."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()

    def ended() -> BaseException | None:
        thread.join(LATEST_S)
        assert not thread.is_alive(), "the agent did not stop"
        return errors[0] if errors else None

    return ended
