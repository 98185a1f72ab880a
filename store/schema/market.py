"""Tables of what comes in: postings, bids, and requests that may be sent again."""

from sqlalchemy import Column, Float, Index, Table

from store.schema.columns import id_, int_, metadata, ref_, text_

postings = Table(
    "postings",
    metadata,
    id_(),  # "<source>:<id there>"
    text_("source"),
    text_("url", null=True),
    text_("title"),  # foreign text
    text_("body"),  # foreign text
    text_("client", null=True),
    text_("category", null=True),
    Column("confidence", Float, nullable=True),
    int_("budget_min_cents", null=True),
    int_("budget_max_cents", null=True),
    text_("currency", null=True),
    text_("basis"),  # fixed, hourly, salary, unknown
    text_("state"),  # open, filled, frozen, closed
    text_("flags"),  # JSON list: what is odd about it
    text_("raw_sha256"),
    int_("posted_at", null=True),
    int_("seen_at"),
    ref_("task_id", "tasks", null=True),  # the task that came of it
    Index("ix_postings_seen_at", "seen_at"),
)

bids = Table(
    "bids",
    metadata,
    id_(),
    ref_("posting_id", "postings"),
    int_("price_cents"),
    text_("currency"),
    int_("days", null=True),  # until it is delivered, as we promised
    text_("note"),  # what the client was told
    text_("state"),  # offered, won, lost, withdrawn
    ref_("task_id", "tasks", null=True),  # the task that came of it
    int_("created_at"),
    int_("decided_at", null=True),
    Index("ix_bids_posting_id", "posting_id"),
)

requests = Table(
    "requests",
    metadata,
    id_(),  # "<actor>:<Idempotency-Key>"
    text_("body_sha256"),
    text_("answer"),  # JSON: what was answered
    int_("at"),
)
