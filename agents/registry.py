"""The kinds of agents, each loaded when it is first needed."""

import json
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from agents.brief import BriefInputs
from agents.given import promise
from models.errors import Invalid

if TYPE_CHECKING:
    from agents.contract import Agent
    from store.settings import Fetch

_KINDS: Final = {
    "scrape": "Scrape",
    "query": "Query",
    "analyse": "Analyse",
    "generate": "Generate",
    "call": "Call",
    "prefect": "Prefect",
    "shell": "Shell",
    "python": "Python",
    "llm": "Llm",
}  # the module has the kind's name
_WORDED: Final = "brief"  # the inputs of work that is described in words: no kind of agent, but what several kinds take
ELSEWHERE: Final = frozenset({"worker", "person"})  # kinds that work outside of the house and bring their results: nothing here performs
_TAKES: Final = {"llm": _WORDED, "person": _WORDED, "worker": _WORDED}  # kinds of agents whose inputs are of another name
_REACHING: Final = frozenset({"scrape", "call", "llm"})  # kinds that use the network, within the limits of the settings


def kinds() -> tuple[str, ...]:
    """Return the names of all kinds."""
    return tuple(_KINDS)


def takes(kind: str) -> str:
    """Return the kind of inputs that a kind of agent takes: its own, or `brief` where it takes work that is described in words."""
    return _TAKES.get(kind, kind)


@lru_cache(maxsize=1024)
def also_takes(kind: str, config: str) -> frozenset[str]:
    """Return the further kinds of inputs that an agent takes who works elsewhere: those that its `config` (JSON) names in `takes`."""
    return frozenset(json.loads(config).get("takes", ())) if kind in ELSEWHERE else frozenset()


def lacking(kind: str, settings_fetch: "Fetch") -> str | None:
    """Return why a kind cannot work on this machine, null when it can or works elsewhere."""
    return None if kind in ELSEWHERE else make(kind, settings_fetch).unavailable()


def make(kind: str, settings_fetch: "Fetch") -> "Agent[Any]":
    """Return an agent of the kind. Raises `Invalid` for an unknown kind, and for one that works elsewhere."""
    cls = _load(kind)
    agent: Agent[Any] = cls(settings_fetch) if kind in _REACHING else cls()
    return agent


def pausable(kind: str) -> bool:
    """Tell whether an attempt of this kind can be paused while it runs."""
    return kind == _WORDED or bool(_load(kind).pausable)


def check_inputs(kind: str, inputs: dict[str, Any], *, references: bool = False) -> BaseModel:
    """Return the inputs as the kind's own value.

    With `references` (at submission) each file is still a reference and nothing else will do; without (before the attempt) it is a path.
    Raises `Invalid` that names each wrong field and what to do.
    """
    schema = _inputs(kind)
    try:
        return schema.model_validate(promise(inputs) if references else inputs, context={"references": references})
    except ValidationError as error:
        raise Invalid(_explain(kind, schema, error)) from error


def kinds_for(inputs: dict[str, Any]) -> list[str]:
    """Return the kinds of inputs that these can be, as submitted; normally one, because each kind has required fields of its own."""
    return [kind for kind in (*(kind for kind in _KINDS if kind not in _TAKES), _WORDED) if _accepts(kind, inputs)]


def _accepts(kind: str, inputs: dict[str, Any]) -> bool:
    try:
        check_inputs(kind, inputs, references=True)
    except Invalid:
        return False
    return True


def _load(kind: str) -> Any:  # the class; kinds differ in what they are made from
    if kind in ELSEWHERE:
        message = f"an agent of kind {kind} works elsewhere: it fetches what it is given and brings the result, and nothing is performed here"
        raise Invalid(message)
    if kind not in _KINDS:
        message = f"there is no kind of agent named {kind!r}: use one of {', '.join(_KINDS)}"
        raise Invalid(message)
    return getattr(import_module(f"agents.{kind}"), _KINDS[kind])


def _inputs(kind: str) -> type[BaseModel]:
    if kind == _WORDED:
        return BriefInputs
    schema: type[BaseModel] = _load(kind).Inputs
    return schema


def _explain(kind: str, schema: type[BaseModel], error: ValidationError) -> str:
    """Return one line a wrong field: its place, what is wrong, and which fields there are when an unknown one was given."""
    lines = []
    for wrong in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in ("inputs", *wrong["loc"]))
        known = f"; the kind {kind} knows {', '.join(schema.model_fields)}" if wrong["type"] == "extra_forbidden" and len(wrong["loc"]) == 1 else ""
        lines.append(f"{place}: {wrong['msg'].removeprefix('Value error, ')}{known}")
    return "\n".join(lines)
