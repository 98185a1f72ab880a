"""Tables of decisions: which agent, by which policy, and which category, by which model."""

from sqlalchemy import Index, Table

from store.schema.columns import id_, int_, metadata, ref_, text_

decisions = Table(
    "decisions",
    metadata,
    id_(),
    ref_("task_id", "tasks"),
    text_("policy"),  # its name and version
    ref_("agent_id", "agents", null=True),  # null: nobody fitted
    text_("candidates"),  # JSON list: agent, fits, score and its terms, or the rule that rejected it
    text_("flips", null=True),  # JSON list: the smallest changes that would have given it to another
    text_("why"),
    int_("at"),
    Index("ix_decisions_task_id", "task_id"),
)

policies = Table(  # by which tasks are routed
    "policies",
    metadata,
    id_(),
    int_("number"),  # 1, 2, 3 …: its version
    text_("definition"),  # JSON object
    text_("why"),  # what the change is for
    text_("state"),  # active, retired
    int_("created_at"),
    Index("ix_policies_number", "number", unique=True),
)

categories = Table(  # that an operator added to the six
    "categories",
    metadata,
    id_(),  # its name
    text_("description"),
    text_("state"),  # active, retired
    int_("created_at"),
)

labels = Table(  # what people said a text is about
    "labels",
    metadata,
    id_(),
    ref_("task_id", "tasks", null=True),  # null: an example
    text_("title"),  # foreign text
    text_("body"),  # foreign text
    text_("category"),
    text_("secondary"),  # JSON list
    text_("guess", null=True),  # what the model had said
    text_("author"),  # the user
    text_("state"),  # valid, withdrawn
    int_("at"),
    Index("ix_labels_task_id", "task_id"),
    Index("ix_labels_at", "at"),
)

categorizers = Table(  # versions of the model
    "categorizers",
    metadata,
    id_(),
    int_("number"),  # 1, 2, 3 …
    text_("sha256"),  # of its file
    text_("state"),  # champion, retired, rejected
    int_("labels"),  # it was trained on
    text_("card"),  # JSON object: how it did on the hold-out, beside the champion of then
    text_("why"),  # of its state
    int_("trained_at"),
    int_("promoted_at", null=True),
    Index("ix_categorizers_number", "number", unique=True),
)
