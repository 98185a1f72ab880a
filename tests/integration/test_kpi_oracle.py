"""The KPIs of the lake against plain Python over the same events, and against themselves when the events come in other pieces."""

import json
import math
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.clock import DAY, HOUR, MINUTE
from models.kpi import Span, before, steps, window_of
from store.query import Row
from store.segments import segments
from tasks.measure import kpis, rows
from tests.ends import end_facts, event_row, fill, measure_now

NOW = 20_000 * DAY + 11 * HOUR + 17 * MINUTE + 1234567
WINDOWS = ("1h", "24h", "7d", "all")

task = st.fixed_dictionaries(
    {
        "client": st.sampled_from(["acme", "bolt", "coop"]),
        "category": st.sampled_from([None, "Web Scraping", "Data Processing"]),
        "agent_id": st.sampled_from([None, "scrape-1"]),
        "outcome": st.sampled_from(["succeeded", "succeeded", "succeeded", "failed", "expired", "cancelled"]),
        "currency": st.sampled_from(["EUR", "EUR", "USD"]),
        "price_cents": st.integers(0, 10**6),
        "cost_cents": st.integers(0, 10**5),
    },
)
took = st.one_of(st.integers(-5, 5), st.integers(0, 10**11))
ago = st.one_of(st.integers(0, 3 * HOUR), st.integers(0, 3 * DAY), st.integers(0, 20 * DAY))
leap = st.one_of(st.just(1), st.integers(1, 10**6))
tasks = st.lists(st.tuples(task, took, ago, st.one_of(st.none(), st.none(), ago), leap), max_size=25)


@st.composite
def journals(draw: Any) -> list[Row]:
    """Draw the events of tasks that end, some of which are reopened later, in order of time, with leaps between their numbers."""
    happened = []
    for number, (facts, duration, since, reopened, step) in enumerate(draw(tasks)):
        at = NOW - since
        whole = end_facts(**facts, task_id=f"t_{number}", finished_at=at, created_at=at - duration)
        happened.append((at, number, 0, step, "task.finished", whole))
        if reopened is not None and reopened < since:
            happened.append((NOW - reopened, number, 1, 1, "task.reopened", whole))
        happened.append((at, number, 2, 1, "task.changed", {"client": facts["client"]}))
    seq, made = 0, []
    for at, _number, _turn, step, kind, facts in sorted(happened, key=lambda one: one[:3]):
        seq += step
        made.append(event_row(seq, at, kind, facts))
    return made


def standing(events: list[Row]) -> list[Row]:
    """The finishes that were not taken back."""
    ends: dict[str, Row] = {}
    for event in events:
        facts = json.loads(event["facts"])
        if event["kind"] == "task.finished":
            ends[facts["task_id"]] = facts
        elif event["kind"] == "task.reopened":
            del ends[facts["task_id"]]
    return list(ends.values())


def rank(values: list[int], percent: int) -> int | None:
    return max(0, sorted(values)[math.ceil(percent * len(values) / 100) - 1]) if values else None


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def oracle(ends: list[Row], currencies: list[str | None]) -> Iterator[tuple[str, str | None, Any]]:
    """Every KPI of some ends, as one would compute it by hand."""
    good = [end for end in ends if end["outcome"] == "succeeded"]
    for money in currencies:
        earned = sum(end["price_cents"] for end in good if end["currency"] == money)
        spent = sum(end["cost_cents"] for end in ends if end["currency"] == money)
        yield "revenue", money, earned if money else None
        yield "cost", money, spent if money else None
        yield "margin", money, share(earned - spent, earned)
    yield "success_rate", None, share(len(good), sum(end["outcome"] != "cancelled" for end in ends))
    yield "completion_p50", None, rank([end["finished_at"] - end["created_at"] for end in good], 50)
    yield "completion_p95", None, rank([end["finished_at"] - end["created_at"] for end in good], 95)
    yield "task_volume", None, len(ends)
    yield "active_clients", None, len({end["client"] for end in ends})


def within(ends: list[Row], span: Span) -> list[Row]:
    return [end for end in ends if span.start <= end["finished_at"] < span.end]


def close(found: Any, expected: Any) -> bool:
    return found == expected or (None not in {found, expected} and math.isclose(found, expected, rel_tol=0.01, abs_tol=0.5))


def lake_of(path: Path, events: list[Row], cuts: list[int]) -> Path:
    """Fill a lake piece by piece and measure after each."""
    bounds = sorted({0, len(events), *(cut % (len(events) + 1) for cut in cuts)})
    fill(path, [])
    for start, stop in pairwise(bounds):
        fill(path, events[start:stop])
        measure_now(path)
    measure_now(path)
    return path


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(journals(), st.lists(st.integers(0, 100), max_size=4), st.sampled_from([None, "acme"]), st.sampled_from(WINDOWS))
def test_every_kpi_equals_what_plain_python_computes(events, cuts, client, window):
    ends = [end for end in standing(events) if client in {None, end["client"]}]
    with tempfile.TemporaryDirectory() as folder:
        report = kpis(lake_of(Path(folder), events, cuts), window=window, now=NOW, client=client)
    span = window_of(window, NOW, min((end["finished_at"] for end in ends), default=NOW) // MINUTE * MINUTE if ends else None)
    assert report["window"] == span.model_dump(by_alias=True)
    seen = within(ends, span) + within(ends, before(span))
    here = Counter(end["currency"] for end in within(ends, span))
    currencies = sorted({end["currency"] for end in seen}, key=lambda money: (-here[money], money)) or [None]
    expected = list(oracle(within(ends, span), currencies))
    assert {(k["id"], k["currency"]) for k in report["kpis"]} == {(name, money) for name, money, _value in expected}
    found = {(k["id"], k["currency"]): k for k in report["kpis"]}
    for name, money, value in expected:
        assert close(found[name, money]["value"], value), name
        assert (found[name, money]["why_null"] is None) == (value is not None)
    for name, money, value in oracle(within(ends, before(span)), currencies):
        assert close(found[name, money]["previous"], value), name
    for number, step in enumerate(steps(span)):
        for name, money, value in oracle(within(ends, step), currencies):
            assert close(found[name, money]["series"][number]["value"], value), name


@settings(max_examples=10, deadline=None)
@given(journals(), st.lists(st.integers(0, 100), min_size=1, max_size=6))
def test_measuring_in_pieces_gives_the_cubes_of_measuring_at_once(events, cuts):
    with tempfile.TemporaryDirectory() as folder:
        whole = measure_now(lake_of(Path(folder) / "whole", events, []))
        pieces = measure_now(lake_of(Path(folder) / "pieces", events, cuts))
        assert kpis(Path(folder) / "whole", window="all", now=NOW) == kpis(Path(folder) / "pieces", window="all", now=NOW)
    assert {cube.day: cube.sha256 for cube in whole.cubes} == {cube.day: cube.sha256 for cube in pieces.cubes}


@settings(max_examples=10, deadline=None)
@given(journals())
def test_the_rows_behind_every_number_add_up_to_it(events):
    with tempfile.TemporaryDirectory() as folder:
        lake = lake_of(Path(folder), events, [])
        for found in kpis(lake, window="7d", now=NOW)["kpis"]:
            behind = rows(lake, found["id"], window="7d", now=NOW, currency=found["currency"])
            net = sum(row["sign"] for row in behind["items"])
            match found["id"]:
                case "task_volume":
                    assert net == found["value"]
                case "revenue":
                    assert sum(row["sign"] * row["price_cents"] for row in behind["items"]) == (found["value"] or 0)
                case "cost":
                    assert sum(row["sign"] * row["cost_cents"] for row in behind["items"]) == (found["value"] or 0)
                case _:
                    assert (net > 0) or found["value"] in {None, 0}
        assert [s.first for s in segments(lake)][:1] in ([1], [])
