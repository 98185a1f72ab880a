"""Tables of what comes by itself: schedules, their fires, and when nothing fires."""

from sqlalchemy import Index, Table, text

from store.schema.columns import id_, int_, metadata, ref_, text_

schedules = Table(
    "schedules",
    metadata,
    id_(),
    text_("name"),  # what people call it; unique among those that were not deleted
    text_("timing"),  # JSON object: rule, zone, calendar, roll, jitter, start, end, most
    text_("work"),  # JSON object: the template that each fire submits
    text_("catch_up"),  # all, last, none, within
    int_("within_s", null=True),
    text_("overlap"),  # skip, queue_one, queue_all, replace, allow
    int_("grace_s"),  # decided on later than this, a fire was missed
    text_("state"),  # active, paused, ended, deleted
    text_("why"),  # why it is not active; empty when it is
    int_("resume_at", null=True),  # when its pause ends by itself
    int_("decided_to"),  # every fire up to this instant has been decided on
    int_("next_at", null=True),  # its next fire; null: none comes any more
    int_("wake_at", null=True),  # when a shift looks at it: its next fire or the end of its pause
    int_("made"),  # fires made by the clock
    int_("version"),  # grows with each change of its definition
    int_("created_at"),
    Index("ix_schedules_wake", "wake_at"),
    Index("ix_schedules_name", "name", unique=True, sqlite_where=text("state <> 'deleted'"), postgresql_where=text("state <> 'deleted'")),
)

backfills = Table(
    "backfills",
    metadata,
    id_(),
    ref_("schedule_id", "schedules"),
    int_("from_at"),  # of the window, included
    int_("until_at"),  # not included
    text_("which"),  # all, missing, failed
    int_("at_once"),  # so many fires have open work at most
    text_("state"),  # running, done, cancelled
    int_("decided_to"),  # every fire of the window up to this instant has been decided on
    int_("made"),
    int_("created_at"),
    int_("finished_at", null=True),
    Index("ix_backfills_state", "state", "schedule_id"),
)

fires = Table(
    "fires",
    metadata,
    id_(),  # "<schedule>@<due>", so that none happens twice; one that was asked for has what asked behind it
    ref_("schedule_id", "schedules"),
    int_("due_at"),
    int_("last_at"),  # of several in a row that were skipped together: the last one
    int_("count"),  # how many those are
    text_("cause"),  # clock, backfill, person
    text_("verdict"),  # made, queued, skipped, failed, cancelled
    text_("why"),
    text_("note"),  # what is odd about its time: moved by daylight saving, rolled from a holiday
    int_("version"),  # of the schedule
    ref_("backfill_id", "backfills", null=True),
    text_("group_id", null=True),  # of its tasks, where there are several
    int_("decided_at"),
    int_("made_at", null=True),
    Index("ix_fires_schedule_id", "schedule_id", "due_at"),
    Index("ix_fires_queued", "schedule_id", "due_at", sqlite_where=text("verdict = 'queued'"), postgresql_where=text("verdict = 'queued'")),
    Index("ix_fires_backfill_id", "backfill_id"),
)

freezes = Table(
    "freezes",
    metadata,
    id_(),
    text_("why"),
    int_("from_at"),
    int_("until_at", null=True),  # null: until somebody ends it
    text_("timing", null=True),  # JSON object of a window that comes again; it is then as long as `length_s`
    int_("length_s", null=True),
    text_("state"),  # set, ended
    int_("created_at"),
    int_("ended_at", null=True),
    Index("ix_freezes_state", "state"),
)
