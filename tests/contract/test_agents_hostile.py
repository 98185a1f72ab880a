"""What agents do with hostile and broken input: a clear error, nothing reached that was not given, nothing left behind."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from agents.contract import AgentError, Control, Result
from agents.fetch import Web
from store.settings import Fetch
from tests.contract.agents_support import INPUTS, Case, Site, cases, nothing_left, perform, site


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site() as served:
        yield served


def run(case: Case, folder: Path, inputs: dict[str, Any], *, config: dict[str, Any] | None = None) -> Result:
    return perform(case, inputs, folder / "attempt", Control(timeout_s=60), config=config)


def refused(case: Case, folder: Path, inputs: dict[str, Any], *, config: dict[str, Any] | None = None) -> AgentError:
    """Return the error with which the agent gives up."""
    with pytest.raises(AgentError) as error:
        run(case, folder, inputs, config=config)
    assert nothing_left()
    return error.value


# --- the network ------------------------------------------------------------------------------------------------------------------------------


def get(url: str, settings: Fetch, **more: Any) -> AgentError:
    """Return the error that a fetch ends with."""
    with Web(settings, Control(timeout_s=30), **more) as client, pytest.raises(AgentError) as error:
        client.get(url)
    return error.value


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "0.0.0.0", "169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]"],  # noqa: S104 - asked for, not bound to
)
def test_a_private_address_is_refused_in_whatever_way_it_is_written(host: str, web: Site) -> None:
    error = get(f"http://{host}:{web.port}/books", Fetch())
    assert "is not a public address" in str(error)
    assert not error.retryable


def test_a_redirect_to_a_private_address_is_refused(web: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inner:
        port = inner.getsockname()[1]
        error = get(f"{web.url}/to?url=http://127.0.0.1:{port}/secret", web.fetch)
        inner.settimeout(0)
        with pytest.raises(BlockingIOError):  # nobody connected
            inner.accept()
    assert f"127.0.0.1:{port} is refused" in str(error)
    assert not error.retryable


def test_a_redirect_to_another_scheme_is_refused(web: Site) -> None:
    assert "not an http or https address" in str(get(f"{web.url}/to?url=file:///etc/passwd", web.fetch))


def test_a_name_with_a_public_and_a_private_address_is_refused_whole() -> None:
    error = get("http://mixed.example/", Fetch(), resolve=lambda _host, _port: ["93.184.216.34", "10.0.0.8"])
    assert "10.0.0.8 is not a public address" in str(error)


def test_a_name_is_resolved_once_and_the_connection_goes_to_the_checked_address(web: Site) -> None:
    """DNS rebinding: a second question would be answered with another address."""
    answers = iter([["127.0.0.1"]])
    settings = Fetch(private_hosts=(f"name.example:{web.port}",))
    with Web(settings, Control(timeout_s=30), resolve=lambda _host, _port: next(answers)) as client:
        assert client.get(f"http://name.example:{web.port}/books").status == 200
    assert web.headers[-1]["Host"] == f"name.example:{web.port}"


def test_an_allowed_host_is_allowed_on_its_port_only(web: Site) -> None:
    assert "is refused" in str(get(f"http://127.0.0.1:{web.port + 1}/", web.fetch))


def test_a_page_over_the_size_limit_is_refused_with_the_limit_named(web: Site) -> None:
    error = get(f"{web.url}/big", web.fetch)
    assert "larger than the limit of 100000 bytes" in str(error)
    assert not error.retryable


def test_a_small_answer_that_unpacks_beyond_the_limit_is_refused_too(web: Site) -> None:
    assert "larger than the limit of 100000 bytes" in str(get(f"{web.url}/bomb", web.fetch))


def test_an_unreachable_page_may_be_tried_again_and_a_missing_one_not(web: Site, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert get(f"http://127.0.0.1:{port}/", Fetch(private_hosts=(f"127.0.0.1:{port}",))).retryable
    scrape = cases(web)["scrape"]
    for number, (path, retryable) in enumerate(
        (("status/404", False), ("status/403", False), ("status/429", True), ("status/500", True), ("status/503", True))
    ):
        error = refused(scrape, folder / str(number), scrape.inputs | {"start": [f"{web.url}/{path}"]})
        assert error.retryable is retryable, path


def test_an_endless_circle_of_redirects_ends(web: Site) -> None:
    assert "more than 10 redirects" in str(get(f"{web.url}/circle", web.fetch))
    assert web.hits.count("/circle") == 10


def test_secrets_in_an_address_do_not_show_in_errors(web: Site) -> None:
    error = get(f"http://user:hunter2@127.0.0.1:{web.port}/big?token=hunter2", web.fetch)
    assert "hunter2" not in str(error)


def test_links_to_other_hosts_are_not_followed(web: Site, folder: Path) -> None:
    """Each page links to the next one and to another host: of three pages read, the one link left over is to the fourth."""
    scrape = cases(web)["scrape"]
    result = run(scrape, folder, scrape.inputs | {"max_pages": 3, "follow": ["a.next"]})
    assert (result.value["pages"], result.value["left_out"], result.value["dead_links"]) == (3, 1, [])


def test_a_dead_link_is_told_and_a_dead_start_is_an_error(web: Site, folder: Path) -> None:
    scrape = cases(web)["scrape"]
    result = run(scrape, folder / "linked", scrape.inputs | {"max_pages": 4, "follow": ["li a"]})
    assert (result.value["pages"], result.value["dead_links"]) == (1, [f"{web.url}/book/1{n}" for n in range(3)])
    assert "answered 404" in str(refused(scrape, folder / "start", scrape.inputs | {"start": [f"{web.url}/book/10"]}))


def test_a_page_without_rows_is_an_error_and_not_an_empty_table(web: Site, folder: Path) -> None:
    scrape = cases(web)["scrape"]
    assert "matches nothing" in str(refused(scrape, folder, scrape.inputs | {"rows": "tr.book"}))


# --- calls ------------------------------------------------------------------------------------------------------------------------------------


def call(web: Site, folder: Path, *steps: dict[str, Any], **more: Any) -> Result:
    return run(cases(web)["call"], folder, {"steps": list(steps), **more})


def test_a_request_that_may_be_repeated_is_repeated_until_the_server_recovers(web: Site, folder: Path) -> None:
    result = call(web, folder, {"name": "a", "url": f"{web.url}/recovers/2/get", "save": {"ok": "/ok"}})
    assert result.value["saved"] == {"ok": True}
    assert web.hits.count("/recovers/2/get") == 3


def test_a_post_is_sent_once_and_its_failure_is_not_retryable(web: Site, folder: Path) -> None:
    with pytest.raises(AgentError) as error:
        call(web, folder, {"name": "a", "method": "POST", "url": f"{web.url}/recovers/2/post", "json": {"pay": 1}})
    assert not error.value.retryable
    assert web.hits.count("/recovers/2/post") == 1


def test_a_post_that_may_be_repeated_says_so(web: Site, folder: Path) -> None:
    call(web, folder, {"name": "a", "method": "POST", "url": f"{web.url}/recovers/1/again", "json": {"pay": 1}, "retry": True})
    assert web.hits.count("/recovers/1/again") == 2


def test_a_value_of_an_answer_stays_one_part_of_an_address(web: Site, folder: Path) -> None:
    call(web, folder, {"name": "a", "url": f"{web.url}/books"}, {"name": "b", "url": [f"{web.url}/books/", {"$from": "a", "at": "/books/0/id"}]})
    assert web.hits[-1] == "/books/a%2Fb"


def test_parameters_are_added_to_the_query_that_an_address_has(web: Site, folder: Path) -> None:
    for number, query in enumerate(({}, {"b": 2})):
        step = {"name": "a", "url": f"{web.url}/books/x?a=1", "query": query, "save": {"query": "/query"}}
        result = call(web, folder / str(number), step)
        assert result.value["saved"]["query"] == {"a": "1", **{name: str(value) for name, value in query.items()}}


def test_a_body_that_was_meant_for_one_host_does_not_follow_a_redirect_to_another(web: Site, folder: Path) -> None:
    with pytest.raises(AgentError, match="redirects to another host"):
        call(web, folder, {"name": "a", "url": f"{web.url}/to?url=http://else.where/", "headers": {"Authorization": "Bearer x"}})


def test_a_missing_value_in_an_answer_is_named(web: Site, folder: Path) -> None:
    with pytest.raises(AgentError, match=r"nothing at /books/9/id"):
        call(web, folder, {"name": "a", "url": f"{web.url}/books", "save": {"x": "/books/9/id"}})


def test_what_a_failed_call_did_stays_in_its_folder(web: Site, folder: Path) -> None:
    with pytest.raises(AgentError):
        call(web, folder, {"name": "a", "url": f"{web.url}/books"}, {"name": "b", "url": f"{web.url}/status/404"})
    assert [entry["step"] for entry in json.loads((folder / "attempt" / "responses.json").read_text())] == ["a"]


# --- files ------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("query", {"files": {"sales": "/etc/passwd"}, "sql": "SELECT 1"}),
        ("query", {"files": {"sales": f"{INPUTS}/../../witness.csv"}, "sql": "SELECT 1"}),
        ("analyse", {"table": "/etc/passwd"}),
        ("generate", {"template": "x", "data": {"rows": "/etc/passwd"}}),
        ("generate", {"template_file": "/etc/passwd"}),
        ("shell", {"command": ["cat"], "stdin": "/etc/passwd"}),
    ],
)
def test_a_path_outside_the_folder_is_refused(kind: str, inputs: dict[str, Any], web: Site, folder: Path) -> None:
    (folder / "witness.csv").write_text("a\n1\n")
    assert "outside the folder" in str(refused(cases(web)[kind], folder, inputs))


def test_a_link_that_leads_out_of_the_folder_is_refused(web: Site, folder: Path) -> None:
    (folder / "secret.csv").write_text("a\n1\n")
    (folder / "attempt" / "inputs").mkdir(parents=True)
    (folder / "attempt" / "inputs" / "link.csv").symlink_to(folder / "secret.csv")
    case = replace(cases(web)["query"], files={})
    from agents import registry
    from agents.contract import Job

    inputs = registry.check_inputs("query", {"files": {"a": str(folder / "attempt" / "inputs" / "link.csv")}, "sql": "SELECT * FROM a"})
    job = Job(task_id="t", attempt_id="x", fence=1, inputs=inputs, folder=folder / "attempt")
    with pytest.raises(AgentError, match="outside the folder"):
        registry.make(case.kind, Fetch()).perform(job, Control(timeout_s=30))


@pytest.mark.parametrize("kind", ["query", "analyse", "generate"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 64 + b"PAR1", b"not a table at all"])
def test_a_broken_parquet_file_is_named(kind: str, content: bytes, web: Site, folder: Path) -> None:
    path = f"{INPUTS}/stock.parquet"
    inputs = {
        "query": {"files": {"stock": path}, "sql": "SELECT * FROM stock"},
        "analyse": {"table": path},
        "generate": {"template": "{{ stock }}", "data": {"stock": path}},
    }[kind]
    case = replace(cases(web)[kind], files={"stock.parquet": content})
    assert "the file stock.parquet cannot be read" in str(refused(case, folder, inputs))


def test_an_empty_table_is_an_error_and_not_an_empty_report(web: Site, folder: Path) -> None:
    case = replace(cases(web)["analyse"], files={"none.csv": b"a,b\n"})
    assert "0 rows" in str(refused(case, folder, {"table": f"{INPUTS}/none.csv"}))


# --- SQL --------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM read_text('../witness')",
        "SELECT * FROM 'http://127.0.0.1/x.csv'",
        "SELECT * FROM 's3://bucket/x.parquet'",
    ],
)
def test_sql_that_leaves_its_folder_is_refused(sql: str, web: Site, folder: Path) -> None:
    (folder / "witness").write_text("secret")
    case = cases(web)["query"]
    assert "the given files and nothing else" in str(refused(case, folder, case.inputs | {"sql": sql}))


@pytest.mark.parametrize(
    "sql",
    [
        "COPY sales TO '/tmp/arbiter-escape.csv'",
        "ATTACH '/tmp/arbiter-escape.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '99GB'",
        "PRAGMA enable_external_access = true",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW sales",
        "EXPORT DATABASE '/tmp/arbiter-escape'",
        "SELECT 1; COPY sales TO '/tmp/arbiter-escape.csv'",
        "-- nothing",
    ],
)
def test_only_a_select_is_carried_out(sql: str, web: Site, folder: Path) -> None:
    case = cases(web)["query"]
    assert "must be one SELECT" in str(refused(case, folder, case.inputs | {"sql": sql}))
    assert not list(Path("/tmp").glob("arbiter-escape*"))


def test_sql_does_not_see_variables_of_the_program(web: Site, folder: Path) -> None:
    case = cases(web)["query"]
    assert "does not exist" in str(refused(case, folder, case.inputs | {"sql": "SELECT * FROM artifacts"}))


def test_a_wrong_query_tells_where_it_is_wrong(web: Site, folder: Path) -> None:
    case = cases(web)["query"]
    assert "revenu" in str(refused(case, folder, case.inputs | {"sql": "SELECT revenu FROM sales"}))


# --- templates --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ ''.__class__.__mro__ }}", "more than its data"),
        ("{{ cycler.__init__.__globals__ }}", "more than its data"),
        ("{{ self._TemplateReference__context }}", "more than its data"),
        ("{{ rows.append(1) }}", "more than its data"),
        ("{% include '/etc/passwd' %}", "no other templates"),
        ("{{ missing }}", "'missing' is undefined"),
        ("{% for x in %}", "the template is wrong"),
        ("{{ 'a' * 99999999999 }}", "MiB of memory"),
        ("{{ range(999999999) }}", "Range too big"),
        ("{% for a in range(99999) %}{% for b in range(999) %}xxxxxxxxxx{% endfor %}{% endfor %}", "larger than the limit"),
    ],
)
def test_a_template_that_tries_to_escape_or_is_wrong_gives_a_clear_error(template: str, said: str, web: Site, folder: Path) -> None:
    assert said in str(refused(cases(web)["generate"], folder, {"template": template, "values": {"rows": [1]}}))


def test_values_in_html_are_escaped(web: Site, folder: Path) -> None:
    result = run(cases(web)["generate"], folder, {"template": "<p>{{ name }}</p>", "values": {"name": "<script>"}, "format": "html"})
    assert result.artifacts[0].read_text() == "<p>&lt;script&gt;</p>"


def test_a_report_loads_nothing_and_escapes_what_it_shows(web: Site, folder: Path) -> None:
    rows = b"city,<img src=x>\n" + b"<script>alert(1)</script>,1\nplain,2\n" * 20
    case = replace(cases(web)["analyse"], files={"t.csv": rows})
    result = run(case, folder, {"table": f"{INPUTS}/t.csv", "title": "<script>alert(2)</script>", "note": "</style><script>", "formats": ["html"]})
    page = result.artifacts[0].read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "http" not in page.replace("http-equiv", "")


# --- processes --------------------------------------------------------------------------------------------------------------------------------


def python(web: Site, folder: Path, function: str, arguments: dict[str, Any] | None = None, **config: Any) -> Result:
    case = cases(web)["python"]
    return run(case, folder, {"function": function, "arguments": arguments or {}}, config={**case.config, **config})


OURS = "tests.contract.agents_functions"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("os:system", "may not import os"),
        ("tests.contractor:run", "may not import tests.contractor"),
        (f"{OURS}:borrowed", "may not import json"),
        (f"{OURS}:missing", "has no function missing"),
        ("tests.contract.nowhere:run", "cannot be imported"),
        (f"{OURS}:fail", "LookupError: the ledger does not add up (agents_functions.py, line"),
        (f"{OURS}:lead_out", "outside the folder"),
        (f"{OURS}:die", "killed by SIGKILL"),
    ],
)
def test_a_function_that_may_not_or_cannot_be_called_gives_a_clear_error(function: str, said: str, web: Site, folder: Path) -> None:
    with pytest.raises(AgentError) as error:
        python(web, folder, function)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [(7, "must return a JSON object"), ({"files": "x"}, "must be a list"), ({"files": ["../x"]}, "outside"), ({"x": "y" * 70_000}, "more than")],
)
def test_what_a_function_returns_is_checked(value: object, said: str, web: Site, folder: Path) -> None:
    with pytest.raises(AgentError, match=said):
        python(web, folder, f"{OURS}:give", {"value": value})


def test_a_function_that_needs_more_than_its_limits_ends_with_the_limit_named(web: Site, folder: Path) -> None:
    with pytest.raises(AgentError, match="limit of 512 MiB of memory"):
        python(web, folder / "memory", f"{OURS}:hoard", memory_mb=512)
    with pytest.raises(AgentError, match="File too large"):
        python(web, folder / "file", f"{OURS}:write_much", file_mb=1)


def test_a_function_sees_none_of_our_environment(web: Site, folder: Path) -> None:
    assert "PYTEST_CURRENT_TEST" in os.environ
    names = python(web, folder, f"{OURS}:environment").value["names"]
    assert set(names) <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "PYTHONPATH", "OPENBLAS_NUM_THREADS", "ARBITER_MARK"}


def test_a_process_that_a_function_leaves_behind_is_ended(web: Site, folder: Path) -> None:
    python(web, folder, f"{OURS}:leave_behind")
    assert not [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == ["/bin/sleep", "601"]]


def shell(web: Site, folder: Path, script: str, *, outputs: tuple[str, ...] = (), config: dict[str, Any] | None = None) -> Result:
    return run(cases(web)["shell"], folder, {"command": ["sh", "-c", script], "outputs": list(outputs)}, config=config)


def shell_refused(web: Site, folder: Path, script: str) -> AgentError:
    return refused(cases(web)["shell"], folder, {"command": ["sh", "-c", script]})


def test_a_command_sees_nothing_of_the_machine_but_its_programs(web: Site, folder: Path) -> None:
    assert "PYTEST_CURRENT_TEST" in os.environ
    (folder / "witness").write_text("secret")
    told = {
        question: shell(web, folder / question, script).value["stdout"].split()
        for question, script in {
            "beside": f"ls -A {folder}",
            "people": "for place in /root /home /etc/passwd; do [ -e $place ] && echo $place; done; true",
            "names": "env | cut -d= -f1",
            "processes": "ls /proc | grep '^[0-9]'",
        }.items()
    }
    assert told["beside"] == ["beside"]
    assert told["people"] == []
    assert set(told["names"]) <= {"PATH", "HOME", "TMPDIR", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}
    assert len(told["processes"]) < 10  # its own only


def test_a_command_has_no_network(web: Site, folder: Path) -> None:
    """The same words reach the listener outside of the sandbox, and not inside."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        words = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{listener.getsockname()[1]}"]
        assert subprocess.run(words, check=False).returncode == 0
        listener.accept()[0].close()
        refused(cases(web)["shell"], folder, {"command": words})
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("target", ["/usr/arbiter-escape", "/etc/ssl/certs/arbiter-escape", "inputs/sales.csv"])
def test_a_command_cannot_write_to_the_system_or_to_its_inputs(target: str, web: Site, folder: Path) -> None:
    assert "Read-only file system" in str(shell_refused(web, folder, f"echo x >> {target}"))
    assert not Path("/usr/arbiter-escape").exists()
    assert (folder / "attempt" / "inputs" / "sales.csv").read_bytes() == cases(web)["shell"].files["sales.csv"]


def test_what_a_command_writes_beside_its_folder_never_reaches_the_machine(web: Site, folder: Path) -> None:
    """The folder's parents exist in the sandbox as empty places of its own memory."""
    result = shell(web, folder, "echo x > ../arbiter-escape && cat ../arbiter-escape && echo x > kept.txt", outputs=("*.txt",))
    assert result.value["stdout"] == "x\n"
    assert [path.name for path in folder.iterdir()] == ["attempt"]
    assert (folder / "attempt" / "kept.txt").read_text() == "x\n"


@pytest.mark.parametrize(
    ("script", "outputs", "said"),
    [
        ("exit 3", (), "ended with code 3"),
        ("echo broken >&2; exit 1", (), "broken"),
        ("true", ("*.csv",), "made no file *.csv"),
        ("ln -s /etc/passwd out.txt", ("*.txt",), "outside the folder"),
        ("head -c 3000000 /dev/zero > big.bin", (), "ended with code"),
    ],
)
def test_a_command_that_fails_says_how(script: str, outputs: tuple[str, ...], said: str, web: Site, folder: Path) -> None:
    with pytest.raises(AgentError) as error:
        shell(web, folder, script, outputs=outputs, config={"file_mb": 1})
    assert said in str(error.value)


def test_a_missing_program_is_named(web: Site, folder: Path) -> None:
    with pytest.raises(AgentError, match="nonesuch"):
        run(cases(web)["shell"], folder, {"command": ["nonesuch"]})


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("generate", {"template": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"}),
        ("shell", {"command": ["sleep", "600"]}),
    ],
)
def test_what_an_agent_started_ends_when_the_process_of_the_agent_is_killed(kind: str, inputs: dict[str, Any], folder: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-m", "tests.contract.agents_functions", kind, json.dumps(inputs), str(folder)])
    try:
        wait_for(lambda: len(psutil.Process(worker.pid).children(recursive=True)) >= 1)
        time.sleep(1)  # well into the work
        started = psutil.Process(worker.pid).children(recursive=True)
        assert started
    finally:
        worker.kill()
        worker.wait()
    wait_for(lambda: not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in started))


def wait_for(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.1)
