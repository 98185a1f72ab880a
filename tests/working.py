"""What tests of work elsewhere share: a house with a worker and a person, a shift's part in it, and work in words."""

import contextlib
from collections.abc import Iterator
from typing import Any

from store.journal import Journal
from store.settings import Dispatch
from tasks.beats import Beat, give
from tasks.claim import claim
from tasks.hiring import hire_elsewhere
from tasks.look_outside import look_outside
from tasks.reap import anything_lost, reap
from tasks.router import Router
from tasks.submit import submit
from tasks.users import set_password
from tasks.work import read_work
from tests.api_server import PASSWORD, House, housed

SKILL = "Content Generation"
BRIEF = {
    "title": "Sum up", "category": SKILL, "client": "acme",
    "inputs": {"instructions": "Sum it up.", "answer": {"summary": {"type": "text"}, "stars": {"type": "integer", "least": 1, "most": 5}}},
}  # fmt: skip
ANSWER = {"summary": "well packed", "stars": 4}


def hired(journal: Journal, agent_id: str, kind: str = "worker", **more: Any) -> str:
    """Hire somebody whose account has the tests' password; return the id."""
    hire_elsewhere(journal, {"id": agent_id, "kind": kind, "skills": [SKILL]} | more, actor="test")
    set_password(journal, agent_id, PASSWORD, actor="test")
    return agent_id


def submitted(house: House, **changes: Any) -> str:
    """Submit one task in words; return its id."""
    return submit(house.journal, read_work(BRIEF | changes), settings=house.settings, actor="test", source="test")["tasks"][0]["id"]


def shift(house: House) -> None:
    """Do once what a dispatch shift does: take back, look, give out."""
    with house.journal.write("test") as tx:
        give(tx, Beat(name="lane:0", holder="s", until=tx.now + 60_000_000))
    if anything_lost(house.journal):
        reap(house.journal, actor="test", lost_most=10)
    look_outside(house.journal, house.settings.dispatch, actor="test")
    claim(house.journal, shift_id="s", lane="lane:0", free=10, router=Router(house.journal))


@contextlib.contextmanager
def staffed(**dispatch: Any) -> Iterator[House]:
    """Serve a house with the workers `w-1` and `w-2` and the person `paula`; `dispatch` changes its settings, also the server's."""
    with housed(dispatch=Dispatch(**dispatch)) as house:
        for agent_id in ("w-1", "w-2"):
            hired(house.journal, agent_id)
        hired(house.journal, "paula", "person")
        yield house
