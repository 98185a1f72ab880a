"""One flow of the dispatch bench, in a process of its own: prints its wall and CPU seconds for the steps alone."""

import sys
import threading
import time

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from agents import registry
from agents.contract import Result
from flows.dispatch import dispatch
from store import schema
from store.home import open_journal, set_up
from store.settings import load
from tasks.read import counts
from tasks.submit import submit
from tasks.work import read_work
from tests.bench.bench_dispatch import CHAIN
from tests.factories import agent_row


@task(cache_policy=NO_CACHE, persist_result=False)
def nothing(_number: int) -> None:
    """Do nothing: what is left is Prefect."""


@flow(task_runner=ThreadPoolTaskRunner(max_workers=8))
def bare(steps: int) -> None:
    """Submit the steps with their edges and wait for them."""
    began, cpu = time.perf_counter(), time.process_time()
    futures = []
    for number in range(steps):
        futures.append(nothing.submit(number, wait_for=[futures[-1]] if number % CHAIN else []))
    for future in futures:
        future.wait()
    _tell(began, cpu)


class Idle:
    """An agent that does nothing, at once: what is left is dispatch."""

    def perform(self, _job: object, _control: object) -> Result:
        """Bring an empty result."""
        return Result(value={})


def ours(steps: int) -> None:
    """Submit the same graph as tasks and let a shift perform it."""
    registry.make = lambda _kind, _fetch: Idle()  # type: ignore[assignment,return-value] # no real agent is fast enough to show what dispatch costs
    settings = load()
    set_up(settings)
    journal = open_journal(settings)
    with journal.write("bench") as tx:
        tx.create(schema.agents, agent_row(id="idle", kind="python", skills='["Custom Workflows"]', capacity=8), "agent.added")
    threading.Thread(target=_feed, args=(journal, settings, steps), daemon=True).start()
    dispatch(minutes=0.5)
    journal.close()


def _feed(journal, settings, steps: int) -> None:  # type: ignore[no-untyped-def]
    time.sleep(8)  # the shift is at work
    one = {"title": "nothing", "category": "Custom Workflows", "inputs": {"function": "examples.functions:nothing"}}
    tasks = [one | {"ref": str(n), "needs": [{"task": str(n - 1)}] if n % CHAIN else []} for n in range(steps)]
    work = read_work({"tasks": tasks})
    submit(journal, work, settings=settings, actor="bench", source="bench")
    began, cpu = time.perf_counter(), time.process_time()
    while set(counts(journal)) != {"done"}:
        time.sleep(0.25)
    _tell(began, cpu)


def _tell(began: float, cpu: float) -> None:
    sys.stdout.write(f"{time.perf_counter() - began} {time.process_time() - cpu}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"bare": bare, "ours": ours}[sys.argv[1]](int(sys.argv[2]))
