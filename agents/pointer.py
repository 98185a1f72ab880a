"""JSON pointers (RFC 6901), and values of earlier answers in later requests. Pure; nothing is evaluated."""

from collections.abc import Mapping
from typing import Any

from agents.contract import AgentError


def at(value: Any, pointer: str, what: str) -> Any:
    """Return the value that a pointer names. Raises `AgentError` that says where it stops.

    >>> at({"books": [{"a/b": 7}]}, "/books/0/a~1b", "the answer")
    7
    """
    for raw in pointer.split("/")[1:]:
        key = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            message = f"{what} has nothing at {pointer}: it ends before {key!r}"
            raise AgentError(message)
    return value


def fill(value: Any, answers: Mapping[str, Any]) -> Any:
    """Return JSON with each `{"$from": "<step>", "at": "/path"}` replaced by that value of an earlier answer."""
    if isinstance(value, list):
        return [fill(item, answers) for item in value]
    if not isinstance(value, dict):
        return value
    if "$from" not in value:
        return {key: fill(item, answers) for key, item in value.items()}
    step, pointer = value["$from"], value.get("at", "")
    return at(answers[step], pointer, f"the answer of {step}")


def sources(value: Any, where: str) -> list[str]:
    """Return the names of the steps that a value is taken from. Raises `ValueError` for a malformed placeholder at `where`."""
    if isinstance(value, list):
        return [name for number, item in enumerate(value) for name in sources(item, f"{where}.{number}")]
    if not isinstance(value, dict):
        return []
    if "$from" not in value:
        return [name for key, item in value.items() for name in sources(item, f"{where}.{key}")]
    pointer = value.get("at", "")
    if not isinstance(value["$from"], str) or not isinstance(pointer, str) or pointer[:1] not in {"", "/"} or value.keys() - {"$from", "at"}:
        message = f'{where}: a value of an earlier answer is {{"$from": "<step>", "at": "/path"}}'
        raise ValueError(message)
    return [value["$from"]]
