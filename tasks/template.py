"""What a schedule submits at each fire: work with placeholders for the fire's time and its window of data.

    "title": "Sales of ${window.from_date}",  "inputs": {"sql": "SELECT … WHERE day = '${window.from_date}'"}

Only these names are filled in, and only with instants, dates and the schedule's own name: nothing of foreign origin gets into a command through them.
Anything else that begins with a dollar is left as it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, StrictInt

from models.clock import iso, to_datetime
from models.errors import Invalid
from tasks.work import NewTask, Strict, Work, read_form, read_work

LONGEST_S = 366 * 86_400  # of a start or a deadline after its fire


class TemplateTask(NewTask):
    """One task of a template; its times count from the moment at which its fire is made."""

    start_at: None = None
    deadline_at: None = None
    start_s: Annotated[StrictInt, Field(ge=0, le=LONGEST_S)] | None = None  # not before
    deadline_s: Annotated[StrictInt, Field(ge=1, le=LONGEST_S)] | None = None


class Template(Strict):
    """Tasks that each fire submits together."""

    tasks: Annotated[tuple[TemplateTask, ...], Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the placeholders of one fire stand for."""

    schedule: str  # its name
    zone: str  # of the schedule, for local times and dates
    due_at: int
    window_from: Callable[[], int]  # of the fire before; asked for only when it is needed, because it is searched for
    now: int


def _local(at: int, moment: Moment) -> str:
    return to_datetime(at).astimezone(ZoneInfo(moment.zone)).isoformat(timespec="seconds")


PLACEHOLDERS: dict[str, tuple[str, Callable[[Moment], str]]] = {
    "fire.at": ("when the fire was due, UTC", lambda moment: str(iso(moment.due_at))),
    "fire.local": ("the same with the offset of the schedule's zone", lambda moment: _local(moment.due_at, moment)),
    "fire.date": ("its date in the schedule's zone", lambda moment: _local(moment.due_at, moment)[:10]),
    "window.from": ("when the fire before was due, UTC: the begin of this fire's data", lambda moment: str(iso(moment.window_from()))),
    "window.from_date": ("its date in the schedule's zone", lambda moment: _local(moment.window_from(), moment)[:10]),
    "window.until": ("the end of this fire's data, not included: the same as fire.at", lambda moment: str(iso(moment.due_at))),
    "window.until_date": ("its date in the schedule's zone", lambda moment: _local(moment.due_at, moment)[:10]),
    "schedule.name": ("the name of the schedule", lambda moment: moment.schedule),
}
_PLACEHOLDER = re.compile(r"\$\{((?:fire|window|schedule)\.[^}]*)\}")


def read_template(data: Any) -> Template:
    """Return JSON as a template; a single task needs no list. Raises `Invalid` naming every field and placeholder that is wrong."""
    template = read_form(Template, data if isinstance(data, dict) and "tasks" in data else {"tasks": [data]}, "work")
    unknown = sorted({name for text in _texts(template.model_dump(mode="json")) for name in _PLACEHOLDER.findall(text)} - PLACEHOLDERS.keys())
    if unknown:
        message = f"no placeholder is called {', '.join(unknown)}; there are {', '.join(PLACEHOLDERS)}"
        raise Invalid(message)
    return template


def fill(template: Template, moment: Moment) -> Work:
    """Return the work of one fire."""
    known: dict[str, str] = {}

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in known:
            known[name] = PLACEHOLDERS[name][1](moment)
        return known[name]

    tasks = []
    for task in template.tasks:
        fields = task.model_dump(mode="json", exclude={"start_s", "deadline_s", "start_at", "deadline_at"})
        times = {"start_at": task.start_s, "deadline_at": task.deadline_s}
        after = {name: iso(moment.now + timedelta(seconds=span) // timedelta(microseconds=1)) for name, span in times.items() if span is not None}
        tasks.append(_filled(fields, value) | after)
    return read_work({"tasks": tasks})


def _filled(data: Any, value: Callable[[re.Match[str]], str]) -> Any:
    match data:
        case str():
            return _PLACEHOLDER.sub(value, data)
        case dict():
            return {name: _filled(item, value) for name, item in data.items()}
        case list():
            return [_filled(item, value) for item in data]
        case _:
            return data


def _texts(data: Any) -> list[str]:
    match data:
        case str():
            return [data]
        case dict():
            return [text for item in data.values() for text in _texts(item)]
        case list():
            return [text for item in data for text in _texts(item)]
        case _:
            return []
