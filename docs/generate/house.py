"""`make picture`: draw who imports whom in the library, as docs/images/rooms.svg and pipeline.svg.

The names, their order and what each holds are read from the tables of docs/architecture.md, the
arrows from the imports of the code.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
LIBRARY = ROOT / "src" / "finscale"
IMAGES = ROOT / "docs" / "images"
VERBS = "verbs"
"""What stands at the top of `pipeline`, outside its folders."""

ROW, BOX, LEFT, WIDTH = 54, 42, 210, 860
INK, PAPER, ACCENT = "#263238", "#ffffff", "#3f51b5"

Arrows = Counter[tuple[str, str]]
"""How many files of the first import the second."""


@dataclass(frozen=True)
class Part:
    """A room, or a folder of one, and what it holds."""

    name: str
    holds: str


def drawings() -> dict[str, str]:
    """Return the pictures by the name of their file."""
    rooms, folders = parts("Rooms"), parts("Folders of the pipeline")
    return {
        "rooms.svg": draw(rooms, room_arrows([part.name for part in rooms])),
        "pipeline.svg": draw(folders, folder_arrows([part.name for part in folders])),
    }


def parts(heading: str) -> tuple[Part, ...]:
    """Read the first table below a heading of the page."""
    text = PAGE.read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE)
    return tuple(Part(name, holds.replace("`", "")) for name, holds in rows)


def room_arrows(rooms: Iterable[str]) -> Arrows:
    """Count the files of each room that import each other room."""
    known = set(rooms)
    return Counter(
        (room, other)
        for room in rooms
        for path in sorted((LIBRARY / room).rglob("*.py"))
        for other in {module.split(".")[1] for module in imports(path) if "." in module} & known
        if other != room
    )


def folder_arrows(folders: Iterable[str]) -> Arrows:
    """Count the files of each folder of `pipeline`, and the verbs, that import each folder."""
    known = set(folders) - {VERBS}
    arrows: Arrows = Counter()
    for path in sorted((LIBRARY / "pipeline").rglob("*.py")):
        inside = path.relative_to(LIBRARY / "pipeline").parts
        mine = inside[0] if len(inside) > 1 else VERBS
        named = {module.split(".")[2] for module in imports(path) if module.count(".") >= 2}
        arrows.update((mine, other) for other in named & known if other != mine)
    return arrows


def imports(path: Path) -> Iterator[str]:
    """Yield the modules of the library that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from (name for name in names if name.startswith("finscale."))


def draw(parts: tuple[Part, ...], arrows: Arrows) -> str:
    """Draw the parts one below the other, and an arc from each to those above that it imports."""
    middle = {part.name: ROW * i + ROW // 2 + 10 for i, part in enumerate(parts)}
    height = ROW * len(parts) + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9"'
        f' markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" fill="{ACCENT}"/>'
        "</marker>",
        *(
            arc(middle[user], middle[used], (user, used), n)
            for (user, used), n in sorted(arrows.items())
        ),
        *(box(part, middle[part.name]) for part in parts),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def arc(start: int, end: int, names: tuple[str, str], n_files: int) -> str:
    """Draw one arrow, in one of three widths: a picture must not change with every import."""
    user, used = names
    width = 0.8 if n_files < 3 else 1.6 if n_files < 10 else 3.2
    # Arrows leave a box above its middle and arrive below it: so they can be told apart.
    begin, finish = start - 6, end + 8
    bend = LEFT - 1.25 * (30 + (LEFT - 50) * abs(start - end) / (ROW * 10))
    return (
        f'<path d="M{LEFT} {begin}C{bend:.0f} {begin} {bend:.0f} {finish} {LEFT - 2} {finish}"'
        f' fill="none" stroke="{ACCENT}" stroke-opacity=".55" stroke-width="{width}"'
        f' marker-end="url(#tip)"><title>{user} imports {used}</title></path>'
    )


def box(part: Part, middle: int) -> str:
    """Draw one part: its name, and what it holds."""
    top, width = middle - BOX // 2, WIDTH - LEFT - 10
    return (
        f'<rect x="{LEFT}" y="{top}" width="{width}" height="{BOX}" rx="5" fill="#eceff1"'
        f' stroke="#90a4ae"/><text x="{LEFT + 14}" y="{middle + 5}" font-size="15"'
        f' font-weight="bold" fill="{INK}">{part.name}</text><text x="{LEFT + 118}"'
        f' y="{middle + 5}" font-size="13" fill="{INK}">{escape(part.holds)}</text>'
    )


if __name__ == "__main__":
    for name, drawing in drawings().items():
        (IMAGES / name).write_text(drawing, encoding="utf-8")
