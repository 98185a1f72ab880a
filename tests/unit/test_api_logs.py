"""The log of the API: foreign text writes no record of its own."""

import logging
import sys

from api.logs import Margin


def formatted(message, exc_info=None):
    return Margin().format(logging.LogRecord("arbiter", logging.ERROR, "f.py", 1, message, (), exc_info))


def test_a_line_feed_in_a_message_does_not_begin_a_record():
    first, *more = formatted("bad name\n2026-01-01 INFO arbiter all is well").splitlines()
    assert first.endswith("bad name")
    assert more == ["    2026-01-01 INFO arbiter all is well"]


def test_control_and_bidirectional_characters_are_escaped():
    text = formatted("a\x1b[31mred\r\u202eb\x00\ud800")
    assert text.isprintable()
    assert text.endswith("a\\u001b[31mred\\u000d\\u202eb\\u0000\\ufffd")


def test_a_traceback_is_indented_whatever_the_error_says():
    try:
        raise ValueError("x\n2026-01-01 INFO arbiter all is well")  # noqa: EM101, TRY003, TRY301 - as foreign code does
    except ValueError:
        first, *more = formatted("failed", sys.exc_info()).splitlines()
    assert first.endswith("failed")
    assert more
    assert all(line.startswith("    ") for line in more)
