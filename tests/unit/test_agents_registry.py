"""How inputs are checked when a task is submitted and before it is performed."""

import subprocess
import sys
from pathlib import Path

import pytest

from agents import registry
from models.errors import Invalid
from store.settings import Fetch

QUERY = {"files": {"books": {"$file": "books.csv"}}, "sql": "SELECT * FROM books"}


def test_loading_the_registry_and_all_inputs_loads_nothing_heavy() -> None:
    code = "import sys, agents.registry as r; r.kinds_for({}); print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split())
    assert not loaded & {
        "altair",
        "duckdb",
        "fpdf",
        "httpx",
        "jinja2",
        "numpy",
        "pandas",
        "prefect",
        "pyarrow",
        "selectolax",
        "sklearn",
        "vl_convert",
    }


def test_every_kind_is_made_and_says_its_name() -> None:
    assert [registry.make(kind, Fetch()).kind for kind in registry.kinds()] == list(registry.kinds())


def test_an_unknown_kind_is_refused_with_the_known_ones_named() -> None:
    with pytest.raises(Invalid, match=r"no kind of agent named 'dance': use one of scrape, query"):
        registry.check_inputs("dance", {})


@pytest.mark.parametrize("reference", [{"$file": "books.csv"}, {"$artifact": "f_1"}, {"$artifact": {"task": "catalogue", "name": "items.parquet"}}])
def test_a_reference_stands_for_a_file_at_submission(reference: dict[str, object]) -> None:
    registry.check_inputs("query", QUERY | {"files": {"books": reference}}, references=True)


@pytest.mark.parametrize("path", ["/etc/passwd", "books.csv", ""])
def test_a_bare_path_is_refused_at_submission_with_the_way_to_name_a_file(path: str) -> None:
    with pytest.raises(Invalid, match=r"inputs\.files\.books: name a file as \{\"\$file\""):
        registry.check_inputs("query", QUERY | {"files": {"books": path}}, references=True)


@pytest.mark.parametrize(
    "reference",
    [{"$file": 3}, {"$file": ""}, {"$file": "a", "x": 1}, {"$artifact": {"task": "a"}}, {"$artifact": {"task": "a", "name": "b", "x": 1}}],
)
def test_a_malformed_reference_is_refused_with_its_place(reference: dict[str, object]) -> None:
    with pytest.raises(Invalid, match=r"inputs\.files\.books"):
        registry.check_inputs("query", QUERY | {"files": {"books": reference}}, references=True)


def test_a_reference_where_text_is_wanted_is_refused() -> None:
    with pytest.raises(Invalid, match=r"inputs\.sql"):
        registry.check_inputs("query", QUERY | {"sql": {"$file": "query.sql"}}, references=True)


def test_a_file_is_not_sent_to_a_web_api_by_its_path() -> None:
    with pytest.raises(Invalid, match=r"inputs\.steps\.0\.json"):
        registry.check_inputs("call", {"steps": [{"name": "a", "url": "http://example.org/", "json": {"$file": "a"}}]}, references=True)


def test_references_may_stand_in_the_words_of_a_command_and_the_arguments_of_functions_and_flows() -> None:
    registry.check_inputs("shell", {"command": ["wc", {"$file": "a"}]}, references=True)
    registry.check_inputs("python", {"function": "a:b", "arguments": {"path": {"$file": "a"}}}, references=True)
    registry.check_inputs("prefect", {"deployment": "a/b", "parameters": {"path": {"$file": "a"}}}, references=True)


def test_before_the_attempt_a_file_is_its_path() -> None:
    inputs = registry.check_inputs("query", QUERY | {"files": {"books": "/work/inputs/books.csv"}})
    assert inputs.model_dump()["files"] == {"books": Path("/work/inputs/books.csv")}


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        registry.check_inputs("scrape", {"start": [], "rows": 3, "fields": {}})
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == ["inputs.start", "inputs.rows", "inputs.fields"]


def test_no_kind_takes_inputs_of_none() -> None:
    assert registry.kinds_for({}) == []
    assert registry.kinds_for({"colour": "red"}) == []
