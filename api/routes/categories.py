"""Categories, labels, the queue of those that a person must choose, and versions of the categorizer."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.answers import shown, shown_all
from api.auth import GuardedRoute
from api.parts import The, Who
from tasks import categories as steps
from tasks import categorizers, labels
from tasks.review import waiting_reviews

router = APIRouter(route_class=GuardedRoute, tags=["categories"])

Most = Annotated[int, Query(ge=1, le=500)]
Name = Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$")]


@router.get("/categories")
def categories(the: The, viewer: Who) -> dict[str, Any]:
    """Return the names of all categories that a task may have, in their fixed order; to the staff also what is known of each, and those retired."""
    found = steps.list_categories(the.journal)
    names = {"items": [row["name"] for row in found if row["state"] == "active"]}
    return names | {"known": found} if viewer.client is None and viewer.agent is None else names


@router.post("/categories", status_code=201)
def add_category(the: The, viewer: Who, wanted: steps.NewCategory) -> dict[str, Any]:
    """Add a category, told by a description and at least three examples; it is found in tasks from now on."""
    return shown(steps.add_category(the.journal, wanted, actor=viewer.actor), viewer)


@router.post("/categories/{name}/retire")
def retire_category(the: The, viewer: Who, name: Name) -> dict[str, Any]:
    """Retire an added category: no new task gets it."""
    return shown(steps.retire_category(the.journal, name, actor=viewer.actor), viewer)


@router.get("/reviews")
def reviews(the: The, viewer: Who, most: Most = 100) -> dict[str, Any]:
    """Return the tasks that wait for a person's category, oldest first, each with what the categorizer said and which words spoke for it."""
    found = waiting_reviews(the.journal, most=most)
    return found | {"items": shown_all(found["items"], viewer)}


@router.get("/labels")
def list_labels(
    the: The, viewer: Who, category: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")] = None, most: Most = 100
) -> dict[str, Any]:  # fmt: skip
    """Return what people said that texts are about, newest first, with who said it."""
    return {"items": shown_all(labels.list_labels(the.journal, category=category, most=most), viewer)}


@router.post("/labels/{label_id}/withdraw")
def withdraw_label(the: The, viewer: Who, label_id: Name) -> dict[str, Any]:
    """Withdraw a label: nothing is learned from it any more."""
    return shown(labels.withdraw_label(the.journal, label_id, actor=viewer.actor), viewer)


@router.get("/categorizers")
def list_categorizers(the: The, viewer: Who) -> dict[str, Any]:
    """Return the versions of the categorizer, newest first, each with its report card; number 0 is the shipped one."""
    return {"items": shown_all(categorizers.list_categorizers(the.journal), viewer)}


@router.post("/categorizers/{number}/activate")
def activate(the: The, viewer: Who, number: Annotated[int, Path(ge=0, le=1_000_000)]) -> dict[str, Any]:
    """Use another version from now on: go back to one that was in use, or use one that was rejected."""
    return shown(categorizers.activate(the.journal, the.settings, number, actor=viewer.actor), viewer)
