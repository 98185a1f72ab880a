"""Ingesting: files of the drop folder become postings with a category."""

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from store.home import open_journal
from store.settings import load
from tasks import ingest as steps
from tasks.reports import markdown, tell_text

ingest_file_step = task(
    name="ingest file",
    task_run_name="ingest {path.parent.name}/{path.name}",
    cache_policy=NO_CACHE,
    persist_result=False,
)(steps.ingest_file)


@flow(name="ingest", persist_result=False)
def ingest() -> dict[str, int]:
    """Ingest every complete file below `<home>/inbox`; return how many files were read and quarantined, and what became of their postings."""
    settings = load()
    journal = open_journal(settings)
    handled = [ingest_file_step(journal, path, actor="flow:ingest", files=settings.files) for path in steps.waiting_files(settings.home / "inbox")]
    journal.close()
    if handled:
        tell_text("\n".join(map(_line, handled)), key="inbox", about="The files that were read, and what became of their postings")
    return steps.totals(handled)


def _line(one: steps.Handled) -> str:
    name = markdown(f"{one.source}/{one.name}")
    if one.ingested is None:
        return f"- **{name}** went into quarantine: {markdown(one.reason or '')}"
    return f"- **{name}**: {one.ingested.seen} postings, {one.ingested.changed} new or changed, {one.ingested.unchanged} known"


if __name__ == "__main__":
    print(ingest())  # noqa: T201 - the answer of a command
