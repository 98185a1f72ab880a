"""How rules and messages read."""

from datetime import UTC, datetime, time

from dashboards import notifying, wording

RULE = {
    "to": ["user:a*n", "client"], "events": ["task.*"], "severity": "info", "clients": [], "categories": [], "sources": [], "price_least_cents": None,
    "channels": [], "zone": "Europe/Berlin", "quiet_from": None, "quiet_until": None, "digest_s": None, "digest_at": None, "escalate_s": None,
    "escalate_to": [], "escalate_channels": [],
}  # fmt: skip
MESSAGE = {"state": "waiting", "next_at": "2026-05-04T10:00:00Z"}


def channel(**more):
    return {"state": "active", "next_at": None} | more


def test_a_rule_reads_as_one_sentence_and_foreign_words_in_it_are_text():
    assert notifying.sentence(RULE, {}) == "Tells **a\\*n** and the client whose task it is of `task.*`, in the inbox."


def test_a_rule_tells_its_conditions_its_times_and_what_happens_when_nobody_acts():
    rule = RULE | {"to": ["role:operator", "approver", "user:ann"], "severity": "critical", "clients": ["acme", "o_o"], "price_least_cents": 500}
    rule |= {"channels": ["ch_1", "ch_gone"], "quiet_from": "22:00", "quiet_until": "07:00", "digest_at": "08:00"}
    rule |= {"escalate_s": 900, "escalate_to": ["role:admin"], "escalate_channels": ["ch_1"]}
    assert notifying.sentence(rule, {"ch_1": "hook"}) == (
        "Tells every operator, who must decide and **ann** of `task.*` of severity critical at least for acme or o\\_o with a price of 500 minor "
        "units at least, in the inbox and through **hook** and a channel that is not there any more (`ch_gone`); gathers messages until 08:00; is "
        "quiet from 22:00 until 07:00 (Europe\\/Berlin); tells every admin and **hook** when nobody acknowledged it after 15 min."
    )


def test_what_was_not_entered_is_left_to_the_api():
    fields = {"name": "r", "clients": [], "digest_s": None, "zone": "", "price_least_cents": 0, "quiet_from": time(22), "quiet_until": time(7, 5)}
    assert notifying.definition(fields) == {"name": "r", "price_least_cents": 0, "quiet_from": "22:00", "quiet_until": "07:05"}


def test_a_message_is_tried_next_when_it_is_due_and_its_channel_rests_no_more():
    assert notifying.next_try(MESSAGE, channel()) == datetime(2026, 5, 4, 10, tzinfo=UTC)
    assert notifying.next_try(MESSAGE, channel(next_at="2026-05-04T10:05:00Z")) == datetime(2026, 5, 4, 10, 5, tzinfo=UTC)


def test_nothing_tries_a_message_that_ended_or_whose_channel_is_paused_or_gone():
    assert notifying.next_try(MESSAGE | {"state": "dead"}, channel()) is None
    assert notifying.next_try(MESSAGE, channel(state="paused")) is None
    assert notifying.next_try(MESSAGE, None) is None


def test_the_next_morning_is_nine_on_the_readers_clock_also_when_the_clocks_change():
    assert wording.next_morning(datetime(2026, 3, 28, 22, 30, tzinfo=UTC), "Europe/Berlin") == "2026-03-29T09:00:00+02:00"
    assert wording.next_morning(datetime(2026, 3, 28, 23, 30, tzinfo=UTC), "Europe/Berlin") == "2026-03-30T09:00:00+02:00"
