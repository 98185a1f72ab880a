"""Users, passwords, tokens and tickets over a real ledger."""

import base64
import json
import os
import stat
import subprocess
import sys
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.clock import HOUR, MINUTE, SECOND, now_us
from models.errors import Conflict, Invalid, NotFound, StoreError, TooManyRequests, Unauthorized
from store.schema import agents
from tasks.tokens import CACHE_S, SESSION_MOST, Tokens, Used, load_key
from tasks.users import Door, Tries, add_user, disable, enable, end_sessions, ensure_first_admin, set_password
from tests.factories import agent_row

PASSWORD = "correct horse battery"


def add(journal, name="ann", role="operator", **more):
    return add_user(journal, name, role, PASSWORD, actor="test", **more)


@pytest.fixture
def tokens(journal, place):
    return Tokens(journal, place)


# --- users and passwords


def test_who_has_the_password_comes_in_and_nobody_else(journal):
    row = add(journal)
    door = Door(journal)
    assert door.check_password("ann", PASSWORD) == row
    for name, password in (("ann", "wrong password"), ("ann", ""), ("bob", PASSWORD), ("ANN", PASSWORD), ("ann\0", PASSWORD), ("\ud800", "\ud800")):
        with pytest.raises(Unauthorized, match="name or password is wrong"):
            door.check_password(name, password)


def test_no_hash_and_no_password_is_ever_in_the_journal(journal):
    add(journal)
    set_password(journal, "ann", "another good one", actor="test")
    assert [event.kind for event in journal.events(0)] == ["user.added", "user.password_set"]
    text = repr(journal.events(0))
    assert "argon2" not in text
    assert "another good one" not in text


def test_a_new_password_replaces_the_old_one_and_ends_sessions(journal, tokens):
    token = tokens.issue(add(journal)).text
    set_password(journal, "ann", "another good one", actor="test")
    door = Door(journal)
    assert door.check_password("ann", "another good one")["session_version"] == 2
    with pytest.raises(Unauthorized):
        door.check_password("ann", PASSWORD)
    tokens.forget("ann")
    with pytest.raises(Unauthorized, match="session has ended"):
        tokens.verify(token)


def test_a_disabled_user_does_not_come_in_until_enabled(journal):
    add(journal)
    disable(journal, "ann", actor="test")
    with pytest.raises(Unauthorized, match="name or password is wrong"):
        Door(journal).check_password("ann", PASSWORD)
    enable(journal, "ann", actor="test")
    assert Door(journal).check_password("ann", PASSWORD)["state"] == "active"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": "Ann"}, Invalid), ({"name": ""}, Invalid), ({"name": "a b"}, Invalid), ({"name": "a" * 64}, Invalid), ({"name": "../x"}, Invalid),
        ({"role": "root"}, Invalid), ({"role": "client"}, Invalid), ({"client": "acme"}, Invalid), ({"role": "agent"}, NotFound),
    ],
)  # fmt: skip
def test_a_user_that_cannot_be_is_refused_and_nothing_is_written(journal, change, error):
    with pytest.raises(error):
        add(journal, **change)
    assert journal.head() == 0


@pytest.mark.parametrize("password", ["", "short", "x" * 1001])
def test_a_password_has_ten_to_a_thousand_characters(journal, password):
    with pytest.raises(Invalid, match="10 to 1000"):
        add_user(journal, "ann", "admin", password, actor="test")


def test_a_name_is_taken_once(journal):
    add(journal)
    with pytest.raises(Conflict):
        add(journal)


def test_a_user_of_role_agent_bears_the_id_of_its_agent(journal):
    with journal.write("test") as tx:
        tx.create(agents, agent_row(id="scrape-1"), "agent.added")
    assert add(journal, "scrape-1", "agent")["role"] == "agent"


def test_the_first_admin_is_made_once_also_by_a_race(journal):
    made = []
    threads = [threading.Thread(target=lambda: made.append(ensure_first_admin(journal))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passwords = [password for password in made if password]
    assert len(passwords) == 1
    assert Door(journal).check_password("admin", passwords[0])["role"] == "admin"


def test_after_ten_failures_a_name_and_address_wait_and_others_do_not(journal):
    add(journal)
    now = [now_us()]
    door = Door(journal, Tries(clock=lambda: now[0]))
    for _ in range(10):
        with pytest.raises(Unauthorized):
            door.check_password("ann", "wrong password", address="1.2.3.4")
    with pytest.raises(TooManyRequests, match="300 seconds"):
        door.check_password("ann", PASSWORD, address="1.2.3.4")
    assert door.check_password("ann", PASSWORD, address="5.6.7.8")
    now[0] += 5 * MINUTE
    assert door.check_password("ann", PASSWORD, address="1.2.3.4")


def test_the_memory_of_failures_is_bounded():
    tries = Tries(kept=100)
    for number in range(1000):
        tries.failed(f"u{number}", "a")
    assert len(tries) == 100


# --- tokens


def test_a_token_tells_who_it_is_until_it_ends(journal, tokens):
    session = tokens.verify(tokens.issue(add(journal, role="client", client="acme")).text)
    assert (session.viewer.name, session.viewer.role, session.viewer.client) == ("ann", "client", "acme")
    over = tokens.issue(add(journal, "bob"), lasts_us=-SECOND)
    with pytest.raises(Unauthorized, match="expired"):
        tokens.verify(over.text)


def test_a_token_of_a_disabled_user_is_refused_within_a_second(journal, tokens):
    token = tokens.issue(add(journal)).text
    tokens.verify(token)
    disable(journal, "ann", actor="test")
    time.sleep(CACHE_S)
    with pytest.raises(Unauthorized, match="session has ended"):
        tokens.verify(token)


def test_ended_sessions_stay_ended_and_new_ones_work(journal, tokens):
    user = add(journal)
    old = tokens.issue(user).text
    new = tokens.issue(end_sessions(journal, "ann", actor="test")).text
    assert tokens.verify(new).viewer.name == "ann"
    with pytest.raises(Unauthorized):
        tokens.verify(old)


def test_renewing_needs_no_password_and_ends_with_the_longest_session(journal, tokens):
    user = add(journal)
    began = now_us() - SESSION_MOST + 5 * MINUTE
    session = tokens.verify(tokens.issue(user, since=began).text)
    renewed = tokens.verify(tokens.renew(session).text)
    assert renewed.since == began
    assert renewed.expires_at <= began + SESSION_MOST
    with pytest.raises(Unauthorized):
        tokens.verify(tokens.issue(user, since=now_us() - SESSION_MOST - HOUR).text)


def _forge(place, header=None, drop=(), key=None, algorithm="EdDSA", **claims):
    good = {
        "iss": "arbiter", "aud": "arbiter-access", "sub": "ann", "exp": int(time.time()) + 60, "iat": int(time.time()), "jti": "j", "typ": "access",
        "role": "operator", "client": None, "session_version": 1, "since": now_us(),
    } | claims  # fmt: skip
    for name in drop:
        del good[name]
    return jwt.encode(good, key or load_key(place.home / "keys"), algorithm=algorithm, headers=header)


def test_the_forgery_helper_makes_valid_tokens(journal, place, tokens):
    add(journal)
    assert tokens.verify(_forge(place)).viewer.name == "ann"


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat", "jti", "typ", "role", "session_version", "since"])
def test_every_claim_is_required(journal, place, tokens, claim):
    add(journal)
    with pytest.raises(Unauthorized):
        tokens.verify(_forge(place, drop=[claim]))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other"}, {"aud": "arbiter-feed"}, {"aud": "other"}, {"typ": "feed"}, {"role": "admin"}, {"role": "root"}, {"client": "acme"},
        {"session_version": 2}, {"sub": "bob"}, {"exp": 1}, {"iat": int(time.time()) + 3600},
    ],
)  # fmt: skip
def test_a_claim_that_is_not_the_ledgers_is_refused(journal, place, tokens, claims):
    add(journal)
    with pytest.raises(Unauthorized):
        tokens.verify(_forge(place, **claims))


def test_another_key_another_algorithm_or_none_is_refused(journal, place, tokens):
    add(journal)
    body = _forge(place).split(".")[1]
    naked = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    foreign_key, other_kind = _forge(place, key=Ed25519PrivateKey.generate()), _forge(place, key="k" * 32, algorithm="HS256")
    for text in (foreign_key, other_kind, f"{naked}.{body}.", "", "a.b.c", "é" * 9):
        with pytest.raises(Unauthorized):
            tokens.verify(text)


# --- tickets


def test_a_ticket_opens_once_also_across_processes(journal, place, tokens):
    session = tokens.verify(tokens.issue(add(journal)).text)
    ticket = tokens.ticket(session).text
    assert tokens.redeem(ticket).viewer == session.viewer
    for other in (tokens, Tokens(journal, place)):
        with pytest.raises(Unauthorized, match="used before"):
            other.redeem(ticket)


def test_a_ticket_carries_the_end_of_its_token_and_is_no_token(journal, tokens):
    token = tokens.issue(add(journal))
    ticket = tokens.ticket(tokens.verify(token.text))
    with pytest.raises(Unauthorized):
        tokens.verify(ticket.text)
    with pytest.raises(Unauthorized):
        tokens.redeem(token.text)
    assert tokens.redeem(ticket.text).expires_at == token.expires_at
    assert ticket.expires_at - now_us() <= 30 * SECOND


def test_a_ticket_of_a_user_who_was_disabled_meanwhile_is_refused(journal, tokens):
    ticket = tokens.ticket(tokens.verify(tokens.issue(add(journal)).text)).text
    disable(journal, "ann", actor="test")
    with pytest.raises(Unauthorized):
        tokens.redeem(ticket)


def test_used_tickets_are_forgotten_when_they_are_too_old_to_be_taken(folder):
    Used(folder / "tickets").mark("old")
    os.utime(folder / "tickets" / "old", (1, 1))
    fresh = Used(folder / "tickets")
    assert fresh.mark("new")
    assert [path.name for path in (folder / "tickets").iterdir()] == ["new"]


# --- the key


def test_processes_that_start_together_get_the_same_key(folder):
    code = "import sys; from pathlib import Path; from tasks.tokens import load_key; print(load_key(Path(sys.argv[1])).private_bytes_raw().hex())"
    started = [subprocess.Popen([sys.executable, "-c", code, str(folder / "keys")], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    keys = {process.communicate(timeout=120)[0] for process in started}
    assert len(keys) == 1
    assert keys == {load_key(folder / "keys").private_bytes_raw().hex() + "\n"}
    assert [path.name for path in (folder / "keys").iterdir()] == ["token.pem"]
    assert stat.S_IMODE((folder / "keys" / "token.pem").stat().st_mode) == 0o600


def test_a_key_that_others_can_read_is_refused(folder):
    load_key(folder / "keys")
    (folder / "keys" / "token.pem").chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        load_key(folder / "keys")
