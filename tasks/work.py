"""Work as it is submitted: the form of it. Whether it can be accepted is for `tasks.submit` to say."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from models.errors import Invalid
from models.money import MOST_CENTS
from models.task import Condition, Join
from models.zones import zone_of


def _storable(text: Any) -> Any:
    if isinstance(text, str) and ("\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text)):
        message = "holds a character that cannot be stored (NUL or half of a surrogate pair)"
        raise ValueError(message)
    return text


Form = TypeVar("Form", bound=BaseModel)
Text = Annotated[str, BeforeValidator(_storable)]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]


def _plain(inputs: Any) -> Any:
    """Refuse what cannot be kept as JSON text: NaN, NUL, half a surrogate pair, nesting without end."""
    try:
        text = json.dumps(inputs, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        message = f"cannot be kept as JSON: {error}"
        raise ValueError(message) from error
    if "\\u0000" in text.replace("\\\\", ""):
        message = "hold a NUL character"
        raise ValueError(message)
    return inputs


Json = Annotated[dict[str, Any], BeforeValidator(_plain)]


def _near(moment: datetime) -> datetime:
    if not datetime(1970, 1, 2, tzinfo=UTC) <= moment <= datetime(9000, 1, 1, tzinfo=UTC):
        message = "is not a year between 1970 and 9000"
        raise ValueError(message)
    return moment


def _zone(name: str) -> str:
    try:
        zone_of(name)
    except Invalid as error:
        raise ValueError(str(error)) from error
    return name


Zone = Annotated[Text, AfterValidator(_zone)]  # IANA
Moment = Annotated[AwareDatetime, AfterValidator(_near)]


class Strict(BaseModel):
    """A form that knows all its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Need(Strict):
    """A task that must end first."""

    task: Name | None = None  # its `ref` in the same work, or the id of an earlier task
    schedule: Name | None = None  # instead: every task of the latest fire of this schedule
    condition: Condition = Condition.SUCCESS

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.task is None) == (self.schedule is None):
            message = "name a task or a schedule"
            raise ValueError(message)
        return self


class NewTask(Strict):
    """One task as it is submitted."""

    ref: Name | None = None  # its name within this work, for `needs` and references
    title: Annotated[Text, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
    description: Annotated[Text, StringConstraints(max_length=100_000)] = ""
    client: Name | None = None
    category: str | None = None  # null: to be categorized from title and description
    language: Annotated[Text, StringConstraints(pattern=r"^[a-z]{2,3}$")] | None = None  # ISO 639 code that its agent must know; null: whichever
    clearance: Annotated[StrictInt, Field(ge=0, le=9)] = 0  # that its agent must have: higher is more secret
    kind: str | None = None  # kind of inputs: a kind of agent, or `brief` for work in words; null: the one that the inputs fit
    inputs: Json
    price_cents: Annotated[StrictInt, Field(ge=0, le=MOST_CENTS)] = 0
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    priority: Annotated[StrictInt, Field(ge=-1000, le=1000)] = 0
    timeout_s: Annotated[StrictInt, Field(ge=1, le=86_400)] = 600
    attempts_most: Annotated[StrictInt, Field(ge=1, le=100)] = 3
    backoff_s: Annotated[StrictInt, Field(ge=0, le=3600)] = 5
    start_at: Moment | None = None
    deadline_at: Moment | None = None
    needs: tuple[Need, ...] = ()
    join: Join = Join.ALL  # whether all of them must end so, or any
    agent: Name | None = None  # only this one
    approval: bool = False  # an operator must approve before it starts
    delivery: bool = False  # an operator must accept its result before it is delivered
    approver: Name | None = None  # the user who must; null: any operator
    approval_s: Annotated[StrictInt, Field(ge=1, le=366 * 86_400)] | None = None  # an approval that is not given in this time expires; null: never
    due_at: Moment | None = None  # when the result is promised: missing it is told, and does not end the task


class Work(Strict):
    """Tasks that are submitted together: all are accepted, or none."""

    tasks: Annotated[tuple[NewTask, ...], Field(min_length=1, max_length=1000)]


def read_work(data: Any) -> Work:
    """Return submitted JSON as work; a single task needs no list. Raises `Invalid` with every field that is wrong."""
    return read_form(Work, data if isinstance(data, dict) and "tasks" in data else {"tasks": [data]}, "work")


def read_form(form: type[Form], data: Any, whole: str) -> Form:
    """Return JSON in its form. Raises `Invalid` with every field that is wrong and why, in one line; `whole` names what the fields belong to."""
    try:
        return form.model_validate(data)
    except ValidationError as error:
        wrong = (f"{'.'.join(str(part) for part in item['loc']) or whole}: {item['msg']}" for item in error.errors())
        raise Invalid("; ".join(wrong)) from error
