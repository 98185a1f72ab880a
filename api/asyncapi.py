"""The description of the feed in AsyncAPI 3, made of the same models that the server writes and clients read."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from models.protocol import SAID, TOLD, Close
from models.topics import TOPICS


def describe() -> dict[str, Any]:
    """Return the document: one channel, `/feed`, with all messages of both directions."""
    _, schemas = models_json_schema([(model, "validation") for model in SAID + TOLD], ref_template="#/components/schemas/{model}")
    codes = "; ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in Close)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Arbiter's live feed",
            "version": "2",
            "description": f"Every event of the journal, in order, each once. Codes with which the server ends a connection: {codes}.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "feed": {
                "address": "/feed",
                "description": f"A WebSocket. Topics: {', '.join(TOPICS)}. `GET /feed/events` sends the same messages as server-sent events.",
                "messages": {_name(model): {"$ref": f"#/components/messages/{_name(model)}"} for model in SAID + TOLD},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "say": _operation("receive", "What a client says: who it is first, and later that it lives, or that it stays longer.", SAID),
            "tell": _operation("send", "What the server tells.", TOLD),
        },
        "components": {"messages": {_name(model): _message(model) for model in SAID + TOLD}, "schemas": schemas["$defs"]},
    }


def _operation(action: str, summary: str, models: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/feed/messages/{_name(model)}"} for model in models]
    return {"action": action, "channel": {"$ref": "#/channels/feed"}, "summary": summary, "messages": messages}


def _message(model: type[BaseModel]) -> dict[str, Any]:
    return {"name": _name(model), "summary": (model.__doc__ or "").strip(), "payload": {"$ref": f"#/components/schemas/{model.__name__}"}}


def _name(model: type[BaseModel]) -> str:
    return str(model.model_fields["type"].annotation.__args__[0]) + (".client" if model in SAID and _clashes(model) else "")  # type: ignore[union-attr] # a Literal


def _clashes(model: type[BaseModel]) -> bool:
    return any(other.model_fields["type"].annotation == model.model_fields["type"].annotation for other in TOLD)
