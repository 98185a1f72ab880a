"""Sessions of the pages: a code is good once and for a moment, and what ended opens nothing."""

import pytest

from dashboards.sessions import CODE_S, MOST, Login, Sessions


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


def login(name: str = "ann", expires: float = 1900.0) -> Login:
    return Login(name=name, role="operator", client=None, token=f"token of {name}", expires=expires)


def test_a_code_brings_its_session_once(sessions: Sessions):
    session, code = sessions.open(login())
    assert sessions.claim(code) == (session, 900)
    assert sessions.claim(code) is None


def test_a_code_that_waited_too_long_brings_nothing(sessions: Sessions, clock: Clock):
    _, code = sessions.open(login())
    clock.now += CODE_S + 1
    assert sessions.claim(code) is None


@pytest.mark.parametrize("session", [None, "", "guess"])
def test_nobody_is_logged_in_in_a_session_that_was_never_opened(sessions: Sessions, session: str | None):
    sessions.open(login())
    assert sessions.find(session) is None


def test_a_session_ends_with_its_token_and_lasts_on_with_a_fresh_one(sessions: Sessions, clock: Clock):
    session, _ = sessions.open(login(expires=1900))
    sessions.renew(session, login(expires=2800))
    clock.now = 2000
    assert sessions.find(session) == login(expires=2800)
    clock.now = 2800
    assert sessions.find(session) is None


def test_a_closed_session_stays_closed(sessions: Sessions):
    session, code = sessions.open(login())
    sessions.close(session)
    sessions.renew(session, login())
    assert sessions.find(session) is None
    assert sessions.claim(code) is None


def test_the_oldest_session_goes_when_there_are_too_many(sessions: Sessions):
    names = [sessions.open(login(f"user{number}"))[0] for number in range(MOST + 1)]
    assert sessions.find(names[0]) is None
    assert sessions.find(names[1]) == login("user1")
    assert sessions.find(names[-1]) == login(f"user{MOST}")
