"""The log of the API: only a record begins at the margin, so that foreign text cannot write a record of its own."""

import logging
import unicodedata


class Margin(logging.Formatter):
    """Formats a record as one line; what has more lines goes on indented. Control characters are escaped."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name of logging
        """Return the record without the traceback."""
        event = getattr(record, "event", None)
        return _indented(super().formatMessage(record)) + (f" event={event}" if event else "")

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name of logging
        """Return the traceback, indented."""
        return "    " + _indented(super().formatException(ei))  # type: ignore[arg-type] # as logging gives it


def configure(level: str = "WARNING") -> None:
    """Send what the libraries and the API have to say to standard error."""
    writer = logging.StreamHandler()
    writer.setFormatter(Margin())
    logging.basicConfig(level=level, handlers=[writer], force=True)


def _indented(text: str) -> str:
    return "\n    ".join(_escaped(line) for line in text.rstrip("\n").split("\n"))


def _escaped(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == " " else _code(letter) for letter in text)


def _code(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if unicodedata.category(letter) != "Cs" else "\\ufffd"
