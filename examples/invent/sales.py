"""A year of daily sales of Fjell & Fern, an invented chain of three outdoor shops."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from examples.invent.orders import to_csv

SHOPS = {"Bergen": 1.0, "Gothenburg": 1.35, "Online": 2.1}  # shop → size against the first
_YEAR = 2025
_WEEK = (0.82, 0.78, 0.86, 0.97, 1.22, 1.58, 0.77)  # Monday to Sunday
_HOLIDAYS = {date(_YEAR, month, day) for month, day in ((1, 1), (4, 18), (5, 1), (12, 24), (12, 25), (12, 26))}  # shops are closed
_SALE = (date(_YEAR, 11, 24), date(_YEAR, 11, 30))  # the week of the autumn sale
_OUTAGE = date(_YEAR, 8, 13)  # the web shop was down for most of the day


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of one shop."""

    day: date
    shop: str
    visitors: int | None  # null: the counter at the door was broken
    orders: int
    revenue_cents: int
    returns_cents: int
    sale: bool


def invent_sales(seed: int) -> list[Day]:
    """Return each open day of each shop, in order of time."""
    random = Random(seed)
    days = (date(_YEAR, 1, 1) + timedelta(days=number) for number in range(365))
    return [record for day in days for record in _day(random, day)]


def _day(random: Random, day: date) -> Iterator[Day]:
    for shop, size in SHOPS.items():
        if day in _HOLIDAYS and shop != "Online":
            continue
        visitors = round(140 * size * _pull(day, shop) * random.uniform(0.88, 1.12))
        orders = round(visitors * random.uniform(0.17, 0.23))
        revenue = sum(random.randrange(900, 14_000) for _ in range(orders))
        yield Day(
            day=day,
            shop=shop,
            visitors=None if random.random() < 0.01 else visitors,
            orders=orders,
            revenue_cents=revenue,
            returns_cents=revenue * random.randrange(1, 7) // 100,
            sale=_SALE[0] <= day <= _SALE[1],
        )


def _pull(day: date, shop: str) -> float:
    """Return how strongly the shop draws people on this day: the week, the season, the sale and the outage."""
    season = 1 + 0.22 * math.sin(2 * math.pi * (day.timetuple().tm_yday - 110) / 365)
    sale = 1.9 if _SALE[0] <= day <= _SALE[1] else 1.0
    outage = 0.12 if day == _OUTAGE and shop == "Online" else 1.0
    return _WEEK[day.weekday()] * season * sale * outage


def sales_csv(days: list[Day]) -> str:
    """Write the sales with money in euro; a missing count of visitors is an empty field."""
    return to_csv(
        {
            "day": day.day.isoformat(),
            "shop": day.shop,
            "visitors": "" if day.visitors is None else day.visitors,
            "orders": day.orders,
            "revenue": f"{day.revenue_cents / 100:.2f}",
            "returns": f"{day.returns_cents / 100:.2f}",
            "sale": "yes" if day.sale else "no",
        }
        for day in days
    )
