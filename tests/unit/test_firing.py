"""Spec: what becomes of due fires, for every catch-up policy × overlap policy × open work."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clock import SECOND
from models.firing import CatchUp, Overlap, Policy, Verdict, judge
from store.settings import PROJECT

HOUR = 3600 * SECOND
DUE = (10 * HOUR, 11 * HOUR, 12 * HOUR)
NOW = 12 * HOUR + HOUR // 2  # half an hour late: all three were missed
WITHIN_S = 7200  # the first is two hours and a half late

# Verdicts of the three fires, m(ade) · q(ueued) · s(kipped), when no work is open / while work of an earlier fire is open.
TABLE = {
    ("all", "skip"): "mss sss",
    ("all", "queue_one"): "mqs qss",
    ("all", "queue_all"): "mqq qqq",
    ("all", "replace"): "ssm ssm",
    ("all", "allow"): "mmm mmm",
    ("last", "skip"): "ssm sss",
    ("last", "queue_one"): "ssm ssq",
    ("last", "queue_all"): "ssm ssq",
    ("last", "replace"): "ssm ssm",
    ("last", "allow"): "ssm ssm",
    ("none", "skip"): "sss sss",
    ("none", "queue_one"): "sss sss",
    ("none", "queue_all"): "sss sss",
    ("none", "replace"): "sss sss",
    ("none", "allow"): "sss sss",
    ("within", "skip"): "sms sss",
    ("within", "queue_one"): "smq sqs",
    ("within", "queue_all"): "smq sqq",
    ("within", "replace"): "ssm ssm",
    ("within", "allow"): "smm smm",
}


def policy(catch_up: str, overlap: str) -> Policy:
    return Policy(catch_up=CatchUp(catch_up), overlap=Overlap(overlap), within_s=WITHIN_S if catch_up == "within" else None)


def letters(judged) -> str:
    return "".join(one.verdict.value[0] * one.count for one in judged)


def test_the_table_has_every_combination():
    assert set(TABLE) == {(str(catch_up), str(overlap)) for catch_up in CatchUp for overlap in Overlap}


def test_the_manual_shows_the_same_table():
    lines = re.findall(r"^\| `(all|last|none|within)` \| (.*) \|$", (PROJECT / "docs" / "schedules.md").read_text(), re.MULTILINE)
    shown = {(catch_up, str(overlap)): cell for catch_up, cells in lines for overlap, cell in zip(Overlap, cells.split(" | "), strict=True)}
    assert {names: cell.replace(" / ", " ") for names, cell in shown.items()} == TABLE


@pytest.mark.parametrize(("names", "expected"), TABLE.items())
def test_missed_fires_follow_the_table(names, expected):
    closed, opened = expected.split()
    assert letters(judge(DUE, now=NOW, policy=policy(*names), is_open=False, queued=0)) == closed
    assert letters(judge(DUE, now=NOW, policy=policy(*names), is_open=True, queued=0)) == opened


@pytest.mark.parametrize("catch_up", CatchUp)
@pytest.mark.parametrize(
    ("overlap", "when_closed", "when_open", "when_one_waits"),
    [("skip", "m", "s", "s"), ("queue_one", "m", "q", "s"), ("queue_all", "m", "q", "q"), ("replace", "m", "m", "m"), ("allow", "m", "m", "m")],
)
def test_a_fire_in_time_is_left_to_the_overlap_policy(catch_up, overlap, when_closed, when_open, when_one_waits):
    known = {"now": DUE[0] + 60 * SECOND, "policy": policy(catch_up, overlap)}
    judged = [judge(DUE[:1], is_open=is_open, queued=queued, **known) for is_open, queued in ((False, 0), (True, 0), (True, 1))]
    assert [letters(one) for one in judged] == [when_closed, when_open, when_one_waits]
    assert not any(one.missed for found in judged for one in found)


def test_every_verdict_that_is_no_plain_fire_says_why():
    for names in TABLE:
        for one in judge(DUE, now=NOW, policy=policy(*names), is_open=True, queued=0):
            assert one.why, names
    assert judge(DUE[:1], now=DUE[0], policy=policy("last", "skip"), is_open=False, queued=0)[0].why == ""


def test_a_night_of_missed_minutes_is_one_line():
    minutes = range(0, 600 * 60 * SECOND, 60 * SECOND)
    judged = judge(minutes, now=600 * 60 * SECOND, policy=policy("last", "skip"), is_open=False, queued=0)
    assert [(one.verdict, one.count) for one in judged] == [(Verdict.SKIPPED, 599), (Verdict.MADE, 1)]
    assert judged[0].due_at == 0


def test_nothing_is_the_latest_while_more_is_due():
    assert letters(judge(DUE, now=NOW, policy=policy("last", "allow"), is_open=False, queued=0, more=True)) == "sss"
    assert letters(judge(DUE, now=NOW, policy=policy("all", "replace"), is_open=False, queued=0, more=True)) == "sss"


@given(
    st.sampled_from(list(TABLE)), st.lists(st.integers(0, 10**6), min_size=1, max_size=40, unique=True), st.booleans(), st.integers(0, 3),
    st.integers(0, 200_000), st.booleans(),
)  # fmt: skip
def test_every_due_fire_gets_one_verdict_in_order(names, seconds, is_open, queued, late_s, more):
    due = [second * SECOND for second in sorted(seconds)]
    judged = judge(due, now=due[-1] + late_s * SECOND, policy=policy(*names), is_open=is_open, queued=queued, more=more)
    assert sum(one.count for one in judged) == len(due)
    assert [one.due_at for one in judged] == sorted(one.due_at for one in judged)
    assert all(first.last_at < second.due_at for first, second in itertools.pairwise(judged))
    assert all(one.count == 1 for one in judged if one.verdict is not Verdict.SKIPPED)
    made = sum(one.verdict is Verdict.MADE for one in judged)
    assert names[1] == "allow" or made <= 1, "work of one schedule never overlaps unless that is allowed"
