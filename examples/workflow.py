"""A client's own workflow: a Prefect flow that Arbiter runs as the deployment `reconcile/nightly` and whose result it brings back."""

from typing import Any

from prefect import flow, get_run_logger, task

from examples.functions import Open, open_items, read_owed, read_paid, summary


@task(persist_result=False)
def read_orders(path: str) -> dict[str, int]:
    """Return what each order costs, in cents."""
    return read_owed(path)


@task(persist_result=False)
def read_payments(path: str) -> dict[str, int]:
    """Return what came in for each order, in cents."""
    return read_paid(path)


@task(persist_result=False)
def match(owed: dict[str, int], paid: dict[str, int], tolerance_cents: int) -> list[Open]:
    """Return the orders whose money does not match."""
    return open_items(owed, paid, tolerance_cents)


@task(persist_result=False)
def remind(items: list[Open], least_cents: int) -> list[str]:
    """Return the orders that are worth a reminder."""
    return [item.order_id for item in items if item.open_cents >= least_cents]


@flow(name="reconcile", persist_result=True, result_serializer="json")  # kept as JSON: whoever reads it need not trust a pickle
def reconcile(orders: str, payments: str, tolerance_cents: int = 0, remind_from_cents: int = 2000) -> dict[str, Any]:
    """Match payments with orders and name the orders to be reminded of.

    Args:
        orders: path of a Parquet file of order lines.
        payments: path of the bank's CSV file.
        tolerance_cents: a difference up to this counts as paid.
        remind_from_cents: a reminder for less costs more than it brings.

    """
    owed, paid = read_orders(orders), read_payments(payments)
    items = match(owed, paid, tolerance_cents)
    reminders = remind(items, remind_from_cents)
    get_run_logger().info("%d of %d orders are worth a reminder", len(reminders), len(owed))
    return {**summary(owed, paid, items), "reminders": reminders}
