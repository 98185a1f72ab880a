"""Categories, reviews, labels and versions of the categorizer through the API and the command."""

import json
from collections.abc import Iterator

import pytest

from cli.main import main
from models.category import CATEGORIES
from tasks.categorize_waiting import categorize_waiting
from tests.api_server import House, ask, housed

pytestmark = pytest.mark.slow

EXAMPLES = ["Check our lease contract", "Review an NDA on confidentiality", "Read the terms of a supplier, liability and jurisdiction"]
ABOUT = "A lawyer reads contracts and leases and says which clauses are risky"
VAGUE = {"title": "Need help with my project", "client": "acme", "kind": "generate", "inputs": {"template": "x", "values": {}}}


@pytest.fixture(scope="module")
def server() -> Iterator[House]:
    with housed() as house:
        yield house


@pytest.fixture
def command(server, capsys, monkeypatch):
    """Runs a command on the server's home; returns exit code and what was printed."""
    monkeypatch.setenv("ARBITER_HOME", str(server.settings.home))

    def run(*words):
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def send(server):
    task_id = ask(server, "POST", "/tasks", 202, json=VAGUE)["tasks"][0]["id"]
    categorize_waiting(server.journal, server.settings, actor="test")
    return task_id


def test_a_category_is_added_listed_and_retired(server):
    assert ask(server, "GET", "/categories", who="cli") == {"items": list(CATEGORIES)}
    wanted = {"name": "Legal & Tax", "about": ABOUT, "examples": [{"title": one} for one in EXAMPLES]}
    assert ask(server, "POST", "/categories", 201, json=wanted)["state"] == "active"
    ask(server, "POST", "/categories", 409, json=wanted)
    ask(server, "POST", "/categories", 422, json=wanted | {"examples": []})
    found = ask(server, "GET", "/categories", who="lyn")
    assert found["items"] == [*CATEGORIES, "Legal & Tax"]
    assert found["known"][-1] == {"name": "Legal & Tax", "about": ABOUT, "state": "active", "added": True, "examples": 3}
    assert ask(server, "POST", "/categories/Legal%20%26%20Tax/retire")["state"] == "retired"
    assert ask(server, "GET", "/categories", who="cli") == {"items": list(CATEGORIES)}
    assert "was retired" in ask(server, "POST", "/tasks", 422, json=VAGUE | {"category": "Legal & Tax"})["detail"]


def test_a_review_is_found_decided_and_its_label_withdrawn(server):
    task_id = send(server)
    asked = next(one for one in ask(server, "GET", "/reviews")["items"] if one["id"] == task_id)
    assert asked["prediction"]["runner_up"] in CATEGORIES
    assert asked["created_at"].endswith("Z")
    choice = {"category": "Data Processing", "secondary": ["API Integration"]}
    row = ask(server, "POST", f"/tasks/{task_id}/review", json=choice)
    assert (row["category"], row["secondary"]) == ("Data Processing", ["API Integration"])
    label = next(one for one in ask(server, "GET", "/labels", who="lyn")["items"] if one["task_id"] == task_id)
    assert (label["author"], label["guess"]) == ("oli", asked["prediction"]["guess"])
    assert ask(server, "GET", "/labels?category=Web Scraping", who="lyn")["items"] == []
    assert ask(server, "POST", f"/labels/{label['id']}/withdraw")["state"] == "withdrawn"
    ask(server, "POST", f"/labels/{label['id']}/withdraw", 409)
    ask(server, "POST", f"/tasks/{task_id}/review", 422, json={"category": "x", "secondary": "y"})


def test_none_of_these_is_a_decision_too(server):
    row = ask(server, "POST", f"/tasks/{send(server)}/review", json={"category": "None of these"})
    assert (row["state"], row["category"]) == ("review", None)


def test_versions_are_listed_and_chosen(server):
    [shipped] = ask(server, "GET", "/categorizers", who="lyn")["items"]
    assert (shipped["number"], shipped["state"], shipped["card"]) == (0, "champion", None)
    ask(server, "POST", "/categorizers/0/activate", 409)
    ask(server, "POST", "/categorizers/7/activate", 404)


def test_the_commands_do_the_same(server, command, tmp_path):
    file = tmp_path / "examples.json"
    file.write_text(json.dumps(EXAMPLES))
    code, out, error = command("category", "add", "Legal Review", "--about", ABOUT, "--examples", str(file))
    assert (code, error) == (0, "")
    assert "told by 3 examples" in out
    assert "Legal Review" in command("category", "list")[1]
    task_id = send(server)
    assert task_id in command("review")[1]
    assert "categorizer" in command("task", task_id)[1]
    assert json.loads(command("review", "--json")[1])["version"] == 0
    assert command("review", task_id)[0] == 2
    assert command("review", task_id, "Legal Review", "--secondary", "Web Scraping")[0] == 0
    assert command("review", send(server), "--none")[0] == 0
    label = json.loads(command("label", "list", "--json")[1])[1]
    assert label["category"] == "Legal Review"
    assert label["id"] in command("label", "list")[1]
    assert command("label", "withdraw", label["id"])[0] == 0
    assert command("category", "retire", "Legal Review")[0] == 0
    assert command("categorizer", "list")[0] == command("categorizer", "show", "0")[0] == 0
    assert command("categorizer", "rollback")[0] == 2
