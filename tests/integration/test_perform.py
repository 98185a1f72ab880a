"""Attempts whose agents bring odd things: the end is recorded all the same."""

import pytest
from sqlalchemy import select

from store import schema
from store.query import Query
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.perform import Running, perform
from tasks.router import Router
from tasks.staff import hire_built_in
from tasks.submit import submit
from tasks.work import read_work

ATTEMPTS = Query(select(schema.attempts))


@pytest.fixture
def shell(journal, place):
    """Perform one command as a task; return its row and its attempt's."""
    hire_built_in(journal, place, actor="test")

    def perform_command(*command: str, outputs: tuple[str, ...] = (), **more):
        task = {"title": "x", "category": "Custom Workflows", "kind": "shell", "inputs": {"command": list(command), "outputs": list(outputs)}} | more
        task_id = submit(journal, read_work(task), settings=place, actor="test", source="test")["tasks"][0]["id"]
        with journal.write("test") as tx:
            for name in ("shift:s", "lane:0"):
                give(tx, Beat(name=name, holder="s", until=tx.now + 60_000_000))
        (one,) = claim(journal, shift_id="s", lane="lane:0", free=1, router=Router(journal))
        perform(journal, place, one, Running())
        with journal.look() as view:
            return view.get(schema.tasks, task_id), view.rows(ATTEMPTS)[-1]

    return perform_command


def test_words_that_cannot_be_stored_do_not_keep_a_failure_from_being_recorded(shell):
    task, attempt = shell("sh", "-c", r"printf 'a\000b\377' >&2; exit 1", attempts_most=1)
    assert (task["state"], task["outcome"], attempt["state"]) == ("done", "failed", "failed")
    assert "\0" not in attempt["error"]


def test_a_file_name_that_is_no_text_does_not_keep_an_end_from_being_recorded(shell):
    task, _ = shell("sh", "-c", r"touch $(printf 'x\377')", outputs=("x*",), attempts_most=1)
    assert task["state"] == "done"


def test_two_inputs_of_one_name_stay_two(shell, place, journal, folder):
    for name, text in (("a", "first"), ("b", "second")):
        (folder / name).mkdir()
        (folder / name / "same.txt").write_text(text)
    object.__setattr__(place, "input_roots", (folder,))
    task, _ = shell("cat", {"$file": "a/same.txt"}, {"$file": "b/same.txt"}, {"$file": "a/same.txt"})
    assert '"stdout": "firstsecondfirst"' in task["result"]


def test_an_attempt_that_takes_too_long_is_stopped_and_tried_again(shell):
    task, attempt = shell("sleep", "60", timeout_s=1)
    assert (task["state"], task["reason"], attempt["state"]) == ("waiting", "backoff", "timeout")
