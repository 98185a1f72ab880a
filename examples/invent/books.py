"""The books of Northwind Books, an invented wholesaler of second-hand books."""

from dataclasses import dataclass
from random import Random

SHELVES = {"fiction": 22, "travel": 19, "nature": 17, "cooking": 24, "history": 13, "children": 9}  # shelf → number of books

_CONDITIONS = ("new", "very good", "good", "fair")
_ADJECTIVES = ("Quiet", "Salt", "Northern", "Paper", "Borrowed", "Amber", "Unfinished", "Winter", "Hollow", "Patient", "Crooked", "Lantern")
_NOUNS = {
    "fiction": ("Harbour", "Clockmaker", "Staircase", "Lighthouse", "Orchard", "Telegram"),
    "travel": ("Ferry", "Pass", "Sleeper Train", "Coast Road", "Border", "Island"),
    "nature": ("Heron", "Peat Bog", "Hedgerow", "Glacier", "Moth", "Tide Pool"),
    "cooking": ("Larder", "Sourdough", "Smokehouse", "Broth", "Orchard Table", "Spice Box"),
    "history": ("Guild", "Salt Tax", "Signal Tower", "Canal", "Almanac", "Printing House"),
    "children": ("Hedgehog", "Kite", "Tin Robot", "Snow Fox", "Puddle", "Tree House"),
}
_FORMS = ("The {a} {n}", "A {n} in {a} Light", "{n} & {m}", "Notes on the {a} {n}", "The {n} and the {m}", "{a} {n}: A Companion")
_FIRST = ("Zoë", "Søren", "Łucja", "Amara", "Tomáš", "Inês", "Kwame", "Freyja", "Ruairí", "Mireille", "Jonas", "Thảo", "Dorothea", "Bülent")
_LAST = ("Ødegård", "Brontëwood", "Żak", "Okonjo-Hale", "Dvořáček", "Quintão", "Asanteh", "Þórsdal", "O'Rahilly", "Lefèvre-Dunn", "Ngô", "Straßner")

# What a scraper meets sooner or later: other scripts, quotes, ampersands and angle brackets, fractions, an emoji outside the first Unicode plane.
_ODD = {
    "fiction": ("雨の本屋 (The Rain Bookshop)", "“Quoted” Lives", "Tea for <Two> & Other Plays"),
    "travel": ("Über den Fjord", "L’été à Plœuc", "कहानी: A Train to the Hills"),
    "nature": ("The ½-Acre Garden", "Ångström’s Ladder"),
    "cooking": ("Das große Buch der Öfen", "Crème, Brûlée & Co."),
    "history": ("A Short History of the & Sign", "Łódź — 1890–1914"),
    "children": ("Where Is 🦔 Hiding?", "كتاب البحر (The Book of the Sea)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """One book as the wholesaler's own records hold it."""

    sku: str
    title: str
    author: str
    shelf: str
    also_on: str | None  # a second shelf that lists it too
    condition: str
    year: int
    pages: int
    price_cents: int | None  # null: the catalogue says "on request"
    cost_cents: int
    on_hand: int | None  # null: not counted yet
    reorder_level: int


def invent_books(seed: int) -> list[Book]:
    """Return all books in the order of their numbers."""
    random = Random(seed)
    shelves = [shelf for shelf, count in SHELVES.items() for _ in range(count)]
    titles = {shelf: _titles(random, shelf, count) for shelf, count in SHELVES.items()}
    return [_book(random, number, shelf, titles[shelf].pop()) for number, shelf in enumerate(shelves, start=1)]


def _titles(random: Random, shelf: str, count: int) -> list[str]:
    titles = list(_ODD[shelf])
    while len(titles) < count:
        noun, other = random.sample(_NOUNS[shelf], 2)
        title = random.choice(_FORMS).format(a=random.choice(_ADJECTIVES), n=noun, m=other)
        if title not in titles:
            titles.append(title)
    random.shuffle(titles)
    return titles


def _book(random: Random, number: int, shelf: str, title: str) -> Book:
    price = random.randrange(350, 4200, 25)
    if number % 31 == 0:
        price = random.randrange(115_000, 260_000, 500)  # a first edition: four figures, written with a thousands separator
    return Book(
        sku=f"NB-{number:04}",
        title=title,
        author=f"{random.choice(_FIRST)} {random.choice(_LAST)}",
        shelf=shelf,
        also_on=random.choice([other for other in SHELVES if other != shelf]) if number % 17 == 0 else None,
        condition=random.choice(_CONDITIONS),
        year=random.randrange(1958, 2025),
        pages=random.randrange(48, 720, 8),
        price_cents=None if number % 13 == 5 else price,
        cost_cents=price * random.randrange(42, 66) // 100,
        on_hand=None if number % 23 == 7 else random.randrange(0, 40),
        reorder_level=random.randrange(4, 12),
    )
