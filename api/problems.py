"""Problems: every error leaves as `application/problem+json` (RFC 9457), and a bug tells nothing about the inside."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import sqlalchemy.exc
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from models.errors import ArbiterError, TooManyRequests, Unauthorized

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:arbiter:problem:"

_log = logging.getLogger("arbiter.api")


def install(app: FastAPI, lost: type[Exception]) -> None:
    """Make an app answer errors as problems; `lost` is what the driver of the database raises when it cannot be reached."""
    app.add_exception_handler(ArbiterError, _on_own)
    app.add_exception_handler(RequestValidationError, _on_wrong_form)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)
    for kind in (lost, sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError):
        app.add_exception_handler(kind, _on_lost_database)


def problem(
    status: int,
    detail: str,
    *,
    code: str | None = None,
    title: str | None = None,
    errors: Sequence[dict[str, Any]] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Make the answer; code and title are the status's own where none are given."""
    phrase = HTTPStatus(status).phrase
    name = code or phrase.lower().replace(" ", "-")
    body = {"type": TYPE + name, "title": title or phrase, "status": status, "detail": detail, "code": name}
    return JSONResponse(body | ({"errors": list(errors)} if errors else {}), status, headers, MEDIA_TYPE)


async def _on_own(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ArbiterError):
        raise TypeError from error
    headers = {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = "60"
    errors = _errors(error.__cause__.errors()) if isinstance(error.__cause__, ValidationError) else []
    title = (type(error).__doc__ or "").strip().splitlines()[0].rstrip(".")
    return problem(error.status, str(error), code=error.code, title=title, errors=errors, headers=headers)


async def _on_wrong_form(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise TypeError from error
    errors = _errors(error.errors())
    said = "; ".join(f"{item.get('pointer') or item.get('parameter')}: {item['detail']}" for item in errors[:5])
    return problem(422, said, code="invalid", title="A value is not of the form that is needed", errors=errors)


async def _on_http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise TypeError from error
    return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))


async def _on_lost_database(_request: Request, error: Exception) -> JSONResponse:
    _log.error("the database did not answer", exc_info=error, extra={"event": "api.database_lost"})
    return problem(503, "the database does not answer: see /readyz and the log of the API", code="unavailable", headers={"Retry-After": "5"})


async def _on_bug(_request: Request, _error: Exception) -> JSONResponse:
    """Answer without a word about the inside; the server logs the traceback."""
    return problem(500, "this is a bug of ours; it was recorded in the log of the API", code="bug")


def _errors(found: Sequence[Any]) -> list[dict[str, Any]]:
    """Return pydantic's findings: a JSON pointer into the body, or the name of a parameter.

    A list whose items are wrong is also found too short, because wrong items do not count; only what is wrong inside is told.
    """
    places = [item["loc"] for item in found]
    own = [item for item in found if not any(len(place) > len(item["loc"]) and place[: len(item["loc"])] == item["loc"] for place in places)]
    return [_where(item["loc"]) | {"detail": item["msg"], "code": item["type"]} for item in own]


def _where(location: Sequence[str | int]) -> dict[str, str]:
    place, *path = location or ("body",)
    if place in {"query", "path", "header", "cookie"}:
        return {"parameter": ".".join(str(part) for part in path), "in": str(place)}
    parts = path if place == "body" else [place, *path]
    return {"pointer": "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)}
