"""What agents compute without touching anything: addresses, numbers, pages, pointers, cells, profiles."""

import doctest
import importlib
import statistics
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.contract import AgentError
from agents.document import markdown, money
from agents.extract import extract, number, same_site
from agents.findings import findings
from agents.plain import plain
from agents.pointer import at, fill, sources
from agents.profile import by_category, periods, profile
from agents.reach import is_public, permitted
from agents.scrape import Column


@pytest.mark.parametrize("module", ["document", "extract", "findings", "pictures", "pointer", "profile"])
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"agents.{module}"))
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "0.0.0.0",  # noqa: S104 - an argument, not bound to
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
        ),
        *(
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
        ),
    ],
)
def test_an_address_that_is_or_hides_a_private_one_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(AgentError, match=r"10\.0\.0\.1 is not a public address"):
        permitted("example.org", 80, ["8.8.8.8", "10.0.0.1"], ())
    assert permitted("Example.org", 80, ["10.0.0.1"], ("example.org:80",)) == ["10.0.0.1"]
    with pytest.raises(AgentError):
        permitted("example.org", 81, ["10.0.0.1"], ("example.org:80",))


@given(st.integers(-(10**9), 10**9))
def test_a_whole_number_with_separators_is_read_as_it_was_written(value: int) -> None:
    assert number(f"€ {value:,} only") == value


@given(st.integers(-(10**9), 10**9))
def test_an_amount_is_read_in_english_and_in_continental_writing(cents: int) -> None:
    english = f"{cents / 100:,.2f}"
    continental = english.translate(str.maketrans(",.", ".,"))
    assert number(english) == pytest.approx(cents / 100)
    assert number(continental) == pytest.approx(cents / 100)


def test_a_page_gives_rows_links_and_what_could_not_be_read() -> None:
    page = '<base href="http://x.org/shop/"><p><a href="1">One</a> <b>free</b></p><p><a href="#top">Two</a> <b>£2</b></p><p></p>'
    fields = {"name": Column(css="a"), "link": Column(css="a", attr="href"), "price": Column(css="b", type="number")}
    found = extract(page, "http://x.org/", rows="p", fields=fields, follow=["a"])
    assert found.rows == [
        {"name": "One", "link": "http://x.org/shop/1", "price": None},
        {"name": "Two", "link": "http://x.org/shop/#top", "price": 2.0},
        {"name": None, "link": None, "price": None},
    ]
    assert found.links == ["http://x.org/shop/1", "http://x.org/shop/"]
    assert found.unreadable == {"price": 1}


def test_a_fraction_is_no_integer_and_counts_as_unreadable() -> None:
    found = extract("<p>2.5</p><p>3</p>", "http://x.org/", rows="p", fields={"n": Column(type="integer")}, follow=[])
    assert found.rows == [{"n": None}, {"n": 3}]
    assert found.unreadable == {"n": 1}


def test_a_malformed_selector_is_named() -> None:
    with pytest.raises(AgentError, match=r"'p\[' is no CSS selector"):
        extract("<p>", "http://x.org/", rows="p[", fields={}, follow=[])


def test_a_site_is_scheme_host_and_port() -> None:
    assert same_site("http://x.org/a", "http://x.org/b")
    assert not any(same_site("http://x.org/a", other) for other in ("https://x.org/a", "http://x.org:81/a", "http://y.org/a", "http://x.org.evil/"))


def test_a_pointer_says_where_it_ends() -> None:
    with pytest.raises(AgentError, match=r"nothing at /a/2: it ends before '2'"):
        at({"a": [1, 2]}, "/a/2", "the answer")
    with pytest.raises(AgentError):
        at({"a": [1, 2]}, "/a/-1", "the answer")


def test_placeholders_are_replaced_everywhere_and_never_evaluated() -> None:
    value = {"x": [{"$from": "a", "at": "/n"}], "y": "{{ a.n }}"}
    assert fill(value, {"a": {"n": {"$from": "b"}}}) == {"x": [{"$from": "b"}], "y": "{{ a.n }}"}
    assert sources(value, "steps.0") == ["a"]


def test_cells_become_json() -> None:
    cells = [date(2025, 1, 2), Decimal("1.50"), float("nan"), b"\x01", {"a": (1, None)}, True]
    assert [plain(cell) for cell in cells] == ["2025-01-02", 1.5, None, "01", {"a": [1, None]}, True]


def test_foreign_text_in_markdown_is_one_harmless_line() -> None:
    assert markdown("# big\n[x](http://y) <b>") == r"\# big \[x\](http://y) \<b\>"
    assert money(-5, "EUR") == "-0.05 EUR"


def test_the_figures_of_a_column_equal_the_naive_ones() -> None:
    values = [3.5, 1.0, 10.0, 2.25, 7.75]
    column = profile(pd.DataFrame({"x": values, "y": range(5)})).columns[0]
    assert column.figures
    assert (column.figures.least, column.figures.median, column.figures.most) == (min(values), statistics.median(values), max(values))
    assert column.figures.mean == pytest.approx(statistics.fmean(values))
    assert column.figures.deviation == pytest.approx(statistics.stdev(values))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_every_row_is_in_one_bin_of_the_histogram(values: list[float]) -> None:
    figures = profile(pd.DataFrame({"x": values})).columns[0].figures
    assert figures
    assert sum(rows for _, _, rows in figures.bins) == len(values)
    assert all(one[1] == pytest.approx(other[0]) for one, other in zip(figures.bins, figures.bins[1:], strict=False))
    assert figures.bins[0][0] <= min(values) + 1e-6
    assert max(values) <= figures.bins[-1][1] + 1e-6


def test_columns_are_told_apart_by_what_they_are_for() -> None:
    frame = pd.DataFrame(
        {
            "order_id": range(20),
            "sku": [f"s{n}" for n in range(20)],
            "city": ["Łódź", "Zürich"] * 10,
            "paid": [True, False] * 10,
            "day": pd.date_range("2025-01-01", periods=20),
            "price": [n * 1.5 for n in range(20)],
            "gone": [None] * 20,
        }
    )
    assert [column.kind for column in profile(frame).columns] == ["key", "key", "category", "yes/no", "time", "number", "empty"]


def test_missing_cells_and_repeated_rows_are_counted() -> None:
    table = profile(pd.DataFrame({"a": [1.0, None, 1.0], "b": ["x", "y", "x"]}))
    assert table.missing_share == pytest.approx(1 / 6)
    assert table.duplicates == 1


def test_periods_without_rows_are_there_and_the_sums_equal_the_whole() -> None:
    frame = pd.DataFrame({"day": pd.to_datetime(["2025-01-01", "2025-01-03", "2025-01-03"]), "x": [1.0, 2.0, 4.0]})
    name, table = periods(frame, "day", "x")
    assert name == "day"
    assert list(table["rows"]) == [1, 0, 2]
    assert list(table["sum"]) == [1.0, 0.0, 6.0]


def test_a_period_that_the_data_does_not_cover_whole_is_marked() -> None:
    days = pd.date_range("2025-01-01", "2025-04-10")  # a Wednesday to a Thursday
    _, table = periods(pd.DataFrame({"day": days}), "day", None)
    assert list(table["whole"]) == [False] + [True] * (len(table) - 2) + [False]


def test_a_column_without_times_cannot_be_the_time() -> None:
    with pytest.raises(AgentError, match="city holds no times"):
        periods(pd.DataFrame({"city": ["a", "b"]}), "city", None)


def test_the_parts_of_a_split_sum_to_the_whole_and_missing_is_a_part() -> None:
    table = by_category(pd.DataFrame({"city": ["a", None, "a"], "x": [1.0, 2.0, 4.0]}), "city", "x")
    assert dict(zip(table["value"], table["sum"], strict=True)) == {"a": 5.0, "(missing)": 2.0}


def test_findings_tell_gaps_relations_and_repeats_and_nothing_of_a_dull_table() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 4.0, 6.0, None], "c": ["x"] * 4})
    told = " ".join(findings(profile(frame), None, "", None, {}))
    assert "a and b rise together (r = 1.00)." in told
    assert "Values are missing in b (25%)." in told
    assert "The same value stands in every row of c." in told
    assert findings(profile(pd.DataFrame({"a": [1.0, 3.0, 2.0, 2.5]})), None, "", None, {}) == []
