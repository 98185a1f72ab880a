"""Turns with one host."""

import pytest

from agents.contract import Control, Stopped
from agents.pace import Pace


def test_the_first_turn_is_free_and_other_hosts_have_their_own():
    pace, control = Pace(), Control(timeout_s=60)
    for host in ("a", "b", "c"):
        pace.wait(host, 0.001, control)  # a turn in a thousand seconds


def test_who_waits_for_a_turn_can_be_stopped():
    pace, control = Pace(), Control(timeout_s=60)
    pace.wait("a", 0.001, control)
    control.stop("cancelled")
    with pytest.raises(Stopped):
        pace.wait("a", 0.001, control)


def test_a_turn_that_comes_too_late_is_a_time_out():
    pace = Pace()
    pace.wait("a", 0.001, Control(timeout_s=60))
    with pytest.raises(Stopped, match="timeout"):
        pace.wait("a", 0.001, Control(timeout_s=0.05))


def test_turns_come_when_they_are_due():
    pace, control = Pace(), Control(timeout_s=60)
    for _ in range(20):
        pace.wait("a", 200, control)
