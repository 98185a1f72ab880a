"""Flows that a real Prefect server runs for the agent of kind `prefect`; run as a program, this serves them until it is ended."""

import time
from pathlib import Path

from prefect import flow, serve


@flow(name="sum", persist_result=True)
def add(numbers: list[int]) -> dict[str, int]:
    """Return the sum of the numbers."""
    return {"sum": sum(numbers)}


@flow(name="quiet", persist_result=False)
def quiet() -> int:
    """Return what nobody keeps."""
    return 1


@flow(name="odd", persist_result=True)
def odd() -> set[int]:
    """Return what is no JSON."""
    return {1}


@flow(name="broken")
def broken() -> None:
    """Fail."""
    message = "the ledger does not add up"
    raise ValueError(message)


@flow(name="endless")
def endless(trace: str) -> None:
    """Go on writing to a file, so that a test can see whether this still runs."""
    while True:
        with Path(trace).open("a", encoding="ascii") as file:
            file.write(".")
        time.sleep(0.1)


if __name__ == "__main__":
    serve(*(one.to_deployment(name="test") for one in (add, quiet, odd, broken, endless)))
