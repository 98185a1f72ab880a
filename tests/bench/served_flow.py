"""A flow that does nothing, served by Prefect with an interval: `python -m tests.bench.served_flow SECONDS`."""

import sys

from prefect import flow


@flow
def nothing() -> None:
    """Do nothing."""


if __name__ == "__main__":
    nothing.serve(name="bench", interval=float(sys.argv[1]))
