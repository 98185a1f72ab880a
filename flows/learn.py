"""Learning: labelled postings become the weights of the categorizer.

    python -m flows.learn --data postings.parquet --source freelancer_2025 --out models/weights/categorizer.npz

The same data give the same bytes.
"""

import argparse
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from tasks import learn as steps
from tasks.categorize import WEIGHTS
from tasks.reports import tell_text

read_step = task(name="read", cache_policy=NO_CACHE, persist_result=False)(steps.read_postings)
compare_step = task(name="compare", cache_policy=NO_CACHE, persist_result=False)(steps.compare)
fit_step = task(name="fit", cache_policy=NO_CACHE, persist_result=False)(steps.fit)
keep_step = task(name="keep", cache_policy=NO_CACHE, persist_result=False)(steps.keep)


@flow(name="learn", persist_result=False)
def learn(data: Path, source: str | None = None, out: Path = WEIGHTS) -> dict[str, object]:
    """Compare the categorizer with its baselines, then fit it on all postings of the source (null: of all sources) and keep its weights."""
    labelled = read_step(data, source=source)
    scores = compare_step(labelled)
    size = keep_step(fit_step(labelled), out)
    answer: dict[str, object] = {"postings": len(labelled.labels), "bytes": size, "out": str(out), "scores": scores}
    tell_text(f"```\n{steps.report(answer)}\n```", key="categorizer", about="How the categorizer compares with its baselines")
    return answer


def _main() -> None:
    parser = argparse.ArgumentParser(description="Train the categorizer and print how it compares with its baselines.")
    parser.add_argument("--data", type=Path, required=True, help="Parquet file with the columns source, title, description, label and clean")
    parser.add_argument("--source", help="use only the postings of this source")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where to write the weights (%(default)s)")
    answer = learn(**vars(parser.parse_args()))
    print(steps.report(answer))  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    _main()
