"""Links lead somewhere, the site shows every page, and lines can be read in an editor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.documents import PAGES, blocks, read
from tests.lab import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
LONGEST_LINE = 100


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Python-Markdown and GitHub both make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"[\s]+", "-", heading) for heading in plain}


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md"])
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    broken = []
    for link in LINK.findall(read(page)):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if link.startswith(("http://", "https://")):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_site_shows_every_page() -> None:
    text = (ROOT / "docs/site/mkdocs.yml").read_text(encoding="utf-8")
    shown = re.findall(r"^ +- .*: (\S+\.md)$", text, re.MULTILINE)
    assert sorted(shown) == sorted(p.removeprefix("docs/") for p in PAGES if p != "README.md")


def test_the_site_asks_nothing_of_the_internet() -> None:
    config = yaml.safe_load((ROOT / "docs/site/mkdocs.yml").read_text(encoding="utf-8"))
    assert config["theme"]["font"] is False
    assert "extra_javascript" not in config and "site_url" not in config
    assert "http" not in (ROOT / "docs/site/wide.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md"])
def test_prose_is_wrapped(page: str) -> None:
    """Tables, images and what a program prints stay as they are."""
    text = read(page)
    for block in blocks(text):
        text = text.replace(block.text, "")
    prose = [line for line in text.splitlines() if not line.startswith(("|", "!", "    "))]
    assert [line for line in prose if len(line) > LONGEST_LINE] == []


def test_the_readme_is_one_page() -> None:
    assert len(read("README.md").splitlines()) <= 150


def test_no_paragraph_stands_twice() -> None:
    paragraphs = [
        (page, " ".join(paragraph.split()))
        for page in PAGES
        for paragraph in re.split(r"\n\s*\n", read(page))
        if len(paragraph) > 150
    ]
    texts = [text for _, text in paragraphs]
    assert [page for page, text in paragraphs if texts.count(text) > 1] == []
