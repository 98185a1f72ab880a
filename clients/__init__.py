"""Clients of the live feed: one for programs in Python, and what browsers run, as plain files that the API serves and the dashboard hands on."""

from importlib.resources import files
from typing import Final

MEDIA: Final = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
SCRIPTS: Final = (  # the monitor, each after those that it imports
    "feed.js", "picture.js", "parts.js", "virtual.js", "deeds.js", "panels.js", "drawer.js", "monitor.js",
)  # fmt: skip
FILES: Final = (*SCRIPTS, "page.js", "monitor.css", "monitor.html", "icon.svg")  # what a page needs that shows the monitor alone


def web(name: str) -> str:
    """Return the text of a file, one of `FILES` or a script of the dashboard's."""
    return files("clients").joinpath("web", name).read_text(encoding="utf-8")


def media_type(name: str) -> str:
    """Return what kind of file it is, for `Content-Type`."""
    return MEDIA[name[name.rindex(".") :]]
