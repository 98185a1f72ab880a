"""Commands about schedules: each parses, calls one function and prints."""

import json
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.home import opened
from cli.output import Screen, print_json, when
from cli.work import Id, read_json
from models.clock import iso, now_us, to_datetime
from models.errors import Invalid
from models.zones import instant

if TYPE_CHECKING:
    from store.query import Row

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
File = Annotated[str, typer.Argument(help="JSON file; - reads it from the input.")]
Most = Annotated[int, typer.Option(min=1, max=1000)]

schedules = typer.Typer(name="schedule", help="Recurring work: what fires when.", no_args_is_help=True, rich_markup_mode=None)
freezes = typer.Typer(name="freeze", help="Stretches of time without fires.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (preview, create, change, show, pause, resume, run, delete, backfill):
        schedules.command()(command)
    freezes.command("set")(freeze_now)
    freezes.command()(end)
    app.add_typer(schedules)
    app.add_typer(freezes)
    app.command("schedules")(list_all)
    app.command("freezes")(list_freezes)
    app.command("alerts")(alerts)


def preview(
    cron: Annotated[str | None, typer.Option(help="5 fields, or 6 with seconds first, or @daily …")] = None,
    every: Annotated[str | None, typer.Option(help="90m, 1h30m, 2d …")] = None,
    rrule: Annotated[str | None, typer.Option(help="FREQ=… with DTSTART and EXDATE lines where needed")] = None,
    zone: Annotated[str, typer.Option("--tz", help="IANA time zone")] = "UTC",
    start: Annotated[str | None, typer.Option("--from", help="fires after this, local time unless it says; default: now", show_default=False)] = None,
    count: Most = 5,
    calendar: Annotated[str | None, typer.Option(help="DE, DE-BY, US-CA …, or a calendar as JSON")] = None,
    roll: Annotated[str, typer.Option(help="what becomes of a fire on a closed day: skip, forward, back")] = "skip",
    jitter: Annotated[int, typer.Option(min=0, help="seconds that each fire may be later")] = 0,
    anchor: Annotated[str | None, typer.Option(help="of --every; default: the same as --from", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Show the next fires of a timing and say what is odd about them. Needs no home."""
    from models.describing import describe
    from models.recurrence import Timing

    after = now_us() if start is None else instant(start, zone)
    given: Row = {"cron": cron, "every": every, "rrule": rrule, "calendar": _calendar(calendar), "jitter_s": jitter or None}
    timing = Timing.read({"zone": zone, "roll": roll} | {name: value for name, value in given.items() if value is not None})
    fires = list(islice(timing.anchored(after if anchor is None else instant(anchor, zone)).fires(after), count))
    if as_json:
        print_json({"fires": [{"at": iso(fire.at_us), "local": fire.local, "reason": fire.reason} for fire in fires]})
        return
    screen = Screen()
    screen.say(describe(timing))
    screen.table([{"utc": iso(fire.at_us), "local": fire.local, "reason": fire.reason} for fire in fires], ("utc", "local", "reason"), widest=90)


def create(file: File, as_json: Json = False) -> None:
    """Make a schedule from a file with its name, timing and work."""
    from tasks import schedules as steps

    with opened() as home:
        _answer(steps.create(home.journal, read_json(file), settings=home.settings, actor=home.actor), as_json=as_json)


def change(
    name: Name,
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show how the next fires would move")] = False,
    as_json: Json = False,
) -> None:
    """Define a schedule anew, and show how its next fires move."""
    from tasks import schedules as steps
    from tasks import timetable

    data = read_json(file)
    with opened() as home:
        moved = timetable.changes(home.journal, name, data)
        answer = moved if dry_run else steps.shown(steps.change(home.journal, name, data, settings=home.settings, actor=home.actor))
    if as_json:
        print_json(answer)
        return
    screen = Screen()
    screen.say(moved["describes"])
    pairs = zip(_padded(moved["before"]), _padded(moved["after"]), strict=True)
    screen.table([{"before": before, "after": after} for before, after in pairs], ("before", "after"))


def show(name: Name, most: Most = 20, as_json: Json = False) -> None:
    """Show a schedule with its next fires and what became of those before."""
    from tasks import timetable

    with opened() as home:
        found = timetable.schedule_detail(home.journal, name, most=most)
    if as_json:
        print_json(found)
        return
    screen, row = Screen(), found["schedule"]
    screen.heading(row["name"])
    screen.say(f"{row['state']}{_because(row)} · {row['describes']}")
    screen.say(f"missed: {row['catch_up']} · overlapping: {row['overlap']}")
    if found["frozen"]:
        screen.mark("warn", f"frozen: {found['frozen']}")
    screen.heading("Next")
    screen.table(found["next"], ("local", "reason"), widest=90)
    screen.heading("Past")
    lines = [
        {"due": when(fire["due_at"]), "verdict": fire["verdict"], "late": fire["late_s"], "tasks": fire["tasks"], "ok": fire["succeeded"]}
        | {"count": fire["count"], "cause": fire["cause"], "why": fire["why"] or fire["note"]}
        for fire in found["history"]
    ]
    screen.table(lines, ("due", "verdict", "count", "cause", "late", "tasks", "ok", "why"))


def list_all(as_json: Json = False) -> None:
    """List schedules with their next and last fires."""
    from tasks import timetable

    with opened() as home:
        rows = timetable.list_schedules(home.journal)
    if as_json:
        print_json(rows)
        return
    lines = [
        row | {"next": when(row["next_at"]), "last": when(row["last_due_at"]), "verdict": row["last_verdict"], "timing": row["describes"]}
        for row in rows
    ]
    Screen().table(lines, ("name", "state", "next", "last", "verdict", "made", "timing"))


def pause(
    name: Name,
    why: Annotated[str, typer.Option()] = "",
    until: Annotated[str | None, typer.Option(help="instant at which it goes on by itself")] = None,
    as_json: Json = False,
) -> None:
    """Keep a schedule from firing; afterwards its catch-up policy decides on what was due."""
    from tasks import schedules as steps

    wanted = steps.Pause(why=why, until=None if until is None else to_datetime(instant(until, "UTC")))
    with opened() as home:
        _answer(steps.pause(home.journal, name, wanted, actor=home.actor), as_json=as_json)


def resume(name: Name, as_json: Json = False) -> None:
    """Let a paused schedule go on."""
    from tasks import schedules as steps

    with opened() as home:
        _answer(steps.resume(home.journal, name, actor=home.actor), as_json=as_json)


def run(name: Name, as_json: Json = False) -> None:
    """Make a fire now, whatever the timing says."""
    from tasks.fire import run_now

    with opened() as home:
        row = run_now(home.journal, home.settings, name, actor=home.actor)
    if as_json:
        print_json(row)
    else:
        Screen().mark("ok" if row["verdict"] == "made" else "bad", f"{row['id']}: {row['verdict']}{_because(row)}")


def delete(name: Name, as_json: Json = False) -> None:
    """Delete a schedule; its history stays."""
    from tasks import schedules as steps

    with opened() as home:
        _answer(steps.remove(home.journal, name, actor=home.actor), as_json=as_json)


def backfill(
    name: Annotated[str, typer.Argument(metavar="NAME", help="of the schedule; with --cancel: the id of the backfill", show_default=False)],
    start: Annotated[str | None, typer.Option("--from", help="first instant of the window")] = None,
    end: Annotated[str | None, typer.Option("--until", help="end of the window, not included")] = None,
    which: Annotated[str, typer.Option(help="all, missing or failed")] = "missing",
    at_once: Annotated[int, typer.Option(help="so many fires have open work at most")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say how many fires, at what cost and for how long")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="end a backfill and cancel its open tasks")] = False,
    as_json: Json = False,
) -> None:
    """Make the fires of a window in the past."""
    from tasks import backfill as steps

    with opened() as home:
        if cancel:
            row = steps.cancel_backfill(home.journal, name, actor=home.actor)
        elif start is None or end is None:
            message = "a backfill needs --from and --until"
            raise Invalid(message)
        else:
            wanted = {"start": iso(instant(start, "UTC")), "end": iso(instant(end, "UTC")), "which": which, "at_once": at_once}
            row = steps.estimate(home.journal, name, wanted) if dry_run else steps.backfill(home.journal, name, wanted, actor=home.actor)
    if as_json:
        print_json(row)
    else:
        Screen().table([row], ("fires", "first", "last", "cost", "seconds") if dry_run and not cancel else ("id", "state", "which", "made"))


def freeze_now(
    why: Annotated[str, typer.Argument(help="said to whoever asks why nothing fires")],
    start: Annotated[str | None, typer.Option("--from", help="instant; default: now", show_default=False)] = None,
    end: Annotated[str | None, typer.Option("--until", help="instant; default: until somebody ends it", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Let no schedule fire: from now until somebody ends it, or in a window."""
    from tasks.freezes import freeze

    moments = {name: None if text is None else iso(instant(text, "UTC")) for name, text in (("start", start), ("end", end))}
    with opened() as home:
        row = freeze(home.journal, {"why": why} | moments, actor=home.actor)
    if as_json:
        print_json(row)
    else:
        Screen().table([row | {"from": when(row["from_at"]), "until": when(row["until_at"])}], ("id", "state", "from", "until", "why"))


def end(freeze_id: Id, as_json: Json = False) -> None:
    """End a freeze, or take back a maintenance window."""
    from tasks.freezes import thaw

    with opened() as home:
        row = thaw(home.journal, freeze_id, actor=home.actor)
    if as_json:
        print_json(row)
    else:
        Screen().table([row], ("id", "state", "why"))


def list_freezes(as_json: Json = False) -> None:
    """List freezes and maintenance windows, newest first."""
    from tasks import freezes as steps

    with opened() as home:
        rows = steps.list_freezes(home.journal)
    if as_json:
        print_json(rows)
        return
    lines = [row | {"from": when(row["from_at"]), "until": when(row["until_at"])} for row in rows]
    Screen().table(lines, ("id", "state", "lasts", "from", "until", "why"))


def alerts(most: Most = 30, as_json: Json = False) -> None:
    """List alerts, newest first."""
    from tasks.alerts import list_alerts

    with opened() as home:
        rows = list_alerts(home.journal, most=most)
    if as_json:
        print_json(rows)
        return
    lines = [row | {"opened": when(row["opened_at"]), "resolved": when(row["resolved_at"])} for row in rows]
    Screen().table(lines, ("state", "severity", "opened", "resolved", "title", "advice"))


def _answer(row: "Row", *, as_json: bool) -> None:
    from tasks.schedules import shown

    if as_json:
        print_json(shown(row))
    else:
        Screen().table([row | {"next": when(row["next_at"])}], ("name", "state", "next", "why"))


def _because(row: "Row") -> str:
    return f" ({row['why']})" if row["why"] else ""


def _calendar(text: str | None) -> Any:
    if text is None or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        message = f"the calendar is no JSON: {error}"
        raise Invalid(message) from error


def _padded(fires: list["Row"]) -> list[str]:
    from tasks.timetable import SOON

    return [*(str(fire["local"]) for fire in fires), *[""] * (SOON - len(fires))]
