"""Commands about who gets what: what was learned of agents, the policy, and what clients prefer."""

import json
from typing import Annotated, Any

import typer

from cli.home import opened
from cli.output import Screen, print_json, when
from cli.work import Id, Json, read_json
from models.errors import Invalid

Days = Annotated[float, typer.Option(help="how far to look back")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("skills")(skills)
    app.command("prefer")(prefer)
    app.command("preferences")(preferences)
    policy = typer.Typer(help="The policy that tasks are routed by: show, list, replay, set and restore it.", no_args_is_help=True)
    policy.command("show")(show)
    policy.command("list")(listing)
    policy.command("replay")(replay)
    policy.command("set")(save)
    policy.command("restore")(restore)
    app.add_typer(policy, name="policy")


def skills(as_json: Json = False) -> None:
    """List how well each agent is expected to do in each category, as learned from its attempts."""
    from tasks.levels import levels

    with opened() as home:
        found = levels(home.journal)
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "agent": one["agent_id"], "category": category, "success": f"{skill['success']:.0%} ± {skill['deviation']:.0%}",
            "minutes": f"{skill['minutes']:.1f}", "attempts": skill["attempts"],
            "rests": next((f"until {when(row['probe_at'])}" for row in one["circuits"] if row["category"] == category), ""),
        }
        for one in found
        for category, skill in one["skills"].items()
    ]  # fmt: skip
    Screen().table(rows, ("agent", "category", "success", "minutes", "attempts", "rests"))


def prefer(
    client: Annotated[str, typer.Argument(help="whose wish it is", show_default=False)],
    agent_id: Id,
    exclude: Annotated[bool, typer.Option("--exclude", help="never ask this agent")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="take the preference back")] = False,
    why: Annotated[str, typer.Option(help="said where it keeps the agent from a task")] = "",
    as_json: Json = False,
) -> None:
    """Note that a client prefers an agent, or wants it never to be asked."""
    from tasks.preferences import prefer as note

    if exclude and forget:
        message = "--exclude and --forget contradict each other"
        raise Invalid(message)
    with opened() as home:
        row = note(home.journal, client, agent_id, "excluded" if exclude else "none" if forget else "preferred", actor=home.actor, why=why)
    if as_json:
        print_json(row)
    else:
        words = {"preferred": "prefers", "excluded": "excludes", "none": "thinks nothing of"}
        Screen().mark("ok", f"{client} {words[row['stance']]} {agent_id}")


def preferences(as_json: Json = False) -> None:
    """List what clients prefer."""
    from tasks.preferences import list_preferences

    with opened() as home:
        found = list_preferences(home.journal)
    if as_json:
        print_json(found)
    else:
        Screen().table(found, ("client", "agent_id", "stance", "why"))


def show(as_json: Json = False) -> None:
    """Show the policy that counts, with what each field means."""
    from tasks.levels import defaults
    from tasks.policies import active

    with opened() as home, home.journal.look() as view:
        version = active(view)
    fields = version.policy.model_dump()
    if as_json:
        print_json({"number": version.number, **fields})
    else:
        screen = Screen()
        screen.mark("info", f"version {version.number}")
        screen.table(
            [{"field": name, "value": value, "meaning": defaults()[name]["about"]} for name, value in fields.items()], ("field", "value", "meaning")
        )


def listing(as_json: Json = False) -> None:
    """List the versions of the policy, newest first."""
    from tasks.policies import list_policies

    with opened() as home:
        found = list_policies(home.journal)
    if as_json:
        print_json(found)
    else:
        Screen().table([row | {"made": when(row["created_at"])} for row in found], ("number", "state", "made", "why"))


def replay(
    file: Annotated[str, typer.Argument(help="JSON file with the fields to change; - reads it from the input.", show_default=False)],
    days: Days = 14.0,
    as_json: Json = False,
) -> None:
    """Tell what a changed policy would have moved in the last days, and what can be known of how that would have gone."""
    from tasks.replay import replay_policy

    with opened() as home:
        found = replay_policy(home.journal, _definition(file), days=days)
    if as_json:
        print_json(found)
        return
    screen = Screen()
    screen.mark("info", f"{found['decisions']} decisions, {found['moved_count']} would have gone elsewhere: {found['verdict']}")
    if found["decisions"]:
        rows = [
            {"measure": name, "as it was": found["before"][name], "as it would be": found["after"][name], **change}
            for name, change in found["change"].items()
        ]
        screen.table(rows, ("measure", "as it was", "as it would be", "mean", "low", "high"))
        screen.table(found["moved"][:20], ("task_id", "title", "before", "after", "gain"))


def save(
    file: Annotated[str, typer.Argument(help="JSON file with the fields to change; - reads it from the input.", show_default=False)],
    why: Annotated[str, typer.Option(help="what the change is for", show_default=False)],
    as_json: Json = False,
) -> None:
    """Make a changed policy the one that counts. Replay it first."""
    from tasks import policies

    with opened() as home:
        _tell(policies.save(home.journal, _definition(file), actor=home.actor, why=why), as_json=as_json)


def restore(
    number: Annotated[int, typer.Argument(min=0, help="of the version; 0 is what the product begins with", show_default=False)],
    as_json: Json = False,
) -> None:
    """Make a new version of an older one."""
    from tasks import policies

    with opened() as home:
        _tell(policies.go_back(home.journal, number, actor=home.actor), as_json=as_json)


def _definition(file: str) -> dict[str, Any]:
    definition = read_json(file)
    if not isinstance(definition, dict):
        message = f"a policy is a JSON object with fields such as {json.dumps({'late': 0.8})}"
        raise Invalid(message)
    return definition


def _tell(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        Screen().mark("ok", f"version {row['number']} of the policy counts now")
