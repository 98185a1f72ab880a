"""The commands of README.md, and running them."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from store.settings import PROJECT
from tests.command import Command, until

README = (PROJECT / "README.md").read_text()
EXAMPLES = PROJECT / "examples"
FILES = ("my-work.json", "nightly.json")  # the JSON that it shows, in order
ELSEWHERE = {
    "./arbiter test": "this run",
    "./arbiter test --fast": "this run, with fewer tests",
    "./arbiter demo": "test_demo.py and the browser tests",
}


def commands() -> list[str]:
    """Return all commands, in their order."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line.split(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def prepare(home: Path) -> None:
    """Put the files of README's example beside a home that may read them."""
    folder = home.parent
    (folder / "orders.csv").write_text("customer,amount\nann,3\nbob,4\nann,5\n")
    for name, text in zip(FILES, re.findall(r"```json\n(.*?)```", README, re.DOTALL), strict=True):
        (folder / name).write_text(text)
    home.mkdir()
    (home / "arbiter.toml").write_text(f'input_roots = ["{folder}", "{EXAMPLES}"]\n')


def while_it_runs() -> list[str]:
    """Return the commands that are run beside `./arbiter up`."""
    lines = [line for line in commands() if line not in ELSEWHERE]
    assert lines[0] == "./arbiter up"
    return lines[1 : _last(lines)]


def after_it_ended() -> list[str]:
    """Return the commands that back up and restore: nothing may run meanwhile."""
    lines = [line for line in commands() if line not in ELSEWHERE]
    return lines[_last(lines) :]


def _last(lines: list[str]) -> int:
    return next(place for place, line in enumerate(lines) if line.startswith("cp ")) - 1


def run(command: Command, line: str) -> None:
    """Run one command on a home that is up; it must end well."""
    words = [str(command.home.parent / word) if word in FILES else word for word in shlex.split(line)]
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
    """Return the tasks of README's example."""
    return json.loads(command.run("tasks", "--client", "acme", "--json").out)["items"]


def restore(command: Command, lines: list[str]) -> None:
    """Back up what has stopped, and look at a copy."""
    assert lines[0] == "./arbiter status"
    assert command.run("status").code == 3
    folder = command.home.parent
    places = {"/somewhere/safe": folder / "safe", ".arbiter": command.home}
    for line in lines[1:3]:
        subprocess.run([str(places.get(word, word)) for word in shlex.split(line)], cwd=folder, check=True)
    restored = Command(home=folder / "restored")
    assert len(tasks(restored)) == 2
    assert restored.run("doctor").out.strip()
