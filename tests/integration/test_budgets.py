"""Budgets of agents: their periods, what is refused and why, and that no number of attempts at once exceeds one."""

import json
import random
from collections import Counter

import pytest

from agents.contract import Tokens
from models.clock import DAY, MINUTE, SECOND
from store import schema
from store.home import open_journal
from tasks.budgets import left, period_start, price, refusal, spent, token_columns, tokens_within
from tests.factories import agent_row, attempt_row, task_row


def test_a_period_is_a_day_or_month_of_the_zone_of_the_agent():
    """2026-03-01 04:30 UTC is the evening of the last day of February in New York."""
    now = 1_772_339_400 * SECOND
    assert period_start({"zone": None}, "day", now) == now - 270 * MINUTE
    assert period_start({"zone": None}, "month", now) == now - 270 * MINUTE
    assert period_start({"zone": "America/New_York"}, "day", now) == now - (23 * 60 + 30) * MINUTE
    assert period_start({"zone": "America/New_York"}, "month", now) == now - (23 * 60 + 30) * MINUTE - 27 * DAY


def test_what_is_refused_says_what_is_left():
    row = agent_row(kind="llm", config='{"url": "http://x/v1", "model": "m"}', minute_cents=100)
    budget = json.dumps({"per": "day", "cents": 150, "minutes": 1})

    class Nothing:
        def rows(self, query, **_):
            return [{"cents": None, "tokens": None, "us": None, "unknown": None}] if "sum(" in str(query.compiled("sqlite")[0]).lower() else []

    remaining = left(Nothing(), row | {"budget": budget}, DAY)
    assert refusal(row, remaining, timeout_s=60) == "has 1 minutes left of its budget, and this may take 2"
    budget = json.dumps({"per": "day", "cents": 150})
    assert refusal(row, left(Nothing(), row | {"budget": budget}, DAY), timeout_s=60) == "has 1.50 EUR left of its budget, and this may cost 2.00"
    assert refusal(row, left(Nothing(), row, DAY), timeout_s=60) is None
    budget = json.dumps({"per": "day", "tokens": 40_000})
    assert refusal(row, left(Nothing(), row | {"budget": budget}, DAY), timeout_s=60) is None
    budget = json.dumps({"per": "day", "tokens": 30_000})
    said = refusal(row, left(Nothing(), row | {"budget": budget}, DAY), timeout_s=60)
    assert said == "has 30000 tokens left of its budget, and a request may take 32768"


@pytest.mark.parametrize("seed", range(6))
def test_no_number_of_attempts_at_once_exceeds_a_budget(seed, home):
    """Attempts start whenever they are not refused, in any number, and end at random having used anything up to what they were allowed."""
    random_ = random.Random(seed)
    clock = [1_790_000_000 * SECOND]
    journal = open_journal(home)
    journal.clock = lambda: clock[0]
    limits = {"cents": random_.randrange(100, 3000), "tokens": random_.randrange(1000, 60_000), "minutes": random_.randrange(5, 60)}
    names = random_.sample(sorted(limits), random_.randrange(1, 4))
    row = agent_row(
        id="small", kind="llm", config='{"url": "http://x/v1", "model": "m", "max_tokens": 100, "context_tokens": 1000}', capacity=50,
        price_cents=random_.randrange(3), minute_cents=random_.randrange(4), input_cents=random_.randrange(40_000),
        output_cents=random_.randrange(90_000), budget=json.dumps({"per": random_.choice(["day", "month"])} | {name: limits[name] for name in names}),
    )  # fmt: skip
    per = json.loads(row["budget"])["per"]
    with journal.write("test") as tx:
        tx.create(schema.agents, row, "agent.added")
    running, real = [], Counter()  # what was used in truth, also where it is not known
    started = number = 0
    for _ in range(150):
        clock[0] += random_.randrange(20 * SECOND)
        with journal.write("test") as tx:
            for one in [one for one in running if one["ends"] <= tx.now or random_.random() < 0.2]:
                running.remove(one)
                ended_at = min(tx.now, one["ends"])
                used_in = random_.randint(0, one["most"])
                used_out = random_.randint(0, one["most"] - used_in)
                tokens = Tokens(read=used_in, wrote=used_out, whole=random_.random() < 0.8)
                cost = price(row, ended_at - one["at"], tokens)
                state = {"state": random_.choice(["succeeded", "failed", "timeout", "lost"]), "cost_cents": cost, "finished_at": ended_at}
                tx.change(schema.attempts, one["id"], state | token_columns(tokens), "attempt.finished")
                real += Counter(cents=cost, tokens=used_in + used_out, us=ended_at - one["at"])
            timeout_s = random_.randrange(1, 300)
            remaining = left(tx, row, tx.now)
            used = spent(tx, row, tx.now, per=per)
            assert (used.cents, used.us) == (real["cents"], real["us"])
            assert "cents" not in names or real["cents"] <= limits["cents"]
            assert "tokens" not in names or real["tokens"] <= limits["tokens"]
            assert "minutes" not in names or real["us"] <= limits["minutes"] * MINUTE
            if refusal(row, remaining, timeout_s=timeout_s) is None:
                most = tokens_within(row, remaining, timeout_s=timeout_s)
                task = tx.create(schema.tasks, task_row(state="running", timeout_s=timeout_s), "task.submitted")
                number += 1
                attempt = attempt_row(task["id"], "small", id=f"x_{'z' * 20}{number:06}", started_at=tx.now)
                tx.create(schema.attempts, attempt, "attempt.started")
                running.append({"id": attempt["id"], "at": tx.now, "ends": tx.now + timeout_s * SECOND, "most": most})
                started += 1
    journal.close()
    assert started
