"""Commands about language models."""

import sys
from typing import Annotated

import typer

from cli.home import opened
from cli.output import Screen, money, print_json
from cli.work import Id, Json


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    llm = typer.Typer(help="Language models as agents: any endpoint that speaks OpenAI's chat completions.", no_args_is_help=True)
    llm.command()(add)
    llm.command()(key)
    llm.command("test")(try_model)
    app.add_typer(llm, name="llm")


def add(
    agent_id: Id,
    url: Annotated[str, typer.Option(help="of the endpoint, such as http://127.0.0.1:11434/v1")],
    model: Annotated[str, typer.Option(help="its name there")],
    skill: Annotated[list[str], typer.Option(help="category of work that it may do; may be repeated")],
    with_key: Annotated[bool, typer.Option("--key", help="Read the endpoint's key from the input, so that no list of processes shows it.")] = False,
    max_tokens: Annotated[int | None, typer.Option(help="of one answer")] = None,
    context_tokens: Annotated[int | None, typer.Option(help="that the model takes at once, read and written")] = None,
    temperature: Annotated[float | None, typer.Option()] = None,
    input_price: Annotated[str, typer.Option(help="of a million tokens read, such as 0.15")] = "0",
    output_price: Annotated[str, typer.Option(help="of a million tokens written")] = "0",
    currency: Annotated[str, typer.Option()] = "EUR",
    capacity: Annotated[int, typer.Option(help="attempts at once")] = 4,
    per: Annotated[str, typer.Option(help="day or month: what the budget is for")] = "day",
    budget: Annotated[str | None, typer.Option(help="money that it may cost in that time, such as 5.00")] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="tokens that it may use in that time")] = None,
    budget_minutes: Annotated[int | None, typer.Option(help="minutes that it may work in that time")] = None,
    as_json: Json = False,
) -> None:
    """Make a language model an agent."""
    from models.money import minor
    from tasks.models import hire_llm

    limits = {"cents": None if budget is None else minor(budget, currency), "tokens": budget_tokens, "minutes": budget_minutes}
    wanted = {
        "id": agent_id, "url": url, "model": model, "skills": skill, "max_tokens": max_tokens, "context_tokens": context_tokens,
        "temperature": temperature, "input_cents": minor(input_price, currency), "output_cents": minor(output_price, currency),
        "currency": currency, "capacity": capacity, "key": _read_key() if with_key else None,
        "budget": {"per": per, **limits} if any(value is not None for value in limits.values()) else None,
    }  # fmt: skip
    with opened() as home:
        row = hire_llm(home.journal, home.settings, wanted, actor=home.actor)
    if as_json:
        print_json(row)
    else:
        Screen().mark("ok", f"{row['id']} is {row['state']}; `arbiter llm test {row['id']}` sends it a tiny request")


def key(agent_id: Id, as_json: Json = False) -> None:
    """Give a language model another key, read from the input."""
    from pydantic import SecretStr

    from tasks.models import change_key

    with opened() as home:
        row = change_key(home.journal, home.settings, agent_id, SecretStr(_read_key()), actor=home.actor)
    if as_json:
        print_json(row)
    else:
        Screen().mark("ok", f"{row['id']} has a new key")


def try_model(agent_id: Id, as_json: Json = False) -> None:
    """Send a tiny real request now: does the endpoint answer, how fast, and what does it count."""
    from models.untrusted import Untrusted
    from tasks.models import try_llm

    with opened() as home:
        told = try_llm(home.journal, home.settings, agent_id)
    if as_json:
        print_json(told)
        return
    tokens = "the endpoint does not count tokens" if told["tokens_in"] is None else f"{told['tokens_in']} tokens in, {told['tokens_out']} out"
    cost = money(told["cost_cents"], told["currency"])
    Screen().mark("ok", f"{told['model']} answered “{Untrusted(told['answer']).line(60)}”: {tokens}, {cost}, {told['milliseconds']} ms")


def _read_key() -> str:
    return sys.stdin.readline().strip()
