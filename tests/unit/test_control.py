"""The line between an attempt and who watches it: stopping and pausing."""

import threading

import pytest

from agents.contract import Control, Stopped


def test_an_agent_waits_at_its_check_while_it_is_paused():
    control, passed = Control(timeout_s=60), threading.Event()
    control.pause()
    thread = threading.Thread(target=lambda: (control.check(), passed.set()))
    thread.start()
    assert not passed.wait(0.5)
    control.go_on()
    assert passed.wait(30)
    thread.join()


def test_its_time_stands_still_meanwhile():
    control = Control(timeout_s=60)
    control.pause()
    left = control.remaining_s
    threading.Event().wait(0.3)
    assert control.remaining_s == left
    control.go_on()
    assert left - 0.2 < control.remaining_s <= left, "and goes on from there"


def test_a_paused_agent_can_be_stopped():
    control, why = Control(timeout_s=60), []
    control.pause()

    def work():
        try:
            control.check()
        except Stopped as stopped:
            why.append(stopped.why)

    thread = threading.Thread(target=work)
    thread.start()
    control.stop("cancelled")
    thread.join(30)
    assert why == ["cancelled"]


def test_pausing_twice_or_going_on_twice_changes_nothing():
    control = Control(timeout_s=60)
    control.go_on()
    control.pause()
    control.pause()
    assert control.paused
    control.go_on()
    control.go_on()
    assert not control.paused
    control.check()


def test_a_time_out_that_came_is_a_time_out():
    control = Control(timeout_s=0)
    with pytest.raises(Stopped, match="timeout"):
        control.check()
