"""Commands about agents: list, hire and change them."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cli.home import opened
from cli.output import Screen, money, print_json
from cli.work import Id, Json
from models.errors import Invalid

if TYPE_CHECKING:
    from store.query import Row

Skill = Annotated[list[str] | None, typer.Option(help="category that it can do; may be said again")]
Language = Annotated[list[str] | None, typer.Option(help="that it knows, such as de; may be said again")]
Clearance = Annotated[int | None, typer.Option(help="0 to 9: it may see what asks for no more")]
Hours = Annotated[str | None, typer.Option(help="when it works: “mon-fri 09:00-17:00; sat 10:00-12:00”")]
Calendar = Annotated[str | None, typer.Option(help="the same as JSON, or a country such as DE-BY for its working days")]
Zone = Annotated[str | None, typer.Option(help="of its hours, such as Europe/Berlin")]
Price = Annotated[str | None, typer.Option(help="of an attempt, such as 0.40")]
Minute = Annotated[str | None, typer.Option(help="price of a minute of an attempt")]
Currency = Annotated[str | None, typer.Option(help="that it charges in, such as EUR")]
Capacity = Annotated[int | None, typer.Option(help="attempts at once")]
InputCents = Annotated[int | None, typer.Option(help="minor units for a million tokens that it reads")]
OutputCents = Annotated[int | None, typer.Option(help="and that it writes")]
Budget = Annotated[str | None, typer.Option(help='JSON: {"per": "day" or "month", "cents": …, "tokens": …, "minutes": …}')]


class _OrChange(TyperGroup):
    """Takes what is no command for the id of an agent that is to be changed: `arbiter agent query-1 --state draining`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is meant."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["change", *args])


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(agents)
    agent = typer.Typer(cls=_OrChange, help="Hire an agent, or change one: `arbiter agent ID --state draining`.", no_args_is_help=True)
    agent.command("add")(add)
    agent.command("change")(change)
    agent.command("stop")(stop)
    app.add_typer(agent, name="agent")


def agents(as_json: Json = False) -> None:
    """List agents, what they can and what they have done."""
    from tasks.read import list_agents

    with opened() as home:
        found = list_agents(home.journal)
    if as_json:
        print_json(found)
    else:
        show_agents(Screen(), found)


def add(
    agent_id: Id,
    kind: Annotated[str, typer.Option(help="worker (a program elsewhere) or person")],
    skill: Skill,
    title: Annotated[str, typer.Option(help="what people call it")] = "",
    user: Annotated[str | None, typer.Option(help="operator who does the work; otherwise it gets an account of its own")] = None,
    takes: Annotated[list[str] | None, typer.Option(help="kind of inputs that it takes beside work in words; may be said again")] = None,
    price: Price = None,
    minute: Minute = None,
    currency: Currency = None,
    capacity: Capacity = None,
    language: Language = None,
    clearance: Clearance = None,
    hours: Hours = None,
    calendar: Calendar = None,
    zone: Zone = None,
    input_cents: InputCents = None,
    output_cents: OutputCents = None,
    budget: Budget = None,
    as_json: Json = False,
) -> None:
    """Hire somebody who works elsewhere. Its account has the id as its name; the password is shown once."""
    from models.money import minor
    from tasks.hiring import hire_elsewhere
    from tasks.moves import public

    data: dict[str, Any] = {
        "id": agent_id, "kind": kind, "title": title, "user": user, "skills": skill, "config": {"takes": takes or []},
        **_given(
            currency=currency, capacity=capacity, languages=language, clearance=clearance, calendar=_calendar(hours, calendar), zone=zone,
            input_cents=input_cents, output_cents=output_cents, budget=_json(budget, "budget"),
            price_cents=None if price is None else minor(price, currency or "EUR"),
            minute_cents=None if minute is None else minor(minute, currency or "EUR"),
        ),
    }  # fmt: skip
    with opened() as home:
        row, password = hire_elsewhere(home.journal, data, actor=home.actor)
    if as_json:
        print_json(public(row) | {"password": password})
        return
    _show(public(row))
    if password:
        Screen().mark("info", f"password, shown this once: {password}")


def change(
    agent_id: Id,
    state: Annotated[str | None, typer.Option(help="online, away, draining (finishes what it has) or offline")] = None,
    why: Annotated[str, typer.Option(help="said with the state")] = "",
    price: Price = None,
    minute: Minute = None,
    currency: Currency = None,
    capacity: Capacity = None,
    rate: Annotated[int | None, typer.Option(help="attempts that may start in any minute; 0: no limit")] = None,
    skill: Skill = None,
    language: Language = None,
    clearance: Clearance = None,
    hours: Hours = None,
    calendar: Calendar = None,
    zone: Zone = None,
    input_cents: InputCents = None,
    output_cents: OutputCents = None,
    budget: Budget = None,
    remove: Annotated[list[str] | None, typer.Option(help="languages, clearance, calendar, zone, input_cents, output_cents or budget")] = None,
    as_json: Json = False,
) -> None:
    """Bring an agent online, let it rest, drain it or send it offline; change its terms."""
    from tasks.moves import public
    from tasks.staff import change_agent, read_change

    given = _given(
        state=state, currency=currency, capacity=capacity, rate_most=rate, skills=skill, languages=language, clearance=clearance,
        calendar=_calendar(hours, calendar), zone=zone, input_cents=input_cents, output_cents=output_cents, budget=_json(budget, "budget"),
    )  # fmt: skip
    with opened() as home:
        wanted = read_change(home.journal, agent_id, price=price, minute=minute, given=dict.fromkeys(remove or ()) | given | {"why": why})
        row = public(change_agent(home.journal, home.settings, agent_id, wanted, actor=home.actor))
    if as_json:
        print_json(row)
    else:
        _show(row)


def show_agents(screen: Screen, found: list["Row"]) -> None:
    """Print a table of agents."""
    screen.table(found, ("id", "state", "skills", "capacity", "running", "succeeded", "failed", "reason"))


def _show(row: "Row") -> None:
    costs = f"{money(row['price_cents'], row['currency'])} an attempt and {money(row['minute_cents'], row['currency'])} a minute"
    Screen().mark("ok", f"{row['id']} is {row['state']}{row['reason'] and ' '}{row['reason']}, {row['capacity']} at once, {costs}")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None and value != []}


def _calendar(hours: str | None, calendar: str | None) -> Any:
    """Return a calendar of the two ways to say it; of both, what they have in common."""
    from models.calendars import read_hours

    whole = _json(calendar, "calendar") if calendar and calendar[0] in "{[" else calendar
    spans = None if hours is None else {"hours": read_hours(hours)}
    return [whole, spans] if whole and spans else whole or spans


def _json(text: str | None, name: str) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        message = f"--{name} is not JSON: {error}"
        raise Invalid(message) from error


def stop(agent_id: Id, why: Annotated[str, typer.Option(help="said to whoever asks why")] = "", as_json: Json = False) -> None:
    """Send an agent offline at once and give what it works on to others."""
    from tasks.moves import public
    from tasks.stops import Stop, stop_agent
    from tasks.work import read_form

    with opened() as home:
        row = public(stop_agent(home.journal, agent_id, read_form(Stop, {"why": why}, "stop"), actor=home.actor))
    if as_json:
        print_json(row)
    else:
        Screen().mark("ok", f"{row['id']} is offline, {row['reason']}; attempts taken back: {row['stopped']}")
