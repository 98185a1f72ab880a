"""The terms of an agent: what it costs, how much it does at once, when it works, what it may see and which languages it knows."""

import json
from collections.abc import Collection
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from agents import registry
from models.calendars import read_calendar
from models.errors import Invalid
from models.money import MOST_CENTS
from store.query import Row
from tasks.budgets import Budget
from tasks.work import Zone

CAPACITY_MOST: Final = 1000
RATE_MOST: Final = 100_000
REMOVABLE: Final = frozenset({"languages", "clearance", "calendar", "zone", "input_cents", "output_cents", "budget"})  # null removes them
_JSON: Final = frozenset({"skills", "languages", "calendar", "budget"})  # kept as JSON text


def _calendar(data: Any) -> Any:
    try:
        read_calendar(data)
    except Invalid as error:
        raise ValueError(str(error)) from error
    return data


def _inputs(kind: str) -> str:
    if kind not in {*registry.kinds(), "brief"}:
        message = f"there are no inputs of kind {kind!r}"
        raise ValueError(message)
    return kind


Cents = Annotated[int, Field(ge=0, le=MOST_CENTS)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
# categories; whether each is known is for whoever hires to say
Skills = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=100)]], Field(min_length=1, max_length=100)]
Languages = Annotated[list[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]], Field(min_length=1, max_length=100)]  # ISO 639 codes
Clearance = Annotated[int, Field(ge=0, le=9)]
CalendarJson = Annotated[Any, AfterValidator(_calendar)]  # as in `models.calendars`


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Terms(_Strict):
    """What an agent costs and how much it does at once; null: no limit, or none."""

    price_cents: Cents = 0  # per attempt
    minute_cents: Cents = 0  # per minute of an attempt
    currency: Currency = "EUR"
    capacity: Annotated[int, Field(ge=1, le=CAPACITY_MOST)] = 4  # attempts at once
    rate_most: Annotated[int, Field(ge=1, le=RATE_MOST)] | None = None  # attempts that may start in any minute; null: no limit
    languages: Languages | None = None  # null: whichever
    clearance: Clearance | None = None  # null: 0
    calendar: CalendarJson | None = None  # null: it always works
    zone: Zone | None = None  # null: UTC
    input_cents: Cents | None = None  # per million tokens read
    output_cents: Cents | None = None  # per million tokens written
    budget: Budget | None = None


class Config(_Strict):
    """What is special about an agent that works elsewhere."""

    takes: Annotated[list[Annotated[str, AfterValidator(_inputs)]], Field(max_length=20)] = []  # kinds of inputs, beside work in words


class NewAgent(Terms):
    """An agent that works elsewhere, as it is hired."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@-]{0,62}$")]
    kind: Literal["worker", "person"]
    title: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f]*$")] = ""
    skills: Skills
    user: Annotated[str, StringConstraints(max_length=100)] | None = None  # who of the house does the work; null: an account of its own is made
    config: Config = Config()


class AgentChange(_Strict):
    """What to change about an agent. Null leaves it as it is; null that is said removes what is in `REMOVABLE`."""

    state: Literal["online", "away", "draining", "offline"] | None = None
    why: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] = ""  # kept with the change; said with the state
    price_cents: Cents | None = None
    minute_cents: Cents | None = None
    currency: Currency | None = None
    capacity: Annotated[int, Field(ge=1, le=CAPACITY_MOST)] | None = None
    rate_most: Annotated[int, Field(ge=0, le=RATE_MOST)] | None = None  # 0: no limit
    skills: Skills | None = None
    languages: Languages | None = None
    clearance: Clearance | None = None
    calendar: CalendarJson | None = None
    zone: Zone | None = None
    input_cents: Cents | None = None
    output_cents: Cents | None = None
    budget: Budget | None = None

    @property
    def changed(self) -> frozenset[str]:
        """The columns that it changes."""
        return frozenset(name for name in self.model_fields_set - {"why"} if getattr(self, name) is not None or name in REMOVABLE)


def columns(form: Terms | AgentChange, *, fields: Collection[str] = tuple(Terms.model_fields)) -> Row:
    """Return these fields of a form as the ledger keeps them."""
    dumped = form.model_dump(mode="json", include=set(fields))
    row = {name: json.dumps(value, sort_keys=True) if name in _JSON and value is not None else value for name, value in dumped.items()}
    return row | ({"rate_most": None} if row.get("rate_most") == 0 else {})
