"""Instants, identifiers and foreign text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.clock import iso, new_id, to_datetime, to_us
from models.errors import Invalid, NotFound
from models.untrusted import Untrusted


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_instants_survive_the_way_in_and_out(moment):
    assert to_datetime(to_us(moment)) == moment.astimezone(UTC)


def test_an_instant_is_the_same_in_every_zone():
    assert to_us(datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == to_us(datetime(2026, 3, 1, tzinfo=UTC))
    assert iso(to_us(datetime(2026, 3, 1, tzinfo=UTC))) == "2026-03-01T00:00:00Z"


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(Invalid, match="has no zone"):
        to_us(datetime(2026, 3, 1))  # noqa: DTZ001 - that is the point


@given(st.integers(0, 2**47), st.integers(0, 2**47))
def test_identifiers_sort_by_their_time(first, second):
    if first // 1000 < second // 1000:
        assert new_id("t", first) < new_id("t", second)


def test_identifiers_differ_within_the_same_instant():
    assert len({new_id("t", 5) for _ in range(10_000)}) == 10_000


def test_foreign_text_does_not_become_a_string_by_accident():
    foreign = Untrusted("<b>x</b>")
    for use in (str, "{}".format, lambda text: f"{text}"):
        with pytest.raises(TypeError, match="needs a form"):
            use(foreign)
    assert foreign.html() == "&lt;b&gt;x&lt;/b&gt;"
    assert foreign.plain() == "<b>x</b>"


def test_a_line_of_foreign_text_cannot_move_the_cursor_or_turn_the_direction():
    assert Untrusted("a\x1b[2Jb\n\u202ec" + "d" * 200).line(10) == "a [2Jb cd…"


def test_errors_have_a_stable_code():
    assert (NotFound("x").code, NotFound.status, NotFound.exit_code) == ("not-found", 404, 2)
