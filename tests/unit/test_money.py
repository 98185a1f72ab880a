"""One table tells what a minor unit is worth, and everybody who shows money goes by it."""

import pytest

from agents.document import money as in_documents
from cli.output import money as in_terminals
from dashboards.wording import money as on_pages
from models.errors import Invalid
from models.money import amount, digits, minor


@pytest.mark.parametrize(
    ("currency", "places", "text"),
    [
        ("EUR", 2, "-12,345.67"),
        (None, 2, "-12,345.67"),
        ("JPY", 0, "-1,234,567"),
        ("KRW", 0, "-1,234,567"),
        ("KWD", 3, "-1,234.567"),
        ("CLF", 4, "-123.4567"),
    ],
)
def test_an_amount_has_the_digits_of_its_currency(currency, places, text):
    assert digits(currency) == places
    assert amount(-1234567, currency) == text


def test_an_amount_larger_than_a_float_can_hold_is_exact():
    assert amount(2**63 - 1, "EUR") == "92,233,720,368,547,758.07"


@pytest.mark.parametrize(("currency", "text"), [("EUR", "10.50 EUR"), ("VND", "1,050 VND"), ("BHD", "1.050 BHD")])
def test_terminal_and_documents_agree(currency, text):
    assert in_terminals(1050, currency) == in_documents(1050, currency) == text


@pytest.mark.parametrize(("currency", "text"), [("EUR", "−€10.50"), ("JPY", "−¥1,050"), ("BHD", "−BHD 1.050")])
def test_pages_put_the_sign_in_front(currency, text):
    assert on_pages(-1050, currency) == text


@pytest.mark.parametrize(("text", "currency", "units"), [("0.40", "EUR", 40), ("12", "JPY", 12), ("0.001", "KWD", 1), ("0", "EUR", 0)])
def test_a_written_amount_becomes_exact_minor_units(text, currency, units):
    assert minor(text, currency) == units


@pytest.mark.parametrize("text", ["-1", "0.005", "nan", "inf", "1e20", "", "1,50", "a lot"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(Invalid, match="is no amount of EUR"):
        minor(text, "EUR")
