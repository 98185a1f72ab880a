"""Decisions of notifying: tables without any I/O."""

import pytest

from models.clock import DAY, MINUTE, SECOND, iso
from models.errors import Invalid
from models.happening import Happening, Severity
from models.notifying import Past, Person, Rule, Verdict, audience, backoff, decide, digest_end, gives_up, next_to_try, quiet_end, wants
from models.webhook import headers, key_of, new_secret
from tests.scheduling import us

NOW = us("2026-05-04T10:00:00")


def happening(**more):
    words = {"kind": "alert.opened", "seq": 1, "at": NOW, "severity": Severity.WARNING, "title": "x", "text": ""}
    return Happening(**(words | {"entity": "alerts", "entity_id": "a", "group": "g"} | more))


def rule(**more):
    return Rule(**({"id": "r", "to": ("user:ann",), "events": ("alert.*",)} | more))


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-28T22:59:59+01:00", None), ("2026-03-28T23:00:00+01:00", "2026-03-29T01:00:00Z"),  # no 02:30: the night ends with the gap
        ("2026-10-24T23:30:00+02:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:40:00+02:00", None), ("2026-10-25T02:10:00+01:00", None),  # 02:30 twice
        ("2026-05-04T01:00:00+02:00", "2026-05-04T00:30:00Z"), ("2026-05-04T12:00:00+02:00", None),
    ],
)  # fmt: skip
def test_quiet_hours_follow_the_clock_on_the_wall(now, end):
    assert iso(quiet_end(rule(zone="Europe/Berlin", quiet_from="23:00", quiet_until="02:30"), us(now))) == end


@pytest.mark.parametrize(
    ("more", "past", "resolves", "verdict", "wait_s"),
    [
        ({}, Past(), False, Verdict.NOW, 0),
        ({"muted_until": NOW + 1}, Past(), False, Verdict.SUPPRESS, 0),
        ({"muted_until": NOW + 1}, Past(), True, Verdict.NOW, 0),
        ({"muted_until": NOW + 1}, Past(held_since=NOW), True, Verdict.SUPPRESS, 0),
        ({"quiet_from": "09:00", "quiet_until": "11:00"}, Past(), False, Verdict.HOLD, 3600),
        ({"quiet_from": "09:00", "quiet_until": "11:00"}, Past(), True, Verdict.NOW, 0),
        ({"digest_s": 600}, Past(), False, Verdict.HOLD, 600),
        ({"flap_most": 2, "flap_s": 60}, Past(changes=[NOW - 1, NOW - 2]), True, Verdict.HOLD, 60),
        ({"flap_most": 2, "flap_s": 60}, Past(changes=[NOW - 1, NOW - 60 * SECOND]), True, Verdict.NOW, 0),
        ({"flap_most": 1, "flap_s": 600}, Past(changes=[NOW], held_since=NOW - 3500 * SECOND), False, Verdict.HOLD, 100),
    ],
)
def test_what_becomes_of_a_happening(more, past, resolves, verdict, wait_s):
    decision = decide(rule(**more), happening(resolves=resolves), past, NOW)
    assert (decision.verdict, decision.until - NOW) == (verdict, wait_s * SECOND)


def test_a_channel_rests_longer_with_each_failure_and_no_message_blocks_it():
    assert [backoff(tries) // SECOND for tries in (1, 2, 3, 7, 99)] == [5, 10, 20, 300, 300]
    assert [next_to_try("ab", failures) for failures in (0, 2, 3, 5, 6)] == ["a", "a", "b", "b", "a"]
    assert gives_up(tries=1, failed_at=0, reached_at=None, now=3 * DAY)
    assert gives_up(tries=10, failed_at=0, reached_at=1, now=MINUTE)
    assert not gives_up(tries=99, failed_at=0, reached_at=None, now=MINUTE)


def test_a_digest_comes_at_its_time_of_day():
    assert iso(digest_end(rule(digest_at="08:00", zone="Europe/Berlin"), NOW)) == "2026-05-05T06:00:00Z"


def test_nobody_hears_what_it_may_not_know():
    roles = ("admin", "operator", "analyst", "client", "agent")
    people = [Person(name=name, role=name, client="acme" if name == "client" else None) for name in roles]
    to = [f"user:{person.name}" for person in people]
    assert audience(to, happening(), people) == ["admin", "operator", "analyst"]
    assert audience(to, happening(kind="user.added", entity="users"), people) == ["admin"]
    assert "client" in audience(to, happening(kind="task.failed", entity="tasks", client="acme"), people)
    assert "client" not in audience(to, happening(kind="task.failed", entity="tasks", client="other"), people)


def test_a_rule_is_about_kinds_severity_and_what_comes_after_it():
    assert wants(rule(), happening())
    assert not wants(rule(events=("task.*",)), happening())
    assert not wants(rule(severity=Severity.CRITICAL), happening())
    assert not wants(rule(since=NOW + 1), happening())


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!", "abc", "whsec_c2hvcnQ="])
def test_a_secret_that_is_none_is_refused(secret):
    with pytest.raises(Invalid, match="secret of a webhook"):
        key_of(secret)
    assert headers(new_secret(), "id", 1, b"x")["webhook-signature"].startswith("v1,")
