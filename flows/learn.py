"""Learning: labelled postings become the weights that the product ships, and the labels of a house a version of its own.

    python -m flows.learn --data postings.parquet --source freelancer_2025 --out models/weights/categorizer.npz

The same data give the same bytes. Without `--data`, the home of ARBITER_HOME learns from its labels, as its deployment does every day.
"""

import argparse
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from store.home import open_journal
from store.settings import load
from tasks import learn as steps
from tasks.categorize import WEIGHTS
from tasks.drift import watch
from tasks.reports import markdown, tell_text
from tasks.train import check, train

read_step = task(name="read", cache_policy=NO_CACHE, persist_result=False)(steps.read_postings)
compare_step = task(name="compare", cache_policy=NO_CACHE, persist_result=False)(steps.compare)
fit_step = task(name="fit", cache_policy=NO_CACHE, persist_result=False)(steps.fit)
keep_step = task(name="keep", cache_policy=NO_CACHE, persist_result=False)(steps.keep)
check_step = task(name="check", cache_policy=NO_CACHE, persist_result=False)(check)
watch_step = task(name="watch", cache_policy=NO_CACHE, persist_result=False)(watch)
train_step = task(name="train", cache_policy=NO_CACHE, persist_result=False)(train)


@flow(name="learn", persist_result=False)
def learn(data: Path, source: str | None = None, out: Path = WEIGHTS) -> dict[str, object]:
    """Compare the categorizer with its baselines, then fit it on all postings of the source (null: of all sources) and keep its weights."""
    labelled = read_step(data, source=source)
    scores = compare_step(labelled)
    size = keep_step(fit_step(labelled), out)
    answer: dict[str, object] = {"postings": len(labelled.labels), "bytes": size, "out": str(out), "scores": scores}
    tell_text(f"```\n{steps.report(answer)}\n```", key="categorizer", about="How the categorizer compares with its baselines")
    return answer


@flow(name="learn from labels", persist_result=False)
def learn_from_labels() -> dict[str, object]:
    """Watch for drift, then train a challenger where there are enough new labels, and use it where it is better than the version in use."""
    settings = load()
    journal = open_journal(settings)
    try:
        usable = check_step(journal, settings, actor="flow:learn")
        found = watch_step(journal, actor="flow:learn")
        trained = train_step(journal, settings, actor="flow:learn") if usable else None
    finally:
        journal.close()
    answer: dict[str, object] = {
        "usable": usable,
        "drifted": list(found.drifted),
        "trained": trained and trained["number"],
        "state": trained and trained["state"],
    }
    if trained:
        tell_text(markdown(trained["why"]), key="categorizer-version", about=f"Version {trained['number']} of the categorizer: {trained['state']}")
    return answer


def _main() -> None:
    parser = argparse.ArgumentParser(description="Train the categorizer and print how it compares with its baselines.")
    parser.add_argument("--data", type=Path, help="Parquet file with the columns source, title, description, label and clean")
    parser.add_argument("--source", help="use only the postings of this source")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where to write the weights (%(default)s)")
    given = parser.parse_args()
    said = steps.report(learn(**vars(given))) if given.data else learn_from_labels()
    print(said)  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    _main()
