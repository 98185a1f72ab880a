"""README.md is true: its commands run, and its example of a task gets done."""

import json
import re
import shlex
import signal
import subprocess
import sys

import pytest

from store.settings import PROJECT
from tests.command import Command, until

README = (PROJECT / "README.md").read_text()
ELSEWHERE = {
    "./arbiter test": "this run",
    "./arbiter test --fast": "this run, with fewer tests",
    "./arbiter demo": "test_demo.py and the browser tests",
}

pytestmark = pytest.mark.slow


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line.split(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def started(folder, with_prefect):
    """`./arbiter up` in a folder that holds the files of README's example."""
    (folder / "orders.csv").write_text("customer,amount\nann,3\nbob,4\nann,5\n")
    (folder / "my-work.json").write_text(re.search(r"```json\n(.*?)```", README, re.DOTALL).group(1))
    command = Command(home=folder / ".arbiter")
    with_prefect(command.home)
    (command.home / "arbiter.toml").write_text(f'input_roots = ["{folder}"]\n')
    process = command.start("up", output=folder / "up.log")
    try:
        until(lambda: "a shift is at work" in (folder / "up.log").read_text(), "a shift")
        yield command, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def test_every_command_of_the_readme_runs(started):
    command, process = started
    lines = [line for line in commands() if line not in ELSEWHERE]
    assert lines[0] == "./arbiter up"  # it runs
    last = next(place for place, line in enumerate(lines) if line.startswith("cp ")) - 1  # from there on nothing may run
    for line in lines[1:last]:
        run(command, line)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    restore(command, lines[last:])


def run(command: Command, line: str) -> None:
    words = shlex.split(line.replace("my-work.json", str(command.home.parent / "my-work.json")))
    if words[0] == ".venv/bin/python":
        subprocess.run([sys.executable, *words[1:]], cwd=PROJECT, check=True, capture_output=True, timeout=300)
        return
    if words[1] == "task":
        until(lambda: {row["state"] for row in tasks(command)} == {"done"}, "the end of the tasks")
        assert [row["outcome"] for row in tasks(command)] == ["succeeded", "succeeded"]
        words[2] = tasks(command)[0]["id"]
    answer = command.run(*words[1:])
    assert answer.code in ({0, 1} if words[1] == "doctor" else {0}), (line, answer)  # a doctor may find something on this machine
    assert answer.out.strip()


def tasks(command: Command) -> list[dict]:
    return json.loads(command.run("tasks", "--json").out)["items"]


def restore(command: Command, lines: list[str]) -> None:
    """Back up what has stopped, and look at a copy."""
    assert lines[0] == "./arbiter status"
    assert command.run("status").code == 3
    folder = command.home.parent
    for line in lines[1:3]:
        subprocess.run(shlex.split(line.replace("/somewhere/safe", str(folder / "safe"))), cwd=folder, check=True)
    restored = Command(home=folder / "restored")
    assert len(tasks(restored)) == 2
    assert restored.run("doctor").out.strip()
