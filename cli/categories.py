"""Commands about categories: choosing that of a task, adding one, labels, and versions of the categorizer."""

from typing import Annotated, Any

import typer

from cli.home import opened
from cli.output import Screen, print_json, when
from cli.work import Id, Json, answer, read_json, said
from models.category import NONE
from models.errors import Invalid

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Number = Annotated[int, typer.Argument(metavar="NUMBER", show_default=False, help="of the version; 0 is the shipped one")]
Most = Annotated[int, typer.Option(help="rows", min=1, max=500)]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(review)
    category = typer.Typer(help="Categories beside the six that the product has.", no_args_is_help=True)
    category.command("list")(categories)
    category.command("add")(add)
    category.command("retire")(retire)
    label = typer.Typer(help="What people said that texts are about: what is learned from.", no_args_is_help=True)
    label.command("list")(labels)
    label.command("withdraw")(withdraw)
    categorizer = typer.Typer(help="Versions of the categorizer: report cards, and going back.", no_args_is_help=True)
    categorizer.command("list")(categorizers)
    categorizer.command("show")(show)
    categorizer.command("rollback")(rollback)
    for name, group in (("category", category), ("label", label), ("categorizer", categorizer)):
        app.add_typer(group, name=name)


def review(
    task_id: Annotated[str | None, typer.Argument(metavar="[ID]", show_default=False, help="without it, the tasks that wait are listed")] = None,
    category: Annotated[str | None, typer.Argument(metavar="[CATEGORY]", show_default=False)] = None,
    secondary: Annotated[list[str] | None, typer.Option(help="a further category that fits too; may be given again")] = None,
    none: Annotated[bool, typer.Option("--none", help="none of the known categories fits")] = False,
    most: Most = 30,
    as_json: Json = False,
) -> None:
    """Choose the category of a task, or correct it; without a task, list those that wait for one, oldest first."""
    from tasks import review as steps

    chosen = NONE if none else category
    if task_id is not None and (chosen is None or (none and category is not None)):
        message = "name the category, or --none"
        raise Invalid(message)
    with opened() as home:
        if task_id is not None and chosen is not None:
            answer(steps.review(home.journal, task_id, chosen, secondary=secondary, actor=home.actor), as_json=as_json)
            return
        found = steps.waiting_reviews(home.journal, most=most)
    if as_json:
        print_json(found)
        return
    rows = [row | {"waits since": when(row["created_at"]), "said": said(row)} for row in found["items"]]
    screen = Screen()
    screen.table(rows, ("id", "waits since", "client", "said", "title"))
    screen.mark("info", f"version {found['version']} of the categorizer; `arbiter review ID CATEGORY` decides")


def categories(as_json: Json = False) -> None:
    """List all categories."""
    from tasks.categories import list_categories

    with opened() as home:
        found = list_categories(home.journal)
    if as_json:
        print_json(found)
    else:
        Screen().table(found, ("name", "state", "examples", "about"))


def add(
    name: Name,
    about: Annotated[str, typer.Option(help="what the work of this category is, in a sentence or two", show_default=False)],
    examples: Annotated[str, typer.Option(help="JSON file: a list of texts or of {“title”, “body”}, at least three; - is the input")],
    as_json: Json = False,
) -> None:
    """Add a category: it is found in tasks from now on."""
    from tasks.categories import add_category, read_category

    given: Any = read_json(examples)
    texts = [{"title": one} if isinstance(one, str) else one for one in given] if isinstance(given, list) else given
    wanted = read_category({"name": name, "about": about, "examples": texts})
    with opened() as home:
        row = add_category(home.journal, wanted, actor=home.actor)
    _done(row, f"{row['id']} is a category, told by {len(wanted.examples)} examples", as_json=as_json)


def retire(name: Name, as_json: Json = False) -> None:
    """Retire a category that was added: no new task gets it."""
    from tasks.categories import retire_category

    with opened() as home:
        row = retire_category(home.journal, name, actor=home.actor)
    _done(row, f"{row['id']} is retired: no new task gets it", as_json=as_json)


def labels(category: Annotated[str | None, typer.Option()] = None, most: Most = 30, as_json: Json = False) -> None:
    """List labels, newest first."""
    from tasks.labels import list_labels

    with opened() as home:
        found = list_labels(home.journal, category=category, most=most)
    if as_json:
        print_json(found)
    else:
        Screen().table([row | {"said": when(row["at"])} for row in found], ("id", "said", "author", "state", "category", "guess", "task_id", "title"))


def withdraw(label_id: Id, as_json: Json = False) -> None:
    """Withdraw a label: nothing is learned from it any more."""
    from tasks.labels import withdraw_label

    with opened() as home:
        row = withdraw_label(home.journal, label_id, actor=home.actor)
    _done(row, f"{row['id']} is withdrawn", as_json=as_json)


def categorizers(as_json: Json = False) -> None:
    """List the versions of the categorizer, newest first."""
    from tasks.categorizers import list_categorizers

    with opened() as home:
        found = list_categorizers(home.journal)
    if as_json:
        print_json(found)
        return
    rows = [row | {"trained": when(row["trained_at"]), "macro-F1": (row["card"] or {}).get("macro_f1")} for row in found]
    Screen().table(rows, ("number", "state", "labels", "macro-F1", "trained", "why"))


def show(number: Number, as_json: Json = False) -> None:
    """Show the report card of a version."""
    from tasks.categorizers import categorizer

    with opened() as home:
        row = categorizer(home.journal, number)
    if as_json:
        print_json(row)
        return
    card = row["card"] or {}
    facts = {"number": row["number"], "state": row["state"], "why": row["why"], "labels": row["labels"]}
    facts |= {name: value for name, value in card.items() if not isinstance(value, dict)}
    screen = Screen()
    screen.table([{"what": name, "is": value} for name, value in facts.items()], ("what", "is"), widest=110)
    if "per_class" in card:
        screen.heading("Categories")
        rows = [{"category": name, **score} for name, score in card["per_class"].items()]
        screen.table(rows, ("category", "precision", "recall", "f1", "support"))


def rollback(
    to: Annotated[int | None, typer.Option(help="number of a version, 0: the shipped one; default: the one before", min=0)] = None,
    as_json: Json = False,
) -> None:
    """Go back to the version of the categorizer that was in use before, or to any."""
    from tasks.categorizers import activate, previous

    with opened() as home:
        number = previous(home.journal) if to is None else to
        row = activate(home.journal, home.settings, number, actor=home.actor)
    _done(row, f"version {row['number']} is in use", as_json=as_json)


def _done(row: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        Screen().mark("ok", sentence)
