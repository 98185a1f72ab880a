"""The tables: a journal, the ledger it folds to, and three small tables that are no ledger.

Every ledger table has one text primary key, `id`, and columns of text, integer and float only, so that an event's patch is plain JSON and means the
same in SQLite and in PostgreSQL. Structures are JSON text. Instants are integer microseconds since 1970 in UTC; money is integer minor units.
A column that a later version added is null in rows whose events are older.
"""

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from store.schema.columns import Seq, int_, metadata, text_
from store.schema.market import bids, postings, requests
from store.schema.plans import backfills, fires, freezes, schedules
from store.schema.routing import categories, categorizers, decisions, labels, policies
from store.schema.staff import agents, circuits, preferences, users
from store.schema.telling import alerts, channels, deliveries, inboxes, notices, notify_rules, readers
from store.schema.work import artifacts, attempts, bulks, dependencies, tasks

journal = Table(
    "journal",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
    int_("at"),
    text_("kind"),
    text_("entity"),
    text_("key"),
    text_("actor"),
    text_("patch"),  # JSON object
    text_("facts"),  # JSON object
    Index("ix_journal_entity_key", "entity", "key", "seq"),
    sqlite_autoincrement=True,  # a sequence number is never issued twice
)

LEDGER: tuple[Table, ...] = (  # parents before children
    users, agents, tasks, dependencies, attempts, decisions, policies, preferences, circuits, categories, labels, categorizers, artifacts, requests,
    postings, bids, schedules, backfills, fires, freezes, alerts, bulks, channels, notify_rules, notices, deliveries, inboxes, readers,
)  # fmt: skip
BY_NAME: dict[str, Table] = {table.name: table for table in LEDGER}

# --- no ledger: neither replayed nor shipped --------------------------------------------------------------------------------------------------

meta = Table("meta", metadata, Column("name", Text, primary_key=True), text_("value"))  # epoch, last boot

credentials = Table(  # secrets stay out of the journal, which has many readers; that one was set is an event
    "credentials",
    metadata,
    Column("user_id", Text, ForeignKey("users.id"), primary_key=True),
    text_("password_hash"),
)

beats = Table(  # signs of life: not worth remembering, and after a restore nobody is alive
    "beats",
    metadata,
    Column("name", Text, primary_key=True),  # "shift:<id>", "open:<id>", "lane:<n>" or "work:<attempt>"
    text_("holder"),
    text_("host"),  # empty: elsewhere
    int_("pid"),
    int_("born"),  # start of that process: a pid alone may be re-used
    int_("until"),
)

__all__ = [
    "BY_NAME",
    "LEDGER",
    "agents",
    "alerts",
    "artifacts",
    "attempts",
    "backfills",
    "beats",
    "bids",
    "bulks",
    "categories",
    "categorizers",
    "channels",
    "circuits",
    "credentials",
    "decisions",
    "deliveries",
    "dependencies",
    "fires",
    "freezes",
    "inboxes",
    "journal",
    "labels",
    "meta",
    "metadata",
    "notices",
    "notify_rules",
    "policies",
    "postings",
    "preferences",
    "readers",
    "requests",
    "schedules",
    "tasks",
    "users",
]
