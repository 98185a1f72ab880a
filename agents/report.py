"""A report as one HTML file that loads nothing, and as PDF. Every text in it may be foreign and is escaped here."""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agents.findings import compact
from agents.pictures import Picture, png, svg
from agents.profile import Column

HEADINGS: Final = ("column", "kind", "missing", "distinct", "least", "25 %", "median", "75 %", "most", "mean", "most frequent")
FONTS: Final = (  # of the system, tried in this order when a text has letters beyond Western Europe's
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"),
    Path("/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"),
)
_TEMPLATE: Final = Path(__file__).with_name("report.html.j2")
_INK, _SOFT, _LINE, _MAIN, _ACCENT = (28, 35, 51), (93, 103, 124), (227, 231, 240), (76, 111, 255), (245, 159, 59)
_MARGIN, _GAP, _TALLEST = 16.0, 6.0, 120.0  # millimetres


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Pictures under one heading."""

    title: str
    pictures: Sequence[Picture]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report says, in the order in which it says it."""

    title: str
    subtitle: str
    note: str
    figures: Sequence[tuple[str, str]]  # name, value
    findings: Sequence[str]
    sections: Sequence[Section]
    columns: Sequence[Column]
    rows: int
    footer: str


def write_html(report: Report, target: Path) -> None:
    """Write the report as one HTML file. Pictures are data, so they can neither load nor run anything."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - paid by those who write reports

    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(_TEMPLATE.read_text(encoding="utf-8"))
    sections = [{"title": section.title, "pictures": [_encoded(picture) for picture in section.pictures]} for section in report.sections]
    text = template.render(
        title=report.title,
        subtitle=report.subtitle,
        note=report.note,
        figures=[{"name": name, "value": value} for name, value in report.figures],
        findings=report.findings,
        sections=sections,
        columns=[cells(column, report.rows) for column in report.columns],
        footer=report.footer,
    )
    target.write_text(text, encoding="utf-8")


def write_pdf(report: Report, target: Path) -> None:
    """Write the report as PDF, A4."""
    page = _Page(report)
    page.head(report)
    page.tiles(report.figures)
    if report.findings:
        page.heading("What stands out")
        page.sentences(report.findings)
    for section in report.sections:
        page.pictures(section)
    page.heading("The columns")
    page.table([cells(column, report.rows) for column in report.columns])
    page.close(target)


def cells(column: Column, rows: int) -> list[str]:
    """Return the cells of a column's line in the table of columns, as `HEADINGS` names them; what does not apply is empty."""
    figures = column.figures
    numbers = [figures.least, figures.q25, figures.median, figures.q75, figures.most, figures.mean] if figures else []
    values = [compact(value) for value in numbers] or [column.first or "", "", "", "", column.last or "", ""]
    missing = f"{column.missing / rows:.1%}" if column.missing else "–"
    frequent = ", ".join(f"{value} ({count:,})" for value, count in column.top[:3])
    return [column.name, column.kind, missing, f"{column.distinct:,}", *values, frequent]


def _encoded(picture: Picture) -> dict[str, Any]:
    return {"title": picture.title, "words": picture.words, "wide": picture.wide, "svg": base64.b64encode(svg(picture).encode()).decode("ascii")}


class _Page:
    """Writes down a PDF page; knows where it is and when to turn over."""

    def __init__(self, report: Report) -> None:
        from fpdf import FPDF  # noqa: PLC0415 - paid by those who write reports

        self._pdf = FPDF(format="A4", unit="mm")
        self._pdf.core_fonts_encoding = "cp1252"  # as the fonts are declared in the file: dashes, quotes and the euro too
        self._pdf.set_margin(_MARGIN)
        self._pdf.set_auto_page_break(auto=True, margin=_MARGIN)
        self._pdf.set_title(self._name_font(report))
        self._pdf.set_creator("Arbiter")
        self._pdf.add_page()

    def _name_font(self, report: Report) -> str:
        """Choose the font: the PDF standard's own for Western texts, else one of the system; return the title."""
        words = [report.title, report.subtitle, report.note, *report.findings, *(text for pair in report.figures for text in pair)]
        words += [text for column in report.columns for text in cells(column, report.rows)]
        words += [text for section in report.sections for picture in section.pictures for text in (picture.title, picture.words)]
        font = next((path for path in FONTS if path.is_file()), None)
        self._western = font is None or all(_is_western(_printable(text)) for text in words)
        self._family = "Helvetica" if self._western else "Wide"
        if font and not self._western:
            for style in ("", "B"):
                bold = font.with_name(font.name.replace("-Regular", "").replace(".ttf", "-Bold.ttf"))
                self._pdf.add_font("Wide", style, str(bold if style and bold.is_file() else font))
        return self._plain(report.title)

    def _plain(self, text: str) -> str:
        """Return text that the font can draw; a letter that it lacks becomes a question mark, as everywhere in print."""
        clean = _printable(text)
        return clean.encode("cp1252", "replace").decode("cp1252") if self._western else clean

    def _font(self, size: float, colour: tuple[int, int, int] = _INK, *, bold: bool = False) -> None:
        self._pdf.set_font(self._family, "B" if bold else "", size)
        self._pdf.set_text_color(*colour)

    def _write(self, text: str, height: float, width: float = 0) -> None:
        self._pdf.multi_cell(width, height, self._plain(text), align="L", new_x="LMARGIN", new_y="NEXT")

    def _room(self, height: float) -> None:
        """Turn over when so much does not fit on this page."""
        if self._pdf.get_y() + height > self._pdf.h - _MARGIN:
            self._pdf.add_page()

    def head(self, report: Report) -> None:
        self._pdf.set_fill_color(*_MAIN)
        self._pdf.rect(0, 0, self._pdf.w, 3, style="F")
        self._font(9, _SOFT)
        self._write(report.subtitle, 6)
        self._font(22, bold=True)
        self._write(report.title, 10)
        if report.note:
            self._pdf.ln(1)
            self._font(10, _SOFT)
            self._write(report.note, 5.2)
        self._pdf.ln(4)

    def tiles(self, figures: Sequence[tuple[str, str]]) -> None:
        """Draw the figures as tiles, four in a line."""
        width = (self._pdf.epw - 3 * 4) / 4
        for start in range(0, len(figures), 4):
            self._room(22)
            top = self._pdf.get_y()
            for slot, (name, value) in enumerate(figures[start : start + 4]):
                left = _MARGIN + slot * (width + 4)
                self._pdf.set_draw_color(*_LINE)
                self._pdf.rect(left, top, width, 19, style="D", round_corners=True, corner_radius=2.5)
                self._font(14 if len(value) < 14 else 10, bold=True)
                self._pdf.set_xy(left + 2, top + 3)
                self._pdf.cell(width - 4, 7, self._plain(value))
                self._font(8, _SOFT)
                self._pdf.set_xy(left + 2, top + 11)
                self._pdf.cell(width - 4, 5, self._plain(_fit(name, 30)))
            self._pdf.set_xy(_MARGIN, top + 23)

    def heading(self, text: str, *, room: float = 30) -> None:
        """Write a heading where so much of what follows fits below it."""
        self._room(room + 13)
        self._pdf.ln(4)
        self._font(13, bold=True)
        self._write(text, 8)
        self._pdf.ln(1)

    def sentences(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            self._room(12)
            top = self._pdf.get_y()
            self._pdf.set_fill_color(*_ACCENT)
            self._pdf.ellipse(_MARGIN + 0.5, top + 2, 1.8, 1.8, style="F")
            self._font(10)
            self._pdf.set_x(_MARGIN + 5)
            self._write(sentence, 5.4, self._pdf.epw - 5)
            self._pdf.ln(1)

    def pictures(self, section: Section) -> None:
        """Place pictures below their heading, two in a line, wide ones alone."""
        heading = section.title
        for line in _lines(section.pictures):
            self._line(line, heading)
            heading = ""

    def _line(self, pictures: Sequence[Picture], heading: str) -> None:
        wide = pictures[0].wide
        width = self._pdf.epw if wide else (self._pdf.epw - _GAP) / 2
        drawn = [(picture, *_image(picture)) for picture in pictures]
        tall = max(min(width * ratio, _TALLEST) for _, _, ratio in drawn)
        if heading:
            self.heading(heading, room=tall + 16)
        self._room(tall + 16)
        top = self._pdf.get_y()
        for slot, (picture, image, ratio) in enumerate(drawn):
            left = _MARGIN + slot * (width + _GAP)
            self._font(10, bold=True)
            self._pdf.set_xy(left, top)
            self._pdf.cell(width, 5, self._plain(_fit(picture.title, 110 if wide else 46)))
            self._font(8, _SOFT)
            self._pdf.set_xy(left, top + 5)
            self._pdf.cell(width, 4.5, self._plain(_fit(picture.words, 130 if wide else 62)))
            self._pdf.image(image, left, top + 11, w=min(width, _TALLEST / ratio))
        self._pdf.set_xy(_MARGIN, top + 11 + tall + 5)

    def table(self, lines: Sequence[Sequence[str]]) -> None:
        """Draw the table of columns; the most frequent values are left to the HTML, which has the room."""
        from fpdf.enums import TableBordersLayout  # noqa: PLC0415 - see above
        from fpdf.fonts import FontFace  # noqa: PLC0415

        widths = (16, 9, 8, 8, 10, 9, 9, 9, 10, 9)
        self._font(7)
        self._pdf.set_draw_color(*_LINE)
        self._pdf.set_fill_color(255)
        head = FontFace(emphasis="BOLD", color=_SOFT)
        with self._pdf.table(
            col_widths=widths,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            text_align=("LEFT", "LEFT", *("RIGHT",) * 8),
            headings_style=head,
            line_height=5,
            padding=(0.4, 0.8),
        ) as table:
            for line in (HEADINGS, *lines):
                row = table.row()
                for cell in line[:10]:
                    row.cell(self._plain(_fit(cell, 24)))

    def close(self, target: Path) -> None:
        self._pdf.output(str(target))


def _image(picture: Picture) -> tuple[Any, float]:
    """Return the picture as an image for the PDF, and its height over its width."""
    from PIL import Image  # noqa: PLC0415 - comes with fpdf2

    drawn = Image.open(io.BytesIO(png(picture))).convert("RGBA")
    image = Image.new("RGB", drawn.size, "white")  # paper; a transparent picture prints dull
    image.paste(drawn, mask=drawn)
    return image, image.height / image.width


def _lines(pictures: Sequence[Picture]) -> Iterator[list[Picture]]:
    """Group pictures as they stand beside each other."""
    line: list[Picture] = []
    for picture in pictures:
        if line and (picture.wide or len(line) == 2):
            yield line
            line = []
        line.append(picture)
        if picture.wide:
            yield line
            line = []
    if line:
        yield line


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).replace("−", "-")


def _is_western(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _fit(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
