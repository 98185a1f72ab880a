"""The catalogue of Northwind Books as a small web site: an index, shelves in several pages, one page a book."""

from html import escape
from pathlib import Path

from examples.invent.books import SHELVES, Book

A_PAGE = 10  # books on one page of a shelf

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Northwind Books</title>
<link rel="stylesheet" href="{root}style.css">
</head>
<body>
<header><a class="home" href="{root}index.html">Northwind Books</a> <span>second-hand books for the trade</span></header>
<main>
{body}
</main>
<footer>Northwind Books is invented. Prices are in euro and without tax.</footer>
</body>
</html>
"""

_STYLE = """body { font: 16px/1.5 Georgia, serif; margin: 0 auto; max-width: 52rem; padding: 1rem; color: #2b2622; background: #fbf8f3; }
header, footer { border-bottom: 1px solid #cbbfae; padding: .5rem 0; color: #6d6257; } footer { border: 0; border-top: 1px solid #cbbfae; }
a { color: #7a3b1d; } .home { font-weight: bold; } table { border-collapse: collapse; width: 100%; }
td, th { padding: .35rem .5rem; border-bottom: 1px solid #e4dbce; text-align: left; } .price { text-align: right; white-space: nowrap; }
"""


def write_site(books: list[Book], folder: Path) -> None:
    """Write every page; links are relative, so the site can be served from anywhere."""
    _write(folder / "style.css", _STYLE)
    _write(folder / "robots.txt", "User-agent: *\nDisallow:\n")
    _write(folder / "index.html", _index())
    for shelf in SHELVES:
        listed = [book for book in books if shelf in {book.shelf, book.also_on}]
        for number, start in enumerate(range(0, len(listed), A_PAGE), start=1):
            more = start + A_PAGE < len(listed)
            _write(folder / "shelves" / _shelf_name(shelf, number), _shelf(shelf, number, listed[start : start + A_PAGE], more=more))
    for book in books:
        _write(folder / "books" / f"{book.sku.lower()}.html", _book(book))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _shelf_name(shelf: str, number: int) -> str:
    return f"{shelf}.html" if number == 1 else f"{shelf}-{number}.html"


def _index() -> str:
    links = "\n".join(f'<li><a class="shelf" href="shelves/{shelf}.html">{shelf.title()}</a></li>' for shelf in SHELVES)
    return _FRAME.format(title="Catalogue", root="", body=f'<h1>Catalogue</h1>\n<ul class="shelves">\n{links}\n</ul>')


def _shelf(shelf: str, number: int, books: list[Book], *, more: bool) -> str:
    rows = "\n".join(
        f'<tr class="book"><td><a class="title" href="../books/{book.sku.lower()}.html">{escape(book.title)}</a></td>'
        f'<td class="author">{escape(book.author)}</td><td class="price">{_price(book)}</td></tr>'
        for book in books
    )
    forward = f'\n<p><a class="next" rel="next" href="{_shelf_name(shelf, number + 1)}">Next page &rarr;</a></p>' if more else ""
    table = f"<table>\n<tr><th>Title</th><th>Author</th><th>Price</th></tr>\n{rows}\n</table>"
    return _FRAME.format(title=f"{shelf.title()}, page {number}", root="../", body=f"<h1>{shelf.title()}</h1>\n{table}{forward}")


def _book(book: Book) -> str:
    stock = "" if book.on_hand is None else f'\n<dt>Copies</dt><dd class="copies">{book.on_hand}</dd>'
    return _FRAME.format(
        title=escape(book.title),
        root="../",
        body=f"""<article class="book" data-sku="{book.sku}">
<h1 class="title">{escape(book.title)}</h1>
<dl>
<dt>Number</dt><dd class="sku">{book.sku}</dd>
<dt>Author</dt><dd class="author">{escape(book.author)}</dd>
<dt>Shelf</dt><dd class="shelf"><a href="../shelves/{book.shelf}.html">{book.shelf.title()}</a></dd>
<dt>Condition</dt><dd class="condition">{book.condition}</dd>
<dt>Year</dt><dd class="year">{book.year}</dd>
<dt>Pages</dt><dd class="pages">{book.pages}</dd>
<dt>Price</dt><dd class="price">{_price(book)}</dd>{stock}
</dl>
</article>""",
    )


def _price(book: Book) -> str:
    """Write a price in one of the ways in which people write prices; which one depends on the number of the book only."""
    if book.price_cents is None:
        return "<em>on request</em>"
    amount = f"{book.price_cents // 100:,}.{book.price_cents % 100:02}"
    return (f"€{amount}", f"&euro;&nbsp;{amount}", f"{amount} EUR")[int(book.sku[3:]) % 3]
