"""The layout of a text table: encoding, separator, header and footer."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from finscale.config import DataError
from finscale.market.sources.file import TableFile, show
from finscale.market.sources.names import DATE, is_header_word, is_known, known_name
from finscale.market.sources.table import one_level

_SEPARATORS = (",", ";", "\t", "|")
# Number of lines in which the header is searched: exporters may put a few titles above it.
_N_TITLES = 50
_SAVE = "Save it as CSV, with commas between columns and decimal points in numbers."


@dataclass(frozen=True)
class Line:
    """The cells of a non-empty line, with its number in the file."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """A parsed text table: the names of its columns and the lines of its rows."""

    names: tuple[str, ...]
    lines: tuple[Line, ...]


def read_layout(file: TableFile) -> Layout:
    """Find the header of a text table and the rows below it.

    The header is the first line that names at least two columns of bars; lines above it are titles.
    Further header lines (such as the ticker, as yfinance writes it), repeated headers, empty lines
    and a footer are left out of the rows.

    Raises
    ------
    DataError
        If the file is not text or has no header, or a row has more cells than the header.
    """
    text, separator = _said_separator(_decode(file))
    if separator is None:
        first, _, _ = text.partition("\n")
        separator = max(_SEPARATORS, key=lambda each: (_n_known(text, each), first.count(each)))
    lines = _lines(text, separator, file)
    at = next((at for at, line in enumerate(lines[:_N_TITLES]) if _knows(line) > 1), None)
    if at is None:
        raise _without_header(lines, file)
    n_levels = 1
    while at + n_levels < len(lines) and _goes_on(lines[at], lines[at + n_levels]):
        n_levels += 1
    names = _names(lines[at : at + n_levels], file)
    rows = [line for line in lines[at + n_levels :] if line.cells != lines[at].cells]
    while rows and _is_footer(rows[-1]):
        rows.pop()
    return Layout(tuple(names), tuple(_fitted(line, len(names), file) for line in rows))


def _decode(file: TableFile) -> str:
    try:
        data = file.path.read_bytes()
    except OSError as error:
        raise file.malformed("a CSV file", str(error), "Make it readable.") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data or data[:2] == b"PK":
        got = "an Excel workbook or an archive" if data[:2] == b"PK" else "bytes that are no text"
        raise file.malformed("a CSV file, which is text", got, _SAVE)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # Excel's encoding in Western Europe


def _said_separator(text: str) -> tuple[str, str | None]:
    """Return the text and the separator of Excel's first line ``sep=;``, which is emptied."""
    first, _, _ = text.partition("\n")
    said = first.strip().strip('"').lower()
    if said.startswith("sep=") and len(first.strip('\r\n"')) == 5:
        return text[len(first) :], first.strip('\r\n"')[4]
    return text, None


def _n_known(text: str, separator: str) -> int:
    """Return how many columns of bars a header names if this is the separator."""
    head = islice(io.StringIO(text, newline=None), _N_TITLES)
    return max((sum(map(is_known, line.split(separator))) for line in head), default=0)


def _lines(text: str, separator: str, file: TableFile) -> list[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append(Line(reader.line_num, tuple(cell.strip() for cell in cells)))
    except csv.Error as error:
        got = f"{error} in line {reader.line_num}"
        raise file.malformed("a CSV file", got, _SAVE) from None
    return lines


def _knows(line: Line) -> int:
    return sum(map(is_known, line.cells))


def _without_header(lines: Sequence[Line], file: TableFile) -> DataError:
    expected = "a header line that names Date, Open, High, Low, Close (and Volume)"
    if not lines:
        return file.malformed(expected, "nothing", "Write a header with the rows below it.")
    first = lines[0]
    got = f"{show(', '.join(first.cells))} in line {first.number}"
    if len(first.cells) == 1:
        separated = "columns with commas, semicolons, tabs or | between them"
        return file.malformed(separated, f"one column, {got}", _SAVE)
    return file.malformed(expected, got, "Put a header above the rows.")


def _goes_on(header: Line, line: Line) -> bool:
    """Tell whether a line continues the header: it has a name in the column of the date."""
    places = [at for at, name in enumerate(header.cells) if known_name(name) == DATE] or [0]
    return places[0] < len(line.cells) and is_header_word(line.cells[places[0]])


def _names(header: Sequence[Line], file: TableFile) -> list[str]:
    width = max(len(line.cells) for line in header)
    levels = [[*line.cells, *[""] * (width - len(line.cells))] for line in header]
    return one_level(levels, [level[0] for level in levels], file)


def _is_footer(line: Line) -> bool:
    """Tell whether a line is a footer: words without a number, or words in a single cell.

    A truncated row is no footer, since it begins with a date and so with a digit.
    """
    said = [cell for cell in line.cells if cell]
    has_words = any(map(str.isalpha, "".join(said)))
    is_one = len(said) == 1 and not said[0][0].isdigit()
    return has_words and (is_one or not any(map(str.isdigit, "".join(said))))


def _fitted(line: Line, width: int, file: TableFile) -> Line:
    """Return a line with as many cells as the header; only empty cells may be surplus."""
    n_cells = max(at for at, cell in enumerate(line.cells, 1) if cell)
    if n_cells > width:
        got = f"{n_cells} in line {line.number}"
        todo = "Put quotation marks around cells with commas, or remove the decimal commas."
        raise file.malformed(f"{width} cells in a row, as in the header", got, todo)
    return Line(line.number, (*line.cells, *[""] * width)[:width])
