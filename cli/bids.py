"""Commands about bids."""

from typing import Annotated

import typer

from cli.home import opened
from cli.output import Screen, money, print_json, when
from cli.work import Id, Json, read_json
from models.errors import Invalid


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    bid = typer.Typer(help="What we offer for postings: offer, win, lose, withdraw and list bids.", no_args_is_help=True)
    bid.command("offer")(offer)
    bid.command("won")(won)
    bid.command("lost")(lost)
    bid.command("withdraw")(withdraw)
    bid.command("list")(listing)
    app.add_typer(bid, name="bid")


def offer(
    posting: Annotated[str, typer.Argument(metavar="POSTING", help="its id", show_default=False)],
    cents: Annotated[int, typer.Option(min=1, help="price, in minor units", show_default=False)],
    currency: Annotated[str | None, typer.Option(help="without: the posting's")] = None,
    days: Annotated[int | None, typer.Option(help="until it is delivered")] = None,
    note: Annotated[str, typer.Option(help="what the client is told")] = "",
    as_json: Json = False,
) -> None:
    """Write down what we offer for a posting."""
    from tasks import bids

    wanted = {"posting": posting, "price_cents": cents, "currency": currency, "days": days, "note": note}
    with opened() as home:
        _tell(bids.offer(home.journal, wanted, actor=home.actor), as_json=as_json)


def won(
    bid_id: Id,
    file: Annotated[str, typer.Argument(help="JSON file with the task, at least its inputs; - reads it from the input.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Make the task that an accepted bid promises; the rest of it is the posting's and the bid's."""
    from tasks import bids

    work = read_json(file)
    if not isinstance(work, dict):
        message = "the task is no JSON object"
        raise Invalid(message)
    with opened() as home:
        _tell(bids.win(home.journal, bid_id, work, settings=home.settings, actor=home.actor), as_json=as_json)


def lost(bid_id: Id, as_json: Json = False) -> None:
    """Note that a bid was not accepted."""
    from tasks import bids

    with opened() as home:
        _tell(bids.lose(home.journal, bid_id, actor=home.actor), as_json=as_json)


def withdraw(bid_id: Id, as_json: Json = False) -> None:
    """Take a bid back."""
    from tasks import bids

    with opened() as home:
        _tell(bids.withdraw(home.journal, bid_id, actor=home.actor), as_json=as_json)


def listing(
    state: Annotated[str | None, typer.Option(help="offered, won, lost or withdrawn")] = None,
    most: Annotated[int, typer.Option(help="rows")] = 30,
    as_json: Json = False,
) -> None:
    """List bids, newest first."""
    from tasks.bids import list_bids

    with opened() as home:
        found = list_bids(home.journal, state=state, most=most)
    if as_json:
        print_json(found)
        return
    rows = [row | {"price": money(row["price_cents"], row["currency"]), "made": when(row["created_at"])} for row in found]
    Screen().table(rows, ("id", "state", "price", "made", "posting_id", "title"))


def _tell(row: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        Screen().mark("ok", f"{row['id']} is {row['state']}" + (f": task {row['task_id']}" if row["task_id"] else ""))
